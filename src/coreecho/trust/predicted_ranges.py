"""Ranges of the *predicted* EF: a model errs more on some hearts than on others, and only the prediction is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.tasks import EF

PREDICTED_EF_EDGES_PERCENT = EF.interval_edges


@dataclass(frozen=True, kw_only=True)
class PredictedRange:
    """Predictions with low <= EF < high, in percent; the outermost ends are infinite."""

    low: float
    high: float

    @property
    def name(self) -> str:
        """For tables: `below 30`, `30 to 40`, `55 and above`."""
        return range_name(self.low, self.high)


def range_name(low: float, high: float) -> str:
    """For tables: `below 35`, `35 to 40`, `60 and above`; `all` for the range without ends."""
    if math.isinf(low):
        return "all" if math.isinf(high) else f"below {high:g}"
    return f"{low:g} and above" if math.isinf(high) else f"{low:g} to {high:g}"


def ranges_between(edges: Sequence[float]) -> tuple[PredictedRange, ...]:
    """Cut all numbers at rising edges; no edges give one range.

    Raises:
        ValueError: edges that are not finite or do not rise.
    """
    rising = [float(edge) for edge in edges]
    if rising != sorted(set(rising)) or not all(map(math.isfinite, rising)):
        raise ValueError(f"edges: expected finite, rising values, got {list(edges)}")
    ends = [-math.inf, *rising, math.inf]
    return tuple(PredictedRange(low=low, high=high) for low, high in pairwise(ends))


def range_of(ranges: Sequence[PredictedRange], ef_percent: ArrayLike) -> NDArray[np.intp]:
    """Give the range of each EF, as its number; an edge belongs to the range above it."""
    edges = np.array([part.high for part in ranges[:-1]], dtype=np.float64)
    return np.searchsorted(edges, np.asarray(ef_percent, dtype=np.float64), side="right")


def merged_ranges(ef_percent: ArrayLike, edges: Sequence[float], least: int) -> tuple[PredictedRange, ...]:
    """Take away edges until every range holds enough recordings: the smallest range joins its smaller neighbour.

    Only counts decide, never errors: a choice by the errors would undo what a calibration promises.

    Args:
        ef_percent: (N,) EF by which recordings are grouped.
        edges: between the ranges, rising.
        least: recordings that each range needs.

    Returns:
        One range or more; a single one may still hold fewer than `least`.
    """
    remaining = [float(edge) for edge in edges]
    while True:
        ranges = ranges_between(remaining)
        counts = np.bincount(range_of(ranges, ef_percent), minlength=len(ranges))
        smallest = int(np.argmin(counts))
        if len(ranges) == 1 or counts[smallest] >= least:
            return ranges
        is_left = smallest == len(ranges) - 1 or (smallest > 0 and counts[smallest - 1] <= counts[smallest + 1])
        del remaining[smallest - 1 if is_left else smallest]
