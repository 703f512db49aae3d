"""The scatterers: points of tissue, each with the strength of its echo and the few numbers that say how it moves.

A scatterer inside the myocardium follows the incompressible ring model of `motion`; everything else follows the nearest
surface of the ventricle, ever less with distance. Both are one formula, so a frame costs a handful of array operations:

    distance from axis = offset + follow * sqrt(fixed + contraction * emptied + lengthened / stretch) - rv * rv_inward
    depth              = depth0 - along * shortening
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.echogenicity import BLOOD_DB, Places, draw_levels, locate
from coreecho.phantom.motion import Motion
from coreecho.phantom.picture import FRAME_SIZE
from coreecho.phantom.view import View

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# How far the surroundings follow the heart.
_LATERAL_REACH_MM = 25.0
_ATRIAL_REACH_MM = 15.0
_RV_REACH_MM = 10.0
_RIGID_REACH_MM = 12.0

# Weaker places are left to the noise.
_WEAKEST_DB = -34.0


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """How points move, in heart coordinates; every array is (N,) float32."""

    side: Singles
    """+1 lateral of the long axis, -1 septal."""
    bend_mm: Singles
    offset_mm: Singles
    follow: Singles
    fixed_mm2: Singles
    emptied_mm2: Singles
    lengthened_mm2: Singles
    rv: Singles
    depth_mm: Singles
    along: Singles
    rv_along: Singles
    """How far a point follows the descent of the right ventricle's free wall, where that is free."""
    atrial: Singles
    """How far it follows the atria's walls outwards."""

    def __len__(self) -> int:
        return len(self.side)

    def place(self, motion: Motion, frame: int) -> tuple[Singles, Singles]:
        """Heart coordinates X and Z in mm, (N,) each, at a frame."""
        contraction: np.float32 | Singles = np.float32(motion.contraction[frame])
        if motion.skew is not None:
            contraction = contraction - np.float32(motion.skew[frame]) * self.side
        squared = self.fixed_mm2 + contraction * self.emptied_mm2
        squared += np.float32(1.0 / motion.stretch[frame]) * self.lengthened_mm2
        np.maximum(squared, 0.0, out=squared)
        across = np.sqrt(squared, out=squared)
        across *= self.follow
        across += self.offset_mm
        across -= np.float32(motion.rv_inward_mm[frame]) * self.rv
        across *= self.side
        across += self.bend_mm
        depth = self.depth_mm - np.float32(motion.shortening_mm[frame]) * self.along
        if motion.free is not None:
            across += np.float32(motion.free.atrial_mm[frame]) * self.atrial
            depth -= np.float32(motion.free.rv_descent_mm[frame] - motion.shortening_mm[frame]) * self.rv_along
        return across, depth


@dataclass(frozen=True, kw_only=True)
class Scatterers:
    """Tissue that scatters sound: (N,) complex amplitudes in two float32 arrays."""

    tissue: Tissue
    real: Singles
    imaginary: Singles
    amplitude: Singles
    """Standard deviation of both."""


def make_scatterers(anatomy: Anatomy, view: View, generator: np.random.Generator, *, per_mm2: float) -> Scatterers:
    """Fill the tissue in and around the heart with scatterers, on a jittered grid.

    Complex Gaussian amplitudes make the speckle fully developed; the jittered grid keeps the density even.

    Args:
        anatomy: the heart at end-diastole.
        view: how it is seen.
        generator: of this recording.
        per_mm2: scatterers per mm^2 of the image plane.
    """
    step = per_mm2**-0.5
    left, right, lowest = _span(anatomy, view)
    x_mm, z_mm = np.meshgrid(np.arange(left, right, step), np.arange(-30.0, lowest, step))
    shape = (x_mm.shape[0], x_mm.shape[1])
    x_mm = (x_mm + step * generator.random(shape)).ravel()
    z_mm = (z_mm + step * generator.random(shape)).ravel()
    seen = np.flatnonzero(_in_sight(view, x_mm, z_mm))
    places = locate(anatomy, x_mm[seen], z_mm[seen], view.foreshortening_rad)
    level = draw_levels(anatomy, view, shape, step, seen, places, generator)
    kept = np.flatnonzero((level > _WEAKEST_DB) & (level > BLOOD_DB))
    amplitude = 10.0 ** (level[kept] / 20.0) * np.sqrt(0.5 / per_mm2)
    return Scatterers(
        tissue=_movement(anatomy, places, kept),
        real=(amplitude * generator.standard_normal(len(kept))).astype(np.float32),
        imaginary=(amplitude * generator.standard_normal(len(kept))).astype(np.float32),
        amplitude=amplitude.astype(np.float32),
    )


def trace_tissue(anatomy: Anatomy, view: View, x_mm: Floats, z_mm: Floats) -> Tissue:
    """The movement of given points (N,), in heart coordinates at end-diastole: contours, or tests' landmarks."""
    places = locate(anatomy, x_mm, z_mm, view.foreshortening_rad)
    return _movement(anatomy, places, np.arange(len(x_mm)))


