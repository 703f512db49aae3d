"""How good predicted ejection fractions are: errors, correlation, agreement, and who lies below a clinical threshold.

Every metric is written as a function of how often each study counts. With counts of one it is the metric itself; with
the counts of a bootstrap resample it is the metric of that resample. Ten thousand resamples are then a few matrix
products.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, Interval, bootstrap_intervals

# Reduced EF is below 40 % and mildly reduced below 50 % in the ESC guidelines on heart failure (McDonagh et al. 2021);
# below 35 % a defibrillator is considered. Ouyang et al. 2020 (EchoNet-Dynamic) report the same three.
EF_THRESHOLDS_PERCENT = (35, 40, 50)
# Limits of agreement hold 95 % of normally distributed differences (Bland and Altman 1986).
AGREEMENT_DEVIATIONS = 1.96
# A resample of one study repeated has a variance of rounding errors, not of exactly zero.
_RELATIVE_ZERO = 1e-12


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """What a metric is called, in files and for people.

    Attributes:
        key: name in files.
        label: name in tables.
        unit: "EF points", or empty for a pure number.
        meaning: one line for those who meet it for the first time.
    """

    key: str
    label: str
    unit: str
    meaning: str


METRIC_DEFINITIONS: tuple[MetricDefinition, ...] = (
    MetricDefinition(key="mae", label="MAE", unit="EF points", meaning="mean absolute error"),
    MetricDefinition(key="rmse", label="RMSE", unit="EF points", meaning="root of the mean squared error"),
    MetricDefinition(key="r2", label="R²", unit="", meaning="share of the variance of EF that is explained"),
    MetricDefinition(key="pearson", label="Pearson r", unit="", meaning="linear correlation of predicted and true EF"),
    MetricDefinition(key="bias", label="Bias", unit="EF points", meaning="mean of predicted minus true"),
    MetricDefinition(
        key="agreement_low",
        label="Lower limit of agreement",
        unit="EF points",
        meaning="bias − 1.96 standard deviations of predicted minus true",
    ),
    MetricDefinition(
        key="agreement_high",
        label="Upper limit of agreement",
        unit="EF points",
        meaning="bias + 1.96 standard deviations of predicted minus true",
    ),
    *(
        MetricDefinition(
            key=f"auroc_below_{threshold}",
            label=f"AUROC, EF < {threshold} %",
            unit="",
            meaning=f"how often a study with EF < {threshold} % is predicted lower than one without",
        )
        for threshold in EF_THRESHOLDS_PERCENT
    ),
)


@dataclass(frozen=True, kw_only=True)
class EFMetrics:
    """The metrics of one set of predictions, each with its interval, all from the same resamples.

    Attributes:
        num_studies: N.
        num_patients: how many patients they come from; what is resampled.
        seed: of the resamples.
        level: of every interval.
        resamples: how many were drawn.
        intervals: by the keys of `METRIC_DEFINITIONS`, in that order.
    """

    num_studies: int
    num_patients: int
    seed: int
    level: float
    resamples: int
    intervals: Mapping[str, Interval]

    def __getitem__(self, key: str) -> Interval:
        return self.intervals[key]

    def to_frame(self) -> pd.DataFrame:
        """Give one row a metric, with everything needed to quote it."""
        rows = [
            {
                "metric": definition.key,
                "label": definition.label,
                "unit": definition.unit,
                **self.intervals[definition.key].to_dict(),
                "num_studies": self.num_studies,
                "num_patients": self.num_patients,
                "seed": self.seed,
            }
            for definition in METRIC_DEFINITIONS
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary."""
        return {
            "num_studies": self.num_studies,
            "num_patients": self.num_patients,
            "bootstrap": {"seed": self.seed, "level": self.level, "resamples": self.resamples},
            "metrics": {key: interval.to_dict() for key, interval in self.intervals.items()},
        }


