"""The typed settings of a run. A YAML recipe is one of these, and so are the flags of `coreecho train`.

However it is built, in Python, from YAML or by flags, a recipe is checked as it is made: a value that no part of the
program knows is an error that names the likely right one, and never falls to a default.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import yaml
from cyclopts import Parameter

from coreecho.checking import fault_of_name, faults_of_types, faults_of_values, from_plain, nearest, refuse, take_lists
from coreecho.datasets.recording import Split, is_learned_from
from coreecho.errors import RecipeError
from coreecho.models.model_input import ModelInput
from coreecho.models.parts import ENCODERS, HEADS, SEGMENTERS, USUAL_HEAD
from coreecho.registry import Registry
from coreecho.settings_files import read_settings
from coreecho.tasks import TASKS, Task, build_task
from coreecho.training.parts import OBJECTIVES, OPTIMISERS
from coreecho.training.ranges import faults_of_ranges

# The `init` of an encoder that has learned nothing.
SCRATCH = "scratch"
# Settings that tell a task of what it is, and what it calls them.
_TELLING_A_TASK = {"label": "label", "unit": "unit", "label_low": "low", "label_high": "high"}


def _task_of_the_objective() -> Any:
    """None, which `Recipe` replaces by the task that its objective usually teaches."""
    return None


def _as_written(type_: Any, tokens: Sequence[Any]) -> Any:
    """The name of a task as it stands on the command line; `Recipe` looks it up."""
    return tokens[0].value


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

    task: Annotated[Task, Parameter(name="--task", converter=_as_written, n_tokens=1, accepts_keys=False)] = field(
        default_factory=_task_of_the_objective
    )
    """What is learned: `ef`, `mi`, or as a `scalar` any other number; the objective's usual one when not given."""
    label: str | None = None
    """Task scalar: under which name the data hold the number, such as `edv_ml`, or a column of a table."""
    unit: str | None = None
    """Task scalar: of the number, such as mL."""
    label_low: float | None = None
    """Task scalar: no true value is below."""
    label_high: float | None = None
    """Task scalar: no true value is above."""
    label_scale: float = 1.0
    """What labels are multiplied with as they are read: 100 turns fractions into percent."""

    encoder: str = "uniformer_small"
    """Encoder; the paper's is UniFormer-S, `uniformer_small`. Objectives that teach another network name theirs here,
    such as `lv_unet`."""
    head: str = USUAL_HEAD
    """Head: the paper's MLP, or one `linear` layer as in EchoCoTr and EchoNet-Dynamic."""
    init: str = SCRATCH
    """Where the encoder starts: `scratch`, a file of weights (ours, or a published checkpoint) or a run, or `default`:
    the model that ships, which has seen simulated hearts only."""
    trained: Literal["all", "head"] = "all"
    """What stage 1 trains: `all`, or the `head` on the frozen encoder (MLP probing)."""
    dropout: float = 0.1
    """Dropout inside a UniFormer."""
    head_dropout: float = 0.4
    """Dropout before each linear layer of the MLP head."""
    head_bias: float | None = None
    """What the untrained head predicts: an EF in percent, the training labels' mean when not given; 0 of a logit."""
    input: Annotated[ModelInput, Parameter(name="*")] = field(default_factory=ModelInput)

    objective: str = "rnc_l1"
    """Stage 1: Rank-N-Contrast for the encoder and L1 behind a stop-gradient for the head (`rnc_l1`, CoReEcho),
    Rank-N-Contrast alone (`rnc`), or end to end `l1`, `mse`, `huber`, or for myocardial infarction `bce`. Other
    systems: `lv_outline`, `traced_frames`, `uvt`, `echographs_told`, `echographs_finding`, `frame_points`,
    `colearning`."""
    temperature: float = 1.0
    """Temperature of Rank-N-Contrast, the tau of Eq. (1)."""
    phase_clips: Literal["mirror", "random"] = "mirror"
    """UVT: clips that go there and back between the traced frames, or one stretch amid black frames."""
    frames_per_video: int = 4
    """Outlines: frames of each video in a step, drawn from those whose outline is known."""
    views: Literal["two_clips", "same_clip", "one_clip"] = "two_clips"
    """Two clips of each video, one clip augmented twice (Table 3), or one."""
    augmentation: Literal["crop", "affine", "none"] = "crop"
    """Pad and crop at random, or turn, scale and move at random; one draw per clip."""
    crop_pad: int = 6
    """Crop: padding on each side before it, in pixels; 6 makes 112 x 112 into 124 x 124. What it adds is as the
    frames past a video's end: black, or with `padding: mean` the mean grey."""
    crop_last_offset: bool = True
    """Crop: whether the last of its 2 `crop_pad` + 1 places is drawn as well; EchoNet-Dynamic's code never does."""
    rotation_degrees: float = 20.0
    """Affine: the largest angle, either way."""
    scale_range: tuple[float, float] = (0.8, 1.1)
    """Affine: the smallest and the largest scale."""
    translation: float = 0.1
    """Affine: the largest shift along each axis, as a fraction of the frame."""
    camera_rotation_degrees: float = 0.0
    """Camera motion during a clip, as of hand, breath and a swinging heart: largest amplitude of its turn, 0 to 45. A
    network that has seen it takes no such motion for the ventricle's own. Not the paper's, as all further ones here."""
    camera_zoom: float = 0.0
    """Camera motion: largest amplitude of its zoom, as a share, 0 to 0.5."""
    camera_shift: float = 0.0
    """Camera motion: largest amplitude of its shifts, as a share of the frame, 0 to 0.5."""
    stride_spread: float = 0.0
    """Faster and slower hearts: standard deviation of the logarithm of a clip's stride, 0 to 1."""
    gain_flicker: float = 0.0
    """Grey levels: standard deviation of the gain, one half the clip's, one half each frame's, 0 to 0.5."""
    gamma_spread: float = 0.0
    """Grey levels: standard deviation of the logarithm of gamma, 0 to 1."""
    shading_spread: float = 0.0
    """Grey levels: standard deviation of the logarithm of a smooth shading of the frame, 0 to 1."""
    blur_pixels: float = 0.0
    """Grey levels: largest standard deviation of a blur, in pixels, 0 to 1.5."""
    noise: float = 0.0
    """Grey levels: largest standard deviation of noise, as a share of full scale, 0 to 0.5."""
    cutouts: int = 0
    """Grey levels: most rectangles that are blacked out."""
    ramp_epochs: int = 0
    """Epochs of stage 1 over which camera motion, strides and grey levels grow to their full spread."""
    stage2: bool = True
    """Refine the head by L1 on the frozen encoder (Table 2, LP)."""

    stage1_epochs: int = 25
    """Epochs of stage 1."""
    stage2_epochs: int = 5
    """Epochs of stage 2."""
    batch_size: int = 16
    """Videos in a step, over all processes together; stage 1 sees two clips of each."""
    keep_last_batch: bool = False
    """Whether an epoch's last, incomplete batch is trained on, as in the code that HMC-QU's protocol is from."""
    optimizer: str = "adamw"
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
    select: Literal["best", "last"] = "best"
    """Which epoch's weights are kept: the first with the best validation, or the last, which needs none."""
    select_on: Literal["val", "test"] = "val"
    """Which split validates. By `test`, as published of CAMUS, the tested recordings choose their own epoch, so that
    figures on them are flattered."""

    @property
    def keeps_best(self) -> bool:
        """Whether the epoch with the best validation is kept, and not the last one."""
        return self.select == "best"

    @property
    def chosen_on(self) -> Split | None:
        """The split by which the epoch that is kept is chosen; None where the last one is kept."""
        return self.select_on if self.keeps_best else None

    @property
    def is_chosen_by_tested(self) -> bool:
        """Whether the tested recordings validate, and so choose their own epoch."""
        return self.select_on == "test"

    def uses(self, split: Split) -> bool:
        """Whether a training sees a split: to learn from it, or to validate by it."""
        return is_learned_from(split) or split == self.select_on

    @property
    def shows_same_clip(self) -> bool:
        """Whether the views of a recording are one clip, augmented twice."""
        return self.views == "same_clip"

    @property
    def is_augmented(self) -> bool:
        """Whether clips are changed at random at all."""
        return self.augmentation != "none"

    @property
    def is_from_scratch(self) -> bool:
        """Whether its encoder starts from random weights."""
        return self.init == SCRATCH

    @property
    def is_of_head_alone(self) -> bool:
        """Whether stage 1 trains the head on a frozen encoder."""
        return self.trained == "head"

    def __post_init__(self) -> None:
        take_lists(self)
        # In rounds: what a later one asks makes sense only where the earlier ones found nothing.
        self._refuse(faults_of_types(self, leave_out=["task"]))
        # What can be told without PyTorch is told before it is imported.
        self._refuse([*self._names(), *faults_of_ranges(self)])
        self._refuse(self._unknown_network())
        object.__setattr__(self, "task", self._find_task())
        self._refuse(self._misfits())

    def _refuse(self, faults: Sequence[str]) -> None:
        """Raises RecipeError where there are any."""
        refuse(f"The recipe {self.name!r}", faults)

    def _names(self) -> list[str]:
        """Names that stand for nothing."""
        found = [fault_of_name(setting, getattr(self, setting), known) for setting, known in _parts().items()]
        found.append(self._mistyped_encoder())
        if self.task is not None:
            name = self.task.name if isinstance(self.task, Task) else self.task
            found.append(fault_of_name("task", name, TASKS))
        return [fault for fault in found if fault is not None]

    def _unknown_network(self) -> list[str]:
        """Say so where the objective trains no network of that name."""
        from coreecho.training.objectives import objective_class

        fault = fault_of_name("encoder", self.encoder, objective_class(self.objective).networks)
        return [] if fault is None else [fault]

    def _mistyped_encoder(self) -> str | None:
        """Say so where the encoder is a slip of a known network's name. An objective from outside may know others."""
        if not OBJECTIVES.ships(self.objective) or self.encoder in ENCODERS or self.encoder in SEGMENTERS:
            return None
        meant = nearest(self.encoder, [*ENCODERS.names(), *SEGMENTERS.names()])
        return fault_of_name("encoder", self.encoder, SEGMENTERS if meant in SEGMENTERS.names() else ENCODERS)

    def _find_task(self) -> Task:
        """Make the task of its name and of what the recipe tells it.

        Raises:
            RecipeError: it is told too little or too much.
        """
        from coreecho.training.objectives import objective_class

        given: object = self.task
        if isinstance(given, Task):
            self._take_over(given)
        name = given.name if isinstance(given, Task) else given or objective_class(self.objective).usual_task
        told = {setting: value for setting in _TELLING_A_TASK if (value := getattr(self, setting)) is not None}
        try:
            task = build_task({"name": name} | {_TELLING_A_TASK[setting]: value for setting, value in told.items()})
        except RecipeError as error:
            self._refuse([f"{str(error).rstrip('.')} (it is told by {', '.join(_TELLING_A_TASK)})"])
            raise
        if build_task(task.to_mapping()) != task:
            # It would be forgotten by the weights' card.
            self._refuse([f"task is {name}, which has a label of its own, and {', '.join(told)} is given as well"])
        return task

    def _take_over(self, task: Task) -> None:
        """Let the recipe tell what a given task was told, so that its file makes the same task again.

        Raises:
            RecipeError: the task holds something that neither a recipe nor a card can tell.
        """
        told = task.to_mapping()
        if build_task(told) != task:
            self._refuse([f"task is {task!r:.120}, which its name and what it is told do not make again"])
        for setting, entry in _TELLING_A_TASK.items():
            if getattr(self, setting) is None and entry in told:
                object.__setattr__(self, setting, told[entry])

    def _misfits(self) -> list[str]:
        """Settings that are fine alone and not together."""
        from coreecho.models.registry import check_head
        from coreecho.training.objectives import build_objective, objective_class
        from coreecho.training.optimisers import optimiser_class

        optimiser_class(self.optimizer)
        check_head(self.head)
        objective_class(self.objective).check_network(self.encoder)
        try:
            objective = build_objective(self)
        except RecipeError as error:
            return [str(error)]
        return objective.faults()

    @classmethod
    def from_yaml(cls, path: Path) -> "Recipe":
        """Read a recipe file.

        Raises:
            RecipeError: no such file, not YAML, or a wrong key or value; it names the likely right one.
        """
        return cls.from_mapping(read_recipe_file(path), source=str(path))

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], *, source: str) -> "Recipe":
        """Build a recipe from flat keys and plain values.

        Args:
            settings: as they stand in a YAML file.
            source: of them, for messages.

        Raises:
            RecipeError: a wrong key or value; it names the likely right one.
        """
        check_keys(settings, source=source)
        own, of_input = _types_of(cls), _types_of(ModelInput)
        try:
            model_input = ModelInput(
                **{key: from_plain(settings[key], of_input[key]) for key in settings if key in of_input}
            )
            return cls(
                input=model_input, **{key: from_plain(settings[key], own[key]) for key in settings if key in own}
            )
        except RecipeError as error:
            raise RecipeError(f"{source}: {error}") from error

    def to_mapping(self) -> dict[str, Any]:
        """Flat keys and plain values, as they stand in a YAML file."""
        from coreecho.training.objectives import objective_class

        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        settings |= dataclasses.asdict(settings.pop("input"))
        # The usual task stays unsaid, so that another objective may bring its own.
        settings["task"] = None if objective_class(self.objective).is_usual(self.task) else self.task.name
        return {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}

    def to_yaml(self) -> str:
        """The recipe as a YAML file's text; `from_yaml` reads it back to an equal recipe."""
        return yaml.safe_dump(self.to_mapping() | {"task": self.task.name}, sort_keys=False)


