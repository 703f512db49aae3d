"""The true outlines of the left ventricle at a frame, as the image plane shows them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.echogenicity import out_of_plane_squared
from coreecho.phantom.motion import Motion, remaining

Floats = NDArray[np.float64]

_FINE_LEVELS = 1501


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A surface of the ventricle at one frame, apex to base, in heart coordinates (mm); every array is (n,)."""

    depth: Floats
    septal_x: Floats
    lateral_x: Floats

    def polygon(self) -> tuple[Floats, Floats]:
        """X and Z (2n,) of the closed outline: down the septal side, up the lateral side."""
        return np.concatenate([self.septal_x, self.lateral_x[::-1]]), np.concatenate([self.depth, self.depth[::-1]])


class Surfaces:
    """The borders of one ventricle's wall in one image plane: what does not change from frame to frame is kept.

    Args:
        anatomy: the heart at end-diastole.
        foreshortening_rad: angle between image plane and long axis.
    """

    def __init__(self, anatomy: Anatomy, foreshortening_rad: float) -> None:
        self._anatomy = anatomy
        self._inner = _Levels(anatomy, anatomy.apex_mm, foreshortening_rad)
        self._outer = _Levels(anatomy, 0.0, foreshortening_rad)
        self._wall2 = anatomy.epicardium(self._outer.depth) ** 2 - anatomy.endocardium_squared(self._outer.depth)

    def endocardium(self, motion: Motion, frame: int, levels: int = 121) -> Outline:
        """The visible cavity, from its visible apex to the annulus."""
        septal2, lateral2 = self._inner.cavity_squared(motion, frame)
        return _outline(self._anatomy, motion.stretch[frame], self._inner.depth, septal2, lateral2, levels)

    def epicardium(self, motion: Motion, frame: int, levels: int = 121) -> Outline:
        """The outer border of the wall: the cavity, and around it the same myocardium as at end-diastole."""
        stretch = motion.stretch[frame]
        wall2 = self._wall2 / stretch
        septal2, lateral2 = self._outer.cavity_squared(motion, frame, wall2)
        return _outline(self._anatomy, stretch, self._outer.depth, septal2, lateral2, levels)


class _Levels:
    """Fine levels of the ventricle from a depth down to the annulus, and the shape of its cavity there."""

    def __init__(self, anatomy: Anatomy, first_mm: float, foreshortening_rad: float) -> None:
        self.depth = np.linspace(first_mm, anatomy.length_mm, _FINE_LEVELS)
        self._hidden = out_of_plane_squared(anatomy, self.depth, foreshortening_rad)
        self._full = anatomy.endocardium_squared(self.depth)
        self._weights = {side: anatomy.contraction_weight(self.depth, side) for side in (True, False)}

    def cavity_squared(self, motion: Motion, frame: int, wall2: Floats | float = 0.0) -> tuple[Floats, Floats]:
        """Squared half-widths (n,) on the septal and the lateral side, of the cavity and so much wall around it."""
        squared = []
        for is_septal in (True, False):
            left = remaining(motion.side_contraction(is_septal)[frame], self._weights[is_septal])
            squared.append(self._full * left + wall2 - self._hidden)
        return squared[0], squared[1]


def endocardium_at(
    anatomy: Anatomy, motion: Motion, frame: int, *, foreshortening_rad: float, levels: int = 121
) -> Outline:
    """The visible cavity of one frame; for many frames make `Surfaces` once."""
    return Surfaces(anatomy, foreshortening_rad).endocardium(motion, frame, levels)


def epicardium_at(
    anatomy: Anatomy, motion: Motion, frame: int, *, foreshortening_rad: float, levels: int = 121
) -> Outline:
    """The outer border of the wall at one frame; for many frames make `Surfaces` once."""
    return Surfaces(anatomy, foreshortening_rad).epicardium(motion, frame, levels)


def _outline(
    anatomy: Anatomy, stretch: float, depth: Floats, septal2: Floats, lateral2: Floats, levels: int
) -> Outline:
    """The part of a surface that the image plane meets, resampled to evenly spaced levels."""
    visible = np.flatnonzero((septal2 >= 0.0) | (lateral2 >= 0.0))
    chosen = np.linspace(depth[visible[0]], depth[-1], levels)
    bend = anatomy.bend(chosen)

    def radius(squared: Floats) -> Floats:
        return np.asarray(np.sqrt(np.maximum(np.interp(chosen, depth, squared), 0.0)))

    return Outline(depth=chosen * stretch, septal_x=bend - radius(septal2), lateral_x=bend + radius(lateral2))
