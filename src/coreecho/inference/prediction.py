"""What a model reads from one file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.tasks import EF, MI
from coreecho.trust import Appraisal
from coreecho.video.dicom_ids import DicomIds

_EF = EF()
_MI = MI()
SAME_FRAMES = "its clips show nearly the same frames: their spread says nothing"
# Share of a stretch by which the first and the last have to lie apart to be more than one.
_APART = 0.25
# Clips in the text of a prediction.
_SHOWN_CLIPS = 5


def is_one_stretch(starts: Sequence[int], num_frames: int) -> bool:
    """Whether several clips of a file show mostly the same frames: a short file has no room for different ones.

    Args:
        starts: first frame of each clip, in the file's frames.
        num_frames: of the file, at whose end the last clip ends; 0 of a beat in it, whose clips may lie anywhere.
    """
    if len(starts) < 2:
        return False
    apart, length = max(starts) - min(starts), num_frames - max(starts)
    return apart <= _APART * length


@dataclass(frozen=True, kw_only=True, repr=False)
class Prediction(Appraisal):
    """What a model reads from one file, and what that is worth: the row of every table of predictions.

    Of an EF it has all that an `Appraisal` has, too: an interval, probabilities, trust, reasons.

    Attributes:
        file: its path, as given or as found in a given folder; of an array, which it was.
        task: name of what is read: "ef", "mi", "scalar".
        value_name: of `value` in documents: "ef_percent".
        value: what a person reads, in `unit`; the task's link of the mean over the clips. Not cut to what is possible:
            an impossible EF should look like one.
        is_appraised: whether that is an EF in percent, as its task says.
        unit: of `value`: "%" of an EF; empty of a probability, 0 to 1.
        clip_values: the same of each clip.
        clip_sd: standard deviation over the clips, in `unit`; None for a single clip, and of what has a link. How much
            the clips differ, and no bound of the error: that is the interval.
        clip_starts: first frame of each clip, in the file's frames.
        warnings: what speaks against trusting the prediction.
        notes: what was done to the video, such as cropping it to the sector, or resampling it to the frame rate of
            the training.
        fps: frames per second of the file; None where it does not say.
        num_frames: length of the file's video.
        model: what predicted it.
        notice: what this number is not.
        beat: first and last frame of the beat that was looked at, counted from 0, both included; None where the whole
            video was.
        segmentation_ef_percent: EF by the left ventricle's outline, the mean over the complete beats; None where nobody
            asked, or no beat is complete.
        segmentation_beats: complete beats in the outline; None where nobody asked.
        segmentation_model: what outlined it.
        ids: what an archive knows the file by, where that was asked for and it is DICOM.
        study: the examination that it belongs to, where that was asked for.
        embedding: (D,) float32, the mean over the clips: where the model puts the heart.
    """

    file: str
    task: str = _EF.name
    value: float
    is_appraised: bool = _EF.is_appraised
    value_name: str = _EF.value_name
    unit: str = _EF.unit
    clip_values: tuple[float, ...]
    clip_sd: float | None
    clip_starts: tuple[int, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    fps: float | None
    num_frames: int
    model: str
    notice: str = _EF.notice
    beat: tuple[int, int] | None = None
    segmentation_ef_percent: float | None = None
    segmentation_beats: int | None = None
    segmentation_model: str | None = None
    ids: DicomIds | None = None
    study: str | None = None
    embedding: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        """The number and what it is worth, on one line; all else is in the attributes and in `to_dict`."""
        parts = [f"{self.file!r}", f"{self.value_name}={self.value:.4g}"]
        if self.interval_low is not None and self.interval_high is not None and self.level is not None:
            parts.append(f"{100 * self.level:g} % interval {self.interval_low:.1f} to {self.interval_high:.1f}")
        parts += [f"trust={self.trust}"] if self.trust is not None else []
        parts.append(f"clips={', '.join(f'{each:.4g}' for each in self.clip_values[:_SHOWN_CLIPS])}")
        if (left := len(self.clip_values) - _SHOWN_CLIPS) > 0:
            parts[-1] += f" and {left} more"
        return f"Prediction({'; '.join(parts)}). {self.notice}"

    @property
    def ef_percent(self) -> float | None:
        """The EF in percent; None of a model that reads something else."""
        return self.value if self.is_appraised else None

    @property
    def clip_ef_percent(self) -> tuple[float, ...]:
        """The EF of each clip in percent; none of a model that reads something else."""
        return self.clip_values if self.is_appraised else ()

    @property
    def mi_probability(self) -> float | None:
        """That the wall moves as after a myocardial infarction, 0 to 1; None of a model that reads something else."""
        return self.value if self.value_name == _MI.value_name else None

    @property
    def is_one_stretch(self) -> bool:
        """Whether its clips show nearly the same frames, so that their spread says nothing; of a beat, nobody asks."""
        return self.clip_sd is not None and self.beat is None and is_one_stretch(self.clip_starts, self.num_frames)

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary: without what does not apply, and with the number under its own name, too."""
        entries = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        for name in ("embedding", "value_name", "is_appraised", "ids", "measured"):
            del entries[name]
        if not self.is_appraised:
            entries = {name: value for name, value in entries.items() if name not in Appraisal.told_parts()}
        if self.study is None:
            del entries["study"]
        if self.beat is None:
            del entries["beat"]
        if self.segmentation_beats is None:
            del entries["segmentation_ef_percent"], entries["segmentation_beats"], entries["segmentation_model"]
        entries |= {self.value_name: self.value, f"clip_{self.value_name}": list(self.clip_values)}
        return entries if self.ids is None else entries | self.ids.to_dict()
