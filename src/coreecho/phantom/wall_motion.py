"""How well each part of the left ventricle's wall contracts, by the American Heart Association's 17-segment model.

An apical four-chamber view shows seven of the segments (Cerqueira et al. 2002): on the septal side basal inferoseptal
(3), mid inferoseptal (9) and apical septal (14); the apex (17); on the lateral side apical lateral (16), mid
anterolateral (12) and basal anterolateral (6).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Segments from the apex to the base, and the middle of each as a fraction of the ventricle's length.
SEPTAL_SEGMENTS = ("apex", "apical septal", "mid inferoseptal", "basal inferoseptal")
LATERAL_SEGMENTS = ("apex", "apical lateral", "mid anterolateral", "basal anterolateral")
SEGMENT_NUMBERS = {
    "basal inferoseptal": 3,
    "basal anterolateral": 6,
    "mid inferoseptal": 9,
    "mid anterolateral": 12,
    "apical septal": 14,
    "apical lateral": 16,
    "apex": 17,
}
_SEGMENT_CENTRES = np.array([0.05, 0.28, 0.55, 0.86])

_PLACES = 101

# What a coronary artery supplies of this view: left anterior descending, circumflex, right.
TERRITORIES = {
    "LAD": ("apex", "apical septal", "apical lateral", "mid inferoseptal"),
    "LCx": ("apical lateral", "mid anterolateral", "basal anterolateral"),
    "RCA": ("mid inferoseptal", "basal inferoseptal"),
}
# Above this EF in percent the rest of the wall could not make up for an infarct.
_FULLEST_WITH_INFARCT = 68.0
_KINDS = {"hypokinetic": 0.45, "akinetic": 0.05, "dyskinetic": -0.2}


@dataclass(frozen=True, kw_only=True)
class WallMotion:
    """The contraction of each place of the wall, relative to a normal one."""

    apex_to_base: float = 0.0
    """How much more the apex contracts than the base."""
    segments: dict[str, float] = field(default_factory=dict)
    """Contractility of the segments that are not normal (1): 0 akinetic, below 0 dyskinetic."""
    territory: str = "none"
    """The artery whose territory is infarcted: LAD, LCx, RCA or none."""
    kind: str = "normal"
    """normal, hypokinetic, akinetic or dyskinetic."""

    def contractility(self, along: Floats, is_septal: NDArray[np.bool_] | bool) -> Floats:
        """Contractility, 1 is normal, at fractions of the length from the apex on the given side (arrays alike)."""
        sides = [
            np.interp(along, _SEGMENT_CENTRES, [self.segments.get(name, 1.0) for name in names])
            for names in (SEPTAL_SEGMENTS, LATERAL_SEGMENTS)
        ]
        return np.where(is_septal, *sides)

    @property
    def lost_share(self) -> float:
        """Share of the wall's contraction that is lost, over its length and both sides: 0 for a normal wall."""
        along = np.linspace(0.0, 1.0, _PLACES)
        return float(np.mean([1.0 - self.contractility(along, is_septal) for is_septal in (True, False)]))

    def weight(self, along: Floats, is_septal: NDArray[np.bool_] | bool) -> Floats:
        """How strongly each place contracts: the segment's contractility times the slope from apex to base."""
        along = np.clip(along, 0.0, 1.0)
        return (1.0 + self.apex_to_base * (0.5 - along)) * self.contractility(along, is_septal)


def draw_wall_motion(ef_percent: float, generator: np.random.Generator, *, is_even: bool = False) -> WallMotion:
    """Wall motion of a recording: four in ten hearts with an EF below 50 % have a regional fault, few others do.

    Args:
        ef_percent: of the heart.
        generator: of this recording.
        is_even: no regional faults.
    """
    slope = generator.uniform(-0.05, 0.3)
    chance, kind_draw, spread = generator.random(3)
    territory = str(generator.choice(list(TERRITORIES)))
    share = 0.4 if ef_percent < 50.0 else 0.04 if ef_percent < _FULLEST_WITH_INFARCT else 0.0
    if is_even or chance >= share:
        return WallMotion(apex_to_base=slope)
    # The rest of the wall must make up for the infarct, so a heart that ejects much can only be hypokinetic.
    kind = (
        "hypokinetic" if ef_percent > 42.0 or kind_draw < 0.45 else ("akinetic" if kind_draw < 0.85 else "dyskinetic")
    )
    value = _KINDS[kind] + 0.15 * (spread - 0.5)
    return WallMotion(
        apex_to_base=slope, segments=dict.fromkeys(TERRITORIES[territory], value), territory=territory, kind=kind
    )
