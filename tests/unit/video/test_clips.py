import numpy as np
import pytest

from coreecho.errors import RecipeError, VideoError
from coreecho.video import ClipSampling, all_starts, even_starts, num_starts, random_start, take_clip

PAPER = ClipSampling()


def test_the_papers_sampling_is_the_default() -> None:
    assert (PAPER.num_frames, PAPER.stride, PAPER.span, PAPER.padded_length) == (36, 4, 141, 144)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"num_frames": 0}, "num_frames is 0, expected at least 1"),
        ({"stride": -1}, "stride is -1, expected at least 1"),
        ({"num_frames": 2.5}, "num_frames is 2.5, expected a whole number"),
        ({"stride": True}, "stride is True, expected a whole number"),
        ({"time": "strides"}, "time is 'strides', expected stride, spline, trilinear; did you mean stride"),
    ],
)
def test_settings_that_cannot_be_are_refused(bad: dict[str, int], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        ClipSampling(**bad)


@pytest.mark.parametrize(
    ("num_frames", "expected"),
    # A padded video of 144 frames has starts 0 to 3; a longer one F - 140 of them.
    [(28, 4), (143, 4), (144, 4), (145, 5), (171, 31), (1002, 862), (3, 3), (1, 1)],
)
def test_number_of_starts(num_frames: int, expected: int) -> None:
    assert num_starts(num_frames, PAPER) == expected


def test_random_starts_cover_all_valid_ones_evenly() -> None:
    rng = np.random.default_rng(0)
    counts = np.bincount([random_start(150, PAPER, rng) for _ in range(5000)], minlength=10)
    assert len(counts) == 10
    # 500 expected of each; five standard deviations of the binomial are 106.
    assert np.abs(counts - 500).max() < 107


def test_even_starts_span_the_video_and_one_is_in_the_middle() -> None:
    assert even_starts(171, PAPER, 3) == [0, 15, 30]
    assert even_starts(171, PAPER, 1) == [15]
    assert even_starts(171, PAPER, 4) == [0, 10, 20, 30]
    assert even_starts(30, PAPER, 6) == [0, 1, 1, 2, 2, 3]


def test_all_starts_include_the_last() -> None:
    assert all_starts(171, PAPER, 10) == [0, 10, 20, 30]
    assert all_starts(171, PAPER, 12) == [0, 12, 24, 30]
    assert all_starts(20, PAPER, 100) == [0, 3]


def test_counts_below_one_are_refused() -> None:
    with pytest.raises(RecipeError, match="number of clips must be at least 1 and at most 10,000; got 0"):
        even_starts(171, PAPER, 0)
    with pytest.raises(RecipeError, match="step between clips must be at least 1 frame; got 0"):
        all_starts(171, PAPER, 0)
    with pytest.raises(VideoError, match="at least 1 frame; got 0"):
        num_starts(0, PAPER)


def test_a_clip_takes_every_stride_th_frame() -> None:
    frames = np.arange(200, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 3), np.uint8)
    clip, num_valid = take_clip(frames, 5, PAPER)
    assert clip.shape == (36, 2, 3)
    assert num_valid == 36
    assert clip[:, 0, 0].tolist() == list(range(5, 146, 4))


def test_frames_past_the_end_are_black_and_not_valid() -> None:
    frames = np.full((30, 2, 2), 9, np.uint8)
    clip, num_valid = take_clip(frames, 3, PAPER)
    assert num_valid == 7  # frames 3, 7, ..., 27
    assert (clip[:7] == 9).all()
    assert not clip[7:].any()


@pytest.mark.parametrize("start", [-1, 31])
def test_a_start_outside_is_refused(start: int) -> None:
    with pytest.raises(VideoError, match=rf"video of 171 frames must start at 0 to 30; got {start}"):
        take_clip(np.zeros((171, 2, 2), np.uint8), start, PAPER)


def test_a_clip_is_a_copy() -> None:
    frames = np.zeros((200, 2, 2), np.uint8)
    clip, _ = take_clip(frames, 0, ClipSampling(num_frames=4, stride=1))
    clip[:] = 1
    assert not frames.any()
