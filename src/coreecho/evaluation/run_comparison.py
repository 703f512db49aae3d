"""Two or more trained models, or recipes of several seeds each, on the same recordings: metrics and paired differences.

What the models say of the recordings is read from their results where it is there, as everywhere, so that a comparison
of what was evaluated before takes seconds; clips that no command has predicted yet are predicted first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.datasets import Recording
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation.comparison import paired_differences
from coreecho.evaluation.evaluate import predict
from coreecho.evaluation.intervals import Interval
from coreecho.evaluation.metric_family import MetricDefinition, MetricFamily, family_of
from coreecho.evaluation.patients import patients_of
from coreecho.evaluation.prediction_tables import aligned
from coreecho.evaluation.predictions import check_labels
from coreecho.evaluation.protocol import Protocol
from coreecho.evaluation.seeds import SeedMetrics, compare_over_seeds, metrics_over_seeds
from coreecho.inference.subject import Subject
from coreecho.names import counted, distinct_names
from coreecho.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Competitor:
    """What is compared: a model, or one recipe trained with several seeds.

    Attributes:
        name: of it, in tables.
        seeds: the model of each seed, by the seed; of a single model one, under None.
    """

    name: str
    seeds: Mapping[int | None, Subject]

    @property
    def has_seeds(self) -> bool:
        """Whether it is one recipe of several seeds."""
        return None not in self.seeds


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One of those that were compared.

    Attributes:
        name: of it.
        metrics: by key; over several seeds the means, whose intervals take in seeds and recordings.
        sd_over_seeds: of each metric, by key; empty of a single model.
        differences: by key: its metrics minus those of the first, paired; empty of the first itself.
        num_seeds: whose means the metrics are; 0 of a single model.
    """

    name: str
    metrics: Mapping[str, Interval]
    sd_over_seeds: Mapping[str, float]
    differences: Mapping[str, Interval]
    num_seeds: int = 0

    @property
    def label(self) -> str:
        """Its name, and what of it was measured."""
        return f"{self.name}, mean of {self.num_seeds} seeds" if self.num_seeds else self.name


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """What a comparison found.

    Attributes:
        task: of all models.
        definitions: of the metrics.
        compared: in the order in which they were given; differences are to the first.
        protocol: how they were tested.
        tested: on what and how, in words.
        num_recordings: on which all were tested.
        is_phantom: simulated hearts have a part in it.
        overlaps: what was trained on some of the recordings, as was allowed.
    """

    task: Task
    definitions: Sequence[MetricDefinition]
    compared: Sequence[Compared]
    protocol: Protocol
    tested: str
    num_recordings: int
    is_phantom: bool
    overlaps: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a metric of each that was compared."""
        rows = []
        for each in self.compared:
            for definition in self.definitions:
                metric, difference = each.metrics[definition.key], each.differences.get(definition.key)
                rows.append(
                    {
                        "model": each.label,
                        "metric": definition.key,
                        "unit": definition.unit,
                        "estimate": metric.estimate,
                        "low": metric.low,
                        "high": metric.high,
                        "sd_over_seeds": each.sd_over_seeds.get(definition.key),
                        "minus_first": None if difference is None else difference.estimate,
                        "minus_first_low": None if difference is None else difference.low,
                        "minus_first_high": None if difference is None else difference.high,
                        "level": metric.level,
                        "is_phantom": self.is_phantom,
                    }
                )
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary."""
        return {
            "is_phantom": self.is_phantom,
            "protocol": self.tested,
            "num_recordings": self.num_recordings,
            "bootstrap": {"resamples": self.protocol.resamples, "seed": self.protocol.seed},
            "overlaps": list(self.overlaps),
            "models": [
                {
                    "name": each.label,
                    "metrics": {key: interval.to_dict() for key, interval in each.metrics.items()},
                    "sd_over_seeds": dict(each.sd_over_seeds),
                    "minus_first": {key: interval.to_dict() for key, interval in each.differences.items()},
                }
                for each in self.compared
            ],
        }


def compare_runs(
    competitors: Sequence[Competitor],
    protocol: Protocol,
    *,
    batch_size: int = 8,
    device: str = "auto",
    allow_overlap: bool = False,
    show_progress: bool = False,
) -> RunComparison:
    """Compare models on the recordings of a split; each with the first, paired.

    Args:
        competitors: two or more, or one of several seeds; all single models, or all of the same seeds.
        protocol: how they are tested.
        batch_size: clips at once, where clips have to be predicted.
        device: where to compute, likewise.
        allow_overlap: take recordings that a model was trained on, too.
        show_progress: show bars on stderr.

    Raises:
        RecipeError: fewer than two, models that read different things, or seeds that do not pair.
        DatasetError: models are not tested on the same recordings, or one was trained on some of them.
        CheckpointError: weights cannot be read.
    """
    _check(competitors)
    first_subject = next(iter(competitors[0].seeds.values()))
    family, recordings = family_of(first_subject.task), first_subject.some_recordings(protocol.split)
    tables: list[list[pd.DataFrame]] = []
    overlaps = []
    for competitor in competitors:
        of_seeds = []
        for subject in competitor.seeds.values():
            own = subject.some_recordings(protocol.split)
            check_labels(own, subject.task)
            overlap = subject.check_overlap(own, protocol.split, allow=allow_overlap, show_progress=show_progress)
            overlaps += [f"{subject.name}: {overlap.label}"] if overlap.label is not None else []
            of_seeds.append(
                predict(subject, protocol, own, batch_size=batch_size, device=device, show_progress=show_progress)
            )
        tables.append(of_seeds)
    _check_same_recordings(family, competitors, tables)
    measure = _over_seeds if competitors[0].has_seeds else _of_single_models
    return RunComparison(
        task=first_subject.task,
        definitions=family.definitions,
        compared=measure(family, competitors, tables, recordings, protocol),
        protocol=protocol,
        tested=protocol.describe(is_undivided=first_subject.is_whole(protocol.split)),
        num_recordings=len(recordings),
        is_phantom=any(
            subject.is_phantom or subject.learned_from_phantoms
            for competitor in competitors
            for subject in competitor.seeds.values()
        ),
        overlaps=tuple(overlaps),
    )


