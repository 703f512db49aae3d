"""Measures of a clip what the gate asks for, and says what its EF is worth.

Beside the clips that make a number, a model is shown two copies of one of them: mirrored, and shrunk about the centre.
A heart has the same EF in both, so their disagreement says something of the error without knowing the truth.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.inference.engine import VideoPrediction
from coreecho.inference.preparing import ClipFile
from coreecho.models.model_input import ModelInput
from coreecho.models.weights import hash_weights, weights_file
from coreecho.tasks import Task
from coreecho.trust import (
    Appraisal,
    KnownClips,
    ModelCalibration,
    appraise,
    calibration_path,
    picture_values,
    read_calibration,
)
from coreecho.trust.calibration import is_by_copies
from coreecho.trust.checks import COPY_CHECK
from coreecho.video.affine import transform
from coreecho.video.clips import ClipSampling
from coreecho.video.lit_sector import lit_sector

# Hearts of the clinic are larger in the frame than most that were learned from; a copy this much smaller is still one.
SHRINKING = 0.87
COPIES: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "mirrored": lambda frames: np.ascontiguousarray(frames[:, :, ::-1]),
    "shrunk": lambda frames: transform(np.asarray(frames), degrees=0.0, scale=SHRINKING, shift=(0.0, 0.0)),
}


def middle_start(starts: Sequence[int], sampling: ClipSampling) -> int | None:
    """The start of the clip that is copied; None where there is none, or it is a whole beat."""
    return None if not starts or sampling.is_whole_beat else starts[len(starts) // 2]


def with_copies(
    frames: NDArray[np.uint8], starts: Sequence[int], sampling: ClipSampling
) -> tuple[NDArray[np.uint8], list[int]]:
    """Put the copies of the middle clip behind a video, so that they are predicted along with it.

    Args:
        frames: (T, S, S) of the video.
        starts: of its clips.
        sampling: how they are cut.

    Returns:
        The frames, and the starts: first those of the video, then one for each of `COPIES`. A video that is a whole
        beat has no copies; those of one that is shorter than a clip, whose end is filled in empty, come apart.
    """
    start = middle_start(starts, sampling)
    if start is None or start + sampling.span > len(frames):
        return frames, list(starts)
    clip = frames[start : start + sampling.span]
    copies = [copy(clip) for copy in COPIES.values()]
    places = [len(frames) + number * sampling.span for number in range(len(copies))]
    return np.concatenate([frames, *copies]), [*starts, *places]


def split_copies(prediction: VideoPrediction, num_clips: int) -> tuple[VideoPrediction, NDArray[np.float64]]:
    """Take apart what was predicted of a video and of its copies.

    Args:
        prediction: of both.
        num_clips: of the video alone.

    Returns:
        The video's own, and (c,) the network's outputs for the copies.
    """
    own = VideoPrediction(
        clip_values=prediction.clip_values[:num_clips],
        embeddings=prediction.embeddings[:num_clips],
        starts=prediction.starts[:num_clips],
    )
    return own, prediction.clip_values[num_clips:].astype(np.float64)


def gate_values(
    frames: NDArray[np.uint8],
    *,
    fps: float | None,
    video: VideoPrediction,
    copies: NDArray[np.float64],
    known: KnownClips | None,
    coloured: float | None,
) -> dict[str, float]:
    """Measure all that a gate may ask of a clip, by the names of its checks.

    Args:
        frames: (T, S, S), as the model sees them.
        fps: as the model sees them; None where it is not known.
        video: what was predicted of its clips.
        copies: (c,) outputs for the copies of the middle clip; none where there are none.
        known: the clips that the model was trained on; None where they are not known.
        coloured: share of the sector that is coloured in some frame; None where it was not looked at.

    Returns:
        The values; NaN for what could not be measured. What a gate has no check for is left to it to pass over.
    """
    outputs = video.clip_values.astype(np.float64)
    found = {
        **picture_values(frames, sector_or_none(frames), fps),
        "num_frames": float(len(frames)),
        "frame_rate": math.nan if fps is None else float(fps),
        "chroma": math.nan if coloured is None else coloured,
        "clip_disagreement": float(outputs.std(ddof=1)) if len(outputs) > 1 else math.nan,
        COPY_CHECK: float(np.abs(copies - outputs[len(outputs) // 2]).max()) if len(copies) else math.nan,
    }
    if known is not None and known.width == video.embeddings.shape[1]:
        distances = known.distances(video.embedding[None].astype(np.float64))
        found |= {name: float(values[0]) for name, values in distances.items()}
    return found


def sector_or_none(frames: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """The sector of a clip, (S, S); None where none can be told from what is around it."""
    try:
        return lit_sector(np.asarray(frames))
    except VideoError:
        return None


@dataclass(frozen=True)
class Appraiser:
    """Says what numbers of one model are worth.

    Attributes:
        calibrated: of its weights; None where there is none.
        task: of the model: only an EF has intervals.
        model_input: of the model.
        learned_from_phantoms: the model has seen simulated hearts only.
    """

    calibrated: ModelCalibration | None
    task: Task
    model_input: ModelInput
    learned_from_phantoms: bool = False

    @cached_property
    def asks_for(self) -> frozenset[str]:
        """Names of the checks of its gate, and of that of copies where its intervals need them."""
        if self.calibrated is None:
            return frozenset()
        gate, method = self.calibrated.gate, self.calibrated.intervals.method
        asked = frozenset(() if gate is None else (check.name for check in gate.checks))
        return asked | {COPY_CHECK} if is_by_copies(method) else asked

    def clips_of(self, frames: NDArray[np.uint8], starts: Sequence[int]) -> tuple[NDArray[np.uint8], Sequence[int]]:
        """What is to be predicted of a video: its clips, and the copies where the gate asks for them."""
        if COPY_CHECK not in self.asks_for:
            return frames, starts
        return with_copies(frames, starts, self.model_input)

    def copies_apart(self, frames: NDArray[np.uint8], starts: Sequence[int]) -> list[tuple[NDArray[np.uint8], int]]:
        """Copies that could not be put behind a video, since it is shorter than a clip: each, and where it starts."""
        start = middle_start(starts, self.model_input)
        if COPY_CHECK not in self.asks_for or start is None or start + self.model_input.span <= len(frames):
            return []
        return [(copy(frames), start) for copy in COPIES.values()]

    def appraise(self, clip: ClipFile, video: VideoPrediction, copies: NDArray[np.float64]) -> Appraisal:
        """Say what the number of one clip is worth; nothing of a task that has no intervals.

        Args:
            clip: the file.
            video: what was predicted of it.
            copies: the network's outputs for the copies of its middle clip.
        """
        if not self.task.is_appraised:
            return Appraisal()
        outputs = video.clip_values.astype(np.float64)
        known = None if self.calibrated is None else self.calibrated.known
        measured = {}
        if self.asks_for:
            seen = clip.video
            measured = gate_values(
                clip.frames, fps=seen.fps, video=video, copies=copies, known=known, coloured=seen.coloured
            )
        return appraise(
            self.calibrated,
            ef_percent=video.value,
            num_clips=len(outputs),
            spread=float(outputs.std(ddof=1)) if len(outputs) > 1 else None,
            is_phantom=clip.is_phantom,
            measured=measured,
            learned_from_phantoms=self.learned_from_phantoms,
        )


def calibration_beside(model: str | Path) -> ModelCalibration | None:
    """Read the calibration of a run or a file of weights; None where there is none.

    Args:
        model: the folder of a run, or a file of weights.

    Raises:
        CalibrationError: it is damaged, or of other weights.
        CheckpointError: there are no weights.
    """
    path = calibration_path(weights_file(Path(model)))
    if not path.exists():
        return None
    found = read_calibration(path)
    found.refuse_other_weights(hash_weights(model), str(path))
    return found
