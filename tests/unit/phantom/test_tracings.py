"""The method of discs, and the order of the tracing's lines."""

import numpy as np
import pytest

from coreecho.phantom.tracings import NUM_CHORDS, TracingRow, disc_volume, trace_frame


def test_discs_of_an_ellipsoid_sum_to_its_volume() -> None:
    half_length, radius = 40.0, 15.0
    levels = (np.arange(200) + 0.5) / 200 * 2 * half_length - half_length
    widths = radius * np.sqrt(1 - (levels / half_length) ** 2)
    rows = [TracingRow(x1=0.0, y1=-half_length, x2=0.0, y2=half_length, frame=0)]
    rows += [TracingRow(x1=-w, y1=y, x2=w, y2=y, frame=0) for y, w in zip(levels, widths, strict=True)]
    assert disc_volume(rows) == pytest.approx(4.0 / 3.0 * np.pi * half_length * radius**2, rel=1e-3)


def test_long_axis_comes_first_then_chords_from_apex_to_base(plans) -> None:
    for plan in plans[:20]:
        rows = trace_frame(plan, plan.motion.ed_frame)
        assert len(rows) == NUM_CHORDS + 1
        apex, base = np.array(rows[0][:2]), np.array(rows[0][2:4])
        assert apex[1] < base[1]
        middles = np.array([[(row.x1 + row.x2) / 2, (row.y1 + row.y2) / 2] for row in rows[1:]])
        assert np.all(np.diff((middles - apex) @ (base - apex)) > 0)
        # The septum is on the left of the picture.
        assert all(row.x1 < row.x2 for row in rows[1:])
