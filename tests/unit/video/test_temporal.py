from typing import cast

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from coreecho.errors import RecipeError, VideoError
from coreecho.video.temporal import TimeMethod, rate_words, resample_fps, resample_time, take_beat, time_weights


def ramp(num_frames: int) -> np.ndarray:
    """Frame t is filled with 10 t."""
    return np.broadcast_to((10 * np.arange(num_frames, dtype=np.uint8))[:, None, None], (num_frames, 2, 3)).copy()


def test_rates_are_told_without_powers_of_ten() -> None:
    assert [rate_words(fps) for fps in (24.96, 29.97, 138.2, 999.7, 1000)] == ["25", "30", "138", "1000", "1000"]


def test_a_beat_includes_both_ends() -> None:
    assert take_beat(ramp(6), 1, 4)[:, 0, 0].tolist() == [10, 20, 30, 40]


def test_a_beat_whose_es_comes_before_its_ed_is_turned_round() -> None:
    assert take_beat(ramp(6), 4, 1)[:, 0, 0].tolist() == [40, 30, 20, 10]
    assert take_beat(ramp(6), 5, 0)[:, 0, 0].tolist() == [50, 40, 30, 20, 10, 0]


@pytest.mark.parametrize(("first", "last"), [(0, 6), (-1, 3), (9, 2)])
def test_a_beat_outside_of_the_clip_is_refused(first: int, last: int) -> None:
    with pytest.raises(VideoError, match=rf"from frame {first} to {last}, but the clip has frames 0 to 5"):
        take_beat(ramp(6), first, last)


@pytest.mark.parametrize("num_given", [4, 9, 20, 33])
def test_the_spline_is_the_cubic_spline_through_the_frames(num_given: int) -> None:
    values = np.random.default_rng(0).random((num_given, 5))
    mine = time_weights(num_given, 16) @ values
    oracle = CubicSpline(np.arange(num_given), values)(np.linspace(0, num_given - 1, 16))
    np.testing.assert_allclose(mine, oracle, atol=1e-10)


def test_the_spline_keeps_the_first_and_the_last_frame() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (20, 4, 4), dtype=np.uint8)
    resampled = resample_time(frames, 16)
    np.testing.assert_array_equal(resampled[[0, -1]], frames[[0, -1]])


@pytest.mark.parametrize("method", ["spline", "trilinear"])
def test_as_many_frames_as_before_are_the_same_frames(method: TimeMethod) -> None:
    frames = np.random.default_rng(2).integers(0, 256, (12, 4, 4), dtype=np.uint8)
    np.testing.assert_array_equal(resample_time(frames, 12, method), frames)


@pytest.mark.parametrize("method", ["spline", "trilinear"])
@pytest.mark.parametrize("num_given", [1, 2, 3, 5, 73])
def test_shares_sum_to_one(method: TimeMethod, num_given: int) -> None:
    weights = time_weights(num_given, 12, method)
    assert weights.shape == (12, num_given)
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_trilinear_counts_frames_as_cells() -> None:
    """Two frames to four: cell centres at -1/4, 1/4, 3/4, 5/4, the outer two held at the ends."""
    expected = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    np.testing.assert_allclose(time_weights(2, 4, "trilinear"), expected)


def test_trilinear_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    frames = np.random.default_rng(3).integers(0, 256, (22, 3, 5), dtype=np.uint8)
    clip = torch.from_numpy(frames).float()[None, None]
    oracle = torch.nn.functional.interpolate(clip, size=(12, 3, 5), mode="trilinear", align_corners=False)
    assert np.abs(resample_time(frames, 12, "trilinear") - oracle[0, 0].numpy()).max() <= 0.5 + 1e-4


def test_an_overshoot_is_clipped_and_does_not_wrap() -> None:
    frames = np.zeros((6, 1, 1), dtype=np.uint8)
    frames[3:] = 255
    resampled = resample_time(frames, 31)[:, 0, 0].astype(int)
    assert (np.diff(resampled[12:19]) >= 0).all()
    assert resampled[0] == 0
    assert resampled[-1] == 255


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"at least 1 frame on both sides; got 5 -> 0"):
        time_weights(5, 0)
    with pytest.raises(RecipeError, match=r"one of spline, trilinear; got 'nearest'"):
        time_weights(5, 3, cast("TimeMethod", "nearest"))


# --- another frame rate -----------------------------------------------------------------------------------------------


def test_frames_show_the_instants_of_the_new_rate() -> None:
    """From 30 to 50: instants 0, 0.6, 1.2, ... of a ramp of 10 grey levels a frame; the last beyond the end is left."""
    assert resample_fps(ramp(5), 30, 50)[:, 0, 0].tolist() == [0, 6, 12, 18, 24, 30, 36]


def test_a_whole_multiple_only_leaves_frames_out() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (21, 3, 4), dtype=np.uint8)
    np.testing.assert_array_equal(resample_fps(frames, 100, 50), frames[::2])
    np.testing.assert_array_equal(resample_fps(frames, 150, 50), frames[::3])
    np.testing.assert_array_equal(resample_fps(frames, 25, 50)[::2], frames)


@pytest.mark.parametrize(("fps", "target"), [(18.0, 50.0), (29.97, 50.0), (64.5, 50.0), (138.0, 50.0), (33.3, 46.0)])
@pytest.mark.parametrize("num_frames", [2, 63, 200])
def test_it_is_linear_interpolation_and_keeps_the_duration(fps: float, target: float, num_frames: int) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (num_frames, 2, 2), dtype=np.uint8)
    resampled = resample_fps(frames, fps, target)
    seconds = np.arange(len(resampled)) / target
    oracle = np.interp(seconds, np.arange(num_frames) / fps, frames[:, 1, 0])
    assert np.abs(resampled[:, 1, 0] - oracle).max() <= 0.51
    left = (num_frames - 1) / fps - seconds[-1]
    assert -1e-9 <= left < 1 / target


def test_the_same_rate_up_to_rounding_changes_nothing() -> None:
    frames = ramp(5)
    assert resample_fps(frames, 29.97, 30) is frames


@pytest.mark.parametrize(("fps", "target"), [(1, 50), (401, 50), (0, 50), (50, -1), (float("nan"), 50), (50, 0)])
def test_rates_that_cannot_be_are_refused(fps: float, target: float) -> None:
    with pytest.raises(VideoError, match="one of them is likely wrong"):
        resample_fps(ramp(5), fps, target)
