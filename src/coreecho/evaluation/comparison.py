"""How much two models differ on the same studies: each metric of the second minus that of the first, paired.

The same resamples are drawn for both models. What makes a study hard for both then cancels, so the interval of a
difference is narrower than the intervals of the two metrics suggest: these may overlap where the difference is clear.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, Interval, bootstrap_intervals
from coreecho.evaluation.metrics import METRIC_DEFINITIONS, MetricsOfCounts, checked_pair


def compare_metrics(
    ef_true: ArrayLike,
    ef_predicted_first: ArrayLike,
    ef_predicted_second: ArrayLike,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> Mapping[str, Interval]:
    """Subtract the metrics of a first model from those of a second one on the same studies.

    Args:
        ef_true: (N,) percent.
        ef_predicted_first: (N,) percent.
        ef_predicted_second: (N,) percent.
        patients: (N,) names where a patient may have several studies; these are resampled together.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.

    Returns:
        By the keys of `METRIC_DEFINITIONS`: second minus first, NaN where either is not defined.

    Raises:
        ValueError: as in `compute_metrics`.
    """
    true, first = checked_pair(ef_true, ef_predicted_first)
    true, second = checked_pair(true, ef_predicted_second)
    sides = [_InOwnOrder(true, predicted) for predicted in (first, second)]
    intervals = bootstrap_intervals(
        lambda counts: sides[1](counts) - sides[0](counts),
        len(true),
        patients=patients,
        resamples=resamples,
        level=level,
        seed=seed,
    )
    return {definition.key: interval for definition, interval in zip(METRIC_DEFINITIONS, intervals, strict=True)}


class _InOwnOrder:
    """Metrics of one model; `MetricsOfCounts` wants the studies by falling prediction, which differs by model."""

    def __init__(self, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
        self._order = np.lexsort((true, -predicted))
        self._metrics = MetricsOfCounts(true[self._order], predicted[self._order])

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._metrics(counts[:, self._order])
