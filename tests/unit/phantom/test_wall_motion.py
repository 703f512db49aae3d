"""Segments of the wall by the 17-segment model."""

import numpy as np
import pytest

from coreecho.phantom.wall_motion import SEGMENT_NUMBERS, TERRITORIES, WallMotion, draw_wall_motion


def test_the_view_shows_seven_segments_with_their_numbers() -> None:
    assert sorted(SEGMENT_NUMBERS.values()) == [3, 6, 9, 12, 14, 16, 17]
    assert all(set(segments) <= set(SEGMENT_NUMBERS) for segments in TERRITORIES.values())


def test_a_segment_contracts_less_only_where_it_is() -> None:
    wall = WallMotion(segments={"mid anterolateral": 0.0})
    assert wall.contractility(np.array(0.55), False) == pytest.approx(0.0)
    assert wall.contractility(np.array(0.55), True) == pytest.approx(1.0)
    assert wall.contractility(np.array(0.95), False) == pytest.approx(1.0)


def test_apex_is_shared_by_both_sides() -> None:
    wall = WallMotion(segments={"apex": -0.2})
    for is_septal in (True, False):
        assert wall.contractility(np.array(0.0), is_septal) == pytest.approx(-0.2)


def test_an_infarct_costs_its_share_of_the_wall() -> None:
    assert WallMotion().lost_share == pytest.approx(0.0)
    lost = {
        name: WallMotion(segments=dict.fromkeys(segments, 0.0)).lost_share for name, segments in TERRITORIES.items()
    }
    assert 0.6 > lost["LAD"] > lost["LCx"] > lost["RCA"] > 0.2
    whole = WallMotion(segments=dict.fromkeys(SEGMENT_NUMBERS, 0.4))
    assert whole.lost_share == pytest.approx(0.6)


def test_failing_hearts_have_regional_faults_more_often() -> None:
    generator = np.random.default_rng(0)
    low, high = (
        np.mean([draw_wall_motion(ef, generator).territory != "none" for _ in range(800)]) for ef in (30.0, 62.0)
    )
    assert low == pytest.approx(0.4, abs=0.06)
    assert high == pytest.approx(0.04, abs=0.025)


def test_hearts_that_eject_much_have_no_akinetic_wall() -> None:
    generator = np.random.default_rng(1)
    kinds = {draw_wall_motion(48.0, generator).kind for _ in range(400)}
    assert kinds == {"normal", "hypokinetic"}
