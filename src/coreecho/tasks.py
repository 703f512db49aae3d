"""What is read from a clip: the ejection fraction, a myocardial infarction, or any other number.

Each is a task (see `task`), and a further one is one more object of this kind.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError
from coreecho.registry import Registry
from coreecho.task import Labelled, Task

__all__ = ["EF", "MI", "TASKS", "Labelled", "Number", "Scalar", "Task", "build_task", "plain_tasks"]

# No heart has an EF of 1 % and less: it is a fraction, or a mark that nothing was measured.
_LEAST_EF = 1.0
# Of so many hearts, the EF in percent has a standard deviation above 1: EchoNet-Dynamic's is 12.4.
_ENOUGH_TO_SPREAD = 10


@dataclass(frozen=True, kw_only=True)
class Number(Task):
    """A number on a scale on which differences count: a regression.

    Attributes:
        low: no value of a heart is below.
        high: no value of a heart is above.
    """

    is_number: ClassVar[bool] = True
    low: float = -math.inf
    high: float = math.inf

    def value_of(self, output: NDArray[np.float64]) -> NDArray[np.float64]:
        """The output itself. Not cut to the range: an impossible number should look like one."""
        return output

    def bias_of(self, labels: Sequence[float]) -> float:
        """The labels' mean."""
        return float(np.mean(labels))

    def fault_of_bias(self, bias: float) -> str | None:
        """See that it is a possible value."""
        if self.is_possible(bias):
            return None
        return f"head_bias is {bias}, expected {self.noun} from {self.low:g} to {self.high:g} {self.unit}".rstrip()

    def fault_of_labels(self, labels: Sequence[float]) -> str | None:
        """See that every label is in the range."""
        wrong = [label for label in labels if not self.is_possible(label)]
        if wrong:
            return (
                f"{len(wrong)} of {len(labels)} labels of {self.label} lie outside {self.low:g} to {self.high:g} "
                f"{self.unit}, such as {wrong[0]:g}"
            )
        return None

    def is_possible(self, value: float) -> bool:
        """Whether it is a number from `low` to `high`."""
        return self.low <= value <= self.high and math.isfinite(value)

    def validation_metrics(self, true: NDArray[np.float64], output: NDArray[np.float64]) -> dict[str, float]:
        """Mean absolute error in the label's unit, and R2."""
        error = output - true
        spread = ((true - true.mean()) ** 2).sum()
        return {
            "val_mae": float(np.abs(error).mean()),
            "val_r2": float(1 - (error**2).sum() / spread) if spread > 0 else math.nan,
        }


