"""The leaflets of the mitral and the tricuspid valve: thin, bright, and the fastest thing in the picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.motion import Motion, cavity_squared

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_POINTS = 40
# Angle of a leaflet to the plane of its annulus: closed, it tents slightly into the ventricle; open, it hangs into it.
# At its hinge and at its free edge.
_CLOSED_RAD = np.deg2rad([21.0, 3.0])
_OPEN_RAD = np.deg2rad([48.0, 104.0])
# Amplitude of a leaflet along the beam, of that across it.
_ALONG_BEAM = 0.35
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
    strength: Singles
    """(T, N): what of the amplitude comes back, by the angle to the beam."""


def make_leaflets(anatomy: Anatomy, motion: Motion, generator: np.random.Generator, more_db: float = 0.0) -> Leaflets:
    """Hang the leaflets into their annuli and let them follow the flow.

    Args:
        anatomy: the heart at end-diastole.
        motion: its frames.
        generator: of this recording.
        more_db: how much brighter they are than the usual.
    """
    base = np.array(anatomy.length_mm)
    septal = np.sqrt(cavity_squared(anatomy, base, True, motion.side_contraction(True)))
    lateral = np.sqrt(cavity_squared(anatomy, base, False, motion.side_contraction(False)))
    plane = anatomy.length_mm - motion.shortening_mm
    right_inner = septal + (anatomy.epicardium(base) - anatomy.annulus_mm)
    right_width = np.maximum(anatomy.rv_width_mm - motion.rv_inward_mm, 10.0)
    right_plane = plane - _TRICUSPID_OFFSET_MM
    if motion.free is not None:
        right_plane = anatomy.length_mm - _TRICUSPID_OFFSET_MM - motion.free.rv_descent_mm
    levels = generator.normal([3.0, -2.0, -7.0, -8.0], 3.0) + more_db
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
        x_mm=np.concatenate([x for x, _, _ in places], axis=1).astype(np.float32),
        z_mm=np.concatenate([z for _, z, _ in places], axis=1).astype(np.float32),
        strength=np.concatenate([strength for _, _, strength in places], axis=1).astype(np.float32),
        real=(amplitude * generator.standard_normal(len(amplitude))).astype(np.float32),
        imaginary=(amplitude * generator.standard_normal(len(amplitude))).astype(np.float32),
    )


def _with_lag(opening: Floats) -> Floats:
    """A leaflet has mass: it follows the flow over about a frame."""
    padded = np.pad(opening, 1, mode="edge")
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def _hang(
    hinge_x: Floats, inward: float, hinge_z: Floats, length_mm: float, opening: Floats, generator: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """X, Z and strength (T, points) of a leaflet with its hinge at (hinge_x, hinge_z), each (T,).

    A leaflet is a membrane: its angle to the annulus changes along it, and its free edge follows the hinge. Its echo is
    strongest where the beam, which runs down the long axis, meets it squarely.
    """
    along = np.linspace(0.03, 1.0, _POINTS)
    # The free edge is where the hinge was two thirds of a frame ago.
    before = np.concatenate([opening[:1], opening[:-1]])
    opened = opening[:, None] + 0.65 * along * (before - opening)[:, None]
    closed_rad = _CLOSED_RAD[0] + (_CLOSED_RAD[1] - _CLOSED_RAD[0]) * along
    open_rad = (_OPEN_RAD[0] + (_OPEN_RAD[1] - _OPEN_RAD[0]) * along) * generator.uniform(0.9, 1.1)
    angle = closed_rad + opened * (open_rad - closed_rad)
    # Inward along the annulus and up towards the apex (smaller Z).
    step = length_mm / _POINTS
    rough = gaussian_filter1d(generator.standard_normal(_POINTS), 4.0) + 0.2 * generator.standard_normal(_POINTS)
    x_mm = hinge_x[:, None] + inward * (step * np.cumsum(np.cos(angle), axis=1) - rough * np.sin(angle))
    z_mm = hinge_z[:, None] - step * np.cumsum(np.sin(angle), axis=1) - rough * np.cos(angle)
    return x_mm, z_mm, _ALONG_BEAM + (1.0 - _ALONG_BEAM) * np.abs(np.cos(angle))
