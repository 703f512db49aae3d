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
from coreecho.phantom.motion import Motion

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# Echo levels in dB relative to mid-septal myocardium.
_PERICARDIUM_DB = 13.0
_ENDOCARDIUM_DB = 2.5
_RV_WALL_DB = -3.0
_ATRIAL_WALL_DB = 3.0
_POSTERIOR_DB = 7.0
_LUNG_DB = -13.0
_NEAR_FIELD_DB = -6.0
_ANNULUS_DB = 8.0

_LATERAL_FADE_MM = 25.0
_ATRIAL_SHAPE = 2.4


@dataclass(frozen=True, kw_only=True)
class Scatterers:
    """Points of tissue, in heart coordinates at end-diastole. Every array is (N,) float32."""

    side: Singles
    """+1 lateral of the long axis, -1 septal."""
    offset_mm: Singles
    follow: Singles
    fixed_mm2: Singles
    emptied_mm2: Singles
    lengthened_mm2: Singles
    rv: Singles
    depth_mm: Singles
    along: Singles
    real: Singles
    """Real part of the complex scattering amplitude; the imaginary part is `imaginary`."""
    imaginary: Singles

    def __len__(self) -> int:
        return len(self.side)


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Where candidate points lie relative to the surfaces of the heart; every array is (N,)."""

    x_mm: Floats
    z_mm: Floats
    distance: Floats
    endocardium2: Floats
    epicardium: Floats
    rv_cavity: Floats
    out_of_plane2: Floats
    left_dome: Floats
    right_dome: Floats


def out_of_plane_squared(anatomy: Anatomy, z_mm: Floats, foreshortening_rad: float) -> Floats:
    """Squared distance in mm^2 between image plane and long axis; the plane is tilted about the annulus."""
    return np.asarray(np.square(np.tan(foreshortening_rad) * np.maximum(anatomy.length_mm - z_mm, 0.0)))


def make_scatterers(
    anatomy: Anatomy,
    generator: np.random.Generator,
    *,
    per_mm2: float = 1.3,
    foreshortening_rad: float = 0.0,
) -> Scatterers:
    """Fill the tissue around the heart's cavities with scatterers, on a jittered grid.

    Complex Gaussian amplitudes make the speckle fully developed; the jittered grid keeps the density even.

    Args:
        anatomy: the heart at end-diastole.
        generator: of this study.
        per_mm2: scatterers per mm^2 of the image plane.
        foreshortening_rad: angle between the image plane and the long axis.
    """
    step = per_mm2**-0.5
    x_mm, z_mm = np.meshgrid(np.arange(-82.0, 78.0, step), np.arange(-30.0, anatomy.length_mm + 85.0, step))
    x_mm = (x_mm + step * generator.random(x_mm.shape)).ravel()
    z_mm = (z_mm + step * generator.random(z_mm.shape)).ravel()
    places = _locate(anatomy, x_mm, z_mm, foreshortening_rad)
    level_db = _echo_level(anatomy, places)
    kept = np.flatnonzero(level_db > -60.0)
    amplitude = 10.0 ** (level_db[kept] / 20.0) * np.sqrt(0.5)
    return Scatterers(
        **_movement(anatomy, places, kept),
        real=(amplitude * generator.standard_normal(len(kept))).astype(np.float32),
        imaginary=(amplitude * generator.standard_normal(len(kept))).astype(np.float32),
    )


def _locate(anatomy: Anatomy, x_mm: Floats, z_mm: Floats, foreshortening_rad: float) -> _Places:
    level = np.clip(z_mm, 0.0, anatomy.length_mm)
    out_of_plane2 = out_of_plane_squared(anatomy, level, foreshortening_rad)
    epicardium = anatomy.epicardium(level)
    base = float(np.sqrt(anatomy.endocardium_squared(np.array(anatomy.length_mm))))
    half = 0.5 * anatomy.atrium_width_mm
    below = np.maximum(z_mm - anatomy.length_mm, 0.0)

    def dome(centre_mm: float, height_mm: float) -> Floats:
        sideways = np.abs(x_mm - centre_mm) / half
        return np.asarray((sideways**_ATRIAL_SHAPE + (below / height_mm) ** _ATRIAL_SHAPE) ** (1.0 / _ATRIAL_SHAPE))

    left_centre = half - base
    return _Places(
        x_mm=x_mm,
        z_mm=z_mm,
        distance=np.abs(x_mm),
        endocardium2=anatomy.endocardium_squared(level) - out_of_plane2,
        epicardium=np.sqrt(np.maximum(epicardium**2 - out_of_plane2, 0.0)),
        rv_cavity=anatomy.rv_cavity(level),
        out_of_plane2=out_of_plane2,
        left_dome=dome(left_centre, anatomy.atrium_mm),
        right_dome=dome(left_centre - 2.0 * half - 3.0, 0.9 * anatomy.atrium_mm),
    )


def _echo_level(anatomy: Anatomy, at: _Places) -> Floats:
    """Echo level in dB at each place; -99 in blood."""
    septal = at.x_mm < 0.0
    outside = at.distance - at.epicardium
    ventricular = (at.z_mm >= 0.0) & (at.z_mm <= anatomy.length_mm)
    endocardium = np.sqrt(np.maximum(at.endocardium2, 0.0))
    in_wall = ventricular & (outside <= 0.0)
    past_rv = outside - at.rv_cavity
    # Surroundings first; every later line draws over the earlier ones.
    level = _LUNG_DB - 0.25 * np.clip(outside, 0.0, 60.0)
    level = np.where(at.z_mm < 2.0, _NEAR_FIELD_DB, level)
    lateral_line = ~septal & (outside > 0.5) & (outside < 3.0) & ventricular
    level = np.where(lateral_line, _PERICARDIUM_DB - 9.0, level)
    rv_level = ventricular & septal & (at.rv_cavity > 0.0)
    level = np.where(rv_level & (past_rv > 0.0) & (past_rv < anatomy.rv_wall_mm), _RV_WALL_DB, level)
    border = endocardium + 1.5
    inner_edge = (at.distance > endocardium) & (at.distance < border)
    wall_db = np.where(inner_edge, _ENDOCARDIUM_DB, 0.0) - np.where(septal, 0.0, 3.0)
    level = np.where(in_wall, wall_db, level)
    atrial = at.z_mm > anatomy.length_mm
    nearest = np.minimum(at.left_dome, at.right_dome)
    behind = (nearest - 1.0) * 0.5 * anatomy.atrium_width_mm
    level = np.where(atrial & (behind < 22.0), _POSTERIOR_DB - 0.55 * behind, level)
    level = np.where(atrial & (behind < 3.0), _ATRIAL_WALL_DB, level)
    roof = atrial & (behind > 1.0) & (behind < 4.0) & (at.z_mm > anatomy.length_mm + 0.6 * anatomy.atrium_mm)
    level = np.where(roof, _PERICARDIUM_DB, level)
    blood = (ventricular & (at.distance < endocardium) & (at.endocardium2 > 0.0)) | (atrial & (nearest < 1.0))
    level = np.where(blood | (rv_level & (outside > 0.0) & (past_rv < 0.0)), -99.0, level)
    # The annulus and the crux are fibrous and bright.
    base = float(np.sqrt(anatomy.endocardium_squared(np.array(anatomy.length_mm))))
    from_annulus = np.hypot(at.distance - base - 3.0, at.z_mm - anatomy.length_mm)
    crux_db = np.where(septal, _ANNULUS_DB, _ANNULUS_DB - 4.0)
    return np.where(from_annulus < 4.0, crux_db, level)


def _movement(anatomy: Anatomy, at: _Places, kept: NDArray[np.intp]) -> dict[str, Singles]:
    """The coefficients of the two formulas at the top of this file."""
    septal = at.x_mm < 0.0
    level = np.clip(at.z_mm, 0.0, anatomy.length_mm)
    outside = at.distance - at.epicardium
    in_wall = (outside <= 0.0) & (at.z_mm <= anatomy.length_mm)
    past_rv = outside - at.rv_cavity
    below = np.maximum(at.z_mm - anatomy.length_mm, 0.0)
    cavity2 = anatomy.endocardium_squared(level)
    ring2 = np.where(in_wall, at.distance**2, at.epicardium**2) + at.out_of_plane2
    fade_mm = np.where(septal, np.maximum(at.rv_cavity, 4.0), _LATERAL_FADE_MM)
    near = np.clip(1.0 - np.maximum(outside, 0.0) / fade_mm, 0.0, 1.0)
    follow = np.where(in_wall, 1.0, near) * np.exp(-below / 15.0)
    reference = np.where(in_wall, at.distance, at.epicardium)
    across_rv = np.clip(outside / np.maximum(at.rv_cavity, 1.0), 0.0, 1.0)
    beyond_rv = np.exp(-np.maximum(past_rv - anatomy.rv_wall_mm, 0.0) / 10.0)
    rv = np.where(septal & (outside > 0.0), across_rv * beyond_rv * at.rv_cavity / anatomy.rv_width_mm, 0.0)
    beyond_heart = np.where(septal, past_rv - anatomy.rv_wall_mm, outside)
    rigid = np.exp(-np.maximum(beyond_heart, 0.0) / 12.0)
    along = np.where(
        below > 0.0, np.clip(1.0 - below / anatomy.atrium_mm, 0.0, 1.0), np.maximum(at.z_mm, 0.0) / anatomy.length_mm
    )
    columns = {
        "side": np.where(septal, -1.0, 1.0),
        "offset_mm": at.distance - follow * reference,
        "follow": follow,
        "fixed_mm2": cavity2 - at.out_of_plane2,
        "emptied_mm2": -cavity2 * anatomy.contraction_weight(level),
        "lengthened_mm2": ring2 - cavity2,
        "rv": rv * np.exp(-below / 15.0),
        "depth_mm": at.z_mm,
        "along": along * rigid,
    }
    return {name: column[kept].astype(np.float32) for name, column in columns.items()}


def place_scatterers(points: Scatterers, motion: Motion, frame: int) -> tuple[Singles, Singles]:
    """Heart coordinates X and Z in mm, (N,) each, of all scatterers at a frame."""
    contraction = np.float32(motion.contraction[frame])
    relaxed = np.float32(1.0 / motion.stretch[frame])
    squared = points.fixed_mm2 + contraction * points.emptied_mm2
    squared += relaxed * points.lengthened_mm2
    np.maximum(squared, 0.0, out=squared)
    across = np.sqrt(squared, out=squared)
    across *= points.follow
    across += points.offset_mm
    across -= np.float32(motion.rv_inward_mm[frame]) * points.rv
    across *= points.side
    return across, points.depth_mm - np.float32(motion.shortening_mm[frame]) * points.along


def endocardial_contour(
    anatomy: Anatomy, motion: Motion, frame: int, *, foreshortening_rad: float = 0.0, levels: int = 121
) -> tuple[Floats, Floats]:
    """The visible cavity of the left ventricle at a frame.

    Returns:
        Depth Z (levels,) from the visible apex to the annulus, and half-width (levels,), both in mm.
    """
    depth = np.linspace(anatomy.apex_mm, anatomy.length_mm, 2001)
    shrink = np.maximum(1.0 - motion.contraction[frame] * anatomy.contraction_weight(depth), 0.02)
    squared = anatomy.endocardium_squared(depth) * shrink
    squared -= out_of_plane_squared(anatomy, depth, foreshortening_rad)
    visible = np.flatnonzero(squared >= 0.0)
    chosen = np.linspace(depth[visible[0]], anatomy.length_mm, levels)
    width = np.sqrt(np.maximum(np.interp(chosen, depth, squared), 0.0))
    return chosen * motion.stretch[frame], width
