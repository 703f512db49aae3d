"""How large a reproduction is: the paper's, or one that phantoms and two cores allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from coreecho.datasets import LAYOUTS
from coreecho.datasets.layout_names import USUAL_LAYOUT
from coreecho.errors import RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.table_file import Method
from coreecho.phantom.stand_in import STAND_INS, StandIn
from coreecho.training.recipe import Recipe, read_recipe_file
from coreecho.training.recipe_files import find_recipe

# What the small models on phantoms see, as in the recipe `demo`; frames of a transfer are those of a whole beat.
_PHANTOM_INPUT: dict[str, Any] = {"num_frames": 8, "stride": 5, "frame_size": 56}
_PHANTOM_TRAINING: dict[str, Any] = {
    "encoder": "uniformer_xs",
    "init": "scratch",
    "head_bias": None,
    "dropout": 0.0,
    "head_dropout": 0.1,
    "crop_pad": 3,
    "batch_size": 16,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "warmup_steps": 30,
    "require_two_traced_frames": False,
    **_PHANTOM_INPUT,
}
_PHANTOM_TRANSFER: dict[str, Any] = {
    "head_dropout": 0.1,
    "dropout": 0.0,
    "batch_size": 16,
    "optimizer": "adamw",
    "schedule": "cosine",
    "num_frames": _PHANTOM_INPUT["num_frames"],
    "frame_size": _PHANTOM_INPUT["frame_size"],
}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Sizes of cohorts, lengths of trainings, seeds.

    Attributes:
        name: for people and files.
        seeds: of the tables of which the paper gives means over runs; the first of the others.
        transfer_seeds: of the pretrained models that phantoms' transfers start from; some of `seeds`.
        settings: replace those of the shipped recipes of EchoNet-Dynamic.
        probe: replace those of the shipped recipes of MLP probing.
        fine_tune: replace those of fine-tuning.
        hearts: how many simulated hearts stand in for a data set, as many as teach something or few; None where the
            data are real.
        cue_strength: of the planted cue; see `PhantomSettings`.
        seeds_asked_for: a person chose the seeds, so that a table takes all of them, however many runs the paper has.
    """

    name: str
    seeds: tuple[int, ...]
    transfer_seeds: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    probe: Mapping[str, Any] = field(default_factory=dict)
    fine_tune: Mapping[str, Any] = field(default_factory=dict)
    hearts: Literal["many", "few"] | None = None
    cue_strength: float = 0.9
    seeds_asked_for: bool = False

    def of_transfer(self, method: str) -> Mapping[str, Any]:
        """What replaces the settings of a transfer's recipe, by its method."""
        return {"probe": self.probe, "fine-tune": self.fine_tune}[method]

    @property
    def is_phantom(self) -> bool:
        """Whether the hearts are simulated."""
        return self.hearts is not None

    def sizes_of(self, stand_in: StandIn) -> dict[str, int]:
        """How many hearts are written, as what writes them is told it."""
        if self.hearts == "few":
            return {"recordings": stand_in.few}
        more = {"more_test": stand_in.more_test} if stand_in.more_test else {}
        return {"recordings": stand_in.recordings, **more}

    def with_seeds(self, seeds: Sequence[int]) -> "Scale":
        """The same with other seeds, of transfers too."""
        return replace(self, seeds=tuple(seeds), transfer_seeds=tuple(seeds), seeds_asked_for=True)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands below a table of phantoms: how it differs from the paper's in size."""
        if not self.is_phantom:
            return ()
        clips = "{num_frames} frames at stride {stride}, {frame_size} x {frame_size} pixels".format(**self.settings)
        epochs = "{stage1_epochs} + {stage2_epochs} epochs".format(**self.settings)
        layouts = [LAYOUTS.get(name) for name in LAYOUTS.names()]
        sizes = {each.name: self.sizes_of(STAND_INS.get(each.phantoms)) for each in layouts if each.phantoms}
        usual = sizes[USUAL_LAYOUT]
        more = f" and {usual['more_test']} more to be tested" if "more_test" in usual else ""
        others = [each for each in layouts if each.phantoms and each.recipes.keys() & set(get_args(Method))]
        to = " and ".join(f"{sizes[each.name]['recordings']} of {each.title}" for each in others)
        # Not of its name: a scale with as short a training teaches as little.
        shows = ("Nothing is learned at this scale: it shows that everything runs.",)
        return (
            *(shows if self.settings["stage1_epochs"] == 1 else ()),
            f"Small models ({self.settings['encoder']}; r2plus1d_10 for R(2+1)D-18), clips of {clips}, all from "
            f"scratch. {LAYOUTS.get(USUAL_LAYOUT).title}'s phantoms: {usual['recordings']}{more}, {epochs} (stages 1 "
            f"and 2). Transfer: "
            f"{self.probe['stage1_epochs']} epochs of probing, {self.fine_tune['stage1_epochs']} of fine-tuning, on "
            f"phantoms, {to}.",
        )

    def recipe(
        self, shipped: str, *, name: str, seed: int, equal: Mapping[str, str] | None = None, **settings: Any
    ) -> Recipe:
        """A shipped recipe at this scale.

        Args:
            shipped: its name.
            name: of the result.
            seed: of the training.
            equal: settings that take the value of another one, at this scale.
            **settings: what distinguishes it; they win over the scale's.
        """
        given = read_recipe_file(find_recipe(shipped)) | dict(self.settings) | settings
        given |= {key: given[other] for key, other in (equal or {}).items()}
        known = {key: value for key, value in given.items() if value is not None}
        return Recipe.from_mapping(known | {"name": name, "seed": seed}, source=f"the recipe {name}")


