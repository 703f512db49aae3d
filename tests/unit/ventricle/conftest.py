"""Shapes whose area, axis and volume are known, and hearts whose beats are."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Areas = NDArray[np.float64]
Mask = NDArray[np.bool_]


def _ellipse(
    size: int = 112,
    *,
    centre: tuple[float, float] = (56.0, 56.0),
    half_length: float = 34.0,
    half_width: float = 16.0,
    turn_degrees: float = 0.0,
) -> NDArray[np.bool_]:
    """A filled ellipse, (size, size), whose long axis stands upright when it is not turned."""
    rows, columns = np.mgrid[:size, :size].astype(np.float64)
    x, y = columns - centre[0], rows - centre[1]
    turn = np.deg2rad(turn_degrees)
    along, across = -x * np.sin(turn) + y * np.cos(turn), x * np.cos(turn) + y * np.sin(turn)
    return np.asarray((along / half_length) ** 2 + (across / half_width) ** 2 <= 1)


def _bullet(size: int = 112, *, top: float = 20.0, length: float = 60.0, half_width: float = 16.0) -> NDArray[np.bool_]:
    """Half an ellipse on its flat base, as a ventricle in an apical view, apex up."""
    rows, columns = np.mgrid[:size, :size].astype(np.float64)
    depth = (top + length - rows) / length
    return np.asarray((depth >= 0) & (depth**2 + ((columns - 56.3) / half_width) ** 2 <= 1))


@pytest.fixture
def ellipse() -> Callable[..., Mask]:
    return _ellipse


@pytest.fixture
def bullet() -> Callable[..., Mask]:
    return _bullet


@pytest.fixture
def heart_areas() -> Callable[..., Areas]:
    """Areas of a heart that contracts in a third of each beat and fills in the rest, from one beat's ED to the next."""

    def make(beats: list[int], *, ed: float = 2000.0, es: float = 1200.0, noise: float = 0.0) -> Areas:
        areas = []
        for frames in beats:
            systole = frames // 3
            contraction = 0.5 + 0.5 * np.cos(np.pi * np.arange(systole) / systole)
            filling = 0.5 - 0.5 * np.cos(np.pi * np.arange(frames - systole) / (frames - systole))
            areas.append(es + (ed - es) * np.concatenate([contraction, filling]))
        curve = np.concatenate(areas)
        return curve + np.random.default_rng(0).normal(0, noise, len(curve))

    return make
