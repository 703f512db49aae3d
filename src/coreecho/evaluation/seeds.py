"""What training says when it is repeated: metrics over several seeds, as in the paper's Table 2 (three runs).

A metric of one run depends on two draws: the seed of the training, and the patients in the test set. The standard
deviation over seeds, which the paper prints, tells of the first alone. The intervals here take in both.

**How.** Patients and seeds are crossed: every seed is tested on the same patients. Each resample draws patients, as
everywhere else, and, independently, k - 1 of the k seeds, both with replacement. Its value is the mean over all seeds
on the drawn patients, plus what the drawn seeds lie above all seeds on the patients as they are. (Were k seeds drawn,
the variance due to them would be (k - 1)/k of what it should be, two thirds for three; with k - 1 it is right: Rao
and Wu 1988.) What belongs to one seed in one patient is in both terms and counts twice, so that an interval is rather
too wide than too narrow. No bootstrap of crossed factors is exact (McCullagh 2000); the one that evaluates the drawn
seeds on the drawn patients, Owen's pigeonhole bootstrap (2007), counts that part three times.

**What an interval covers.** The metric that training would reach on average, over seeds like these, in patients like
these. It does not cover what one single run reaches, nor what another recipe, data set or machine would change. With
three seeds the seeds' part is rough: no resample goes beyond the least and the largest of three values.

Simulated with 3 seeds, 100 patients and normal effects, 600 times for each of eight cases, 95 % intervals held the true
mean in 94 to 98 % while the standard deviation over seeds was at most a run's error due to the patients, and were up to
1.35 times as wide as they should be (the pigeonhole's: 97 to 100 %, 1.7 times); in 91 % where it was twice that error.

References:
    McCullagh, P. (2000). Resampling and exchangeable arrays. Bernoulli 6(2), 285-301.
    Owen, A. B. (2007). The pigeonhole bootstrap. Annals of Applied Statistics 1(2), 386-411.
    Rao, J. N. K. and Wu, C. F. J. (1988). Resampling inference with complex survey data. JASA 83(401), 231-241.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coreecho.evaluation.fold_means import FoldMeans
from coreecho.evaluation.intervals import (
    DEFAULT_LEVEL,
    DEFAULT_RESAMPLES,
    METHOD,
    Interval,
    WeightedStatistics,
    check_bootstrap,
    percentile_interval,
    resampled_counts,
)
from coreecho.evaluation.metric_family import MetricDefinition, MetricFamily
from coreecho.evaluation.prediction_tables import PredictionsOfModels, aligned

# Keeps the draws of the seeds apart from those of the patients, which come from the user's seed alone.
_STREAM_OF_SEEDS = 1


@dataclass(frozen=True, kw_only=True)
class OverSeeds:
    """One metric over several seeds, or the difference of one metric, seed by seed.

    Attributes:
        mean: over the seeds, with an interval that takes in seeds and patients; NaN where a seed has no such metric.
        sd: standard deviation over the seeds, with k - 1 in the denominator.
        of_seeds: (k,) the metric, or difference, of each seed.
    """

    mean: Interval
    sd: float
    of_seeds: tuple[float, ...]

    def format(self, digits: int = 2, *, scale: float = 1) -> str:
        """Give mean and standard deviation as the paper prints them: `81.59±0.18`, or `n/a`.

        Args:
            digits: after the point.
            scale: 100 for a share that is printed in percent.
        """
        if not self.mean.is_defined:
            return "n/a"
        return f"{self.mean.estimate * scale:z.{digits}f}±{self.sd * scale:.{digits}f}"

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary; NaN becomes None."""
        values = [None if math.isnan(value) else value for value in self.of_seeds]
        return {"mean": self.mean.to_dict(), "sd": None if math.isnan(self.sd) else self.sd, "of_seeds": values}


