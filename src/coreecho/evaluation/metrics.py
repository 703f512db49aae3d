"""How good predicted numbers are: errors, correlation, agreement; and who is below a clinical threshold."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, WeightedStatistics
from coreecho.evaluation.metric_family import InOrder, MetricDefinition, MetricFamily, Metrics
from coreecho.evaluation.ranking import RankingOfCounts
from coreecho.tasks import EF, Task

EF_THRESHOLDS_PERCENT = EF.thresholds
# Limits of agreement hold 95 % of normally distributed differences (Bland and Altman 1986).
AGREEMENT_DEVIATIONS = 1.96
# A resample of one recording repeated has a variance of rounding errors, not of exactly zero.
_RELATIVE_ZERO = 1e-12


def number_definitions(task: Task) -> tuple[MetricDefinition, ...]:
    """What is measured of a task that is a number; where the clinic decides between values, who is below them, too."""
    unit, noun = task.error_unit, task.noun
    return (
        MetricDefinition(key="mae", label="MAE", unit=unit, meaning="mean absolute error", least=0),
        MetricDefinition(key="rmse", label="RMSE", unit=unit, meaning="root of the mean squared error", least=0),
        MetricDefinition(
            key="r2", label="R²", unit="", meaning=f"share of the variance of {noun} that is explained", largest=1
        ),
        MetricDefinition(
            key="pearson",
            label="Pearson r",
            unit="",
            meaning=f"linear correlation of predicted and true {noun}",
            least=-1,
            largest=1,
        ),
        MetricDefinition(key="bias", label="Bias", unit=unit, meaning="mean of predicted minus true"),
        MetricDefinition(
            key="agreement_low",
            label="Lower limit of agreement",
            unit=unit,
            meaning="bias − 1.96 standard deviations of predicted minus true",
        ),
        MetricDefinition(
            key="agreement_high",
            label="Upper limit of agreement",
            unit=unit,
            meaning="bias + 1.96 standard deviations of predicted minus true",
        ),
        *(_below_definition(noun, threshold, f"{threshold:g} {task.unit}".rstrip()) for threshold in task.thresholds),
    )


def _below_definition(noun: str, threshold: float, said: str) -> MetricDefinition:
    return MetricDefinition(
        key=f"auroc_below_{threshold:g}",
        label=f"AUROC, {noun} < {said}",
        unit="",
        meaning=f"how often a recording with {noun} < {said} is predicted lower than one without",
        least=0,
        largest=1,
    )


class NumberMetrics(Metrics):
    """The metrics of a predicted number: errors in its unit, correlation and agreement, who is below a threshold.

    `intervals` has the keys of `number_definitions`, in that order; of an EF those of `EF_METRICS.definitions`.
    """


def compute_metrics(
    ef_true: ArrayLike,
    ef_predicted: ArrayLike,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> NumberMetrics:
    """Compare predicted with true EF; every metric comes with a bootstrap interval.

    The order of the recordings does not matter, to the last bit.

    Args:
        ef_true: (N,) percent.
        ef_predicted: (N,) percent.
        patients: (N,) names where a patient may have several recordings; these are resampled together.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.

    Returns:
        The metrics. One that the recordings do not define (an AUROC without both classes, a correlation of constants)
        is NaN, with the reason.

    Raises:
        ValueError: shapes disagree, no recordings, a value is not finite, or as in `bootstrap_intervals`.
    """
    return EF_METRICS.measure(ef_true, ef_predicted, patients=patients, resamples=resamples, level=level, seed=seed)


class MetricsOfCounts:
    """All metrics of recordings that count several times: (R, N) counts -> (R, K), in the order of the definitions.

    Args:
        true: (N,) labels, such as EF percent.
        predicted: (N,) in the same unit, **falling**, so that the score -predicted rises.
        thresholds: below which a recording is to be found.
    """

    def __init__(
        self,
        true: NDArray[np.float64],
        predicted: NDArray[np.float64],
        thresholds: Sequence[float] = EF_THRESHOLDS_PERCENT,
    ) -> None:
        difference = predicted - true
        self._mean_difference = difference.mean()
        # Second moments are taken of centred values: raw ones lose half the digits to cancellation.
        y, p, d = true - true.mean(), predicted - predicted.mean(), difference - difference.mean()
        self._moments = np.stack([np.abs(difference), difference**2, d, d**2, y, y**2, p, p**2, y * p], axis=1)
        self._zero_y, self._zero_p = _RELATIVE_ZERO * np.max(y**2), _RELATIVE_ZERO * np.max(p**2)
        is_below = (true[:, None] < np.array(thresholds, dtype=np.float64)).astype(np.float64)
        self._ranking = RankingOfCounts(-predicted, is_below) if len(thresholds) > 0 else None

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, K) metrics."""
        errors = self._errors(counts)
        return errors if self._ranking is None else np.column_stack([errors, self._ranking.auroc(counts)])

    def _errors(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        n = counts.sum(axis=1)
        mae, mse, d, d2, y, y2, p, p2, yp = (counts @ self._moments / n[:, None]).T
        variance_y, variance_p = y2 - y**2, p2 - p**2
        variance_y[variance_y <= self._zero_y] = np.nan
        variance_p[variance_p <= self._zero_p] = np.nan
        r2 = 1 - mse / variance_y
        pearson = np.clip((yp - y * p) / np.sqrt(variance_y * variance_p), -1, 1)
        bias = self._mean_difference + d
        degrees_of_freedom = np.where(n > 1, n - 1, np.nan)
        deviation = np.sqrt(np.maximum(d2 - d**2, 0) * n / degrees_of_freedom)
        reach = AGREEMENT_DEVIATIONS * deviation
        return np.column_stack([mae, np.sqrt(mse), r2, pearson, bias, bias - reach, bias + reach])


def checked_pair(
    ef_true: ArrayLike, ef_predicted: ArrayLike, names: tuple[str, str] = ("ef_true", "ef_predicted")
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn true and predicted numbers into arrays (N,).

    Args:
        ef_true: (N,) labels.
        ef_predicted: (N,) predictions.
        names: of the two, for messages.

    Raises:
        ValueError: shapes disagree, no recordings, or not finite.
    """
    true, predicted = np.asarray(ef_true, dtype=np.float64), np.asarray(ef_predicted, dtype=np.float64)
    if true.ndim != 1 or true.shape != predicted.shape:
        raise ValueError(
            f"{names[0]} and {names[1]}: expected the same shape (N,), got {true.shape}, {predicted.shape}"
        )
    if len(true) == 0:
        raise ValueError("metrics need at least one recording, got none")
    for name, values in zip(names, (true, predicted), strict=True):
        unusable = np.flatnonzero(~np.isfinite(values))
        if len(unusable) > 0:
            raise ValueError(f"{name}: {len(unusable)} of {len(values)} values are not finite, first at {unusable[0]}")
    return true, predicted


class NumberFamily(MetricFamily[NumberMetrics]):
    """What is measured of predicted numbers, in the task's unit, and at its thresholds."""

    def __init__(self, task: Task) -> None:
        super().__init__(task, number_definitions(task), NumberMetrics)

    def checked(self, true: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As `checked_pair`."""
        return checked_pair(true, predicted, (self.true_column, self.predicted_column))

    def statistics(self, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> WeightedStatistics:
        """Give `MetricsOfCounts` for recordings in any order."""
        order = np.lexsort((true, -predicted))
        return InOrder(order, MetricsOfCounts(true[order], predicted[order], self.task.thresholds))

    def reason_undefined(self, key: str, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> str:
        """Say why these recordings do not define a metric: one class, one recording, or constants."""
        if key.startswith("auroc_below_"):
            threshold = float(key.removeprefix("auroc_below_"))
            share, said = "every" if np.all(true < threshold) else "no", f"{threshold:g} {self.task.unit}".rstrip()
            return f"{share} recording has a true {self.task.noun} below {said}: both classes are needed"
        if len(true) < 2:
            return "one recording only: at least two are needed"
        constant = "true" if np.ptp(true) == 0 else "predicted"
        return f"the {constant} {self.task.noun} is the same in every recording"


EF_METRICS = NumberFamily(EF())