def _check(competitors: Sequence[Competitor]) -> None:
    if not competitors or (len(competitors) == 1 and not competitors[0].has_seeds):
        raise RecipeError(
            f"A comparison needs at least two runs, or one folder of seeds, got {counted(len(competitors), 'runs')}."
        )
    tasks = {
        str(subject.task.to_mapping()): subject.task.quantity
        for competitor in competitors
        for subject in competitor.seeds.values()
    }
    if len(tasks) > 1:
        raise RecipeError(f"Runs that are compared read the same thing, and these read {' and '.join(tasks.values())}.")
    seeds = {tuple(competitor.seeds) for competitor in competitors}
    if len(seeds) > 1:
        told = "; ".join(
            f"{each.name}: {', '.join(map(str, each.seeds)) if each.has_seeds else 'a single run'}"
            for each in competitors
        )
        seeded = next(each for each in competitors if each.has_seeds)
        raise RecipeError(
            f"Seeds are compared in pairs, so all need the same ones: {told}. Give single runs on both sides, such as "
            f"{seeded.name}/seed-{next(iter(seeded.seeds))}, or train the other one with the same `--seeds`."
        )
    if any(each.has_seeds and len(each.seeds) < 2 for each in competitors):
        raise RecipeError("A folder of seeds needs at least two finished ones; give the run itself: OUT/seed-0.")


def _check_same_recordings(
    family: MetricFamily[Any], competitors: Sequence[Competitor], tables: Sequence[Sequence[pd.DataFrame]]
) -> None:
    named = {
        competitor.name if seed is None else f"{competitor.name} seed {seed}": table
        for competitor, of_seeds in zip(competitors, tables, strict=True)
        for seed, table in zip(competitor.seeds, of_seeds, strict=True)
    }
    try:
        aligned(family, named)
    except ValueError as error:
        raise DatasetError(
            f"The runs cannot be compared: {error}. Give the data on which to test all of them: `--data ROOT`."
        ) from error


def _of_single_models(
    family: MetricFamily[Any],
    competitors: Sequence[Competitor],
    tables: Sequence[Sequence[pd.DataFrame]],
    recordings: Sequence[Recording],
    protocol: Protocol,
) -> list[Compared]:
    ids = [recording.id for recording in recordings]
    bootstrap: dict[str, Any] = {
        "patients": patients_of(recordings),
        **protocol.bootstrap,
    }
    ordered = [of_seeds[0].set_index("recording").loc[ids] for of_seeds in tables]
    true, first = ordered[0][family.true_column], ordered[0][family.predicted_column]
    compared = []
    for number, (competitor, table) in enumerate(zip(competitors, ordered, strict=True)):
        predicted = table[family.predicted_column]
        compared.append(
            Compared(
                name=competitor.name,
                metrics=family.measure(true, predicted, **bootstrap).intervals,
                sd_over_seeds={},
                differences={} if number == 0 else paired_differences(family, true, first, predicted, **bootstrap),
            )
        )
    return compared


def _over_seeds(
    family: MetricFamily[Any],
    competitors: Sequence[Competitor],
    tables: Sequence[Sequence[pd.DataFrame]],
    recordings: Sequence[Recording],
    protocol: Protocol,
) -> list[Compared]:
    of_recordings = patients_of(recordings)
    ids = [recording.id for recording in recordings]
    bootstrap: dict[str, Any] = {
        "patients": None if of_recordings is None else dict(zip(ids, of_recordings, strict=True)),
        **protocol.bootstrap,
    }
    compared = []
    for number, (competitor, of_seeds) in enumerate(zip(competitors, tables, strict=True)):
        metrics = metrics_over_seeds(of_seeds, family=family, **bootstrap)
        differences: SeedMetrics | None = None
        if number:
            differences = compare_over_seeds(tables[0], of_seeds, family=family, **bootstrap)
        compared.append(
            Compared(
                name=competitor.name,
                num_seeds=len(of_seeds),
                metrics={key: over.mean for key, over in metrics.over_seeds.items()},
                sd_over_seeds={key: over.sd for key, over in metrics.over_seeds.items()},
                differences={}
                if differences is None
                else {key: over.mean for key, over in differences.over_seeds.items()},
            )
        )
    return compared


def unique_names(paths: Sequence[Path]) -> list[str]:
    """As much of each path as tells it from the others; of one that is given twice, which it is: `run`, `run (2)`."""
    seen: dict[str, int] = {}
    unique = []
    for name in distinct_names(paths):
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique
