"""Clips never leave their video, and are what a plain loop would take."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from coreecho.video import (
    ClipSampling,
    all_starts,
    even_starts,
    num_starts,
    pad_and_crop,
    random_start,
    resize_frames,
    take_clip,
)

samplings = st.builds(ClipSampling, num_frames=st.integers(1, 40), stride=st.integers(1, 9))
lengths = st.integers(1, 300)


def video_of(length: int) -> np.ndarray:
    """Frames that say which they are; 0 is left for padding."""
    return (np.arange(length) % 255 + 1).astype(np.uint8)[:, None, None] * np.ones((1, 2, 3), np.uint8)


@given(lengths, samplings)
def test_every_start_is_within_the_padded_video_and_shows_a_frame(length: int, sampling: ClipSampling) -> None:
    padded_length = max(length, sampling.padded_length)
    count = num_starts(length, sampling)
    assert 1 <= count <= length
    assert count - 1 + sampling.span <= padded_length
    if length >= sampling.padded_length:
        # Not one start fewer than fit.
        assert count + sampling.span > padded_length
        assert take_clip(video_of(length), count - 1, sampling)[1] == sampling.num_frames


@given(lengths, samplings, st.data())
def test_a_clip_is_what_a_plain_loop_takes(length: int, sampling: ClipSampling, data: st.DataObject) -> None:
    frames = video_of(length)
    start = data.draw(st.integers(0, num_starts(length, sampling) - 1))
    expected, num_expected = [], 0
    for index in range(sampling.num_frames):
        index_in_video = start + index * sampling.stride
        if index_in_video < length:
            expected.append(frames[index_in_video])
            num_expected += 1
        else:
            expected.append(np.zeros((2, 3), np.uint8))
    clip, num_valid = take_clip(frames, start, sampling)
    np.testing.assert_array_equal(clip, np.stack(expected))
    assert num_valid == num_expected >= 1


@given(lengths, samplings, st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_all_ways_of_choosing_starts_choose_valid_ones(
    length: int, sampling: ClipSampling, count: int, seed: int
) -> None:
    valid = range(num_starts(length, sampling))
    assert random_start(length, sampling, np.random.default_rng(seed)) in valid
    even = even_starts(length, sampling, count)
    assert len(even) == count
    assert set(even) <= set(valid)
    assert even == sorted(even)
    if count > 1:
        assert (even[0], even[-1]) == (valid[0], valid[-1])
        assert np.ptp(np.diff(even)) <= 1
    every = all_starts(length, sampling, count)
    assert every[0] == 0
    assert every[-1] == valid[-1]
    assert np.diff(every, prepend=0).max() <= count
    assert set(every) <= set(valid)


@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 20), st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_one_window_is_cut_for_a_whole_clip(length: int, height: int, width: int, pad: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(1, 256, (height, width), dtype=np.uint8)
    cropped = pad_and_crop(np.repeat(picture[None], length, axis=0), pad, np.random.default_rng(seed))
    assert cropped.shape == (length, height, width)
    assert (cropped == cropped[0]).all()
    padded = np.pad(picture, pad)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width)).reshape(-1, height, width)
    assert (windows == cropped[0]).all(axis=(1, 2)).any()


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 24), st.integers(1, 24), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_resizing_stays_within_the_levels_and_keeps_the_mean(
    length: int, height: int, width: int, size: int, seed: int
) -> None:
    frames = np.random.default_rng(seed).integers(40, 200, (length, height, width), dtype=np.uint8)
    resized = resize_frames(frames, size)
    assert resized.shape == (length, size, size)
    assert resized.max() <= frames.max()
    if height == width >= size:
        # Averages of areas average to the average; each is rounded by half a level at most.
        assert np.abs(resized.mean(axis=(1, 2)) - frames.mean(axis=(1, 2))).max() <= 0.5 + 1e-3
