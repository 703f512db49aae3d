"""How continuous the representations of a page's runs are, as tables and pictures."""

from collections.abc import Mapping, Sequence

from coreecho.errors import DatasetError
from coreecho.evaluation import Interval
from coreecho.report.continuity_drawing import draw_continuity
from coreecho.report.page_elements import Picture, Row, Section, Table, chart
from coreecho.report.page_runs import ShownRun, in_cell, without_paths
from coreecho.representation.continuity_comparison import compare_continuity
from coreecho.representation.continuity_recordings import ContinuityProtocol
from coreecho.representation.run_continuity import Continuity, continuity_folder, difference_folder, measure_continuity

_CAPTIONS = {
    "order": "Order of the embeddings",
    "variance": "What the embeddings are made of: share of their variance that {noun} and nuisances explain",
    "path": "The same simulated hearts with {noun} moved in small steps",
}


def continuity(runs: Sequence[ShownRun], *, hearts: int, batch_size: int, show_progress: bool) -> Section:
    """Measure the embeddings of each run; leaves the details in the runs' folders.

    Args:
        runs: of the page.
        hearts: simulated hearts whose EF is moved in steps, where the data are phantoms.
        batch_size: clips at once.
        show_progress: show bars on stderr.
    """
    try:
        measured = [_measure(run, hearts, batch_size, show_progress=show_progress) for run in runs]
    except DatasetError as error:
        # Such as too few recordings; the rest of the page stands without it.
        return Section(reason=without_paths(runs, str(error)))
    difference, not_compared = _compare(runs, hearts, batch_size)
    tables = [_table(runs, measured, group, difference) for group in _CAPTIONS]
    pairs = list(zip(runs, measured, strict=True))
    notes = [
        run.without_path(f"{run.title}: {note.removesuffix('.')}.") for run, of_run in pairs for note in of_run.notes
    ]
    return Section(
        tables=[table for table in tables if table.rows],
        pictures=[_picture(run, of_run) for run, of_run in pairs],
        notes=[*notes, *not_compared],
    )


def _compare(runs: Sequence[ShownRun], hearts: int, batch_size: int) -> tuple[Mapping[str, Interval], list[str]]:
    """The second run's figures minus the first's, with notes; none of one run, nor where they share no recordings."""
    if len(runs) < 2:
        return {}, []
    first, second = runs
    try:
        difference = compare_continuity(
            (first.subject, second.subject),
            (first.model, second.model),
            difference_folder(first.subject, second.subject, first.evaluation.protocol.split),
            protocol=_protocol(first, hearts),
            batch_size=batch_size,
            allow_overlap=True,
        )
    except DatasetError:
        return {}, ["The runs were not measured on the same recordings, so their difference is not shown."]
    notes = [
        "The difference resamples the same recordings for both runs; an interval that holds 0 does not tell them "
        "apart. "
        "Paths have none: it is hearts that they resample.",
        *(f"{note[0].upper()}{note[1:]}." for note in difference.notes),
    ]
    return difference.intervals, notes


def _protocol(run: ShownRun, hearts: int) -> ContinuityProtocol:
    protocol = run.evaluation.protocol
    return ContinuityProtocol(split=protocol.split, start_index=protocol.start_index, hearts=hearts, seed=protocol.seed)


def _measure(run: ShownRun, hearts: int, batch_size: int, *, show_progress: bool) -> Continuity:
    return measure_continuity(
        run.subject,
        run.model,
        continuity_folder(run.subject, run.evaluation.protocol.split),
        protocol=_protocol(run, hearts),
        batch_size=batch_size,
        # `evaluate` has refused what was not allowed.
        allow_overlap=True,
        show_progress=show_progress,
    )


def _table(
    runs: Sequence[ShownRun], measured: Sequence[Continuity], group: str, difference: Mapping[str, Interval]
) -> Table:
    """One group of figures; a run that lacks a figure of the other has an empty cell."""
    of_runs = [{figure.key: figure for figure in of_run.figures if figure.group == group} for of_run in measured]
    known = {key: figure for figures in reversed(of_runs) for key, figure in figures.items()}
    intervals = [figure.interval for figure in known.values()]
    has_difference = any(key in difference for key in known)
    rows = [
        Row(
            cells=(
                figure.label + (f" ({figure.unit})" if figure.unit else ""),
                *(in_cell(figures[key].interval) if key in figures else "" for figures in of_runs),
                *([in_cell(difference[key]) if key in difference else ""] if has_difference else []),
            ),
            # All shares mean the same, and the caption says it.
            remark="" if group == "variance" else figure.meaning,
        )
        for key, figure in known.items()
    ]
    return Table(
        caption=_CAPTIONS[group].format(noun=measured[0].number.noun),
        header=("Measure", *(run.title for run in runs), *(["B − A, paired"] if has_difference else [])),
        rows=tuple(rows),
        notes=tuple(_notes(intervals)) if intervals else (),
    )


def _notes(intervals: Sequence[Interval]) -> list[str]:
    methods = dict.fromkeys(
        f"{interval.method}, {interval.resamples:,} resamples" for interval in intervals if interval.is_defined
    )
    reasons = dict.fromkeys(f"n/a: {interval.reason}." for interval in intervals if interval.reason)
    level = f"{100 * intervals[0].level:g} %"
    quoted = [f"{level} intervals in parentheses: {'; '.join(methods)}."] if methods else []
    return [*quoted, *reasons]


def _picture(run: ShownRun, measured: Continuity) -> Picture:
    return chart(
        lambda path: draw_continuity(path, measured),
        description=f"What the embeddings of {run.title} are made of, and how they move along the EF of one heart; the "
        "figures stand in the tables above.",
        caption=run.title,
    )
