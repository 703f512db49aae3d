from dataclasses import replace

import numpy as np
import pytest

from coreecho.inference.cautions import cautions_of_value, cautions_of_video
from coreecho.models.card import TrainedOn
from coreecho.tasks import EF, MI, Scalar
from coreecho.video.clips import ClipSampling
from coreecho.video.video import Video

SAMPLING = ClipSampling(num_frames=36, stride=4)
TRAINED_ON = TrainedOn(
    dataset="echonet",
    is_phantom=False,
    num_recordings=7460,
    fps_range=(50.0, 50.0),
    label_range=(6.9, 97.0),
    recipe="echonet",
    epoch=20,
    best_validation=3.9,
)


def video(num_frames=200, fps=50.0, is_phantom=False):
    return Video(np.zeros((num_frames, 8, 8), dtype=np.uint8), fps, "clip.avi", is_phantom)


def test_a_video_like_those_of_the_training_needs_no_caution():
    assert cautions_of_video(video(), SAMPLING, TRAINED_ON) == []


@pytest.mark.parametrize(("num_frames", "is_short"), [(141, False), (140, True), (30, True)])
def test_fewer_frames_than_a_clip_spans(num_frames, is_short):
    cautions = cautions_of_video(video(num_frames=num_frames), SAMPLING, TRAINED_ON)
    assert len(cautions) == is_short
    if is_short:
        missing = "one that is missing it sees black" if num_frames == 140 else "111 that are missing it sees black"
        expected = f"short clip: {num_frames} frames, the model looks at 141; in place of the {missing}"
        assert cautions[0] == expected


@pytest.mark.parametrize(
    ("fps", "words"),
    [
        (30.0, "frame rate of 30 per second outside the 50 of the training: to the model the heart beats at 1.7 times"),
        (
            100.0,
            "frame rate of 100 per second outside the 50 of the training: to the model the heart beats at 0.5 times",
        ),
        (None, "frame rate unknown: an EF is only right if it is that of the training, 50 frames per second"),
    ],
)
def test_a_frame_rate_unlike_the_training(fps, words):
    (caution,) = cautions_of_video(video(fps=fps), SAMPLING, TRAINED_ON)
    assert caution.startswith(words)


def test_frame_rates_within_rounding_are_the_same():
    trained_on = replace(TRAINED_ON, fps_range=(30.0, 60.0))
    assert cautions_of_video(video(fps=29.97), SAMPLING, trained_on) == []
    (caution,) = cautions_of_video(video(fps=25.0), SAMPLING, trained_on)
    assert "outside the 30 to 60 of the training" in caution


def test_a_model_of_phantoms_on_a_real_clip():
    (caution,) = cautions_of_video(video(), SAMPLING, replace(TRAINED_ON, is_phantom=True))
    assert caution == ("the model was trained on simulated hearts only: this EF of a real clip has no clinical meaning")


def test_a_model_of_real_hearts_on_a_phantom():
    (caution,) = cautions_of_video(video(is_phantom=True), SAMPLING, TRAINED_ON)
    assert caution.startswith("this heart is simulated and the model was trained on real ones")


def test_a_model_of_phantoms_on_a_phantom_is_at_home():
    assert cautions_of_video(video(is_phantom=True), SAMPLING, replace(TRAINED_ON, is_phantom=True)) == []


def test_a_model_without_a_known_training():
    assert cautions_of_video(video(), SAMPLING, None) == ["nothing is known of the data that this model was trained on"]


@pytest.mark.parametrize(
    ("ef_percent", "trained_on", "expected"),
    [
        (55.0, TRAINED_ON, []),
        (6.9, TRAINED_ON, []),
        (5.0, TRAINED_ON, ["an EF of 5.0 % lies outside the 6.9 to 97.0 % of the training"]),
        (-3.0, TRAINED_ON, ["an EF of -3.0 % is impossible"]),
        (104.0, None, ["an EF of 104.0 % is impossible"]),
        (5.0, None, []),
    ],
)
def test_an_ef_beyond_the_training_or_beyond_the_possible(ef_percent, trained_on, expected):
    assert cautions_of_value(ef_percent, trained_on, EF()) == expected


def test_other_numbers_have_their_own_range_and_unit():
    task = Scalar("edv_ml", "mL", 0, 500)
    assert cautions_of_value(120.0, None, task) == []
    assert cautions_of_value(-3.0, None, task) == ["an edv ml of -3.0 mL is impossible"]
    # A logit beyond the labels 0 and 1 is nothing odd.
    assert cautions_of_value(0.99, TRAINED_ON, MI()) == []