def compute_metrics(
    ef_true: ArrayLike,
    ef_predicted: ArrayLike,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> EFMetrics:
    """Compare predicted with true EF; every metric comes with a bootstrap interval.

    The order of the studies does not matter, to the last bit.

    Args:
        ef_true: (N,) percent.
        ef_predicted: (N,) percent.
        patients: (N,) names where a patient may have several studies; these are resampled together.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.

    Returns:
        The metrics. One that the studies do not define (an AUROC without both classes, a correlation of constants)
        is NaN, with the reason.

    Raises:
        ValueError: shapes disagree, no studies, a value is not finite, or as in `bootstrap_intervals`.
    """
    true, predicted = checked_pair(ef_true, ef_predicted)
    if patients is not None and len(patients) != len(true):
        raise ValueError(f"patients: expected one name for each of {len(true)} studies, got {len(patients)}")
    names = np.zeros(len(true), dtype=np.int64) if patients is None else np.asarray(patients, dtype=str)
    order = np.lexsort((names, true, -predicted))
    true, predicted = true[order], predicted[order]
    patients_in_order = None if patients is None else [patients[study] for study in order]
    intervals = bootstrap_intervals(
        MetricsOfCounts(true, predicted),
        len(true),
        patients=patients_in_order,
        resamples=resamples,
        level=level,
        seed=seed,
    )
    return EFMetrics(
        num_studies=len(true),
        num_patients=len(true) if patients is None else len(set(patients)),
        seed=seed,
        level=level,
        resamples=resamples,
        intervals={
            definition.key: _with_reason(interval, definition.key, true, predicted)
            for definition, interval in zip(METRIC_DEFINITIONS, intervals, strict=True)
        },
    )


class MetricsOfCounts:
    """All metrics of studies that count several times: (R, N) counts -> (R, K), in the order of the definitions.

    Args:
        true: (N,) EF percent.
        predicted: (N,) EF percent, **falling**, so that the score -predicted rises.
    """

    def __init__(self, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
        difference = predicted - true
        self._mean_difference = difference.mean()
        # Second moments are taken of centred values: raw ones lose half the digits to cancellation.
        y, p, d = true - true.mean(), predicted - predicted.mean(), difference - difference.mean()
        self._moments = np.stack([np.abs(difference), difference**2, d, d**2, y, y**2, p, p**2, y * p], axis=1)
        self._zero_y, self._zero_p = _RELATIVE_ZERO * np.max(y**2), _RELATIVE_ZERO * np.max(p**2)
        self._is_below = np.stack([true < threshold for threshold in EF_THRESHOLDS_PERCENT], axis=1).astype(np.float64)
        self._tie_starts = np.flatnonzero(np.r_[True, np.diff(predicted) != 0])
        self._tie_sizes = np.diff(np.r_[self._tie_starts, len(predicted)])

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, K) metrics."""
        return np.column_stack([self._errors(counts), self._aurocs(counts)])

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

    def _aurocs(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mann-Whitney's U from ranks, equal scores sharing their mean rank, over the number of pairs.

        U = sum of the ranks of the positives - P^2/2, where a study's rank is the count of all studies with a lower
        score plus half of those with its own: the second term removes the positives' pairs among themselves.
        """
        of_ties = np.add.reduceat(counts, self._tie_starts, axis=1)
        rank_of_ties = np.cumsum(of_ties, axis=1) - of_ties / 2
        ranks = np.repeat(rank_of_ties, self._tie_sizes, axis=1)
        positives = counts @ self._is_below
        pairs = positives * (counts.sum(axis=1, keepdims=True) - positives)
        u = (counts * ranks) @ self._is_below - positives**2 / 2
        return u / np.where(pairs > 0, pairs, np.nan)


def checked_pair(ef_true: ArrayLike, ef_predicted: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn true and predicted EF into arrays (N,). Raises ValueError: shapes disagree, no studies, not finite."""
    true, predicted = np.asarray(ef_true, dtype=np.float64), np.asarray(ef_predicted, dtype=np.float64)
    if true.ndim != 1 or true.shape != predicted.shape:
        raise ValueError(f"ef_true and ef_predicted: expected the same shape (N,), got {true.shape}, {predicted.shape}")
    if len(true) == 0:
        raise ValueError("metrics need at least one study, got none")
    for name, values in (("ef_true", true), ("ef_predicted", predicted)):
        unusable = np.flatnonzero(~np.isfinite(values))
        if len(unusable) > 0:
            raise ValueError(f"{name}: {len(unusable)} of {len(values)} values are not finite, first at {unusable[0]}")
    return true, predicted


def _with_reason(interval: Interval, key: str, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> Interval:
    if interval.is_defined:
        return interval
    if key.startswith("auroc_below_"):
        threshold = float(key.removeprefix("auroc_below_"))
        share = "every" if np.all(true < threshold) else "no"
        return replace(interval, reason=f"{share} study has a true EF below {threshold:g} %: both classes are needed")
    if len(true) < 2:
        return replace(interval, reason="one study only: at least two are needed")
    constant = "true" if np.ptp(true) == 0 else "predicted"
    return replace(interval, reason=f"the {constant} EF is the same in every study")
