"""How good predictions are in each range of EF: a model may be right on average, and wrong for every failing heart.

Two questions, two groupings. "How far may I trust a prediction of 38 %?" groups by the predicted EF, and is what
calibration means. "What does the model do with a heart of 38 %?" groups by the true EF; there, any model that is not
perfect leans towards the middle, even a calibrated one (regression to the mean).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, Interval, bootstrap_intervals
from coreecho.evaluation.metrics import EF_THRESHOLDS_PERCENT, checked_pair
from coreecho.trust.predicted_ranges import range_name

# The clinical thresholds, and one more: more than half of EchoNet-Dynamic lies above 50 %.
EF_RANGE_EDGES_PERCENT = (*EF_THRESHOLDS_PERCENT, 60)


@dataclass(frozen=True, kw_only=True)
class EFRange:
    """The recordings whose EF lies in low <= EF < high.

    Attributes:
        low: percent; minus infinity for the first range.
        high: percent; infinity for the last range.
        num_recordings: in the range.
        mean_predicted: percent.
        mean_true: percent.
        bias: mean of predicted minus true, EF points.
        mae: mean absolute error, EF points.
    """

    low: float
    high: float
    num_recordings: int
    mean_predicted: Interval
    mean_true: Interval
    bias: Interval
    mae: Interval

    @property
    def name(self) -> str:
        """For tables: `below 35`, `35 to 40`, `60 and above`."""
        return range_name(self.low, self.high)


def by_ef_range(
    ef_true: ArrayLike,
    ef_predicted: ArrayLike,
    *,
    by: Literal["predicted", "true"],
    edges: Sequence[float] = EF_RANGE_EDGES_PERCENT,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> list[EFRange]:
    """Group recordings by their EF, and compare predicted with true EF in each group.

    Args:
        ef_true: (N,) percent.
        ef_predicted: (N,) percent.
        by: which EF groups them.
        edges: between the ranges, rising.
        patients: (N,) names where a patient may have several recordings; these are resampled together.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.

    Returns:
        One more than there are edges, in order. A range without recordings has intervals of NaN.

    Raises:
        ValueError: the edges do not rise, or as in `compute_metrics`.
    """
    true, predicted = checked_pair(ef_true, ef_predicted)
    if list(edges) != sorted(set(edges)):
        raise ValueError(f"edges: expected rising values, got {list(edges)}")
    range_of_recording = np.searchsorted(np.asarray(edges), predicted if by == "predicted" else true, side="right")
    is_inside = (range_of_recording[:, None] == np.arange(len(edges) + 1)).astype(np.float64)
    values = np.stack([predicted, true, predicted - true, np.abs(predicted - true)])

    def means_of_ranges(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, 4 x ranges) means; NaN where a resample has no recording in a range."""
        in_range = counts @ is_inside
        sums = np.concatenate([(counts * value) @ is_inside for value in values], axis=1)
        return np.asarray(sums / np.tile(np.where(in_range > 0, in_range, np.nan), len(values)))

    intervals = bootstrap_intervals(
        means_of_ranges, len(true), patients=patients, resamples=resamples, level=level, seed=seed
    )
    mean_predicted, mean_true, bias, mae = np.array(intervals, dtype=object).reshape(4, -1)
    ends = [-math.inf, *map(float, edges), math.inf]
    return [
        EFRange(
            low=ends[number],
            high=ends[number + 1],
            num_recordings=int(is_inside[:, number].sum()),
            mean_predicted=mean_predicted[number],
            mean_true=mean_true[number],
            bias=bias[number],
            mae=mae[number],
        )
        for number in range(len(edges) + 1)
    ]
