"""Measures of a clip what the gate asks for, and says what its EF is worth.

Beside the clips that make a number, a model is shown two copies of one of them: mirrored, and shrunk about the centre.
A heart has the same EF in both, so their disagreement says something of the error without knowing the truth.
"""

from collections.abc import Sequence
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
from coreecho.trust import Appraisal, ModelCalibration, appraise, calibration_path, picture_values, read_calibration
from coreecho.video.affine import transform
from coreecho.video.clips import ClipSampling
from coreecho.video.lit_sector import lit_sector

# Hearts of the clinic are larger in the frame than most that were learned from; a copy this much smaller is still one.
SHRINKING = 0.87
COPIES = ("mirrored", "shrunk")


def copies_of(frames: NDArray[np.uint8], starts: Sequence[int], sampling: ClipSampling) -> list[NDArray[np.uint8]]:
    """Copy the middle clip of a video: mirrored, and shrunk.

    Args:
        frames: (T, S, S) of the video.
        starts: of its clips.
        sampling: how they are cut.

    Returns:
        One (F, S, S) for each of `COPIES`; none of a video that is shorter than a clip, whose end is filled in empty.
    """
    if not starts:
        return []
    start, length = starts[len(starts) // 2], len(frames) if sampling.is_whole_beat else sampling.span
    if start + length > len(frames):
        return []
    clip = np.asarray(frames[start : start + length])
    return [np.ascontiguousarray(clip[:, :, ::-1]), transform(clip, degrees=0.0, scale=SHRINKING, shift=(0.0, 0.0))]


def with_copies(
    frames: NDArray[np.uint8], starts: Sequence[int], sampling: ClipSampling
) -> tuple[NDArray[np.uint8], list[int]]:
    """Put the copies of the middle clip behind a video, so that they are predicted along with it.

    A video that is one beat is no place for them: its only clip is all of it.

    Returns:
        The frames, and the starts: first those of the video, then those of its copies.
    """
    copies = [] if sampling.is_whole_beat else copies_of(frames, starts, sampling)
    places = np.cumsum([len(frames), *(len(copy) for copy in copies)])[:-1]
    if not copies:
        return frames, list(starts)
    return np.concatenate([frames, *copies]), [*starts, *(int(place) for place in places)]


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


def disagreements(outputs: NDArray[np.floating], copies: NDArray[np.floating]) -> dict[str, float]:
    """How far the clips of a video, and the copies of the middle one, lie apart, by the names of the gate's checks.

    Args:
        outputs: (k,) of the video's clips.
        copies: (c,) of the copies.

    Returns:
        EF points; NaN for what could not be measured.
    """
    middle = float(outputs[len(outputs) // 2])
    return {
        "clip_disagreement": float(np.std(outputs, ddof=1)) if len(outputs) > 1 else float("nan"),
        "copy_disagreement": float(np.abs(copies - middle).max()) if len(copies) else float("nan"),
    }


def sector_or_none(frames: NDArray[np.uint8], source: str) -> NDArray[np.bool_] | None:
    """The sector of a clip, (S, S); None where none can be told from what is around it."""
    try:
        return lit_sector(frames, source)
    except VideoError:
        return None


@dataclass(frozen=True)
class Appraiser:
    """Says what numbers of one model are worth.

    Attributes:
        calibrated: of its weights; None where there is none.
        task: of the model: only an EF has intervals.
        model_input: of the model.
    """

    calibrated: ModelCalibration | None
    task: Task
    model_input: ModelInput

    @cached_property
    def asks_for(self) -> frozenset[str]:
        """Names of the checks of its gate."""
        gate = None if self.calibrated is None else self.calibrated.gate
        return frozenset(() if gate is None else (check.name for check in gate.checks))

    def clips_of(self, frames: NDArray[np.uint8], starts: Sequence[int]) -> tuple[NDArray[np.uint8], Sequence[int]]:
        """What is to be predicted of a video: its clips, and the copies where the gate asks for them."""
        if "copy_disagreement" not in self.asks_for:
            return frames, starts
        return with_copies(frames, starts, self.model_input)

    def appraise(self, clip: ClipFile, video: VideoPrediction, copies: NDArray[np.float64]) -> Appraisal:
        """Say what the number of one clip is worth; nothing of a task that has no intervals.

        Args:
            clip: the file.
            video: what was predicted of it.
            copies: the network's outputs for the copies of its middle clip.
        """
        if not self.task.interval_edges:
            return Appraisal()
        spread = float(np.std(video.clip_values.astype(np.float64), ddof=1)) if len(video.clip_values) > 1 else None
        return appraise(
            self.calibrated,
            ef_percent=video.value,
            num_clips=len(video.clip_values),
            spread=spread,
            is_phantom=clip.is_phantom,
            measured=self._measured(clip, video, copies),
        )

    def _measured(self, clip: ClipFile, video: VideoPrediction, copies: NDArray[np.float64]) -> dict[str, float]:
        """Values of the gate's checks."""
        if not self.asks_for or self.calibrated is None:
            return {}
        found = {
            **picture_values(clip.frames, sector_or_none(clip.frames, clip.video.source)),
            **disagreements(video.clip_values.astype(np.float64), copies),
            "num_frames": float(clip.video.num_frames),
            "frame_rate": float("nan") if clip.video.fps is None else float(clip.video.fps),
        }
        known = self.calibrated.known
        if known is not None and known.width == len(video.embedding):
            distances = known.distances(video.embedding[None].astype(np.float64))
            found |= {name: float(values[0]) for name, values in distances.items()}
        return found


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
