"""How the whole heart moves under the probe: the numbers that are drawn for a recording."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Sway:
    """How the whole heart moves under the probe: with breathing, with the hand's drift, and with each beat."""

    breath_s: float
    """Period of breathing."""
    breath_phase: float
    """In turns, at the first frame."""
    breath_x_mm: float
    breath_z_mm: float
    breath_rad: float
    """Amplitudes of breathing."""
    drift_x_mm_per_s: float
    drift_z_mm_per_s: float
    swing_x_mm: float
    swing_rad: float
    """Shift and rotation of a ventricle that has emptied completely; where the swing is free of EF, its largest."""


def draw_sway(generator: np.random.Generator, pose_scale: float) -> Sway:
    """The sway of one recording; `pose_scale` is 1 for the usual, 0 for none."""
    period, phase = generator.uniform(3.0, 5.5), generator.random()
    push = pose_scale * generator.standard_normal(6)
    return Sway(
        breath_s=float(period),
        breath_phase=float(phase),
        breath_x_mm=float(1.0 * push[0]),
        breath_z_mm=float(1.6 * push[2]),
        breath_rad=float(np.deg2rad(1.0) * push[4]),
        drift_x_mm_per_s=float(0.4 * push[1]),
        drift_z_mm_per_s=float(0.4 * push[3]),
        swing_x_mm=float(1.5 * push[5]),
        swing_rad=float(np.deg2rad(1.5) * push[5]),
    )