@dataclass(frozen=True, kw_only=True)
class SeedMetrics:
    """All metrics of a method over its seeds, or all differences of two methods, from the same resamples.

    Attributes:
        definitions: of the metrics.
        num_seeds: k.
        num_recordings: N.
        num_patients: how many patients they come from.
        seed: of the resamples, not of a training.
        over_seeds: by the keys of `definitions`, in that order.
    """

    definitions: tuple[MetricDefinition, ...]
    num_seeds: int
    num_recordings: int
    num_patients: int
    seed: int
    over_seeds: Mapping[str, OverSeeds]

    def __getitem__(self, key: str) -> OverSeeds:
        return self.over_seeds[key]

    def to_frame(self) -> pd.DataFrame:
        """Give one row a metric; `estimate`, `low` and `high` are of the mean over the seeds."""
        rows = [
            {
                "metric": definition.key,
                "label": definition.label,
                "unit": definition.unit,
                **self[definition.key].mean.to_dict(),
                "sd_over_seeds": self[definition.key].sd,
                "num_seeds": self.num_seeds,
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
            "num_seeds": self.num_seeds,
            "num_recordings": self.num_recordings,
            "num_patients": self.num_patients,
            "seed": self.seed,
            "metrics": {key: values.to_dict() for key, values in self.over_seeds.items()},
        }


def metrics_over_seeds(
    tables: Sequence[pd.DataFrame],
    *,
    family: MetricFamily[Any],
    patients: Mapping[str, str] | None = None,
    folds: Mapping[str, int] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> SeedMetrics:
    """Give mean and standard deviation of each metric over the seeds, with an interval of the mean.

    Args:
        tables: k >= 2 tables of predictions, one a seed, of the same recordings: `recording` and the columns of
            `family`. The order of a table's rows does not matter, to the last bit.
        family: which metrics: `EF_METRICS` or `MI_METRICS`.
        patients: patient by recording, where a patient may have several; these are resampled together.
        folds: fold by recording, where metrics are the means of the folds'; see `fold_means`.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.

    Returns:
        The metrics; what an interval covers, this module says above.

    Raises:
        ValueError: fewer than two tables, tables that differ in recordings or labels, or as in `family.checked` and
            `bootstrap_intervals`.
    """
    _check_number(tables, "tables")
    models = aligned(family, {f"seed {number}": table for number, table in enumerate(tables, start=1)})
    family = _of_folds(family, folds, models)
    statistics = [family.statistics(models.true, predicted) for predicted in models.predicted.values()]
    # Two deviations in a row may lead beyond what a metric can be.
    bounds = [metric.least for metric in family.definitions], [metric.largest for metric in family.definitions]
    return _crossed(family, statistics, models, patients, resamples, level, seed, bounds)


def compare_over_seeds(
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    *,
    family: MetricFamily[Any],
    patients: Mapping[str, str] | None = None,
    folds: Mapping[str, int] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> SeedMetrics:
    """Subtract the mean metrics of a first method from those of a second one, paired over seeds and recordings.

    A resample holds the same patients, and the same pairs of seeds, for both methods: what both have in common cancels.
    Seeds are pairs in the order of the tables: the first table of each method should stem from the same seed.

    Args:
        first: k >= 2 tables of the first method, one a seed, as in `metrics_over_seeds`.
        second: k tables of the second method, on the same recordings, in the same order of seeds.
        family: which metrics: `EF_METRICS` or `MI_METRICS`.
        patients: patient by recording, where a patient may have several; these are resampled together.
        folds: fold by recording, where metrics are the means of the folds'; see `fold_means`.
        resamples: how many bootstrap resamples.
        level: confidence level of the intervals.
        seed: of the resamples.

    Returns:
        Second minus first: the mean over the pairs of seeds with its interval, and the standard deviation of the
        differences over the pairs.

    Raises:
        ValueError: methods differ in the number of their seeds, or as in `metrics_over_seeds`.
    """
    _check_number(first, "first")
    if len(first) != len(second):
        raise ValueError(f"seeds are paired: expected as many tables of each method, got {len(first)}, {len(second)}")
    names = [f"seed {number} of the {method} method" for method in ("first", "second") for number in _from_one(first)]
    models = aligned(family, dict(zip(names, [*first, *second], strict=True)))
    family = _of_folds(family, folds, models)
    of_models = [family.statistics(models.true, predicted) for predicted in models.predicted.values()]
    pairs = zip(of_models[: len(first)], of_models[len(first) :], strict=True)
    return _crossed(family, [_Difference(*pair) for pair in pairs], models, patients, resamples, level, seed)


@dataclass(frozen=True)
class _Difference:
    """The statistics of a second model minus those of a first."""

    first: WeightedStatistics
    second: WeightedStatistics

    def __call__(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.second(counts) - self.first(counts)


def _crossed(
    family: MetricFamily[Any],
    statistics: Sequence[WeightedStatistics],
    models: PredictionsOfModels,
    patient_of_recording: Mapping[str, str] | None,
    resamples: int,
    level: float,
    seed: int,
    bounds: tuple[Sequence[float], Sequence[float]] = ((-math.inf,), (math.inf,)),
) -> SeedMetrics:
    """Resample patients and seeds, and collect the mean over the seeds of each statistic."""
    patients = models.patients(patient_of_recording)
    num_recordings = len(models.recordings)
    check_bootstrap(num_recordings, patients, resamples, level)
    number_of_patient = np.arange(num_recordings) if patients is None else np.unique(patients, return_inverse=True)[1]
    of_seeds = np.stack([of_seed(np.ones((1, num_recordings)))[0] for of_seed in statistics])
    chunks = resampled_counts(number_of_patient, resamples=resamples, seed=seed)
    on_drawn_patients = np.concatenate(
        [np.mean([of_seed(counts) for of_seed in statistics], axis=0) for counts in chunks]
    )
    means = np.clip(on_drawn_patients + _deviations_of_drawn_seeds(of_seeds, resamples, seed), *bounds)
    method = f"{METHOD} over {'recordings' if patients is None else 'patients'} and over seeds"
    over_seeds = {}
    for column, definition in enumerate(family.definitions):
        of_metric = of_seeds[:, column]
        mean = percentile_interval(float(of_metric.mean()), means[:, column], level, method)
        if not mean.is_defined:
            mean = replace(mean, reason=family.reason_of_any(definition.key, models.true, models.predicted))
        sd = float(of_metric.std(ddof=1))
        over_seeds[definition.key] = OverSeeds(mean=mean, sd=sd, of_seeds=tuple(map(float, of_metric)))
    return SeedMetrics(
        definitions=family.definitions,
        num_seeds=len(statistics),
        num_recordings=num_recordings,
        num_patients=len(set(number_of_patient.tolist())),
        seed=seed,
        over_seeds=over_seeds,
    )


def _deviations_of_drawn_seeds(of_seeds: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """(k, K) metrics of the seeds to (R, K): the mean of k - 1 drawn ones minus that of all."""
    num_seeds = len(of_seeds)
    rng = np.random.default_rng([seed, _STREAM_OF_SEEDS])
    drawn = rng.integers(0, num_seeds, size=(resamples, num_seeds - 1))
    return np.asarray(of_seeds[drawn].mean(axis=1) - of_seeds.mean(axis=0))


def _of_folds(
    family: MetricFamily[Any], folds: Mapping[str, int] | None, models: PredictionsOfModels
) -> MetricFamily[Any]:
    """The family itself, or the means of what the folds have of it."""
    return family if folds is None else FoldMeans(family, [folds[recording] for recording in models.recordings])


def _check_number(tables: Sequence[pd.DataFrame], name: str) -> None:
    if len(tables) < 2:
        raise ValueError(f"{name}: expected one table for each of at least 2 seeds, got {len(tables)}")


def _from_one(tables: Sequence[pd.DataFrame]) -> range:
    return range(1, len(tables) + 1)
