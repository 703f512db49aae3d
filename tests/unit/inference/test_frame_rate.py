from dataclasses import replace

import numpy as np
import pytest

from coreecho.inference.cautions import cautions_of_video
from coreecho.inference.frame_rate import at_training_rate, is_training_rate
from coreecho.models.card import TrainedOn
from coreecho.video.clips import ClipSampling
from coreecho.video.video import Video

TRAINED_ON = TrainedOn(
    dataset="echonet",
    is_phantom=False,
    num_recordings=7460,
    fps_range=(32.0, 64.5),
    label_range=(6.9, 97.0),
    recipe="echonet",
    epoch=20,
    best_validation=3.9,
)


def video(fps: float | None, num_frames: int = 100) -> Video:
    return Video(np.zeros((num_frames, 8, 8), dtype=np.uint8), fps, "clip.avi", notes=("cropped to its sector",))


@pytest.mark.parametrize(
    ("fps", "fps_median", "target", "num_frames"),
    [(25.0, None, 32.0, 127), (100.0, None, 64.5, 64), (25.0, 50.0, 50.0, 199), (100.0, 50.0, 50.0, 50)],
)
def test_a_rate_outside_is_brought_to_the_nearest_end_or_the_median(
    fps: float, fps_median: float | None, target: float, num_frames: int
) -> None:
    seen = at_training_rate(video(fps), replace(TRAINED_ON, fps_median=fps_median))
    assert (seen.fps, seen.num_frames) == (target, num_frames)
    assert seen.notes[0] == "cropped to its sector"
    assert seen.notes[1] == f"resampled from {fps:.3g} to {target:.3g} frames per second, the rate of the training"
    assert cautions_of_video(seen, ClipSampling(num_frames=4), TRAINED_ON) == []


@pytest.mark.parametrize("fps", [None, 32.0, 31.97, 50.0, 64.9, 2.0, 900.0])
def test_a_rate_that_is_unknown_inside_or_not_of_a_heart_is_left(fps: float | None) -> None:
    given = video(fps)
    assert at_training_rate(given, TRAINED_ON) is given


def test_a_card_without_rates_changes_nothing_and_is_spoken_of() -> None:
    unknown = replace(TRAINED_ON, fps_range=(float("nan"), float("nan")))
    given = video(25.0)
    assert at_training_rate(given, unknown) is given
    assert at_training_rate(given, None) is given
    (caution,) = cautions_of_video(given, ClipSampling(num_frames=4), unknown)
    assert caution.startswith("the frame rates of the training are not known")


def test_rounding_does_not_leave_the_training() -> None:
    assert is_training_rate(29.97, replace(TRAINED_ON, fps_range=(30.0, 30.0)))
    assert not is_training_rate(29.0, replace(TRAINED_ON, fps_range=(30.0, 30.0)))
