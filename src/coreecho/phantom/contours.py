"""The true outlines of the left ventricle at a frame, as the image plane shows them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.echogenicity import out_of_plane_squared
from coreecho.phantom.motion import Motion, cavity_squared

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


def endocardium_at(
    anatomy: Anatomy, motion: Motion, frame: int, *, foreshortening_rad: float, levels: int = 121
) -> Outline:
    """The visible cavity, from its visible apex to the annulus."""
    depth = np.linspace(anatomy.apex_mm, anatomy.length_mm, _FINE_LEVELS)
    hidden = out_of_plane_squared(anatomy, depth, foreshortening_rad)
    septal2 = cavity_squared(anatomy, depth, True, motion.side_contraction(True)[frame]) - hidden
    lateral2 = cavity_squared(anatomy, depth, False, motion.side_contraction(False)[frame]) - hidden
    return _outline(anatomy, motion.stretch[frame], depth, septal2, lateral2, levels)


def epicardium_at(
    anatomy: Anatomy, motion: Motion, frame: int, *, foreshortening_rad: float, levels: int = 121
) -> Outline:
    """The outer border of the wall: the cavity, and around it the same myocardium as at end-diastole."""
    depth = np.linspace(0.0, anatomy.length_mm, _FINE_LEVELS)
    hidden = out_of_plane_squared(anatomy, depth, foreshortening_rad)
    stretch = motion.stretch[frame]
    wall2 = (anatomy.epicardium(depth) ** 2 - anatomy.endocardium_squared(depth)) / stretch
    septal2 = cavity_squared(anatomy, depth, True, motion.side_contraction(True)[frame]) + wall2 - hidden
    lateral2 = cavity_squared(anatomy, depth, False, motion.side_contraction(False)[frame]) + wall2 - hidden
    return _outline(anatomy, stretch, depth, septal2, lateral2, levels)


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
