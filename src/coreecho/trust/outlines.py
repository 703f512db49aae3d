"""What can be measured in the outline of the left ventricle: the values of the gate's checks of this kind."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coreecho.trust.checks import OUTLINE_CHECK

# Share of the sector: a mask below it is no ventricle. The smallest of phantoms take a twentieth.
_LEAST_AREA = 0.01
# Pixels from the sector's end, of frames of 112 pixels a side: an outline this near to it was cut off there.
_EDGE_SHARE = 2 / 112
# Seconds over which the area's change is looked at: the noise of an outline from frame to frame weighs little in it,
# and clips of 8 frames a second have it, too.
_PACE_LAG_S = 1 / 8


@dataclass(frozen=True, kw_only=True)
class OutlineValues:
    """What an outline says of a clip; NaN for what could not be measured.

    Attributes:
        num_beats: end-systoles found.
        ef_percent: the mean over the complete beats.
        lv_unseen: share of the frames in which no ventricle is found.
        lv_area: share of the sector that is ventricle, the median over the frames.
        lv_cut: share of the outline that lies at the sector's end, the mean over the frames with a ventricle.
        lv_pace: how fast its area swings; see `pace_of`.
    """

    num_beats: float
    ef_percent: float
    lv_unseen: float
    lv_area: float
    lv_cut: float
    lv_pace: float

    def beside(self, ef_predicted: float) -> dict[str, float]:
        """The values by the names of the gate's checks.

        Args:
            ef_predicted: percent, what a model reads of the same clip.
        """
        return {
            "num_beats": self.num_beats,
            "lv_unseen": self.lv_unseen,
            "lv_area": self.lv_area,
            "lv_cut": self.lv_cut,
            "lv_pace": self.lv_pace,
            OUTLINE_CHECK: abs(self.ef_percent - ef_predicted),
        }


def outline_values(
    masks: NDArray[np.bool_],
    sector: NDArray[np.bool_] | None,
    *,
    num_beats: int,
    ef_percent: float | None,
    fps: float | None = None,
) -> OutlineValues:
    """Measure the outlines of a clip.

    Args:
        masks: (T, S, S), the cavity in each frame, in one part.
        sector: (S, S); None where none was found.
        num_beats: end-systoles found in them.
        ef_percent: by them; None where no beat is complete.
        fps: of these masks a second; None where it is not known.
    """
    ef = math.nan if ef_percent is None else ef_percent
    if sector is None or not sector.any() or not len(masks):
        unknown = dict.fromkeys(("lv_unseen", "lv_area", "lv_cut", "lv_pace"), math.nan)
        return OutlineValues(num_beats=num_beats, ef_percent=ef, **unknown)
    shares = (masks & sector).sum(axis=(1, 2)) / sector.sum()
    is_seen = shares >= _LEAST_AREA
    width = max(1, round(_EDGE_SHARE * sector.shape[0]))
    # Outside of the frame there is no sector, either.
    edge = sector & ~ndimage.binary_erosion(sector, np.ones((3, 3), dtype=np.bool_), iterations=width)
    cut = [_at_edge(mask & sector, edge) for mask in masks[is_seen]]
    return OutlineValues(
        num_beats=num_beats,
        ef_percent=ef,
        lv_unseen=float(1 - is_seen.mean()),
        lv_area=float(np.median(shares)),
        # A ventricle that is nowhere seen is nowhere cut.
        lv_cut=float(np.mean(cut)) if cut else 0.0,
        lv_pace=pace_of(np.where(is_seen, shares, np.nan), fps),
    )


def pace_of(areas: NDArray[np.float64], fps: float | None) -> float:
    """How fast an area swings, in swings a second.

    The correlation of the area with itself an eighth of a second later is cos(2 pi f / 8) of an area that swings f
    times a second; what also has quicker parts, as the fast emptying of a ventricle, counts as faster. A heart of 75 a
    minute gives some 1.4, and half that at half its speed. Noise of the outline makes it larger, never smaller.

    Args:
        areas: (T,), in any unit; NaN where it is not known, which takes the value between its neighbours.
        fps: of them a second; None where it is not known.

    Returns:
        NaN where no rate is known, the clip is too short, most areas are not known, or the area never changes.
    """
    is_known = np.isfinite(areas)
    lag = 0 if fps is None else max(1, round(_PACE_LAG_S * fps))
    if fps is None or len(areas) <= lag or 2 * is_known.sum() <= len(areas):
        return math.nan
    frames = np.arange(len(areas))
    whole = np.interp(frames, frames[is_known], areas[is_known])
    variance = float(whole.var())
    if variance <= 0:
        return math.nan
    likeness = 1 - float(((whole[lag:] - whole[:-lag]) ** 2).mean()) / (2 * variance)
    return math.acos(min(1.0, max(-1.0, likeness))) * fps / (2 * math.pi * lag)


def _at_edge(mask: NDArray[np.bool_], edge: NDArray[np.bool_]) -> float:
    outline = mask & ~ndimage.binary_erosion(mask)
    return float((outline & edge).sum() / outline.sum())