PAPER = Scale(name="paper", seeds=(0, 1, 2), transfer_seeds=(0,))
# Hours on two cores.
PHANTOM = Scale(
    name="phantom",
    # More than the paper: seeds spread a difference between two objectives more than the hearts of the test split do.
    seeds=(0, 1, 2, 3, 4),
    transfer_seeds=(0, 1, 2),
    settings={**_PHANTOM_TRAINING, "stage1_epochs": 24, "stage2_epochs": 4},
    probe={**_PHANTOM_TRANSFER, "stage1_epochs": 30, "learning_rate": 1e-3},
    # The paper's batch on CAMUS: few hearts give few steps otherwise.
    fine_tune={**_PHANTOM_TRANSFER, "stage1_epochs": 20, "learning_rate": 5e-4, "batch_size": 8},
    hearts="many",
)
_QUICK_TRANSFER: dict[str, Any] = {
    "stage1_epochs": 1,
    "learning_rate": 1e-3,
    "batch_size": 8,
    "num_frames": 4,
    "frame_size": 32,
}
# Minutes: shows that everything runs. Nothing is learned in it.
QUICK = Scale(
    name="quick",
    seeds=(0, 1),
    transfer_seeds=(0, 1),
    settings={**_PHANTOM_TRAINING, "stage1_epochs": 1, "stage2_epochs": 1, "num_frames": 4, "frame_size": 32},
    probe={**_PHANTOM_TRANSFER, **_QUICK_TRANSFER},
    fine_tune={**_PHANTOM_TRANSFER, **_QUICK_TRANSFER},
    hearts="few",
)


def phantoms_of(dataset: str, out: Path, scale: Scale, *, cue: bool = False, show_progress: bool = False) -> Data:
    """Write the simulated hearts that stand in for a data set below `out`, unless they are there.

    Args:
        dataset: name of its layout.
        out: folder of the reproduction.
        scale: how many.
        cue: plant a shortcut in TRAIN and VAL.
        show_progress: draw a bar.

    Raises:
        RecipeError: nobody simulates it, or its cohort has no splits for a cue to be planted in some of.
    """
    path = LAYOUTS.get(dataset).phantoms
    if not path:
        known = ", ".join(name for name in LAYOUTS.names() if LAYOUTS.get(name).phantoms)
        raise RecipeError(f"There are no phantoms of {dataset!r}, only of {known}: give `--data`.")
    stand_in = STAND_INS.get(path)
    settings = stand_in.settings
    if cue and not stand_in.has_splits:
        raise RecipeError(f"No cue is planted in the phantoms of {dataset!r}: they are written without splits.")
    if cue:
        settings = replace(settings, cue="gain", cue_strength=scale.cue_strength)
    root = stand_in.root(out / "phantoms", cue=cue)
    stand_in.write(
        root,
        **scale.sizes_of(stand_in),
        seed=stand_in.seed,
        settings=settings,
        show_progress=show_progress,
    )
    return Data(dataset=dataset, root=root)
