"""Heartbeats in the area of the left ventricle over time.

End-systole is a minimum of the area that stands out on both sides by half of the area's range; after Ouyang et al.
2020 (EchoNet-Dynamic), whose code takes the range from the sorted areas at the places round(n^0.95) and round(n^0.05).
That is a power where a product was evidently meant: of 171 frames it takes the places 132 and 1. Both rules are here:
`power` for figures that are compared with theirs, `product` for all else.

End-diastole is not detected there. It is the frame of the largest area between two end-systoles, and before the first.
A beat goes from its end-diastole to its end-systole; where the clip's ends cut one off, it is left out. So is one of
whose two outlines one is not the ventricle's, as far as that is known.

The rhythm is told from the middles of the contractions, where the area falls fastest: about end-systole it hardly
moves, and a little noise shifts its minimum by several frames.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from coreecho.ventricle.volume import VentricleCurve, ejection_fraction

Floats = NDArray[np.float64]
RangeRule = Literal["product", "power"]

# Least distance of two end-systoles. As published in frames; nearly all of EchoNet-Dynamic has 50 a second.
_DISTANCE_FRAMES = 20
_DISTANCE_S = 0.4
_PROMINENCE = 0.5
_LOW, _HIGH = 0.05, 0.95
# A fall of the area by less than this part of its range is noise of the outline, and not worth a word.
_WORTH_A_WORD = 0.25
# A largest area this near to the clip's start may be the tail of a beat whose end-diastole came before the clip.
_START_S = 0.04
_START_FRAMES = 2
# Ours: (longest - shortest) / mean interval from which a rhythm counts as irregular. Atrial fibrillation is far above;
# breathing and whole frames make a few percent.
IRREGULAR_SPREAD = 0.2


@dataclass(frozen=True)
class Beat:
    """From an end-diastole to the end-systole after it.

    Attributes:
        ed_frame: counted from 0.
        es_frame: counted from 0.
        edv: volume at end-diastole, in the unit of the curve.
        esv: volume at end-systole.
    """

    ed_frame: int
    es_frame: int
    edv: float
    esv: float

    @property
    def ef_percent(self) -> float:
        """Ejection fraction, 0 to 100."""
        return ejection_fraction(self.edv, self.esv)


@dataclass(frozen=True)
class LeftOut:
    """A contraction that is none of the beats.

    Attributes:
        frame: of its smallest area, counted from 0.
        why: it is left out, in words.
    """

    frame: int
    why: str

    def words(self, moment: str) -> str:
        """In a sentence, with when it was: `0.50 s`."""
        return f"a beat about {moment} was left out: {self.why}"


@dataclass(frozen=True, eq=False)
class Beats:
    """The beats of a clip.

    Attributes:
        beats: the complete ones, in the order of time.
        es_frames: every end-systole, also of a beat whose end-diastole the clip lacks.
        contractions: (n,), in frames, when the area passes the middle between ED and ES; of each complete beat, and of
            one whose end-diastole the clip lacks if it passes the others' mean level.
        rule: of the range of areas.
        fps: frames per second; None where it is unknown.
        left_out: contractions beside these beats, in the order of time; not looked for where there is no end-systole.
        num_misplaced: beats that were left out since an outline of theirs is not the ventricle's; see `without`.
    """

    beats: tuple[Beat, ...]
    es_frames: tuple[int, ...]
    contractions: Floats
    rule: RangeRule
    fps: float | None
    left_out: tuple[LeftOut, ...] = ()
    num_misplaced: int = 0

    def without(self, misplaced: Collection[int]) -> "Beats":
        """Leave out the beats of which an end is among frames whose outline is not the ventricle's.

        The published rule, to its letter, asks nothing of the kind.
        """
        if self.rule == "power":
            return self
        kept = tuple(beat for beat in self.beats if not {beat.ed_frame, beat.es_frame} & set(misplaced))
        dropped = [
            LeftOut(beat.es_frame, f"at {_ends_in(beat, misplaced)} the outline lies elsewhere than in most frames")
            for beat in self.beats
            if beat not in kept
        ]
        left_out = tuple(sorted([*self.left_out, *dropped], key=lambda each: each.frame))
        return replace(self, beats=kept, left_out=left_out, num_misplaced=self.num_misplaced + len(dropped))

    @property
    def ed_frames(self) -> tuple[int, ...]:
        """End-diastole of each complete beat."""
        return tuple(beat.ed_frame for beat in self.beats)

    @property
    def note(self) -> str:
        """What a reader should know of the rule; empty of the usual one."""
        by_power = "beats by EchoNet-Dynamic's published rule (a power of the number of frames)"
        return by_power if self.rule == "power" else ""

    @property
    def num_cut(self) -> int:
        """End-systoles whose beat the clip's start cuts off."""
        return len(self.es_frames) - len(self.beats) - self.num_misplaced

    @property
    def ef_percent(self) -> float | None:
        """Mean over the complete beats; None where there is none."""
        return float(np.mean([beat.ef_percent for beat in self.beats])) if self.beats else None

    @property
    def intervals(self) -> Floats:
        """From each contraction to the next, in seconds where the frame rate is known, else in frames."""
        return np.diff(self.contractions) / (self.fps or 1.0)

    @property
    def heart_rate_bpm(self) -> float | None:
        """Beats a minute, by the mean interval; None where there is no interval, or no frame rate is known."""
        return 60.0 / float(self.intervals.mean()) if self.fps is not None and len(self.intervals) > 0 else None

    @property
    def interval_spread(self) -> float | None:
        """(Longest - shortest) / mean interval; None where there are fewer than two intervals to compare."""
        intervals = self.intervals
        return float(np.ptp(intervals) / intervals.mean()) if len(intervals) >= 2 else None

    @property
    def is_irregular(self) -> bool | None:
        """Whether the intervals differ by more than IRREGULAR_SPREAD of their mean; None where that cannot be told."""
        spread = self.interval_spread
        return None if spread is None else spread > IRREGULAR_SPREAD


