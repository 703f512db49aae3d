"""How much two models differ on the same recordings: each metric of the second minus that of the first, paired.

The same resamples are drawn for both models. What makes a recording hard for both then cancels, so the interval of a
difference is narrower than the intervals of the two metrics suggest: these may overlap where the difference is clear.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from coreecho.evaluation.classification import DECISION_THRESHOLD, DiagnosisFamily
from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, Interval, bootstrap_intervals
from coreecho.evaluation.metric_family import MetricFamily
from coreecho.evaluation.metrics import EF_METRICS
from coreecho.tasks import MI


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
    """Subtract the metrics of a first model from those of a second one on the same recordings.

    Args:
        ef_true: (N,) percent.
        ef_predicted_first: (N,) percent.
        ef_predicted_second: (N,) percent.
        patients: (N,) names where a patient may have several recordings; these are resampled together.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.

    Returns:
        By the keys of `EF_METRICS.definitions`: second minus first, NaN with the reason where either is not defined.

    Raises:
        ValueError: as in `compute_metrics`.
    """
    return paired_differences(
        EF_METRICS,
        ef_true,
        ef_predicted_first,
        ef_predicted_second,
        patients=patients,
        resamples=resamples,
        level=level,
        seed=seed,
    )


def compare_classification_metrics(
    has_mi: ArrayLike,
    probability_first: ArrayLike,
    probability_second: ArrayLike,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
    threshold: float = DECISION_THRESHOLD,
    is_logit: bool = False,
) -> Mapping[str, Interval]:
    """Subtract the metrics of a first classifier from those of a second one on the same recordings.

    Args:
        has_mi: (N,) of False and True, or 0 and 1.
        probability_first: (N,), 0 to 1; or logits.
        probability_second: (N,), 0 to 1; or logits.
        patients: (N,) names where a patient may have several recordings; these are resampled together.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.
        threshold: a probability of at least this is called positive, by both. The protocol is 0.5.
        is_logit: whether both give logits.

    Returns:
        By the keys of `CLASSIFICATION_DEFINITIONS`: second minus first, NaN with the reason where either is not
        defined.

    Raises:
        ValueError: as in `compute_classification_metrics`.
    """
    return paired_differences(
        DiagnosisFamily(MI(), threshold=threshold, is_logit=is_logit),
        has_mi,
        probability_first,
        probability_second,
        patients=patients,
        resamples=resamples,
        level=level,
        seed=seed,
    )


def paired_differences(
    family: MetricFamily[Any], true: ArrayLike, first: ArrayLike, second: ArrayLike, **bootstrap: Any
) -> Mapping[str, Interval]:
    """Subtract the metrics of a first model from those of a second one on the same recordings, of any task.

    Args:
        family: which metrics.
        true: (N,) labels.
        first: (N,) predictions of the first model, in the family's `predicted_column`.
        second: (N,) predictions of the second model.
        **bootstrap: `patients`, `resamples`, `level` and `seed`, as in `bootstrap_intervals`.

    Raises:
        ValueError: as in `MetricFamily.measure`.
    """
    labels, of_first = family.checked(true, first)
    labels, of_second = family.checked(labels, second)
    before, after = family.statistics(labels, of_first), family.statistics(labels, of_second)
    intervals = bootstrap_intervals(lambda counts: after(counts) - before(counts), len(labels), **bootstrap)
    models = {"first model": of_first, "second model": of_second}
    return {
        key: interval if interval.is_defined else replace(interval, reason=family.reason_of_any(key, labels, models))
        for key, interval in family.by_key(intervals).items()
    }
