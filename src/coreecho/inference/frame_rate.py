"""Brings clips to the frame rate that a model was trained at, so that their hearts beat at their own speed.

One rule for a file (`at_training_rate`) and for the recordings of a data set (`TimedFrames`): `training_rate`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coreecho.inference.results import HashedFrames
from coreecho.models.card import TrainedOn
from coreecho.video.temporal import can_resample, is_same_rate, rate_words, resample_fps, resampled_length
from coreecho.video.video import Video


def is_rate_known(trained_on: TrainedOn) -> bool:
    """Tell whether the card says at which frame rates the model was trained."""
    return all(math.isfinite(fps) and fps > 0 for fps in trained_on.fps_range)


def is_training_rate(fps: float, trained_on: TrainedOn) -> bool:
    """Tell whether a frame rate is one that the model was trained at."""
    low, high = trained_on.fps_range
    return low <= fps <= high or is_same_rate(fps, low) or is_same_rate(fps, high)


def training_rate(fps: float | None, trained_on: TrainedOn | None) -> float | None:
    """The frame rate to which a clip is brought; None where it is left as it is.

    It is the median of the training's rates, or where the card has none, the end of their range that is nearest. A clip
    is left as it is where a rate is not known, where its rate is one of the training's, and where it is so far off that
    its header must be wrong.

    Args:
        fps: frames per second of the clip; None where they are not known.
        trained_on: from the model's card; None where it is not known.
    """
    if fps is None or trained_on is None or not is_rate_known(trained_on):
        return None
    low, high = trained_on.fps_range
    target_fps = trained_on.fps_median or (low if fps < low else high)
    return None if is_training_rate(fps, trained_on) or not can_resample(fps, target_fps) else target_fps


def at_training_rate(video: Video, trained_on: TrainedOn | None) -> Video:
    """Resample a clip where `training_rate` says so; its notes then tell. `cautions_of_video` speaks of the others.

    Args:
        video: its frames best already of the model's size.
        trained_on: from the model's card; None where it is not known.
    """
    target_fps = training_rate(video.fps, trained_on)
    if video.fps is None or target_fps is None:
        return video
    rates = f"{rate_words(video.fps)} to {rate_words(target_fps)}"
    note = f"resampled from {rates} frames per second, the rate of the training"
    frames = resample_fps(video.frames, video.fps, target_fps)
    return replace(video, frames=frames, fps=target_fps, notes=(*video.notes, note))


@dataclass(frozen=True)
class TimedFrames:
    """The frames of a store as a model sees them: some of its recordings at another frame rate than they lie in it.

    Attributes:
        store: of the frames as they lie.
        rates: frames per second as they lie, by recording; of those that are not here nothing is known.
        targets: frames per second to which recordings are brought; those that are not here stay as they lie.
    """

    store: HashedFrames
    rates: Mapping[str, float]
    targets: Mapping[str, float]

    def frames(self, video_id: str) -> NDArray[np.uint8]:
        """(T, S, S) uint8, at the rate of `fps`."""
        frames, target_fps = self.store.frames(video_id), self.targets.get(video_id)
        return frames if target_fps is None else resample_fps(np.asarray(frames), self.rates[video_id], target_fps)

    def num_frames(self, video_id: str) -> int:
        """T."""
        num_frames, target_fps = self.store.num_frames(video_id), self.targets.get(video_id)
        return num_frames if target_fps is None else resampled_length(num_frames, self.rates[video_id], target_fps)

    def fps(self, video_id: str) -> float | None:
        """Frames per second of `frames`; None where they are not known."""
        return self.targets.get(video_id, self.rates.get(video_id))

    def digest(self, video_id: str) -> str:
        """Hash of the frames as they lie, with the rates."""
        digest, target_fps = self.store.digest(video_id), self.targets.get(video_id)
        return digest if target_fps is None else f"{digest} from {self.rates[video_id]:g} to {target_fps:g} a second"