def _ends_in(beat: Beat, frames: Collection[int]) -> str:
    """Which ends of a beat are among frames, in words."""
    ends = (("end-diastole", beat.ed_frame), ("end-systole", beat.es_frame))
    return " and ".join(name for name, frame in ends if frame in frames)


def find_end_systoles(areas: Floats, *, rule: RangeRule = "product", fps: float | None = None) -> list[int]:
    """Find the frames of end-systole.

    Args:
        areas: (T,), of the ventricle, in any unit.
        rule: of the range that half of is asked for; `power` is EchoNet-Dynamic's code to the letter, which also counts
            the least distance in frames whatever the frame rate.
        fps: frames per second. Under `product` the least distance is 0.4 s where it is known, else 20 frames.

    Raises:
        ValueError: the areas are not one row of finite numbers, or the frame rate is not a positive number.
    """
    areas = np.asarray(areas, dtype=np.float64)
    if areas.ndim != 1 or not np.isfinite(areas).all():
        raise ValueError(f"expected the areas of frames (T,), all finite, got shape {areas.shape}")
    if fps is not None and not 0 < fps < np.inf:
        raise ValueError(f"fps must be a positive number, got {fps}")
    if len(areas) < 3:
        return []
    distance: float = _DISTANCE_FRAMES
    if rule == "product" and fps is not None:
        distance = max(1.0, _DISTANCE_S * fps)
    area_range = robust_range(areas, rule)
    # A heart that stands still but for single frames has no beats; to the letter, it has whatever dips there are.
    if rule == "product" and area_range <= 0:
        return []
    found, _ = find_peaks(-areas, distance=distance, prominence=_PROMINENCE * area_range)
    return [int(frame) for frame in found]


def robust_range(areas: Floats, rule: RangeRule) -> float:
    """Range of the areas without their extremes; see the module's text.

    Args:
        areas: (T,), T at least 1.
        rule: `power` takes the sorted areas at round(T^0.95) and round(T^0.05), `product` at round(0.95 T) and
            round(0.05 T); the last one where that is beyond it.
    """
    count = len(areas)
    low, high = (count**_LOW, count**_HIGH) if rule == "power" else (_LOW * count, _HIGH * count)
    ordered = np.sort(areas)
    return float(ordered[min(round(high), count - 1)] - ordered[min(round(low), count - 1)])


