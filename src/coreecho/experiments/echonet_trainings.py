"""The trainings on EchoNet-Dynamic, or on its phantoms, that tables share."""

from collections.abc import Sequence
from typing import Any

from coreecho.errors import RecipeError
from coreecho.experiments.jobs import Training
from coreecho.experiments.sources import Sources
from coreecho.experiments.transfer import start_of
from coreecho.models.weights import describe_weights
from coreecho.training.recipe import SCRATCH, Recipe, find_recipe


class EchoNetTrainings:
    """Trainings by their kind: what distinguishes them from the recipes that are shipped.

    Args:
        sources: data and weights.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._kinds: dict[str, tuple[str, dict[str, Any]]] = {
            "r2plus1d": ("r2plus1d", self._r2plus1d()),
            "echocotr": ("echocotr", {}),
            "coreecho": ("echonet", {}),
            "coreecho-scratch": ("echonet", {}),
            # As long as stage 1, whatever the scale says of CoReEcho's stage 2.
            "rnc-scratch": ("rnc", {"stage2_epochs": sources.scale.settings.get("stage1_epochs", 25)}),
            "l1-scratch": ("echonet", {"objective": "l1", "stage2": False}),
            "same-clip-scratch": ("echonet", {"views": "same_clip", "stage2": False}),
            "no-augmentation-scratch": ("echonet", {"augmentation": "none", "stage2": False}),
        }

    def all(self, kind: str, seeds: Sequence[int], *, cue: bool = False) -> tuple[Training, ...]:
        """One training a seed."""
        data, scale = self._sources.echonet(cue=cue), self._sources.scale
        # Where all start from scratch, as on phantoms, the same training need not be done under two names.
        name = "coreecho-scratch" if not self.has_k400 and kind == "coreecho" else kind
        shipped, settings = self._kinds[kind]
        if not scale.is_phantom:
            settings = settings | {"init": self._init(kind)}
        name = f"{name}-cue" if cue else name
        return tuple(
            Training(
                name=f"{name}-seed{seed}", data=data, settings=scale.recipe(shipped, name=name, seed=seed, **settings)
            )
            for seed in seeds
        )

    @property
    def has_k400(self) -> bool:
        """Whether encoders may start from Kinetics-400."""
        return not self._sources.scale.is_phantom and self._sources.k400 != SCRATCH

    def _r2plus1d(self) -> dict[str, Any]:
        return {"encoder": "r2plus1d_10"} if self._sources.scale.is_phantom else {}

    def _init(self, kind: str) -> str:
        """Where the encoder of a real training starts.

        Raises:
            RecipeError: its weights are not given, or of another encoder.
            CheckpointError: they cannot be read.
        """
        if kind.endswith("scratch"):
            return SCRATCH
        flag = "r2plus1d" if kind == "r2plus1d" else "k400"
        weights = self._sources.r2plus1d if kind == "r2plus1d" else self._sources.k400
        if weights is None:
            raise RecipeError(
                f"This table trains {kind} from weights of Kinetics-400: give them by `--{flag} FILE` (a published "
                "checkpoint, or what `coreecho import-weights` made of it), or `scratch` to do without."
            )
        if weights != SCRATCH:
            check_encoder(flag, weights, Recipe.from_yaml(find_recipe(self._kinds[kind][0])).encoder)
        return start_of(weights)


def check_encoder(flag: str, weights: str, wanted: str) -> None:
    """See that weights are of the encoder that a table trains, which else shows after the trainings that come before.

    Raises:
        RecipeError: they are of another.
        CheckpointError: they cannot be read.
    """
    if (found := describe_weights(weights).encoder) != wanted:
        raise RecipeError(f"`--{flag} {weights}` holds the encoder {found}; this table needs {wanted}.")
