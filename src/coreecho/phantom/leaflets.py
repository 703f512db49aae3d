"""The leaflets of the mitral and the tricuspid valve: thin, bright, and the fastest thing in the picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.motion import Motion, cavity_squared

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_POINTS = 40
# Angle of a leaflet to the plane of its annulus: closed, it tents slightly into the ventricle; open, it hangs into it.
_CLOSED_RAD = np.deg2rad(14.0)
_OPEN_RAD = np.deg2rad(72.0)
# The leaflet bows towards the atrium while closed and towards the wall while open.
_BOW = 0.10
_TRICUSPID_OFFSET_MM = 5.0


@dataclass(frozen=True, kw_only=True)
class Leaflets:
    """Points on four leaflets over a video, in heart coordinates."""

    x_mm: Singles
    """(T, N)."""
    z_mm: Singles
    """(T, N)."""
    real: Singles
    """(N,), and likewise `imaginary`: the complex scattering amplitudes."""
    imaginary: Singles


def make_leaflets(anatomy: Anatomy, motion: Motion, generator: np.random.Generator) -> Leaflets:
    """Hang the leaflets into their annuli and let them follow the flow.

    Args:
        anatomy: the heart at end-diastole.
        motion: its frames.
        generator: of this study.
    """
    base = np.array(anatomy.length_mm)
    septal = np.sqrt(cavity_squared(anatomy, base, True, motion.contraction))
    lateral = np.sqrt(cavity_squared(anatomy, base, False, motion.contraction))
    plane = anatomy.length_mm - motion.shortening_mm
    right_inner = septal + (anatomy.epicardium(base) - anatomy.annulus_mm)
    right_width = np.maximum(anatomy.rv_width_mm - motion.rv_inward_mm, 10.0)
    right_plane = plane - _TRICUSPID_OFFSET_MM
    levels = generator.normal([5.0, -1.0, -7.0, -8.0], 3.0)
    width = septal + lateral
    # Hinge, direction inwards, length: anterior and posterior mitral, septal and anterior tricuspid leaflet.
    hung = [
        (-septal, 1.0, plane, 0.64 * width.mean()),
        (lateral, -1.0, plane, 0.42 * width.mean()),
        (-right_inner, -1.0, right_plane, 0.46 * right_width.mean()),
        (-right_inner - right_width, 1.0, right_plane, 0.60 * right_width.mean()),
    ]
    opening = _with_lag(motion.valve_opening)
    places = [_hang(hinge, inward, hinge_z, length, opening, generator) for hinge, inward, hinge_z, length in hung]
    amplitude = np.repeat(10.0 ** (levels / 20.0), _POINTS)
    return Leaflets(
        x_mm=np.concatenate([x for x, _ in places], axis=1).astype(np.float32),
        z_mm=np.concatenate([z for _, z in places], axis=1).astype(np.float32),
        real=(amplitude * generator.standard_normal(len(amplitude))).astype(np.float32),
        imaginary=(amplitude * generator.standard_normal(len(amplitude))).astype(np.float32),
    )


def _with_lag(opening: Floats) -> Floats:
    """A leaflet has mass: it follows the flow over about a frame."""
    padded = np.pad(opening, 1, mode="edge")
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def _hang(
    hinge_x: Floats, inward: float, hinge_z: Floats, length_mm: float, opening: Floats, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """X and Z (T, points) of a leaflet with its hinge at (hinge_x, hinge_z), each (T,)."""
    along = np.linspace(0.03, 1.0, _POINTS)
    thickness = 0.5 * generator.standard_normal(_POINTS)
    angle = (_CLOSED_RAD + opening * (_OPEN_RAD - _CLOSED_RAD))[:, None]
    bow = (_BOW * length_mm * np.sin(np.pi * along))[None, :] * (2.0 * opening[:, None] - 1.0) + thickness
    forward = length_mm * along[None, :]
    # Inward along the annulus and up towards the apex (smaller Z); the bow is at right angles to the leaflet.
    x_mm = hinge_x[:, None] + inward * (forward * np.cos(angle) - bow * np.sin(angle))
    return x_mm, hinge_z[:, None] - forward * np.sin(angle) - bow * np.cos(angle)
