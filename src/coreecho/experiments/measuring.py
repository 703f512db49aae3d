"""From the predictions of a table's rows to its figures: means over seeds, intervals, differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.datasets import Split
from coreecho.evaluation import (
    Interval,
    compare_over_seeds,
    family_of,
    metrics_mean_over_folds,
    metrics_over_seeds,
)
from coreecho.evaluation.groups import MIN_PATIENTS_OF_GROUP
from coreecho.evaluation.metric_family import MetricFamily
from coreecho.experiments.paper_table import PaperTable
from coreecho.experiments.runs import Execution, patients_of
from coreecho.experiments.table_file import Column
from coreecho.training.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured figure, in the metric's own unit times the column's scale.

    Attributes:
        interval: of the mean over seeds.
        sd: over the seeds; NaN for one.
        of_seeds: of each seed.
        num_recordings: that it is of.
        scale: of its column.
        digits: of its column.
    """

    interval: Interval
    sd: float
    of_seeds: tuple[float, ...]
    num_recordings: int
    scale: float
    digits: int

    @property
    def value(self) -> float:
        """Mean over the seeds."""
        return self.interval.estimate * self.scale

    def __str__(self) -> str:
        if not self.interval.is_defined:
            return "n/a"
        deviation = "" if math.isnan(self.sd) else f"±{self.sd * self.scale:.{self.digits}f}"
        return f"{self.value:z.{self.digits}f}{deviation}"

    @property
    def ends(self) -> str:
        """Its interval in words: `78.10 to 83.40`."""
        if not self.interval.is_defined or math.isnan(self.interval.low):
            return "n/a"
        low, high = self.interval.low * self.scale, self.interval.high * self.scale
        return f"{low:z.{self.digits}f} to {high:z.{self.digits}f}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A table with its figures.

    Attributes:
        table: of which.
        figures: by row and column, their labels.
        differences: by question and column.
        notes: what only the predictions tell: the release of the EF, and groups too small to be measured.
    """

    table: PaperTable
    figures: dict[tuple[str, str], Figure]
    differences: dict[tuple[str, str], Figure]
    notes: tuple[str, ...] = ()


def measure_table(table: PaperTable, runs: Path, execution: Execution) -> Measured:
    """Read every row's predictions and measure them.

    Args:
        table: whose jobs are done.
        runs: the folder that they lie in.
        execution: on what predictions that are missing are made.
    """
    # What no column shows is not predicted: of a validation split or a whole video that takes long.
    needed = {column.split for column in table.columns}
    tables = {
        (row.label, split): [read(runs, execution) for read in readings]
        for row in table.rows
        for split, readings in row.readings.items()
        if split in needed
    }
    figures, differences, notes = {}, {}, [*_releases(tables), *_precisions(table, runs)]
    for column in table.columns:
        chosen = {
            label: [_of_group(each, column, table) for each in found]
            for (label, split), found in tables.items()
            if split == column.split and found
        }
        small = [label for label, found in chosen.items() if _num_patients(found[0]) < MIN_PATIENTS_OF_GROUP]
        if small:
            rows = "" if len(small) == len(chosen) else f", {'; '.join(small)}"
            notes.append(f"{column.label}{rows}: fewer than {MIN_PATIENTS_OF_GROUP} patients, not measured.")
        chosen = {label: found for label, found in chosen.items() if label not in small}
        for label, found in chosen.items():
            figures[label, column.label] = _figure(found, column, table)
        for comparison in table.comparisons:
            if comparison.first in chosen and comparison.second in chosen:
                pair = chosen[comparison.first], chosen[comparison.second]
                differences[comparison.question, column.label] = _difference(*pair, column, table)
    return Measured(table=table, figures=figures, differences=differences, notes=tuple(notes))


def _releases(tables: Mapping[tuple[str, Split], Sequence[pd.DataFrame]]) -> list[str]:
    """Which release of its data set says the EF, where there are several."""
    found = {source for group in tables.values() for each in group for source in each["ef_source"].dropna()}
    return [f"EF of the release: {', '.join(sorted(found))}."] if found else []


def _precisions(table: PaperTable, runs: Path) -> list[str]:
    """In which precision, and by which PyTorch, the jobs were trained: runs can be of several."""
    # A transfer holds a run for each fold.
    files = [path for job in table.jobs for path in ((runs / job.name).glob("**/run.json"))]
    trained = [RunFolder.open(path.parent) for path in files]
    found = {f"{run.hardware.precision} by PyTorch {run.info['versions']['torch']}" for run in trained}
    return [f"Trained in {', and in '.join(sorted(found))}."] if found else []


def _num_patients(table: pd.DataFrame) -> int:
    return len(set(patients_of(table)))


def _figure(chosen: Sequence[pd.DataFrame], column: Column, table: PaperTable) -> Figure:
    family, patients = family_of(table.task), _patients(chosen[0])
    if len(chosen) == 1:
        interval = _single(chosen[0], family, column, table)
        return Figure(
            interval=interval,
            sd=math.nan,
            of_seeds=(interval.estimate,),
            num_recordings=len(chosen[0]),
            scale=column.scale,
            digits=column.digits,
        )
    over = metrics_over_seeds(chosen, family=family, patients=patients, folds=_folds(chosen[0], table))[column.metric]
    return Figure(
        interval=over.mean,
        sd=over.sd,
        of_seeds=over.of_seeds,
        num_recordings=len(chosen[0]),
        scale=column.scale,
        digits=column.digits,
    )


def _single(chosen: pd.DataFrame, family: MetricFamily[Any], column: Column, table: PaperTable) -> Interval:
    true, predicted = chosen[family.true_column], chosen[family.predicted_column]
    if table.is_mean_over_folds:
        folds = chosen["fold"].tolist()
        found = metrics_mean_over_folds(true, predicted, folds, family=family, patients=patients_of(chosen))
    else:
        found = family.measure(true, predicted, patients=patients_of(chosen))
    interval: Interval = found[column.metric]
    return interval


def _difference(
    first: Sequence[pd.DataFrame], second: Sequence[pd.DataFrame], column: Column, table: PaperTable
) -> Figure:
    family, patients = family_of(table.task), _patients(first[0])
    # One seed: the same call with the tables twice has no spread of seeds, and intervals over patients alone.
    times = 2 if len(first) == 1 else 1
    pairs = list(first) * times, list(second) * times
    over = compare_over_seeds(*pairs, family=family, patients=patients, folds=_folds(first[0], table))[column.metric]
    return Figure(
        interval=over.mean,
        sd=over.sd if len(first) > 1 else math.nan,
        of_seeds=over.of_seeds[: len(first)],
        num_recordings=len(first[0]),
        scale=column.scale,
        digits=column.digits,
    )


def _of_group(found: pd.DataFrame, column: Column, table: PaperTable) -> pd.DataFrame:
    if column.group is None:
        return found
    return found[found["quality"].map(table.quality_groups) == column.group].reset_index(drop=True)


def _folds(chosen: pd.DataFrame, table: PaperTable) -> dict[str, int] | None:
    """The fold of each recording, where the table's figures are means over folds."""
    return dict(zip(chosen["recording"], chosen["fold"], strict=True)) if table.is_mean_over_folds else None


def _patients(table: pd.DataFrame) -> dict[str, str]:
    return dict(zip(table["recording"], patients_of(table), strict=True))
