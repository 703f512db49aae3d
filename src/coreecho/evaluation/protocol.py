"""How a model is evaluated: which split, which clips of each recording, how many resamples.

The paper averages the EF of three clips of each video; a video that is one beat is seen whole, once. Here a recording's
clips are placed evenly, one or more; or they start where a file says, such as the authors' published starts; or they
cover the whole video.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.recording import Asked, words_of
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES
from coreecho.evaluation.prediction_tables import named
from coreecho.models.evaluating import Precision, check_precision
from coreecho.video.clips import ClipSampling, all_starts, even_starts, num_starts
from coreecho.video.start_index import read_start_index

# Those that the run's own objective places about traced frames.
TRACED: Literal["traced"] = "traced"
Clips = int | Literal["all", "traced"]


class StoredLengths(Interface):
    """What is asked of a frame store."""

    def num_frames(self, video_id: str, /) -> int:
        """Frames of a video."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a run is evaluated.

    Attributes:
        split: of the data set, or "all" of it.
        clips: evenly placed clips of each recording; "all" for the whole video; or "traced" for the clip about the
            traced frames that the objective of the model's run places.
        step: frames of the file between the clips of "all"; None for the model's stride.
        start_index: file of each recording's starts; goes before `clips`.
        is_partial: recordings that the start index lacks are left out, instead of refused.
        resamples: of the bootstrap.
        level: of the intervals.
        seed: of the bootstrap.
        precision: of the encoder: "fp32", or "bf16", which is faster on GPUs and right to about three digits.

    Raises:
        RecipeError: a value makes no sense, or two contradict each other.
    """

    split: Asked = "test"
    clips: Clips = 3
    step: int | None = None
    start_index: Path | None = None
    is_partial: bool = False
    resamples: int = DEFAULT_RESAMPLES
    level: float = DEFAULT_LEVEL
    seed: int = 0
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        faults = []
        is_number = isinstance(self.clips, int) and not isinstance(self.clips, bool) and self.clips >= 1
        if self.clips not in ("all", TRACED) and not is_number:
            faults.append(f"clips is {self.clips!r}, expected a number of at least 1, 'all' or 'traced'")
        if self.step is not None and (self.clips != "all" or self.start_index is not None):
            faults.append("step is given, and only clips='all' without a start index has a step")
        if self.step is not None and self.step < 1:
            faults.append(f"step is {self.step}, expected at least 1 frame")
        if self.resamples < 1:
            faults.append(f"resamples is {self.resamples}, expected at least 1")
        if not 0 < self.level < 1:
            faults.append(f"level is {self.level}, expected a share between 0 and 1 such as 0.95")
        if self.seed < 0:
            faults.append(f"seed is {self.seed}, expected at least 0")
        if faults:
            raise RecipeError("The evaluation does not hold together: " + "; ".join(faults) + ".")
        check_precision(self.precision)

    @property
    def bootstrap(self) -> dict[str, Any]:
        """How intervals are made, as the functions take it that measure."""
        return {"resamples": self.resamples, "level": self.level, "seed": self.seed}

    @property
    def counts_file_frames(self) -> bool:
        """Whether its clips start at frames of the files, so that these are taken at the rate that they have."""
        return self.start_index is not None or self.clips == TRACED

    def step_of(self, sampling: ClipSampling) -> int | None:
        """Frames from one clip's start to the next; None where the clips are placed otherwise."""
        return sampling.stride if self.clips == "all" and not self.step else self.step

    def starts(self, store: StoredLengths, recordings: Sequence[str], sampling: ClipSampling) -> list[list[int]]:
        """Starts of the clips of every recording; as `starts_of_recordings`."""
        index = None if self.start_index is None else read_start_index(self.start_index)
        return starts_of_recordings(store, recordings, sampling, clips=self.clips, step=self.step, start_index=index)

    @property
    def name(self) -> str:
        """Short name for a folder: `test-3`, `test-all`, `test-all-step1`, `test-starts-NAME`."""
        if self.start_index is not None:
            return f"{self.split}-starts-{self.start_index.stem}"
        return f"{self.split}-{self.clips}" + ("" if self.step is None else f"-step{self.step}")

    @property
    def description(self) -> str:
        """In words: `TEST split, 3 clips a recording`."""
        return self.describe(is_undivided=False)

    def describe(self, *, is_undivided: bool) -> str:
        """In words; of data that nothing divides: `all recordings, 3 clips a recording`."""
        clips = (
            {"all": "the whole video", TRACED: "the clip about the traced frames"}[self.clips]
            if isinstance(self.clips, str)
            else f"{self.clips} clip{'' if self.clips == 1 else 's'} a recording"
        )
        if self.start_index is not None:
            clips = f"starts from {self.start_index.name}"
        return f"{words_of('all' if is_undivided else self.split)}, {clips}"


def choose_starts(num_video_frames: int, sampling: ClipSampling, clips: Clips, *, step: int | None = None) -> list[int]:
    """Choose which clips of a video are predicted.

    Args:
        num_video_frames: length of the video.
        sampling: of the model.
        clips: how many, evenly placed, or "all" for the whole video.
        step: frames of the file from one clip's start to the next with "all"; the sampling's stride when not given, so
            that neighbouring clips differ in every frame.

    Raises:
        RecipeError: `clips` is neither a number of at least 1 nor "all", or `step` is below 1 or goes without "all".
    """
    if clips == "all":
        return all_starts(num_video_frames, sampling, sampling.stride if step is None else step)
    if isinstance(clips, bool) or not isinstance(clips, int) or clips < 1:
        raise RecipeError(f"clips: expected a number of at least 1, or 'all', got {clips!r}")
    if step is not None:
        raise RecipeError(f"step: only the whole video has one, and clips is {clips}; give clips='all'")
    return even_starts(num_video_frames, sampling, clips)


def starts_of_recordings(
    store: StoredLengths,
    recordings: Sequence[str],
    sampling: ClipSampling,
    *,
    clips: Clips = 3,
    step: int | None = None,
    start_index: Mapping[str, NDArray[np.int64]] | None = None,
) -> list[list[int]]:
    """Starts of the clips of every recording, all checked before the first prediction.

    Args:
        store: knows how long each recording is.
        recordings: ids.
        sampling: of the model.
        clips: as in `choose_starts`.
        step: as in `choose_starts`.
        start_index: the starts of each recording, by its id with or without `.avi`; goes before `clips`.

    Raises:
        DatasetError: the start index lacks recordings, or has starts outside of a video.
        RecipeError: as in `choose_starts`.
    """
    if start_index is None:
        return [choose_starts(store.num_frames(recording), sampling, clips, step=step) for recording in recordings]
    given = {name.removesuffix(".avi"): [int(start) for start in starts] for name, starts in start_index.items()}
    missing = [recording for recording in recordings if recording.removesuffix(".avi") not in given]
    if missing:
        raise DatasetError(f"The start index lacks {len(missing)} of {len(recordings)} recordings: {named(missing)}.")
    starts = [given[recording.removesuffix(".avi")] for recording in recordings]
    outside = []
    for recording, of_recording in zip(recordings, starts, strict=True):
        count = num_starts(store.num_frames(recording), sampling)
        if not of_recording or min(of_recording) < 0 or max(of_recording) >= count:
            outside.append(f"{recording} (starts {of_recording}, expected 0 to {count - 1})")
    if outside:
        raise DatasetError(
            f"The start index does not fit {len(outside)} of {len(recordings)} recordings, for clips of "
            f"{sampling.num_frames} frames at stride {sampling.stride}: {named(outside)}."
        )
    return starts
