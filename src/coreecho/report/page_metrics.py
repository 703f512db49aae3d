"""How good the runs are: metrics, their difference, and errors by range of EF, as tables and in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Literal

from coreecho.evaluation import METRIC_DEFINITIONS, EFRange, Interval, by_ef_range, compare_metrics
from coreecho.evaluation.patients import patients_of
from coreecho.report.page_elements import Row, Table
from coreecho.report.page_runs import ShownRun

Differences = Mapping[str, Interval]
Grouping = Literal["predicted", "true"]


def paired_differences(runs: Sequence[ShownRun]) -> Differences | None:
    """Subtract the first run's metrics from the second's; None unless both predicted the same recordings."""
    if len(runs) < 2:
        return None
    first, second = (run.evaluation.predictions.set_index("recording") for run in runs)
    if set(first.index) != set(second.index) or not first["ef_true"].equals(second["ef_true"].loc[first.index]):
        return None
    protocol = runs[0].evaluation.protocol
    return compare_metrics(
        first["ef_true"],
        first["ef_predicted"],
        second["ef_predicted"].loc[first.index],
        patients=patients_of(runs[0].folder.recordings(protocol.split)),
        resamples=protocol.resamples,
        level=protocol.level,
        seed=protocol.seed,
    )


def metrics_table(runs: Sequence[ShownRun], differences: Differences | None) -> Table:
    """All metrics of all runs, each with its interval."""
    rows = []
    for definition in METRIC_DEFINITIONS:
        intervals = [run.metrics[definition.key] for run in runs]
        cells = [definition.label + (f" ({definition.unit})" if definition.unit else ""), *map(_cell, intervals)]
        if differences is not None:
            cells.append(_cell(differences[definition.key]))
        reasons = dict.fromkeys(interval.reason for interval in intervals if interval.reason)
        rows.append(Row(cells=tuple(cells), remark="; ".join([definition.meaning, *reasons])))
    metrics = runs[0].metrics
    level = f"{100 * metrics.level:g} %"
    header = ["Metric", *(run.title for run in runs)]
    notes = [interval_note(metrics["mae"], metrics.seed)]
    if differences is not None:
        header.append("B − A, paired")
        notes.append(
            "The difference resamples the same recordings for both runs: what makes a recording hard for both cancels. "
            "An interval that holds 0 does not tell the runs apart."
        )
    elif len(runs) > 1:
        notes.append("The runs were not tested on the same recordings, so their difference is not shown.")
    return Table(
        caption=f"Metrics with {level} intervals: {runs[0].evaluation.protocol.description}",
        header=tuple(header),
        rows=tuple(rows),
        notes=(*notes, *_excluded(runs)),
    )


def ef_ranges(run: ShownRun, *, by: Grouping) -> list[EFRange]:
    """Group the recordings of a run by their EF, with the intervals of its evaluation."""
    protocol, predictions = run.evaluation.protocol, run.evaluation.predictions
    return by_ef_range(
        predictions["ef_true"],
        predictions["ef_predicted"],
        by=by,
        patients=patients_of(run.folder.recordings(protocol.split)),
        resamples=protocol.resamples,
        level=protocol.level,
        seed=protocol.seed,
    )


def range_table(run: ShownRun, ranges: Sequence[EFRange], *, by: Grouping) -> Table:
    """Bias and error of one run in each range of EF."""
    rows = [
        Row(cells=(part.name, f"{part.num_recordings}", _cell(part.bias, 1), _cell(part.mae, 1))) for part in ranges
    ]
    return Table(
        caption=f"{run.title}: errors by {by} EF",
        header=(f"{by.capitalize()} EF (%)", "n", "Bias", "MAE"),
        is_narrow=True,
        rows=tuple(rows),
    )


def comparison_sentence(differences: Differences, first: ShownRun, second: ShownRun) -> str:
    """Say in one sentence which run errs less, or that these recordings do not tell."""
    difference = differences["mae"]
    ends = f"{100 * difference.level:g} % interval {difference.low:+z.2f} to {difference.high:+z.2f}, paired"
    ends = ends.replace("-", "−")
    size = f"{abs(difference.estimate):.2f} EF points"
    if difference.low <= 0 <= difference.high:
        return (
            f"The MAE of {second.title} differs from that of {first.title} by {size} "
            f"(B − A: {ends}). The interval holds 0: these {first.metrics.num_recordings} recordings do not tell the "
            f"two "
            "apart."
        )
    better, worse = (second, first) if difference.estimate < 0 else (first, second)
    return f"{better.title} has the lower MAE, {size} below that of {worse.title} (B − A: {ends})."


def interval_note(interval: Interval, seed: int) -> str:
    """Everything needed to quote an interval."""
    return (
        f"{100 * interval.level:g} % intervals in parentheses: {interval.method}, {interval.resamples:,} resamples, "
        f"seed {seed}."
    )


def _cell(interval: Interval, digits: int = 2) -> str:
    return interval.format(digits).replace("-", "−")


def _excluded(runs: Sequence[ShownRun]) -> list[str]:
    """Metrics that some resamples do not define."""
    return [
        f"{run.title}, {definition.label}: not defined in {interval.excluded_resamples:,} resamples, left out of its "
        "interval."
        for run in runs
        for definition in METRIC_DEFINITIONS
        if (interval := run.metrics[definition.key]).is_defined and interval.excluded_resamples > 0
    ]
