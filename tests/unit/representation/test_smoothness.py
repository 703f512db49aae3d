from dataclasses import replace

import numpy as np
import pytest

from coreecho.errors import DatasetError
from coreecho.representation.smoothness import EFPath, mean_smoothness, smoothness

EF = np.arange(20.0, 76.0, 5.0)
RNG = np.random.default_rng(0)


def test_a_straight_line_at_even_speed() -> None:
    found = smoothness(np.outer(EF, RNG.standard_normal(16)), EF)
    assert found.order == 1
    assert found.straightness == pytest.approx(1)
    assert found.step_variation == pytest.approx(0, abs=1e-12)


def test_a_half_circle() -> None:
    """In order, at even speed, and as straight as diameter over arc of the polygon."""
    angle = np.pi * (EF - 20) / 55
    found = smoothness(np.column_stack([np.cos(angle), np.sin(angle)]), EF)
    assert found.order == 1
    assert found.straightness == pytest.approx(1 / (11 * np.sin(np.pi / 22)))
    assert found.step_variation == pytest.approx(0, abs=1e-9)


def test_there_and_back() -> None:
    """Up to the middle and home again: straightness 0, and no triple around the turn is in order."""
    points = np.concatenate([np.arange(6), np.arange(5, -1, -1)])[:, None].astype(float)
    found = smoothness(points, EF)
    assert found.straightness == 0
    # In order are the triples of one side (2 x 20), and those that end nearer the turn than they begin: none.
    assert found.order < 0.5


def test_points_in_no_order_are_at_chance() -> None:
    found = [smoothness(RNG.standard_normal((12, 50)), EF).order for _ in range(50)]
    assert np.mean(found) == pytest.approx(1 / 3, abs=0.03)


def test_jumps_are_uneven_steps() -> None:
    """Of eleven steps one is 10 long and ten are 0: the mean is 10 / 11, the deviation its sqrt(10) times."""
    found = smoothness(np.where(EF > 45, 10.0, 0.0)[:, None], EF)
    assert found.step_variation == pytest.approx(np.sqrt(10))
    assert found.straightness == 1


def test_steps_are_counted_for_one_ef_point() -> None:
    """Uneven steps in EF, on a line that goes with EF."""
    labels = np.array([20.0, 21, 25, 40, 70])
    assert smoothness(labels[:, None] * 3, labels).step_variation == pytest.approx(0, abs=1e-12)


def test_refuses_what_is_no_path() -> None:
    with pytest.raises(DatasetError, match="at least 3 points of growing EF"):
        smoothness(np.zeros((2, 3)), [20, 30])
    with pytest.raises(DatasetError, match=r"growing EF, got \[20.0, 40.0, 30.0\]"):
        smoothness(np.zeros((3, 3)), [20, 40, 30])
    with pytest.raises(DatasetError, match="never moves"):
        smoothness(np.ones((3, 3)), [20, 30, 40])
    with pytest.raises(ValueError, match=r"got \(3,\)"):
        smoothness(np.zeros(3), [20, 30, 40])
    with pytest.raises(DatasetError, match="at least one path"):
        mean_smoothness([])


@pytest.fixture
def line() -> EFPath:
    return EFPath("a", np.outer(EF, [3.0, 4.0]).astype(np.float32), EF, 30 + 0.5 * EF)


def test_mean_over_hearts(line: EFPath) -> None:
    jump = EFPath("b", np.where(EF > 45, 10, 0)[:, None].astype(np.float32), EF, 30 + 1.5 * EF)
    found = mean_smoothness([line, jump], resamples=2000)
    assert found["step_variation"].estimate == pytest.approx(np.sqrt(10) / 2)
    assert found["step_variation"].low == pytest.approx(0, abs=1e-5)
    assert found["step_variation"].high == pytest.approx(np.sqrt(10))
    assert found["ef_slope"].estimate == pytest.approx(1)
    assert (found["ef_slope"].low, found["ef_slope"].high) == pytest.approx((0.5, 1.5))


def test_table_of_a_path(line: EFPath) -> None:
    table = line.to_frame()
    assert table["recording"].unique().tolist() == ["a"]
    np.testing.assert_allclose(table["distance_from_start"], 5 * (EF - 20))
    np.testing.assert_array_equal(replace(line, ef_predicted=EF).to_frame()["ef_predicted"], EF)
