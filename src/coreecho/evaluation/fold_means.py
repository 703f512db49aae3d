"""Metrics as cross-validations are often published: computed in each fold, and their mean over the folds.

Such a mean is another figure than the metric of all folds' predictions pooled: a specificity of few negatives moves in
large steps in each fold, and every fold counts alike.
"""

from collections.abc import Sequence

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
    of_folds = FoldMeans(family, folds)
    true, predicted = of_folds.checked(true, predicted)
    intervals = bootstrap_intervals(
        of_folds.statistics(true, predicted),
        len(true),
        patients=patients,
        resamples=resamples,
        level=level,
        seed=seed,
    )
    return family.collected(
        num_recordings=len(true),
        num_patients=len(true) if patients is None else len(set(patients)),
        seed=seed,
        level=level,
        resamples=resamples,
        intervals=of_folds.with_reasons(intervals, true, predicted),
    )


class FoldMeans(MetricFamily[M]):
    """The metrics of another family, each the mean of what the folds have.

    Args:
        family: of the metrics.
        folds: (N,), in which each recording was tested; recordings are given to it in this order alone.
    """

    def __init__(self, family: MetricFamily[M], folds: Sequence[int]) -> None:
        super().__init__(family.task, family.definitions, family.metrics)
        self._family = family
        self._folds = np.asarray(folds)

    def checked(self, true: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As the other family. Raises ValueError: not one fold a recording, besides."""
        true, predicted = self._family.checked(true, predicted)
        if len(self._folds) != len(true):
            raise ValueError(f"folds: expected one for each of {len(true)} recordings, got {len(self._folds)}")
        return true, predicted

    def statistics(self, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> WeightedStatistics:
        """Means over the folds; NaN throughout where a fold does not define a metric."""
        return _MeanOverFolds(
            [(rows, self._family.statistics(true[rows], predicted[rows])) for rows in self._rows_of_folds()]
        )

    def reason_undefined(self, key: str, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> str:
        """Say why the first fold that does not define a metric does not."""
        column = [definition.key for definition in self.definitions].index(key)
        for rows in self._rows_of_folds():
            if _is_undefined(self._family.statistics(true[rows], predicted[rows]), len(rows))[column]:
                return f"a fold of {len(rows)}: {self._family.reason_undefined(key, true[rows], predicted[rows])}"
        return "no resample defines it"

    def _rows_of_folds(self) -> list[NDArray[np.intp]]:
        return [np.flatnonzero(self._folds == fold) for fold in np.unique(self._folds)]


def _is_undefined(statistics: WeightedStatistics, num_recordings: int) -> NDArray[np.bool_]:
    """(K,) whether the recordings, each once, leave a metric undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values: NDArray[np.bool_] = np.isnan(statistics(np.ones((1, num_recordings)))[0])
    return values


class _MeanOverFolds:
    """Statistics whose values are means over folds; a fold of a resample that does not define one is left out of it.

    Args:
        folds: of each, which of the recordings it holds, and its statistics.
    """

    def __init__(self, folds: Sequence[tuple[NDArray[np.intp], WeightedStatistics]]) -> None:
        self._folds = folds
        self._is_undefined = np.any([_is_undefined(statistics, len(rows)) for rows, statistics in folds], axis=0)

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, K) statistics."""
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.stack([statistics(counts[:, rows]) for rows, statistics in self._folds])
        num_defined = (~np.isnan(values)).sum(axis=0)
        with np.errstate(invalid="ignore"):
            means: NDArray[np.float64] = np.nansum(values, axis=0) / num_defined
        means[:, self._is_undefined] = np.nan
        return means
