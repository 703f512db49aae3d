"""How good the runs are: metrics, their difference, and errors by range of EF, as tables and in a sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from coreecho.evaluation import EFRange, Interval, by_ef_range
from coreecho.evaluation.comparison import paired_differences
from coreecho.evaluation.metric_family import MetricDefinition, family_of
from coreecho.evaluation.patients import patients_of
from coreecho.report.page_elements import Row, Table
from coreecho.report.page_runs import ShownRun, in_cell

Differences = Mapping[str, Interval]
Grouping = Literal["predicted", "true"]


def headline(run: ShownRun) -> tuple[MetricDefinition, Interval]:
    """The metric by which a page tells how good a run is: the first of its family."""
    definition = run.metrics.definitions[0]
    return definition, run.metrics[definition.key]


def differences_of_runs(runs: Sequence[ShownRun]) -> Differences | None:
    """Subtract the first run's metrics from the second's; None unless both predicted the same recordings."""
    if len(runs) < 2:
        return None
    task, protocol = runs[0].task, runs[0].evaluation.protocol
    first, second = (run.evaluation.predictions.set_index("recording") for run in runs)
    if set(first.index) != set(second.index) or not first[task.true_column].equals(
        second[task.true_column].loc[first.index]
    ):
        return None
    patients = patients_of(runs[0].subject.recordings(protocol.split))
    pairs = (first[task.true_column], first[task.output_column], second[task.output_column].loc[first.index])
    return paired_differences(
        family_of(task),
        *pairs,
        patients=patients,
        resamples=protocol.resamples,
        level=protocol.level,
        seed=protocol.seed,
    )


def metrics_table(runs: Sequence[ShownRun], differences: Differences | None) -> Table:
    """All metrics of all runs, each with its interval."""
    rows = []
    for definition in runs[0].metrics.definitions:
        intervals = [run.metrics[definition.key] for run in runs]
        cells = [
            definition.label + (f" ({definition.unit})" if definition.unit else ""),
            *(in_cell(interval, definition.digits) for interval in intervals),
        ]
        if differences is not None:
            difference = differences[definition.key]
            cells.append(in_cell(difference, difference.digits_apart_from_0(definition.digits)))
        reasons = dict.fromkeys(interval.reason for interval in intervals if interval.reason)
        rows.append(Row(cells=tuple(cells), remark="; ".join([definition.meaning, *reasons])))
    metrics = runs[0].metrics
    level = f"{100 * metrics.level:g} %"
    header = ["Metric", *(run.title for run in runs)]
    notes = [interval_note(headline(runs[0])[1], metrics.seed)]
    if differences is not None:
        header.append("B − A, paired")
        notes.append(
            "The difference resamples the same recordings for both runs: what makes a recording hard for both cancels. "
            "An interval that holds 0 does not tell the runs apart."
        )
    elif len(runs) > 1:
        notes.append("The runs were not tested on the same recordings, so their difference is not shown.")
    return Table(
        caption=f"Metrics with {level} intervals: {runs[0].evaluation.tested}",
        header=tuple(header),
        rows=tuple(rows),
        notes=(*notes, *_excluded(runs)),
    )


def ef_ranges(run: ShownRun, *, by: Grouping) -> list[EFRange]:
    """Group the recordings of a run by their EF, with the intervals of its evaluation."""
    protocol, predictions = run.evaluation.protocol, run.evaluation.predictions
    return by_ef_range(
        predictions[run.task.true_column],
        predictions[run.task.predicted_column],
        by=by,
        patients=patients_of(run.subject.recordings(protocol.split)),
        resamples=protocol.resamples,
        level=protocol.level,
        seed=protocol.seed,
    )


def _of_range(interval: Interval, part: EFRange) -> str:
    """A figure of a range. Resamples of one recording are all alike: its interval without a width would look exact."""
    return in_cell(replace(interval, low=math.nan, high=math.nan) if part.num_recordings == 1 else interval, 1)


def range_table(run: ShownRun, ranges: Sequence[EFRange], *, by: Grouping) -> Table:
    """Bias and error of one run in each range of EF."""
    rows = [
        Row(cells=(part.name, f"{part.num_recordings}", _of_range(part.bias, part), _of_range(part.mae, part)))
        for part in ranges
    ]
    return Table(
        caption=f"{run.title}: errors by {by} EF",
        header=(f"{by.capitalize()} EF (%)", "n", "Bias", "MAE"),
        is_narrow=True,
        rows=tuple(rows),
    )


def short_range_table(ranges: Sequence[EFRange]) -> Table:
    """How far off a model is for hearts of each kind, for the head of a page."""
    rows = [
        Row(cells=(part.name, f"{part.num_recordings}", _of_range(part.mae, part)))
        for part in ranges
        if part.num_recordings
    ]
    return Table(
        caption="How far off on average, by true EF",
        header=("True EF (%)", "Recordings", "EF points off"),
        is_narrow=True,
        rows=tuple(rows),
    )


def comparison_sentence(differences: Differences, first: ShownRun, second: ShownRun) -> str:
    """Say in one sentence which run is better, or that these recordings do not tell."""
    definition, _ = headline(first)
    difference = differences[definition.key]
    name = definition.label if definition.label.isupper() else definition.label.lower()
    if not difference.is_defined:
        return f"These recordings do not define the difference in {name}: {difference.reason}."
    digits = difference.digits_apart_from_0(definition.digits)
    low, high = (f"{end:+z.{digits}f}" for end in (difference.low, difference.high))
    ends = f"{100 * difference.level:g} % interval {low} to {high}, paired".replace("-", "−")
    size = f"{abs(difference.estimate):.{digits}f} {definition.unit}".rstrip()
    if difference.low <= 0 <= difference.high:
        return (
            f"The {name} of {second.title} differs from that of {first.title} by {size} (B − A: {ends}). The interval "
            f"holds 0: these {first.metrics.num_recordings} recordings do not tell the two apart."
        )
    # An error is least at 0 and has no end; a share is largest at 1.
    is_error = math.isinf(definition.largest)
    is_second = (difference.estimate < 0) == is_error
    better, worse = (second, first) if is_second else (first, second)
    word, side = ("lower", "below") if is_error else ("higher", "above")
    return f"{better.title} has the {word} {name}, {size} {side} that of {worse.title} (B − A: {ends})."


def interval_note(interval: Interval, seed: int) -> str:
    """Everything needed to quote an interval."""
    return (
        f"{100 * interval.level:g} % intervals in parentheses: {interval.method}, {interval.resamples:,} resamples, "
        f"seed {seed}."
    )


def _excluded(runs: Sequence[ShownRun]) -> list[str]:
    """Metrics that some resamples do not define."""
    return [
        f"{run.title}, {definition.label}: not defined in {interval.excluded_resamples:,} resamples, left out of its "
        "interval."
        for run in runs
        for definition in run.metrics.definitions
        if (interval := run.metrics[definition.key]).is_defined and interval.excluded_resamples > 0
    ]