def check_keys(settings: Mapping[str, Any], *, source: str) -> None:
    """See that every key is a setting of a recipe.

    Raises:
        RecipeError: one is not; it names the nearest one.
    """
    known = [name for kind in (Recipe, ModelInput) for name in _types_of(kind)]
    for key in settings:
        if key not in known:
            close = nearest(str(key), known)
            hint = f" Did you mean {close!r}?" if close else f" Known are {', '.join(known)}."
            raise RecipeError(f"{source}: there is no setting {key!r}.{hint}")


def read_recipe_file(path: Path) -> dict[str, Any]:
    """Read the flat keys and values of a recipe file; only the ranges of values are not checked yet.

    Raises:
        RecipeError: it cannot be read, is not YAML of plain values, has a key that is no setting, or a value of another
            type. Flags would be read from it as texts, in which 1.5 is as good as 2, and `null` is not said at all.
    """
    settings = read_settings(path, of="recipe")
    check_keys(settings, source=str(path))
    expected = {**_types_of(Recipe), **_types_of(ModelInput), "task": str | None}
    faults = faults_of_values({key: from_plain(value, expected[key]) for key, value in settings.items()}, expected)
    refuse(f"{path}: The recipe", faults)
    return settings


def _parts() -> Mapping[str, Registry[Any]]:
    """Settings that name a part of the program, and the parts that there are."""
    return {"head": HEADS, "objective": OBJECTIVES, "optimizer": OPTIMISERS}


def _types_of(kind: type) -> dict[str, Any]:
    """Types of the settings of a dataclass by their names, in order; without `input`, whose settings are flat."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.name != "input"}
