from pathlib import Path

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from coreecho.datasets import load_echonet_dynamic, read_tracings
from coreecho.errors import DatasetError, VideoError
from coreecho.saliency.ventricles import (
    covering_starts,
    has_simulated_ventricles,
    polygon_mask,
    simulated_ventricle,
    traced_ventricle,
)
from coreecho.video.clips import ClipSampling

SAMPLING = ClipSampling(num_frames=6, stride=2)
SQUARE = np.array([[9.5, 19.5], [29.5, 19.5], [29.5, 49.5], [9.5, 49.5]])


def test_polygon_of_whole_pixels() -> None:
    """From pixel 10 to 29 across and 20 to 49 down: x is the column and y the row."""
    mask = polygon_mask(SQUARE, 112)
    expected = np.zeros((112, 112), dtype=bool)
    expected[20:50, 10:30] = True
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(polygon_mask(SQUARE, 56), expected[::2, ::2])


def test_polygon_equals_matplotlib() -> None:
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = 25 + 8 * rng.random(40)
    polygon = np.column_stack([56 + radius * np.cos(angles), 60 + radius * np.sin(angles)])
    rows, columns = np.mgrid[:112, :112]
    inside = Outline(polygon).contains_points(np.column_stack([columns.ravel(), rows.ravel()])).reshape(112, 112)
    np.testing.assert_array_equal(polygon_mask(polygon, 112), inside)


@pytest.mark.parametrize(
    ("frames", "num_frames", "clips", "expected"),
    [
        ([20, 28], 60, 1, [18]),  # starts 17 to 20 see both: 28 <= start + 11
        ([20, 28], 60, 2, [17, 20]),
        ([20, 40], 60, 1, [14, 34]),  # too far apart for one clip: the middles of 9 to 20 and 29 to 40
        ([0, 3], 5, 3, [0]),
        ([59], 60, 1, [48]),  # the last start is 49
    ],
)
def test_covering_starts(frames: list[int], num_frames: int, clips: int, expected: list[int]) -> None:
    assert covering_starts(frames, num_frames, SAMPLING, clips) == expected


def test_a_frame_outside_the_video_is_refused() -> None:
    with pytest.raises(VideoError, match="its traced frame 60 is not among the 60 frames"):
        traced_ventricle({60: SQUARE, 3: SQUARE}, 60, SAMPLING, 56, 1)
    with pytest.raises(VideoError, match="it has no traced frame"):
        traced_ventricle({}, 60, SAMPLING, 56, 1)
    with pytest.raises(VideoError, match="frame 3 lies outside the 112 x 112 pixels"):
        traced_ventricle({3: SQUARE * 8}, 60, SAMPLING, 56, 1)


def test_tracings_and_simulated_masks_agree(truth_root: Path) -> None:
    """Two accounts of the same ventricle, which the simulation writes by different code."""
    tracings = read_tracings(truth_root)
    overlaps = []
    for recording in load_echonet_dynamic(truth_root):
        traced = traced_ventricle(tracings[recording.id], 26, SAMPLING, 112, 1)
        every_frame = ClipSampling(num_frames=26, stride=1)
        simulated = simulated_ventricle(truth_root, recording.id, 26, every_frame, 112, 1)
        assert simulated.frames == list(range(26))
        for frame, mask in zip(traced.frames, traced.masks, strict=True):
            truth = simulated.masks[frame]
            overlaps.append((mask & truth).sum() / (mask | truth).sum())
    assert np.mean(overlaps) > 0.9


def test_simulated_masks_of_smaller_frames(truth_root: Path) -> None:
    assert has_simulated_ventricles(truth_root)
    recording = load_echonet_dynamic(truth_root)[0].id
    large = simulated_ventricle(truth_root, recording, 26, SAMPLING, 112, 2)
    small = simulated_ventricle(truth_root, recording, 26, SAMPLING, 56, 2)
    assert small.starts == [0, 15]
    assert small.frames == [0, 2, 4, 6, 8, 10, 15, 17, 19, 21, 23, 25]
    assert small.masks.sum() * 4 == pytest.approx(large.masks.sum(), rel=0.05)


def test_damaged_truth_is_named(truth_root: Path) -> None:
    with pytest.raises(DatasetError, match=r"Truth/absent\.npz is not the truth of a phantom"):
        simulated_ventricle(truth_root, "absent", 26, SAMPLING, 56, 1)
