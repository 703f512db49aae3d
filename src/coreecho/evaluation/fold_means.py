"""Metrics as cross-validations are often published: computed in each fold, and their mean over the folds.

Such a mean is another figure than the metric of all folds' predictions pooled: a specificity of few negatives moves in
large steps in each fold, and every fold counts alike.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.evaluation.intervals import (
    DEFAULT_LEVEL,
    DEFAULT_RESAMPLES,
    WeightedStatistics,
    bootstrap_intervals,
)
from coreecho.evaluation.metric_family import M, MetricFamily


def metrics_mean_over_folds(
    true: ArrayLike,
    predicted: ArrayLike,
    folds: Sequence[int],
    *,
    family: MetricFamily[M],
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> M:
    """Measure each fold, and take the mean over the folds.

    Intervals resample the patients of all folds together. A fold of a resample that does not define a metric, such as
    a specificity without negatives, does not count in its mean.

    Args:
        true: (N,) labels.
        predicted: (N,) predictions.
        folds: (N,), in which each was tested.
        family: of the metrics.
        patients: (N,) names, as in `MetricFamily.measure`.
        resamples: how many.
        level: of the intervals.
        seed: of the resamples.

    Returns:
        The metrics; one that a fold does not define is NaN, with the reason.

    Raises:
        ValueError: as in `MetricFamily.measure`, or not one fold a recording.
    """
    true, predicted = family.checked(true, predicted)
    if len(folds) != len(true):
        raise ValueError(f"folds: expected one for each of {len(true)} recordings, got {len(folds)}")
    inside = [np.flatnonzero(np.asarray(folds) == fold) for fold in sorted(set(folds))]
    statistics = _MeanOverFolds([(rows, family.statistics(true[rows], predicted[rows])) for rows in inside])
    intervals = bootstrap_intervals(
        statistics, len(true), patients=patients, resamples=resamples, level=level, seed=seed
    )
    for place, definition in enumerate(family.definitions):
        for rows in inside:
            if np.isnan(family.statistics(true[rows], predicted[rows])(np.ones((1, len(rows))))[0, place]):
                reason = (
                    f"a fold of {len(rows)}: {family.reason_undefined(definition.key, true[rows], predicted[rows])}"
                )
                intervals[place] = replace(intervals[place], estimate=np.nan, low=np.nan, high=np.nan, reason=reason)
                break
    return family.collected(
        num_recordings=len(true),
        num_patients=len(true) if patients is None else len(set(patients)),
        seed=seed,
        level=level,
        resamples=resamples,
        intervals=intervals,
    )


class _MeanOverFolds:
    """Statistics whose values are means over folds; a fold that does not define one is left out of it.

    Args:
        folds: of each, which of the recordings it holds, and its statistics.
    """

    def __init__(self, folds: Sequence[tuple[NDArray[np.intp], WeightedStatistics]]) -> None:
        self._folds = folds

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, K) statistics."""
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.stack([statistics(counts[:, rows]) for rows, statistics in self._folds])
        num_defined = (~np.isnan(values)).sum(axis=0)
        with np.errstate(invalid="ignore"):
            means: NDArray[np.float64] = np.nansum(values, axis=0) / num_defined
        return means
