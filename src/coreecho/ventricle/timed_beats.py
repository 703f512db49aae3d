"""Beats in frames that are not evenly spaced in time."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from coreecho.ventricle.beats import Beats, RangeRule, find_beats
from coreecho.ventricle.volume import VentricleCurve


def find_timed_beats(
    curve: VentricleCurve, *, rule: RangeRule = "product", fps: float | None, times_ms: NDArray[np.float64] | None
) -> Beats:
    """Find beats as `find_beats` does, whenever the frames were taken.

    Areas and volumes at uneven times are brought to an even rate, on the lines between them; a beat's frames are then
    the nearest ones that there are.

    Args:
        curve: of the frames.
        rule: see `find_end_systoles`.
        fps: frames per second, where they are known; of uneven frames, the rate to which they are brought.
        times_ms: (T,), when the frames were taken, where they are not evenly spaced.
    """
    if times_ms is None or fps is None:
        return find_beats(curve, rule=rule, fps=fps)
    instants = np.arange(times_ms[0], times_ms[-1] + 1e-6, 1000 / fps)
    nearest = np.abs(instants[:, None] - times_ms).argmin(axis=1)
    is_known = ~np.isnan(curve.volumes)
    if not is_known.any():
        return find_beats(curve, rule=rule, fps=fps)
    areas, volumes = (
        np.where(is_known[nearest], np.interp(instants, times_ms[is_known], values[is_known]), np.nan)
        for values in (curve.areas, curve.volumes)
    )
    even = replace(
        curve,
        areas=np.nan_to_num(areas),
        volumes=volumes,
        lengths=curve.lengths[nearest],
        axes=tuple(curve.axes[frame] for frame in nearest),
    )
    found = find_beats(even, rule=rule, fps=fps)
    return replace(
        found,
        beats=tuple(
            replace(beat, ed_frame=int(nearest[beat.ed_frame]), es_frame=int(nearest[beat.es_frame]))
            for beat in found.beats
        ),
        es_frames=tuple(int(nearest[frame]) for frame in found.es_frames),
        left_out=tuple(replace(each, frame=int(nearest[each.frame])) for each in found.left_out),
    )
