"""What a task is: it owns every fact about its label.

Where a recording holds it, how the network's output becomes the number that a person reads, which losses fit it, what
its columns are called, by which metrics it is judged and in which words it is told. Everything else asks the task.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray


class Labelled(Protocol):
    """A recording, as far as a task looks at it."""

    def number(self, label: str) -> float | None:
        """Return the number that is known of it under a name, such as `ef_percent`; None where none is."""


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """What a model reads from a clip.

    Attributes:
        name: of the task, in recipes and cards.
        label: under which a recording, or a column of a table, holds the truth.
        title: for headings: "Ejection fraction".
        noun: for sentences: "EF".
        unit: of the number that a person reads; empty for a pure number.
        error_unit: of a difference of two: "EF points".
        true_column: of tables of predictions, holds the labels.
        predicted_column: of tables of predictions, holds what a person reads.
        output_column: of tables of predictions, holds the network's output. Metrics are measured on it, since a link
            may round different outputs to one value.
        losses: names of the losses of predictions that fit the label, the usual one first.
        selection: the validation metric whose smallest value makes the best epoch.
        metrics: the metric family, as an import path; it lies in a room above.
        notice: what the number is not.
    """

    name: ClassVar[str]
    # Whether differences of labels count, as on a scale: such are drawn, subtracted, and found in embeddings.
    is_number: ClassVar[bool] = False
    # Values between which the clinic decides; none where it does not.
    thresholds: ClassVar[tuple[float, ...]] = ()
    # Where what was predicted is cut into ranges whose errors differ; none where no intervals are made of it.
    interval_edges: ClassVar[tuple[float, ...]] = ()
    # Where reduced, borderline and normal values of it meet; none where there are no such words.
    range_edges: ClassVar[tuple[float, ...]] = ()
    # Whether an outline of the left ventricle gives it, too.
    is_outlined: ClassVar[bool] = False
    # Whether it is known by how much experts differ who read the same heart (`coreecho.trust.READER_VARIABILITY`).
    has_readers: ClassVar[bool] = False
    # Whether a person reads an EF in percent, in the columns of EF: then it has an interval and trust, and is told by
    # ranges of EF.
    is_appraised: ClassVar[bool] = False
    # Two values that differ by less are the same to a reader; 0 where nothing is known of that.
    least_difference: ClassVar[float] = 0.0
    # Whether the doctor of a data set looks at its labels.
    is_examined: ClassVar[bool] = False
    label: str
    title: str
    noun: str
    unit: str
    error_unit: str
    true_column: str
    predicted_column: str
    output_column: str
    losses: tuple[str, ...]
    selection: str
    metrics: str
    notice: str

    def label_of(self, recording: Labelled) -> float | None:
        """The label that a model learns; None where it is not known."""
        return recording.number(self.label)

    @property
    def heading(self) -> str:
        """Of a column of a table for people: `EF (%)`."""
        return f"{self.noun} ({self.unit})" if self.unit else self.noun

    @property
    def value_name(self) -> str:
        """What a person reads is called in documents: `ef_percent`."""
        return self.label

    def shown(self, value: float) -> str:
        """What a person reads, as it stands below `heading`."""
        return f"{value:.1f}"

    @property
    def quantity(self) -> str:
        """What a person reads, within a sentence: "the EF", "the probability of a myocardial infarction"."""
        return self.noun

    @property
    def output(self) -> str:
        """What the network gives, before the link: "predicted EF", "logit of a myocardial infarction"."""
        return f"predicted {self.quantity}"

    @property
    def output_unit(self) -> str:
        """Of a change of the network's output: "EF points", "logits"."""
        return self.error_unit or "units"

    def say(self, value: float) -> str:
        """A number that a person reads, with its unit: `55.0 %`, after the link."""
        return f"{self.shown(value)} {self.unit}".rstrip()

    def say_if_known(self, value: float) -> str:
        """As `say`, and "unknown" of what is not a finite number."""
        return self.say(value) if math.isfinite(value) else "unknown"

    def say_label(self, label: float) -> str:
        """The truth of a recording: `true EF 55.0 %`."""
        return f"true {self.noun} {self.say(label)}"

    def figures(self, clip_outputs: NDArray[np.float64]) -> dict[str, float | list[float]]:
        """What is predicted of a video and of its clips, by the names that they have in files.

        The output of a video is the mean of its clips' outputs; the link comes after.

        Args:
            clip_outputs: (k,) the network's outputs.
        """
        outputs = {self.value_name: clip_outputs}
        if self.has_output_of_its_own:
            outputs[self.output_column] = clip_outputs
        found: dict[str, float | list[float]] = {}
        for number, (name, values) in enumerate(outputs.items()):
            # The first is what a person reads.
            link = self.value_of if number == 0 else np.asarray
            found[name] = float(link(np.array([values.mean()]))[0])
            found[f"clip_{name}"] = link(values).tolist()
        return found

    @abstractmethod
    def value_of(self, output: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn the network's output into the number that a person reads: the link."""

    def ef_percent_of(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """The EF in numbers that a person reads, (N,); NaN of a task that says none."""
        return np.full_like(value, np.nan)

    @abstractmethod
    def bias_of(self, labels: Sequence[float]) -> float:
        """Where the output of an untrained head starts, for the labels of the training split."""

    @abstractmethod
    def fault_of_bias(self, bias: float) -> str | None:
        """Say what is wrong with a start of the head that a recipe asks for; None where nothing is."""

    @abstractmethod
    def fault_of_labels(self, labels: Sequence[float]) -> str | None:
        """Say why these labels, all of a split, cannot be of this task, such as for their unit; None where they can."""

    def is_doubtful(self, label: float) -> bool:
        """Whether a label is in its range, and yet none that a heart has, such as a fraction among percents."""
        return False

    @abstractmethod
    def is_possible(self, value: float) -> bool:
        """Whether a number that a person reads can be true of a heart."""

    @abstractmethod
    def validation_metrics(self, true: NDArray[np.float64], output: NDArray[np.float64]) -> dict[str, float]:
        """The quick metrics of an epoch, `selection` among them.

        Args:
            true: (N,) labels.
            output: (N,) the network's output, before the link.
        """

    @property
    def has_output_of_its_own(self) -> bool:
        """Whether the network's output is another number than the one that a person reads."""
        return self.output_column != self.predicted_column

    def to_mapping(self) -> dict[str, Any]:
        """Plain entries from which `build_task` makes the task again."""
        return {"name": self.name}
