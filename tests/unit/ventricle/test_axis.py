from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from coreecho.ventricle.axis import measure, shared_direction
from coreecho.video.parts import largest_part

Shape = Callable[..., NDArray[np.bool_]]


@pytest.mark.parametrize("turn", [-40, -15, 0, 7, 30, 60])
def test_axis_of_an_ellipse_is_its_longer_one(turn: float, ellipse: Shape) -> None:
    mask = ellipse(centre=(50.4, 57.7), turn_degrees=turn)
    direction = shared_direction(mask[None])
    assert direction is not None
    along = np.array([-np.sin(np.deg2rad(turn)), np.cos(np.deg2rad(turn))])
    assert abs(direction @ along) > np.cos(np.deg2rad(0.5))
    profile = measure(mask, direction)
    assert profile is not None
    assert profile.axis.length == pytest.approx(68, abs=0.7)
    np.testing.assert_allclose(profile.axis.apex, (50.4, 57.7) - 34 * along, atol=0.7)
    np.testing.assert_allclose(profile.axis.base, (50.4, 57.7) + 34 * along, atol=0.7)
    assert profile.widths.max() == pytest.approx(32, abs=0.7)


def test_apex_is_where_the_probe_is(bullet: Shape) -> None:
    mask = bullet()
    direction = shared_direction(mask[None])
    assert direction is not None
    upright, hanging = measure(mask, direction), measure(mask[::-1], direction, is_apex_up=False)
    assert upright is not None
    assert hanging is not None
    # The bullet is from row 20 to row 80, flat below.
    assert upright.axis.apex[1] == pytest.approx(20, abs=1)
    assert upright.axis.base[1] == pytest.approx(80, abs=1)
    assert hanging.axis.apex[1] == pytest.approx(111 - 20, abs=1)
    np.testing.assert_allclose(hanging.widths, upright.widths, atol=0.2)
    assert upright.widths[10] < upright.widths[-10]


def test_a_clip_has_one_direction(ellipse: Shape) -> None:
    """A single round frame would have any."""
    long, round_ = ellipse(turn_degrees=20), ellipse(half_length=20, half_width=20)
    clip = np.stack([long, round_, np.zeros_like(long), long])
    np.testing.assert_allclose(shared_direction(clip), shared_direction(long[None]), atol=0.01)


def test_nothing_has_no_axis() -> None:
    empty = np.zeros((20, 20), dtype=bool)
    assert shared_direction(empty[None]) is None
    assert measure(empty, np.array([0.0, 1.0])) is None


def test_only_the_largest_part_is_kept(ellipse: Shape) -> None:
    mask = ellipse()
    speckled = mask.copy()
    speckled[2:5, 2:6] = True
    speckled[100, 100] = True
    np.testing.assert_array_equal(largest_part(speckled), mask)
    np.testing.assert_array_equal(largest_part(mask), mask)
