"""One record for every data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from coreecho.target import Target

Split = Literal["train", "val", "test"]
# Apical four- and two-chamber, and parasternal short-axis.
View = Literal["A4C", "A2C", "PSAX"]


@dataclass(frozen=True, kw_only=True)
class Study:
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
        beat: the first and the last frame of the beat to look at, counted from 0, both included. The first comes after
            the last where the file runs backwards.
        fps: frames per second, where the data set says so and its files do not.
        ef_source: which release of the data set `ef_percent` is from, where releases differ.
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
    beat: tuple[int, int] | None = None
    fps: float | None = None
    ef_source: str | None = None

    def label(self, target: Target) -> float | None:
        """What a model of that target learns: EF in percent; 1 with an infarction and 0 without. None if unknown."""
        if target == "ef":
            return self.ef_percent
        return None if self.has_mi is None else float(self.has_mi)
