"""The typed settings of a run. A YAML recipe is one of these, and so are the flags of `coreecho train`."""

import dataclasses
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Dict

from coreecho.errors import RecipeError
from coreecho.models.model_input import ModelInput
from coreecho.models.registry import ENCODERS, HEADS
from coreecho.tasks import EF, MI, Task
from coreecho.video.affine import SCALE_LIMITS

Objective = Literal["rnc_l1", "rnc", "l1", "mse", "bce"]
OptimizerName = Literal["adamw", "sgd", "madgrad"]
# The `init` of an encoder that has learned nothing.
SCRATCH = "scratch"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model learns. Every default is the paper's (Maani et al. 2024, sections 2 and 3 and the appendix).

    Raises:
        RecipeError: a value is out of its range, or two do not fit together.
    """

    name: str = "custom"
    """Name of the recipe, kept with every result."""
    seed: int = 0
    """Seed of everything random: weights, order, clips, crops, dropout."""

    encoder: str = "uniformer_small"
    """Encoder; the paper's is UniFormer-S, `uniformer_small`."""
    head: str = "mlp"
    """Head: the paper's MLP, or one `linear` layer as in EchoCoTr and EchoNet-Dynamic."""
    init: str = SCRATCH
    """Where the encoder starts: `scratch`, or a file of weights (ours, or a published checkpoint) or a run."""
    trained: Literal["all", "head"] = "all"
    """What stage 1 trains: `all`, or the `head` on the frozen encoder (MLP probing)."""
    dropout: float = 0.1
    """Dropout inside a UniFormer."""
    head_dropout: float = 0.4
    """Dropout before each linear layer of the MLP head."""
    head_bias: float | None = None
    """What the untrained head predicts: an EF in percent, the training labels' mean when not given; 0 of a logit."""
    input: Annotated[ModelInput, Parameter(name="*")] = field(default_factory=ModelInput)

    objective: Objective = "rnc_l1"
    """Stage 1: Rank-N-Contrast for the encoder and L1 behind a stop-gradient for the head (`rnc_l1`, CoReEcho),
    Rank-N-Contrast alone (`rnc`), or end to end `l1`, `mse`, or for myocardial infarction `bce`."""
    temperature: float = 1.0
    """Temperature of Rank-N-Contrast, the tau of Eq. (1)."""
    views: Literal["two_clips", "same_clip", "one_clip"] = "two_clips"
    """Two clips of each video, one clip augmented twice (Table 3), or one."""
    augmentation: Literal["crop", "affine", "none"] = "crop"
    """Zero-pad and crop at random, or turn, scale and move at random; one draw per clip."""
    crop_pad: int = 6
    """Crop: zero padding on each side before it, in pixels; 6 makes 112 x 112 into 124 x 124."""
    rotation_degrees: float = 20.0
    """Affine: the largest angle, either way."""
    scale_range: tuple[float, float] = (0.8, 1.1)
    """Affine: the smallest and the largest scale."""
    translation: float = 0.1
    """Affine: the largest shift along each axis, as a fraction of the frame."""
    stage2: bool = True
    """Refine the head by L1 on the frozen encoder (Table 2, LP)."""

    stage1_epochs: int = 25
    """Epochs of stage 1."""
    stage2_epochs: int = 5
    """Epochs of stage 2."""
    batch_size: int = 16
    """Videos in a step, over all processes together; stage 1 sees two clips of each."""
    optimizer: OptimizerName = "adamw"
    """Optimiser of both stages."""
    learning_rate: float = 1e-4
    """In both stages."""
    momentum: float = 0.9
    """Of SGD and MADGRAD."""
    weight_decay: float = 1e-4
    """Of the optimiser."""
    schedule: Literal["step", "cosine", "constant"] = "step"
    """Stage 1: x `decay_factor` after each `decay_every` epochs, or a cosine down to zero. Stage 2 keeps its rate."""
    decay_every: int = 15
    """Epochs after which the step schedule lowers the rate, each time."""
    decay_factor: float = 0.1
    """What the step schedule multiplies the rate with."""
    warmup_steps: int = 0
    """Steps of stage 1 over which the rate rises from zero."""
    require_two_traced_frames: bool = False
    """EchoNet-Dynamic: leave out the videos with fewer than two traced frames, as the published codes do."""
    validation_clips: int = 3
    """Evenly placed clips of each video whose mean prediction is validated."""

    @property
    def task(self) -> Task:
        """What the model learns to read."""
        return MI() if self.objective == "bce" else EF()

    @property
    def target(self) -> str:
        """Name of the task."""
        return self.task.name

    def __post_init__(self) -> None:
        ENCODERS.check(self.encoder)
        HEADS.check(self.head)
        at_least = {"seed": 0, "crop_pad": 0, "stage1_epochs": 1, "stage2_epochs": 1, "batch_size": 2}
        at_least |= {"warmup_steps": 0, "decay_every": 1, "validation_clips": 1}
        faults = [
            f"{name} is {getattr(self, name)}, expected at least {low}"
            for name, low in at_least.items()
            if getattr(self, name) < low
        ]
        if self.seed >= 2**63:
            faults.append(f"seed is {self.seed}, expected less than 2^63")
        positive = ("temperature", "learning_rate", "decay_factor")
        faults += [
            f"{name} is {getattr(self, name)}, expected more than 0" for name in positive if not getattr(self, name) > 0
        ]
        shares = ("dropout", "head_dropout")
        faults += [
            f"{name} is {getattr(self, name)}, expected 0 <= {name} < 1"
            for name in shares
            if not 0 <= getattr(self, name) < 1
        ]
        if not 0 <= self.momentum < 1:
            faults.append(f"momentum is {self.momentum}, expected 0 <= momentum < 1")
        if not self.weight_decay >= 0:
            faults.append(f"weight_decay is {self.weight_decay}, expected at least 0")
        faults += self._misfits()
        if self.target == "ef" and self.head_bias is not None and not 0 <= self.head_bias <= 100:
            faults.append(f"head_bias is {self.head_bias}, expected an EF in percent, 0 to 100")
        if faults:
            raise RecipeError(f"The recipe {self.name!r} does not hold together: " + "; ".join(faults) + ".")

    def _misfits(self) -> list[str]:
        """Settings that are fine alone and not together."""
        faults = []
        if self.trained == "head" and self.objective in ("rnc", "rnc_l1"):
            faults.append(
                f"trained is head and objective is {self.objective}, expected l1, mse or bce: Rank-N-Contrast trains "
                "the encoder"
            )
        if self.objective == "rnc" and not self.stage2:
            faults.append("objective is rnc and stage2 is false, expected true: nothing else trains the head")
        if self.objective == "bce" and self.stage2:
            faults.append("objective is bce and stage2 is true, expected false: stage 2 refines an EF by L1")
        low, high = self.scale_range
        if not 0 <= self.rotation_degrees <= 180:
            faults.append(f"rotation_degrees is {self.rotation_degrees}, expected 0 to 180")
        least, most = SCALE_LIMITS
        if not least <= low <= high <= most:
            faults.append(f"scale_range is {self.scale_range}, expected {least:g} <= smallest <= largest <= {most:g}")
        if not 0 <= self.translation < 1:
            faults.append(f"translation is {self.translation}, expected 0 <= translation < 1")
        return faults

    @classmethod
    def from_yaml(cls, path: Path) -> "Recipe":
        """Read a recipe file.

        Raises:
            RecipeError: no such file, not YAML, or a wrong key or value; it names the likely right one.
        """
        return cls.from_mapping(read_recipe_file(path), source=str(path))

    @classmethod
    def from_mapping(cls, settings: dict[str, Any], *, source: str) -> "Recipe":
        """Build a recipe from flat keys and values, checked as the command line checks its flags."""
        app = App(
            config=Dict(settings, source=source, use_commands_as_keys=False),
            result_action="return_value",
            exit_on_error=False,
            print_error=False,
            help_flags=[],
            version_flags=[],
        )

        @app.default
        def build(*, recipe: Recipe | None = None) -> Recipe:
            return recipe or cls()

        try:
            built = app([])
        except CycloptsError as error:
            raise RecipeError(f"{source}: {str(error).strip()}") from error
        assert isinstance(built, cls)
        return built

    def to_mapping(self) -> dict[str, Any]:
        """Flat keys and plain values, as they stand in a YAML file."""
        settings = dataclasses.asdict(self)
        model_input = settings.pop("input")
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in (settings | model_input).items()
        }

    def to_yaml(self) -> str:
        """The recipe as a YAML file's text; `from_yaml` reads it back to an equal recipe."""
        return yaml.safe_dump(self.to_mapping(), sort_keys=False)


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _shipped() if entry.name.endswith(".yaml"))


def find_recipe(name_or_path: str) -> Path:
    """Find a shipped recipe by its name, or any other by its path.

    Raises:
        RecipeError: there is neither.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise RecipeError(f"There is no recipe file {path}.")
        return path
    if name_or_path not in recipe_names():
        known = ", ".join(recipe_names())
        raise RecipeError(
            f"There is no recipe {name_or_path!r}. Shipped with coreecho: {known}; or give the path of a .yaml file."
        )
    return Path(str(resources.files("coreecho") / "recipes" / f"{name_or_path}.yaml"))


def read_recipe_file(path: Path) -> dict[str, Any]:
    """Read the flat keys and values of a recipe file, not yet checked."""
    try:
        settings = yaml.safe_load(path.read_text())
    except OSError as error:
        raise RecipeError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not YAML: {error}.") from error
    if not isinstance(settings, dict):
        raise RecipeError(f"{path}: expected `key: value` lines, got {type(settings).__name__}.")
    return settings


def _shipped() -> list[Any]:
    return list((resources.files("coreecho") / "recipes").iterdir())
