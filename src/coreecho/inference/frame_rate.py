"""Brings a clip to the frame rate that a model was trained at, so that its heart beats at its own speed."""

import math
from dataclasses import replace

from coreecho.models.card import TrainedOn
from coreecho.video.temporal import can_resample, is_same_rate, resample_fps
from coreecho.video.video import Video


def is_rate_known(trained_on: TrainedOn) -> bool:
    """Tell whether the card says at which frame rates the model was trained."""
    return all(math.isfinite(fps) and fps > 0 for fps in trained_on.fps_range)


def is_training_rate(fps: float, trained_on: TrainedOn) -> bool:
    """Tell whether a frame rate is one that the model was trained at."""
    low, high = trained_on.fps_range
    return low <= fps <= high or is_same_rate(fps, low) or is_same_rate(fps, high)


def at_training_rate(video: Video, trained_on: TrainedOn | None) -> Video:
    """Resample a clip whose frame rate lies outside of the training's; its notes then say so.

    The target is the median of the training's rates, or where the card has none, the end of their range that is
    nearest. A clip is left as it is where a rate is not known, where its rate is one of the training's, and where it
    is so far off that its header must be wrong; `cautions_of_video` speaks of those.

    Args:
        video: its frames best already of the model's size.
        trained_on: from the model's card; None where it is not known.
    """
    if video.fps is None or trained_on is None or not is_rate_known(trained_on):
        return video
    low, high = trained_on.fps_range
    target_fps = trained_on.fps_median or (low if video.fps < low else high)
    if is_training_rate(video.fps, trained_on) or not can_resample(video.fps, target_fps):
        return video
    note = f"resampled from {video.fps:.3g} to {target_fps:.3g} frames per second, the rate of the training"
    frames = resample_fps(video.frames, video.fps, target_fps)
    return replace(video, frames=frames, fps=target_fps, notes=(*video.notes, note))
