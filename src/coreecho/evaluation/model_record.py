"""What is on record of a model that ships: how it was made, and what was measured of it.

The record is JSON beside the weights; the page about the models is made of it and of the weights' cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from coreecho.documents import MAY_BE_ABSENT, read_document, write_document
from coreecho.errors import CoReEchoError
from coreecho.evaluation.intervals import Interval

# What the hearts of a measurement are; patients' would need another page than that of a research model.
Hearts = Literal["phantom", "generated"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured number.

    Attributes:
        name: in the head of a table: `MAE`.
        unit: of the number; empty where it has none.
        estimate: None where it is not defined.
        low: lower end of the interval; None where there is none.
        high: upper end.
        level: of the interval.
        digits: that are shown after the point.
    """

    name: str
    unit: str
    estimate: float | None
    low: float | None = field(default=None, metadata=MAY_BE_ABSENT)
    high: float | None = field(default=None, metadata=MAY_BE_ABSENT)
    level: float = field(default=0.95, metadata=MAY_BE_ABSENT)
    digits: int = field(default=2, metadata=MAY_BE_ABSENT)

    @classmethod
    def of(cls, name: str, unit: str, interval: Interval, *, digits: int = 2) -> "Figure":
        """The figure of an estimate with its interval."""
        ends = interval.to_dict()
        return cls(
            name=name,
            unit=unit,
            estimate=ends["estimate"],
            low=ends["low"],
            high=ends["high"],
            level=interval.level,
            digits=digits,
        )

    @property
    def text(self) -> str:
        """For a cell: `3.90 (3.71 to 4.10)`, or `n/a`."""
        if self.estimate is None:
            return "n/a"
        number = f"{self.estimate:z.{self.digits}f}"
        if self.low is None or self.high is None:
            return number
        return f"{number} ({self.low:z.{self.digits}f} to {self.high:z.{self.digits}f})"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of a model on some recordings.

    Attributes:
        model: which: `default-ef`.
        on: the recordings, in words.
        hearts: what they are.
        against: what the model is held against: "the true EF".
        count: recordings.
        figures: what was found.
        command: that finds it again.
    """

    model: str
    on: str
    hearts: Hearts
    against: str
    count: int
    figures: tuple[Figure, ...]
    command: str


@dataclass(frozen=True, kw_only=True)
class Made:
    """How a model that ships was made.

    Attributes:
        model: which.
        commit: of the code that trained it.
        phantoms: cohorts of simulated hearts: name, recordings, seed and settings, in words.
        trainings: name, recipe, settings, seed, and the validation of each, in words.
        how: what was made of the trainings: the best of one, or their mean.
        parameters: numbers in the network.
        megabytes: of the file.
        seconds_a_clip: for one clip of the network's length, on one core.
    """

    model: str
    commit: str
    phantoms: tuple[str, ...]
    trainings: tuple[str, ...]
    how: str
    parameters: int
    megabytes: float
    seconds_a_clip: float | None


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """How the models that ship were made, and what was measured of them."""

    made: tuple[Made, ...] = field(default=(), metadata=MAY_BE_ABSENT)
    measured: tuple[Measured, ...] = field(default=(), metadata=MAY_BE_ABSENT)

    def with_others(self, other: "ModelRecord") -> "ModelRecord":
        """Put the entries of another record in the place of those on the same models and recordings."""
        made = {each.model: each for each in (*self.made, *other.made)}
        measured = {(each.model, each.on, each.against): each for each in (*self.measured, *other.measured)}
        return ModelRecord(made=tuple(made.values()), measured=tuple(measured.values()))


def read_record(path: Path) -> ModelRecord:
    """Read a record. Raises CoReEchoError: it cannot be read, is damaged, or is none."""
    return read_document(path, ModelRecord, kind="record of models")


def write_record(path: Path, record: ModelRecord) -> None:
    """Write a record. Raises CoReEchoError: it cannot be written."""
    try:
        write_document(path, record)
    except OSError as error:
        raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}.") from error


def settings_in_words(settings: Mapping[str, Any]) -> str:
    """`fps 40, scanner any`, or nothing."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())