def _span(anatomy: Anatomy, view: View) -> tuple[float, float, float]:
    """Smallest and largest X and largest Z, in heart coordinates, that the picture can show."""
    if view.framing is None:
        return -85.0, 80.0, anatomy.length_mm + 80.0
    # The frame's corners, turned by the tilt, and a margin for motion.
    half = 0.5 * FRAME_SIZE * view.mm_per_pixel + abs(view.apex_x_mm) + 12.0
    depth = view.depth_mm - view.apex_z_mm + 12.0
    sine = abs(np.sin(view.tilt_rad))
    reach = half + float(sine) * depth
    return -reach, reach, depth + float(sine) * half


def _in_sight(view: View, x_mm: Floats, z_mm: Floats) -> NDArray[np.bool_]:
    """Within the sector, or so near that motion can bring a point into it."""
    cosine, sine = np.cos(view.tilt_rad), np.sin(view.tilt_rad)
    scan_x = view.apex_x_mm + cosine * x_mm + sine * z_mm
    scan_z = view.apex_z_mm - sine * x_mm + cosine * z_mm
    margin = 12.0
    edge = np.abs(scan_x) * np.cos(view.half_angle_rad) - scan_z * np.sin(view.half_angle_rad)
    seen = (edge < margin) & (scan_z > 0.0) & (np.hypot(scan_x, scan_z) < view.depth_mm + margin)
    if view.framing is not None:
        columns, rows = view.to_pixels(scan_x, scan_z)
        pixels = margin / view.mm_per_pixel
        seen &= (np.abs(columns - 0.5 * FRAME_SIZE) < 0.5 * FRAME_SIZE + pixels) & (rows < FRAME_SIZE + pixels)
    return np.asarray(seen)


def _movement(anatomy: Anatomy, at: Places, kept: NDArray[np.intp]) -> Tissue:
    """The coefficients of the two formulas at the top of this file."""
    in_cavity = at.is_wall & (at.distance < at.endocardium)
    in_wall = at.is_wall & ~in_cavity
    cavity2 = anatomy.endocardium_squared(at.level)
    # The surface that a point follows: its own ring in the wall, else the endocardium (papillary muscle) or epicardium.
    reference = np.where(in_wall, at.distance, np.where(in_cavity, at.endocardium, at.epicardium))
    ring2 = np.square(reference) + at.out_of_plane2
    fade_mm = np.where(at.is_septal, np.maximum(at.rv_cavity, 4.0), _LATERAL_REACH_MM)
    near = np.clip(1.0 - np.maximum(at.outside, 0.0) / fade_mm, 0.0, 1.0)
    follow = np.where(at.is_wall, 1.0, near) * np.exp(-at.below / _ATRIAL_REACH_MM)
    # Where the image plane passes the heart by, above the visible apex, there is no surface to follow.
    follow = np.where(at.epicardium > 0.0, follow, 0.0)
    across_rv = np.clip(at.outside / np.maximum(at.rv_cavity, 1.0), 0.0, 1.0)
    beyond_rv = np.exp(-np.maximum(at.past_rv - anatomy.rv_wall_mm, 0.0) / _RV_REACH_MM)
    rv = across_rv * beyond_rv * at.rv_cavity / anatomy.rv_width_mm * np.exp(-at.below / _ATRIAL_REACH_MM)
    beyond_heart = np.where(at.is_septal, at.past_rv - anatomy.rv_wall_mm, at.outside)
    rigid = np.exp(-np.maximum(beyond_heart, 0.0) / _RIGID_REACH_MM)
    ventricular = np.maximum(at.z_mm, 0.0) / anatomy.length_mm
    atrial = np.clip(1.0 - at.below / anatomy.atrium_mm, 0.0, 1.0)
    along = np.where(at.below > 0.0, atrial, ventricular) * rigid
    columns = {
        "side": np.where(at.is_septal, -1.0, 1.0),
        "bend_mm": anatomy.bend(at.z_mm),
        "offset_mm": at.distance - follow * reference,
        "follow": follow,
        "fixed_mm2": cavity2 - at.out_of_plane2,
        "emptied_mm2": -cavity2 * anatomy.contraction_weight(at.level, at.is_septal),
        "lengthened_mm2": ring2 - cavity2,
        "rv": np.where(at.is_septal & (at.outside > 0.0), rv, 0.0),
        "depth_mm": at.z_mm,
        "along": along,
        "rv_along": np.where(at.is_septal, along * across_rv, 0.0),
        "atrial": _atrial_follow(anatomy, at),
    }
    return Tissue(**{name: column[kept].astype(np.float32) for name, column in columns.items()})


def _atrial_follow(anatomy: Anatomy, at: Places) -> Floats:
    """How far points (N,) follow the atria's walls outwards: those beside an atrium, and less with distance."""
    depth = np.clip(at.below / anatomy.atrium_mm, 0.0, 2.0)
    beside = np.sin(0.5 * np.pi * np.clip(depth, 0.0, 1.0)) * np.exp(-np.maximum(at.behind, 0.0) / _RIGID_REACH_MM)
    # The septum between the atria stays, their outer walls move.
    middle = -anatomy.annulus_mm
    return np.asarray(np.tanh((at.x_mm - middle) / 15.0) * beside)
