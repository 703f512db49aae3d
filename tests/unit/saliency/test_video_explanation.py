from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from coreecho.inference.engine import predict_video
from coreecho.models.echo_model import EchoModel
from coreecho.saliency.video_explanation import VideoExplanation, explain_video
from coreecho.tasks import EF
from coreecho.video.clips import ClipSampling, ClipTime, take_clip


def explanation(values: list[list[float]], starts: list[int], valid: list[int], num_frames: int) -> VideoExplanation:
    """An explanation of maps of one pixel: the values of each clip's frames; every 2nd frame is sampled."""
    maps = np.array(values, dtype=np.float32)[:, :, None, None]
    return VideoExplanation(
        clip_maps=maps,
        clip_predictions=np.full(len(values), 50.0),
        task=EF(),
        starts=tuple(starts),
        num_valid_frames=tuple(valid),
        sampling=ClipSampling(num_frames=maps.shape[1], stride=2),
        num_frames=num_frames,
        level="level1",
        grid=(1, 1, 1),
        evidence="positive",
    )


def test_between_sampled_frames_the_map_is_linear() -> None:
    one = explanation([[0.0, 4.0, 8.0]], starts=[1], valid=[3], num_frames=9)
    expected = [np.nan, 0, 2, 4, 6, 8, 8, np.nan, np.nan]
    np.testing.assert_array_equal(one.video_map()[:, 0, 0], np.array(expected, dtype=np.float32))


def test_clips_that_overlap_are_averaged() -> None:
    two = explanation([[0.0, 0.0], [6.0, 6.0]], starts=[0, 2], valid=[2, 2], num_frames=6)
    np.testing.assert_array_equal(two.video_map()[:, 0, 0], [0, 0, 3, 3, 6, 6])
    np.testing.assert_array_equal(two.at_frames([5, 0])[:, 0, 0], [6, 0])
    np.testing.assert_array_equal(two.mean_clip_map()[:, 0, 0], [3, 3])


def test_maps_of_padding_are_left_out() -> None:
    short = explanation([[1.0, 9.0, 9.0], [3.0, 5.0, 9.0]], starts=[0, 0], valid=[1, 2], num_frames=4)
    np.testing.assert_array_equal(short.mean_clip_map()[:, 0, 0], [2, 5, 0])
    np.testing.assert_array_equal(short.video_map()[:, 0, 0], [2, 2.5, 5, 5])


@pytest.mark.parametrize("time", ["spline", "trilinear"])
def test_a_whole_beat_is_mapped_back_to_its_video(beat_model: EchoModel, time: ClipTime) -> None:
    """A map that is as bright as its frame: each frame of the file gets back what it was before the resampling."""
    beat_model.model_input = replace(beat_model.model_input, time=time)
    given = np.full((11, 56, 56), 1, dtype=np.uint8) * (20 * np.arange(11, dtype=np.uint8))[:, None, None]
    resampled, _ = take_clip(given, 0, beat_model.model_input)
    explained = replace(explain_video(beat_model, given, [0]), clip_maps=resampled[None].astype(np.float32))
    inside = range(2, 9)
    np.testing.assert_allclose(explained.at_frames(inside)[:, 5, 5], given[2:9, 5, 5], atol=1)
    assert not np.isnan(explained.video_map()).any()
    assert explained.video_map().shape == (11, 56, 56)


def test_explains_the_prediction_that_is_made(
    model: EchoModel, sector_frames: Callable[..., NDArray[np.uint8]]
) -> None:
    frames = sector_frames(20)
    explained = explain_video(model, frames, [0, 4, 9], batch_size=2)
    predicted = predict_video(model, frames, [0, 4, 9])
    np.testing.assert_allclose(explained.clip_predictions, predicted.clip_values, rtol=1e-5)
    assert explained.prediction == pytest.approx(predicted.value, rel=1e-5)
    assert explained.clip_maps.shape == (3, 6, 56, 56)
    assert explained.level == "level2"
    assert explained.grid == (3, 7, 7)
    alone = explain_video(model, frames, [4])
    np.testing.assert_allclose(alone.clip_maps[0], explained.clip_maps[1], rtol=1e-3, atol=1e-7)


def test_frames_past_the_end_are_not_explained(
    model: EchoModel, sector_frames: Callable[..., NDArray[np.uint8]]
) -> None:
    explained = explain_video(model, sector_frames(7), [0])
    assert explained.num_valid_frames == (4,)
    assert not np.isnan(explained.video_map()).any()
    assert not explained.mean_clip_map()[4:].any()


def test_needs_a_start(model: EchoModel, sector_frames: Callable[..., NDArray[np.uint8]]) -> None:
    with pytest.raises(ValueError, match="at least one start"):
        explain_video(model, sector_frames(20), [])


def test_mean_map_is_a_mean(model: EchoModel, sector_frames: Callable[..., NDArray[np.uint8]]) -> None:
    explained = explain_video(model, sector_frames(20), [0, 9])
    np.testing.assert_allclose(explained.mean_clip_map(), explained.clip_maps.mean(axis=0), rtol=1e-5)
    assert replace(explained, num_frames=3).video_map().shape == (3, 56, 56)