def find_beats(curve: VentricleCurve, *, rule: RangeRule = "product", fps: float | None = None) -> Beats:
    """Find the beats of a clip, and the ejection fraction of each.

    Frames without a mask get areas and volumes between those of their neighbours. As published they count as area 0.

    Args:
        curve: areas and volumes over time.
        rule: of the range of areas; see `find_end_systoles`.
        fps: frames per second, where it is known.

    Returns:
        No beat where more than half of the frames have no mask.
    """
    if len(curve.areas) == 0 or 2 * curve.num_missing > len(curve.areas):
        return Beats(beats=(), es_frames=(), contractions=np.zeros(0), rule=rule, fps=fps)
    is_missing = np.isnan(curve.volumes)
    areas = curve.areas if rule == "power" else _bridged(curve.areas, is_missing)
    volumes = _bridged(curve.volumes, is_missing)
    es_frames = find_end_systoles(areas, rule=rule, fps=fps)
    at_start = _START_FRAMES if fps is None else max(1, round(_START_S * fps))
    pairs = []
    for start, es_frame in pairwise([0, *es_frames]):
        ed_frame = start + int(np.argmax(areas[start:es_frame]))
        if start > 0 or ed_frame >= at_start:
            pairs.append((ed_frame, es_frame))
    return Beats(
        beats=tuple(Beat(ed, es, edv=float(volumes[ed]), esv=float(volumes[es])) for ed, es in pairs),
        es_frames=tuple(es_frames),
        contractions=_contractions(areas, pairs, es_frames),
        rule=rule,
        fps=fps,
        left_out=tuple(_left_out(areas, es_frames, robust_range(areas, rule), is_cut=len(es_frames) > len(pairs))),
    )


def _left_out(areas: Floats, es_frames: list[int], area_range: float, *, is_cut: bool) -> Iterator[LeftOut]:
    """Contractions without a beat, in the order of time; `is_cut` where the clip's start cuts off the first one."""
    if not es_frames or area_range <= 0:
        return
    found, properties = find_peaks(-areas, prominence=_WORTH_A_WORD * area_range)
    swings = dict(zip(found.tolist(), (properties["prominences"] / area_range).tolist(), strict=True))
    last = max(*swings, *es_frames)
    last_ed = last + int(np.argmax(areas[last:]))
    for frame in sorted({*swings, es_frames[0]}):
        if frame == es_frames[0]:
            if is_cut:
                yield LeftOut(
                    frame, "its largest area lies at the very start of the clip, and may have been larger before"
                )
        elif frame not in es_frames and all(_is_another(areas, frame, other, area_range) for other in es_frames):
            swing = f"the area changes by {100 * swings[frame]:.0f} % of its range, and half of that is asked for"
            yield LeftOut(frame, "it lies too near to another one" if swings[frame] >= _PROMINENCE else swing)
    end = last_ed + int(np.argmin(areas[last_ed:]))
    if areas[last_ed] - areas[end] >= _WORTH_A_WORD * area_range:
        yield LeftOut(end, "the clip ends within it")


def _is_another(areas: Floats, frame: int, es_frame: int, area_range: float) -> bool:
    """Whether a dip is another contraction than that of an end-systole: in between, the ventricle fills.

    Two frames of one end-systole may have the very same number of pixels, and then either of them stands out as far.
    """
    first, last = sorted((frame, es_frame))
    filled = areas[first : last + 1].max() - max(areas[frame], areas[es_frame])
    return bool(filled >= _WORTH_A_WORD * area_range)


def _contractions(areas: Floats, pairs: list[tuple[int, int]], es_frames: list[int]) -> Floats:
    """When the area passes the middle between ED and ES for the last time before ES, between frames."""
    levels = [(areas[ed] + areas[es]) / 2 for ed, es in pairs]
    times = [_last_fall(areas[: es + 1], level) for (_, es), level in zip(pairs, levels, strict=True)]
    if levels and len(es_frames) > len(pairs):
        before, level = areas[: es_frames[0] + 1], float(np.mean(levels))
        if before[-1] < level <= before.max():
            times.insert(0, _last_fall(before, level))
    return np.array(times, dtype=np.float64)


def _last_fall(areas: Floats, level: float) -> float:
    """The last time that areas, which end below a level, pass it."""
    above = int(np.flatnonzero(areas >= level)[-1])
    if above == len(areas) - 1:
        return float(above)
    return above + float((areas[above] - level) / (areas[above] - areas[above + 1]))


def _bridged(values: Floats, is_missing: NDArray[np.bool_]) -> Floats:
    """Values with those that are missing on the line between their neighbours; at the ends, the nearest one's."""
    frames = np.arange(len(values))
    return np.interp(frames, frames[~is_missing], values[~is_missing])
