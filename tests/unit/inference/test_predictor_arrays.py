"""Clips that lie in memory: `Predictor` on arrays, what it says of them, and where it puts them."""

from dataclasses import replace

import numpy as np
import pytest

from coreecho.errors import RecipeError, VideoError
from coreecho.inference.prediction import SAME_FRAMES
from coreecho.inference.predictor import Predictor
from coreecho.video import read_video


def test_arrays_are_clips_in_memory(model, write_clip):
    path = write_clip("clip.avi", num_frames=20, size=32)
    frames = read_video(path).frames
    predictor = Predictor(model)
    of_file, of_array = predictor(path), predictor(frames, fps=50)
    assert of_array.ef_percent == pytest.approx(of_file.ef_percent, rel=1e-6)
    assert (of_array.file, of_array.fps, of_array.clip_starts) == ("array", 50, (0, 7, 13))
    several = predictor(np.stack([frames, frames[::-1]]), fps=50)
    assert [prediction.file for prediction in several] == ["array[0]", "array[1]"]
    assert several[0].ef_percent == pytest.approx(of_file.ef_percent, rel=1e-5)
    assert several[1].ef_percent == pytest.approx(predictor(frames[::-1], fps=50).ef_percent, rel=1e-5)
    # An array of another rate is resampled, as a file is; without a rate it is told that nothing is known.
    assert predictor(frames, fps=25).notes == ("resampled from 25 to 46 frames per second, the rate of the training",)
    assert "frame rate unknown" in predictor(frames).warnings[0]


def test_clips_of_nearly_the_same_frames_are_noted_for_programs_too(model, sector_frames):
    frames, predictor = sector_frames(30, size=32), Predictor(model)
    short, room = predictor(frames[:8], fps=50), predictor(frames, fps=50)
    assert short.is_one_stretch is (SAME_FRAMES in short.to_dict()["notes"]) is True
    assert room.is_one_stretch is (SAME_FRAMES in room.to_dict()["notes"]) is False
    # One clip has no spread to be taken for something.
    assert SAME_FRAMES not in Predictor(model, clips=1)(frames[:8], fps=50).notes


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((1, 32, 32), np.uint8), {}, r"array: has 1 frame \(shape"),
        (
            np.zeros((9, 3, 32, 32), np.uint8),
            {},
            r"has 3 frames a clip \(shape \(9, 3, 32, 32\).* \(T, C, H, W\)\? .*\[:, 0\]",
        ),
        (np.full((20, 32, 32), 0.5, np.float32), {}, r"float32\. Convert .* 0 to 1 by `np.rint\(frames \* 255\)"),
        (np.full((20, 32, 32), 90.0), {}, r"float64\. Convert .* 0 to 255 by `np.rint\(np.clip\(frames, 0, 255\)\)"),
        (np.zeros((20, 32), np.uint8), {}, r"expected grey frames \(T, H, W\) .* got shape \(20, 32\) of uint8"),
        (np.zeros((20, 32, 32)), {}, r"got shape \(20, 32, 32\) of float64"),
        (np.zeros((20, 32, 32, 3), np.uint8), {}, r"got shape \(20, 32, 32, 3\), which looks like colour"),
        (np.zeros((5, 32, 32), np.uint8), {}, r"has 5 frames \(shape \(5, 32, 32\), read as \(T, H, W\)\)"),
        (np.zeros((20, 0, 32), np.uint8), {}, r"got shape \(20, 0, 32\)"),
        (np.zeros((0, 9, 32, 32), np.uint8), {}, r"got shape \(0, 9, 32, 32\)"),
        (np.zeros((30, 32, 32), np.uint8), {}, r"black.*shape \(30, 32, 32\)"),
        (np.zeros((2, 5, 32, 32), np.uint8), {}, r"array: has 5 frames a clip \(shape \(2, 5, 32, 32\)"),
        (np.zeros((20, 32, 32), np.uint8), {"fps": -1}, "positive number or None; got -1"),
    ],
)
def test_every_error_of_an_array_says_its_shape(model, array, options, message):
    with pytest.raises(VideoError, match=message):
        Predictor(model)(array, **options)


def test_the_hint_of_channels_is_for_arrays_of_four_axes(model):
    with pytest.raises(VideoError, match=r"shape \(3, 256, 256\)") as refused:
        Predictor(model)(np.zeros((3, 256, 256), np.uint8))
    assert "frames[:, 0]" not in str(refused.value)


def test_a_list_of_files_is_sent_to_predict_many(model):
    with pytest.raises(RecipeError, match=r"one file a call, got a list of 2\. `Predictor.predict_many` takes several"):
        Predictor(model)(["a.dcm", "b.dcm"])


def test_the_text_of_a_prediction_is_one_short_line(model, write_clip):
    prediction = Predictor(model, clips="all")(write_clip("clip.avi", num_frames=20))
    text = repr(prediction)
    assert f"ef_percent={prediction.value:.4g}" in text
    assert text.count("and 3 more") == 1
    assert "trust" not in text
    assert len(text) < 400
    assert prediction.notice in text
    judged = repr(replace(prediction, interval_low=40.0, interval_high=61.0, level=0.9, trust="doubtful"))
    assert "90 % interval 40.0 to 61.0; trust=doubtful" in judged


def test_an_embedding_warns_as_a_call_does(model, write_clip):
    frames, predictor = read_video(write_clip("clip.avi", num_frames=20)).frames, Predictor(model)
    with pytest.warns(UserWarning, match="frame rate unknown"):
        predictor.embed(frames)


def test_embeddings_are_those_of_the_predictions(model, write_clip):
    path = write_clip("clip.avi", num_frames=20, size=32)
    frames, predictor = read_video(path).frames, Predictor(model)
    assert np.array_equal(predictor.embed(frames, fps=50), predictor(frames, fps=50).embedding)
    assert predictor.embed(path).shape == predictor.embed(frames, fps=50).shape
    both = predictor.embed(np.stack([frames, frames[::-1]]), fps=50)
    assert np.allclose(both[0], predictor.embed(frames, fps=50), atol=1e-5)
    assert not np.allclose(both[0], both[1], atol=1e-5)
    with pytest.raises(RecipeError, match="an array is taken whole"):
        predictor.embed(frames, beat=(0, 5))


def test_a_rate_goes_with_an_array_and_a_beat_with_a_file(model, write_clip):
    with pytest.raises(RecipeError, match="says its own frame rate; give fps with an array"):
        Predictor(model)(write_clip("clip.avi"), fps=50)
    with pytest.raises(RecipeError, match="an array is taken whole"):
        Predictor(model)(np.zeros((20, 32, 32), np.uint8), beat="all")
