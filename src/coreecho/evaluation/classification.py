"""How well a binary diagnosis is made, such as that of myocardial infarction (MI): at a threshold, and at all of them.

**The threshold is part of the protocol.** A recording is called positive where its probability is at least 0.5,
whatever the results; the paper names no threshold. One that is chosen on the tested recordings flatters every metric
but the two areas under curves, which need none.

All metrics are shares from 0 to 1; the paper's Table 5 prints them in percent. Its figures are not those of pooled
predictions: of 37 recordings without MI no number is 86.07 %. All six specificities of its own rows fit means over five
folds, three with 7 such recordings and two with 8. The metrics of the pooled predictions of all folds, which are
computed here, differ from such means even where every prediction is the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, Interval, WeightedStatistics
from coreecho.evaluation.metric_family import InOrder, MetricDefinition, MetricFamily, Metrics
from coreecho.evaluation.ranking import RankingOfCounts
from coreecho.tasks import MI, Task

DECISION_THRESHOLD = 0.5


def _definitions(task: Task) -> tuple[MetricDefinition, ...]:
    name = _short_name(task)
    return tuple(
        MetricDefinition(key=key, label=label, unit="", meaning=meaning, least=0, largest=1)
        for key, label, meaning in (
            ("sensitivity", "Sensitivity", f"share of those with {name} who are found"),
            ("specificity", "Specificity", f"share of those without {name} who are spared"),
            ("precision", "Precision", f"share of those called {name} who have it"),
            ("f1", "F1", "harmonic mean of precision and sensitivity"),
            ("accuracy", "Accuracy", "share of recordings that are called rightly"),
            ("auroc", "AUROC", f"how often a recording with {name} scores higher than one without"),
            ("auprc", "AUPRC", f"average precision, each recording with {name} being the threshold once"),
        )
    )


def _short_name(task: Task) -> str:
    return task.name.upper()


CLASSIFICATION_DEFINITIONS = _definitions(MI())


@dataclass(frozen=True, kw_only=True)
class ClassificationMetrics(Metrics):
    """The metrics of a binary diagnosis; `intervals` has the keys of `CLASSIFICATION_DEFINITIONS`, in that order.

    Attributes:
        threshold: a probability of at least this is called positive.
    """

    threshold: float = DECISION_THRESHOLD

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary."""
        return {"threshold": self.threshold, **super().to_dict()}


