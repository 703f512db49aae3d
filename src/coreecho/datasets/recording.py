"""One record for every data set."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

Split = Literal["train", "val", "test"]
# What may be asked for: a split, or recordings of all splits and of none.
Asked = Literal["train", "val", "test", "all"]
# Apical four- and two-chamber, and parasternal short-axis.
View = Literal["A4C", "A2C", "PSAX"]


def asked_split(asked: Asked) -> Split | None:
    """The split that is asked for; None of all recordings."""
    return None if asked == "all" else asked


def words_of(asked: Asked) -> str:
    """What is asked for: `TEST split`, or `all recordings`."""
    split = asked_split(asked)
    return "all recordings" if split is None else f"{split.upper()} split"


def words_of_data(asked: Asked, layout: str) -> str:
    """What is asked for, of which data: `the TEST split of echonet`, or all of a data set in a layout."""
    if asked_split(asked) is None:
        return f"all recordings of a data set in the layout {layout}"
    return f"the {words_of(asked)} of {layout}"


def is_learned_from(split: Split | None) -> bool:
    """Whether a split is the one that trainings learn from."""
    return split == "train"


def is_chosen_by(split: Split | None) -> bool:
    """Whether a split is the one that is there to choose an epoch by."""
    return split == "val"


# Attributes of a recording that a model can learn; a truth counts as 1.
NUMBERS = ("ef_percent", "esv_ml", "edv_ml", "has_mi")
# Those that are true or false, and on no scale.
TRUTHS = ("has_mi",)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One clip of one patient, with what is known of it.

    Attributes:
        id: unique in its data set; names the clip in the frame store and in every table.
        path: the clip's file.
        ef_percent: ejection fraction, 0 to 100.
        split: where the data set's authors put it.
        fold: the fold of a cross-validation in which it is tested.
        quality: image quality as graded by the data set's authors.
        patient: clips with the same patient never lie in two splits or folds.
        esv_ml: end-systolic volume, mL.
        edv_ml: end-diastolic volume, mL.
        has_mi: whether a segment of the left ventricle's wall moves as after a myocardial infarction.
        view: of the heart.
        scanner: which machine filmed it, in the data set's own words.
        beat: the first and the last frame of the beat to look at, counted from 0, both included. The first comes after
            the last where the file runs backwards.
        beat_step: from one frame of the beat that is taken to the next; 1 takes every frame.
        fps: frames per second, where the data set says so and its files do not.
        target_fps: frames per second to which its frames are brought as they are decoded; None leaves them.
        ef_source: which release of the data set `ef_percent` is from, where releases differ.
        labels: other numbers that a table says of it, by their columns.
    """

    id: str
    path: Path
    ef_percent: float | None = None
    split: Split | None = None
    fold: int | None = None
    quality: str | None = None
    patient: str | None = None
    esv_ml: float | None = None
    edv_ml: float | None = None
    has_mi: bool | None = None
    view: View | None = None
    scanner: str | None = None
    beat: tuple[int, int] | None = None
    beat_step: int = 1
    fps: float | None = None
    target_fps: float | None = None
    ef_source: str | None = None
    labels: Mapping[str, float] = field(default_factory=dict, hash=False)

    def number(self, label: str) -> float | None:
        """Return what is known of it under a name: one of `NUMBERS`, or a column of `labels`; None where nothing is."""
        value = getattr(self, label) if label in NUMBERS else self.labels.get(label)
        return None if value is None else float(value)

    def known_labels(self) -> tuple[str, ...]:
        """The names under which a number of it is known."""
        return tuple(label for label in (*NUMBERS, *self.labels) if self.number(label) is not None)

    def with_number(self, label: str, value: float) -> "Recording":
        """The recording with another number under a name: one of `NUMBERS` but a truth, or a column of `labels`."""
        changed: dict[str, Any] = {label: value} if label in NUMBERS else {"labels": {**self.labels, label: value}}
        return replace(self, **changed)

    def source_of(self, label: str) -> str | None:
        """Which release of the data set a number is from, where releases differ."""
        return self.ef_source if label == "ef_percent" else None