@dataclass(frozen=True, kw_only=True)
class EF(Number):
    """The ejection fraction of the left ventricle, in percent."""

    name: ClassVar[str] = "ef"
    # Reduced EF is below 40 % and mildly reduced below 50 % in the ESC guidelines on heart failure (McDonagh et al.
    # 2021); below 35 % a defibrillator is considered. Ouyang et al. 2020 (EchoNet-Dynamic) report the same three.
    thresholds: ClassVar[tuple[float, ...]] = (35, 40, 50)
    # Severely reduced EF is below 30 % (ASE/EACVI, Lang et al. 2015), reduced below 40 % (ESC). The range up to 55 %
    # holds mildly reduced and borderline hearts, in which models of EchoNet-Dynamic err half as much again as above it
    # (mean absolute error 5.0 against 3.4 for 32 frames of R(2+1)D), and in those below 40 % twice as much.
    interval_edges: ClassVar[tuple[float, ...]] = (30.0, 40.0, 55.0)
    # A reduced EF (ESC 2021), and the lower end of a normal one (ASE and EACVI 2015: 52 of men, 54 of women).
    range_edges: ClassVar[tuple[float, ...]] = (40.0, 55.0)
    is_outlined: ClassVar[bool] = True
    has_readers: ClassVar[bool] = True
    is_appraised: ClassVar[bool] = True
    is_examined: ClassVar[bool] = True
    least_difference: ClassVar[float] = 1.0
    label: str = "ef_percent"
    title: str = "Ejection fraction"
    noun: str = "EF"
    unit: str = "%"
    error_unit: str = "EF points"
    true_column: str = "ef_true"
    predicted_column: str = "ef_predicted"
    output_column: str = "ef_predicted"
    losses: tuple[str, ...] = ("l1", "mse", "huber")
    selection: str = "val_mae"
    metrics: str = "coreecho.evaluation.metrics:NumberFamily"
    notice: str = "Not a medical device: this EF must not guide the care of a patient."
    low: float = 0.0
    high: float = 100.0

    def ef_percent_of(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """The number itself."""
        return value

    def fault_of_labels(self, labels: Sequence[float]) -> str | None:
        """As of any number; and EF given as fractions, which would train without a word."""
        if len(labels) > 1 and all(map(self.is_doubtful, labels)):
            return (
                f"all {len(labels)} labels of {self.label} lie between {min(labels):g} and {max(labels):g}: "
                "these are fractions, and EF is in percent here. Multiply them with `--label-scale 100`"
            )
        if (low := sum(map(self.is_doubtful, labels))) > 0:
            return (
                f"{low} of {len(labels)} labels of {self.label} are at most 1, which no heart has: fractions among "
                "percents? Give all of them in percent"
            )
        if len(labels) >= _ENOUGH_TO_SPREAD and np.std(labels) < 1:
            return (
                f"the {len(labels)} labels of {self.label} differ by less than hearts do (from {min(labels):g} to "
                f"{max(labels):g}, sd {np.std(labels):.2g}): is this the EF in percent? Another unit is multiplied "
                "with `--label-scale`"
            )
        return super().fault_of_labels(labels)

    def is_doubtful(self, label: float) -> bool:
        """An EF of at most 1 %."""
        return 0 <= label <= _LEAST_EF


@dataclass(frozen=True, kw_only=True)
class MI(Task):
    """Whether a segment of the left ventricle's wall moves as after a myocardial infarction: a diagnosis."""

    name: ClassVar[str] = "mi"
    label: str = "has_mi"
    title: str = "Probability of a myocardial infarction"
    noun: str = "finding of infarction"
    unit: str = ""
    error_unit: str = ""
    true_column: str = "has_mi"
    predicted_column: str = "probability"
    output_column: str = "mi_logit"
    losses: tuple[str, ...] = ("bce",)
    selection: str = "val_bce"
    metrics: str = "coreecho.evaluation.classification:DiagnosisFamily"
    notice: str = "Not a medical device: this probability must not guide the care of a patient."

    @property
    def heading(self) -> str:
        """Of a column of a table for people."""
        return "Infarction (%)"

    @property
    def value_name(self) -> str:
        """The label is a truth, and what is read is not."""
        return "mi_probability"

    def shown(self, value: float) -> str:
        """In percent, as the heading says."""
        return f"{100 * value:.1f}"

    @property
    def quantity(self) -> str:
        """What a person reads, within a sentence."""
        return "probability of a myocardial infarction"

    @property
    def output(self) -> str:
        """What the network gives, before the link."""
        return "logit of a myocardial infarction"

    @property
    def output_unit(self) -> str:
        """Of a change of the network's output."""
        return "logits"

    def say(self, value: float) -> str:
        """A probability in percent: `73.1 %`."""
        return f"{self.shown(value)} %"

    def say_label(self, label: float) -> str:
        """The truth of a recording, in words."""
        return "with an infarction" if label else "without an infarction"

    def value_of(self, output: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logistic function, without an overflow for any logit."""
        return np.exp(-np.logaddexp(0, -output))

    def bias_of(self, labels: Sequence[float]) -> float:
        """A logit of 0: as likely as not."""
        return 0.0

    def fault_of_bias(self, bias: float) -> str | None:
        """Any logit will do."""
        return None if math.isfinite(bias) else f"head_bias is {bias}, expected a finite logit"

    def fault_of_labels(self, labels: Sequence[float]) -> str | None:
        """See that they are 0 and 1."""
        wrong = [label for label in labels if label not in (0, 1)]
        return None if not wrong else f"{len(wrong)} of {len(labels)} labels of {self.label} are neither 0 nor 1"

    def is_possible(self, value: float) -> bool:
        """Whether it is a probability."""
        return 0 <= value <= 1

    def validation_metrics(self, true: NDArray[np.float64], output: NDArray[np.float64]) -> dict[str, float]:
        """Binary cross-entropy, and accuracy at a probability of 1/2."""
        # log(1 + e^x) - y x, which no logit overflows.
        entropy = np.logaddexp(0, output) - true * output
        return {"val_bce": float(entropy.mean()), "val_accuracy": float(((output > 0) == (true > 0)).mean())}


# Names that documents and tables of predictions, examinations, neighbours and maps hold already. A number of the same
# name would take the place of the entry, or lose its own.
RESERVED_NAMES = frozenset(
    (
        "file", "task", "value", "unit", "clip_values", "clip_sd", "clip_starts", "warnings", "notes", "fps",
        "num_frames", "model", "notice", "beat", "study", "interval_low", "interval_high", "level", "method",
        "p_below_40", "p_below_50", "trust", "reasons", "reason_codes", "reason_notes", "doubt", "interval_notes",
        "ef_words", "segmentation_ef_percent", "segmentation_beats", "segmentation_model", "study_instance_uid",
        "series_instance_uid", "sop_instance_uid", "accession_number", "status", "error", "num_clips", "lowest",
        "highest", "sd", "files", "num_measured", "num_refused", "num_failed", "num_copies", "recording", "split",
        "rank", "distance", "true", "predicted", "embedding", "map", "x", "y", "is_phantom", "searched", "neighbours",
        "mean_of_neighbours", "typical_distance", "left_out",
    )
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Scalar(Number):
    """Any other number that a table holds of its clips: a volume, a strain, an age.

    Args:
        label: column of the table, such as `edv_ml`.
        unit: of it, such as "mL".
        low: no true value is below.
        high: no true value is above.
    """

    name: ClassVar[str] = "scalar"

    def __init__(self, label: str, unit: str = "", low: float = -math.inf, high: float = math.inf) -> None:
        if not label.isidentifier():
            raise RecipeError(f"label is {label!r}, expected the name of a column, such as edv_ml.")
        _refuse_names_of_others(label)
        if not low < high:
            raise RecipeError(f"label_low is {low:g} and label_high {high:g}, expected the first below the second.")
        words = label.replace("_", " ")
        super().__init__(
            label=label,
            title=words,
            noun=words,
            unit=unit,
            error_unit=unit,
            true_column=f"{label}_true",
            predicted_column=f"{label}_predicted",
            output_column=f"{label}_predicted",
            losses=("l1", "mse", "huber"),
            selection="val_mae",
            metrics="coreecho.evaluation.metrics:NumberFamily",
            notice="Not a medical device: this number must not guide the care of a patient.",
            low=low,
            high=high,
        )

    def to_mapping(self) -> dict[str, Any]:
        """Name, label, unit, and the range where it has ends."""
        entries = {"name": self.name, "label": self.label, "unit": self.unit}
        ends = {"low": self.low, "high": self.high}
        return entries | {end: value for end, value in ends.items() if math.isfinite(value)}


def _refuse_names_of_others(label: str) -> None:
    """See that a scalar writes over nothing. Raises RecipeError."""
    written = {label, f"clip_{label}", f"{label}_true", f"{label}_predicted"}
    for task in (EF(), MI()):
        read = {task.value_name, task.predicted_column, task.output_column}
        own = read | {task.name, task.label, task.true_column} | {f"clip_{name}" for name in read}
        if written & own:
            raise RecipeError(f"label is {label!r}, which belongs to the task {task.name}: use --task {task.name}.")
    if taken := sorted(written & RESERVED_NAMES):
        raise RecipeError(
            f"label is {label!r}, and predictions hold {taken[0]} already, as something else. Give that column "
            "another name in the table."
        )


TASKS: Registry[type[Task]] = Registry(
    "task",
    "coreecho.tasks",
    {"ef": "coreecho.tasks:EF", "mi": "coreecho.tasks:MI", "scalar": "coreecho.tasks:Scalar"},
)


def build_task(entries: Mapping[str, Any]) -> Task:
    """Make the task that a recipe or a card names.

    Args:
        entries: `name`, and what the task is told besides, as `Task.to_mapping` gives them.

    Raises:
        RecipeError: the name is unknown, or the task is told too little or too much.
    """
    settings = dict(entries)
    name = settings.pop("name", None)
    if not isinstance(name, str):
        raise RecipeError(f"A task has a name; got {name!r}.")
    kind: object = TASKS.get(name)
    # Entries come out of files of weights, too, which must not be able to call whatever they like.
    if not (isinstance(kind, type) and issubclass(kind, Task)):
        raise RecipeError(f"The task {name!r} is {kind!r:.80}, expected a class that derives from coreecho.tasks.Task.")
    try:
        # Python's words for it would name a method, which no user has called.
        signature(kind).bind(**settings)
        return kind(**settings)
    except TypeError as error:
        told = ", ".join(settings) or "nothing"
        raise RecipeError(f"The task {name!r} is told {told}, which does not make it: {error}.") from error


def plain_tasks() -> list[Task]:
    """The tasks that have a label of their own, those of plug-ins among them: all that are told nothing but a name."""
    found = []
    for name in TASKS.names():
        try:
            found.append(build_task({"name": name}))
        except RecipeError:
            # Such as a scalar, whose label is whichever column it is told.
            continue
    return found
