from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets.echonet_dynamic import polygon_area, read_tracings
from coreecho.datasets.lv_targets import traced_mask, traced_points
from coreecho.errors import DatasetError
from coreecho.phantom.layouts import TRUTH_FOLDER
from coreecho.phantom.truth import LV_LABEL


def _write_tracing(root: Path, chords: list[tuple[float, float, float, float]]) -> Path:
    # The long axis comes first, and is far from what the chords enclose.
    rows = [(0.0, 0.0, 100.0, 100.0), *chords]
    lines = [f"0X1.avi,{x1},{y1},{x2},{y2},7" for x1, y1, x2, y2 in rows]
    (root / "VolumeTracings.csv").write_text("\n".join(["FileName,X1,Y1,X2,Y2,Frame", *lines]) + "\n")
    return root


def test_a_known_polygon_as_published(tmp_path: Path) -> None:
    """Chords from (20, 10)-(30, 10) down to (14, 40)-(36, 40): a trapezium, rounded, with its edges."""
    root = _write_tracing(tmp_path, [(20.2, 9.6, 30.4, 10.3), (16.9, 25.0, 33.2, 25.0), (13.8, 40.4, 36.3, 39.7)])
    tracing = read_tracings(root)["0X1"][7]
    mask = traced_mask(tracing, 112, 112)
    assert np.flatnonzero(mask.any(axis=1)).tolist() == list(range(10, 41))
    assert np.flatnonzero(mask[10]).tolist() == list(range(20, 31))
    assert np.flatnonzero(mask[25]).tolist() == list(range(17, 34))
    assert np.flatnonzero(mask[40]).tolist() == list(range(14, 37))
    # Each side is a straight line between rounded points: at row 15 a third of the way from 20 to 17 and 30 to 33.
    assert np.flatnonzero(mask[15]).tolist() == list(range(19, 32))


def test_masks_of_phantoms_are_where_their_truth_is(truth_root: Path) -> None:
    for name, frames in list(read_tracings(truth_root).items())[:4]:
        with np.load(truth_root / TRUTH_FOLDER / f"{name}.npz") as truth:
            labels = truth["labels"]
        for frame, tracing in frames.items():
            mask, cavity = traced_mask(tracing, 112, 112), labels[frame] == LV_LABEL
            common = 2 * np.sum(mask & cavity) / (mask.sum() + cavity.sum())
            # Rounding and the pixels on the edge make it larger; the ends beyond the outer chords are lacking.
            assert common > 0.9
            assert mask.sum() == pytest.approx(polygon_area(tracing), rel=0.15)


def test_points_are_fractions_of_the_frame(truth_root: Path) -> None:
    tracing = next(iter(next(iter(read_tracings(truth_root).values())).values()))
    points = traced_points(tracing)
    assert points.shape == (40, 2)
    np.testing.assert_allclose(points * 112, tracing, rtol=1e-5)
    assert (points > 0).all()
    assert (points < 1).all()


def test_another_number_of_chords_is_refused() -> None:
    with pytest.raises(DatasetError, match="a tracing of 12 chords: EchoGraphs needs frames traced with 20"):
        traced_points(np.zeros((24, 2)))