class DiagnosisFamily(MetricFamily[ClassificationMetrics]):
    """The metrics of a binary diagnosis.

    Args:
        task: the diagnosis.
        threshold: a probability of at least this is called positive; 0.5 is the protocol.
        is_logit: whether predictions are logits, as the network gives them, and not probabilities. Logits rank
            recordings whose probabilities are all rounded to 1; a probability of 0.5 is a logit of 0.
    """

    def __init__(self, task: Task, *, threshold: float = DECISION_THRESHOLD, is_logit: bool = True) -> None:
        if not 0 < threshold < 1:
            raise ValueError(f"threshold: expected a probability between 0 and 1 such as 0.5, got {threshold}")
        super().__init__(task, _definitions(task), ClassificationMetrics)
        self.threshold = threshold
        self.is_logit = is_logit

    @property
    def predicted_column(self) -> str:
        """Of a table of predictions, holds what is measured: the logits, or the probabilities where it was told so."""
        return self.task.output_column if self.is_logit else self.task.predicted_column

    def checked(self, true: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Turn diagnoses and predictions into arrays (N,).

        Raises:
            ValueError: shapes disagree, no recordings, a diagnosis that is not 0 or 1, or a prediction that is not
                finite or no probability.
        """
        has_mi, score = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
        if has_mi.ndim != 1 or has_mi.shape != score.shape:
            raise ValueError(
                f"{self.true_column} and {self.predicted_column}: expected the same shape (N,), "
                f"got {has_mi.shape}, {score.shape}"
            )
        if len(has_mi) == 0:
            raise ValueError("metrics need at least one recording, got none")
        _refuse(self.true_column, has_mi, ~np.isin(has_mi, (0, 1)), "neither 0 (no) nor 1 (yes)")
        _refuse(self.predicted_column, score, ~np.isfinite(score), "not finite")
        if not self.is_logit:
            expected = "no probability from 0 to 1 (are they logits? Then say so with is_logit)"
            _refuse(self.predicted_column, score, (score < 0) | (score > 1), expected)
        return has_mi, score

    def statistics(self, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> WeightedStatistics:
        """Give `ClassificationOfCounts` for recordings in any order."""
        order = np.lexsort((true, predicted))
        return InOrder(order, ClassificationOfCounts(true[order], predicted[order], self._is_called(predicted[order])))

    def reason_undefined(self, key: str, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> str:
        """Say why these recordings do not define a metric: a class is missing, or nobody is called positive."""
        name = _short_name(self.task)
        if key in ("auroc", "auprc"):
            return f"{'every' if true.all() else 'no'} recording has {name}: both classes are needed"
        if key == "sensitivity":
            return f"no recording has {name}: there is none to be found"
        if key == "specificity":
            return f"every recording has {name}: there is none to be spared"
        if key == "f1":
            return f"no recording has {name}, and none is called {name}"
        return f"no recording is called {name}: no probability is {self.threshold:g} or more"

    def collected(
        self,
        *,
        num_recordings: int,
        num_patients: int,
        seed: int,
        level: float,
        resamples: int,
        intervals: list[Interval],
    ) -> ClassificationMetrics:
        """Put the intervals of all metrics, in order, into one object."""
        return ClassificationMetrics(
            definitions=self.definitions,
            num_recordings=num_recordings,
            num_patients=num_patients,
            seed=seed,
            level=level,
            resamples=resamples,
            intervals=self.by_key(intervals),
            threshold=self.threshold,
        )

    def _is_called(self, score: NDArray[np.float64]) -> NDArray[np.bool_]:
        return score >= (math.log(self.threshold / (1 - self.threshold)) if self.is_logit else self.threshold)


class ClassificationOfCounts:
    """All metrics of recordings that count several times: (R, N) counts -> (R, K), in the order of the definitions.

    Args:
        has_mi: (N,) of 0 and 1.
        score: (N,), **rising**: a probability or a logit.
        is_called: (N,), whether the recording is called positive.
    """

    def __init__(self, has_mi: NDArray[np.float64], score: NDArray[np.float64], is_called: NDArray[np.bool_]) -> None:
        self._classes = np.stack([has_mi, is_called, has_mi * is_called], axis=1)
        self._ranking = RankingOfCounts(score, has_mi[:, None])

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, K) metrics."""
        n = counts.sum(axis=1)
        positives, called, found = (counts @ self._classes).T
        negatives = n - positives
        spared = negatives - (called - found)
        at_threshold = [
            _share(found, positives),
            _share(spared, negatives),
            _share(found, called),
            _share(2 * found, positives + called),
            _share(found + spared, n),
        ]
        return np.column_stack([*at_threshold, self._ranking.auroc(counts), self._ranking.average_precision(counts)])


MI_METRICS = DiagnosisFamily(MI())


def compute_classification_metrics(
    has_mi: ArrayLike,
    probability: ArrayLike,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
    threshold: float = DECISION_THRESHOLD,
    is_logit: bool = False,
) -> ClassificationMetrics:
    """Compare a predicted with the true diagnosis; every metric comes with a bootstrap interval.

    Recordings of both classes are resampled together, as they would be met in another cohort, so that the number of
    patients with MI varies too. The order of the recordings does not matter, to the last bit.

    Args:
        has_mi: (N,) of False and True, or 0 and 1.
        probability: (N,), 0 to 1; or logits.
        patients: (N,) names where a patient may have several recordings; these are resampled together.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.
        threshold: a probability of at least this is called positive. The protocol is 0.5.
        is_logit: whether `probability` holds logits; the threshold is a probability all the same.

    Returns:
        The metrics, as shares. One that the recordings do not define (a specificity where every recording has MI, a
        precision where none is called MI) is NaN, with the reason.

    Raises:
        ValueError: shapes disagree, no recordings, a value is no diagnosis or no probability, a threshold outside (0,
            1), or as in `bootstrap_intervals`.
    """
    family = DiagnosisFamily(MI(), threshold=threshold, is_logit=is_logit)
    return family.measure(has_mi, probability, patients=patients, resamples=resamples, level=level, seed=seed)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return part / np.where(whole > 0, whole, np.nan)


def _refuse(name: str, values: NDArray[np.float64], is_wrong: NDArray[np.bool_], what: str) -> None:
    wrong = np.flatnonzero(is_wrong)
    if len(wrong) > 0:
        raise ValueError(
            f"{name}: {len(wrong)} of {len(values)} values are {what}, first at {wrong[0]} ({values[wrong[0]]:g})"
        )
