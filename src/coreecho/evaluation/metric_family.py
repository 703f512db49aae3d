"""What every set of metrics has in common, whether of an EF or of a diagnosis: definitions, intervals, tables.

Every metric is written as a function of how often each recording counts. With counts of one it is the metric itself;
with the counts of a bootstrap resample it is the metric of that resample. Ten thousand resamples are then a few matrix
products.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from coreecho.evaluation.intervals import (
    DEFAULT_LEVEL,
    DEFAULT_RESAMPLES,
    Interval,
    WeightedStatistics,
    bootstrap_intervals,
)
from coreecho.registry import Registry
from coreecho.tasks import Task


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """What a metric is called, in files and for people.

    Attributes:
        key: name in files.
        label: name in tables.
        unit: "EF points", or empty for a pure number.
        meaning: one line for those who meet it for the first time.
        least: no value is below.
        largest: no value is above.
    """

    key: str
    label: str
    unit: str
    meaning: str
    least: float = -math.inf
    largest: float = math.inf

    @property
    def digits(self) -> int:
        """After the point: correlations and shares lie close together, and get one more than points."""
        return 2 if self.unit else 3


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The metrics of one set of predictions, each with its interval, all from the same resamples.

    Attributes:
        definitions: of the metrics, in order.
        num_recordings: N.
        num_patients: how many patients they come from; what is resampled.
        seed: of the resamples.
        level: of every interval.
        resamples: how many were drawn.
        intervals: by the keys of `definitions`, in that order.
    """

    definitions: tuple[MetricDefinition, ...]
    num_recordings: int
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
                "num_recordings": self.num_recordings,
                "num_patients": self.num_patients,
                "seed": self.seed,
            }
            for definition in self.definitions
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary."""
        return {
            "num_recordings": self.num_recordings,
            "num_patients": self.num_patients,
            "bootstrap": {"seed": self.seed, "level": self.level, "resamples": self.resamples},
            "metrics": {key: interval.to_dict() for key, interval in self.intervals.items()},
        }


M = TypeVar("M", bound=Metrics)


class MetricFamily(ABC, Generic[M]):
    """The metrics that go with one kind of label, in the columns and the words of one task.

    Args:
        task: what was predicted.
        definitions: of the metrics, in order.
        metrics: what holds them.

    Attributes:
        task: as given.
        definitions: as given.
        metrics: as given.
    """

    def __init__(self, task: Task, definitions: Sequence[MetricDefinition], metrics: type[M]) -> None:
        self.task = task
        self.definitions = tuple(definitions)
        self.metrics = metrics

    @property
    def true_column(self) -> str:
        """Of a table of predictions, holds the labels."""
        return self.task.true_column

    @property
    def predicted_column(self) -> str:
        """Of a table of predictions, holds what is measured: the network's output."""
        return self.task.output_column

    @abstractmethod
    def checked(self, true: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Turn labels and predictions into arrays (N,).

        Raises:
            ValueError: shapes disagree, no recordings, or values that are no label or no prediction.
        """

    @abstractmethod
    def statistics(self, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> WeightedStatistics:
        """Give the metrics as functions of counts, (R, N) -> (R, K), for checked recordings in any order."""

    @abstractmethod
    def reason_undefined(self, key: str, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> str:
        """Say why these recordings do not define a metric."""

    def collected(
        self,
        *,
        num_recordings: int,
        num_patients: int,
        seed: int,
        level: float,
        resamples: int,
        intervals: list[Interval],
    ) -> M:
        """Put the intervals of all metrics, in order, into one object."""
        return self.metrics(
            definitions=self.definitions,
            num_recordings=num_recordings,
            num_patients=num_patients,
            seed=seed,
            level=level,
            resamples=resamples,
            intervals=self.by_key(intervals),
        )

    def by_key(self, intervals: Sequence[Interval]) -> dict[str, Interval]:
        """Name intervals that are in the order of the definitions."""
        return {definition.key: interval for definition, interval in zip(self.definitions, intervals, strict=True)}

    def with_reasons(
        self, intervals: Sequence[Interval], true: NDArray[np.float64], predicted: NDArray[np.float64]
    ) -> list[Interval]:
        """Say of each interval without an estimate why it has none."""
        return [
            interval
            if interval.is_defined
            else replace(interval, reason=self.reason_undefined(definition.key, true, predicted))
            for definition, interval in zip(self.definitions, intervals, strict=True)
        ]

    def reason_of_any(self, key: str, true: NDArray[np.float64], predictions: Mapping[str, NDArray[np.float64]]) -> str:
        """Say which of several models, by name, do not define a metric, and why; once where all have one reason."""
        column = [definition.key for definition in self.definitions].index(key)
        once = np.ones((1, len(true)))
        reasons = {
            name: self.reason_undefined(key, true, predicted)
            for name, predicted in predictions.items()
            if np.isnan(self.statistics(true, predicted)(once)[0, column])
        }
        if len(reasons) == len(predictions) and len(set(reasons.values())) == 1:
            return next(iter(reasons.values()))
        return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())

    def measure(
        self,
        true: ArrayLike,
        predicted: ArrayLike,
        *,
        patients: Sequence[str] | None = None,
        resamples: int = DEFAULT_RESAMPLES,
        level: float = DEFAULT_LEVEL,
        seed: int = 0,
    ) -> M:
        """Compare predictions with labels; every metric comes with a bootstrap interval.

        The order of the recordings does not matter, to the last bit.

        Args:
            true: (N,) labels.
            predicted: (N,) predictions.
            patients: (N,) names where a patient may have several recordings; these are resampled together.
            resamples: how many bootstrap resamples.
            level: confidence level of the intervals.
            seed: of the resamples.

        Returns:
            The metrics; one that the recordings do not define is NaN, with the reason.

        Raises:
            ValueError: as in `checked` and `bootstrap_intervals`.
        """
        true, predicted = self.checked(true, predicted)
        if patients is not None and len(patients) != len(true):
            raise ValueError(f"patients: expected one name for each of {len(true)} recordings, got {len(patients)}")
        names = np.zeros(len(true), dtype=np.int64) if patients is None else np.asarray(patients, dtype=str)
        order = np.lexsort((names, true, -predicted))
        true, predicted = true[order], predicted[order]
        intervals = bootstrap_intervals(
            self.statistics(true, predicted),
            len(true),
            patients=None if patients is None else [str(name) for name in names[order]],
            resamples=resamples,
            level=level,
            seed=seed,
        )
        return self.collected(
            num_recordings=len(true),
            num_patients=len(true) if patients is None else len(np.unique(names)),
            seed=seed,
            level=level,
            resamples=resamples,
            intervals=self.with_reasons(intervals, true, predicted),
        )


# Kinds of metrics by name; a task names its own, most often by an import path.
METRICS: Registry[type[MetricFamily[Any]]] = Registry("metric family", "coreecho.metrics", {})


def family_of(task: Task) -> MetricFamily[Any]:
    """The metrics by which a task is judged. Raises RecipeError: they cannot be imported."""
    kind: Any = METRICS.get(task.metrics)
    family: MetricFamily[Any] = kind(task)
    return family


class InOrder:
    """Statistics that want the recordings in one order, for counts whose recordings lie in another.

    Args:
        order: (N,), such that `counts[:, order]` is what the statistics want.
        statistics: of counts in that order.
    """

    def __init__(self, order: NDArray[np.intp], statistics: WeightedStatistics) -> None:
        # Most often the recordings lie right; taking ten thousand rows of counts apart would then be for nothing.
        self._order = None if np.array_equal(order, np.arange(len(order))) else order
        self._statistics = statistics

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, K) statistics."""
        return self._statistics(counts if self._order is None else counts[:, self._order])
