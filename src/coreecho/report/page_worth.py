"""Whether what stands beside an EF holds, on a page: coverage, reliability, and what refusing is worth."""

from collections.abc import Sequence
from typing import Any

from coreecho.evaluation.worth import Worth
from coreecho.report.page_elements import Picture, Row, Section, Table, chart
from coreecho.report.page_runs import ShownRun
from coreecho.report.worth_drawing import COVERAGE_HEADER, coverage_cells, draw_refusal, draw_reliability, held_caption
from coreecho.trust import READERS_WORDS

_COLUMNS = (
    "Held: in how many recordings the true EF lay in its interval. Width of the intervals and mean absolute error "
    "(MAE) in EF points."
)


def worth_section(runs: Sequence[ShownRun]) -> Section | None:
    """Everything that is known of the runs' intervals; None where no run has any."""
    tried = [(run, run.evaluation.worth) for run in runs if run.evaluation.worth is not None]
    found = [(run, worth) for run, worth in tried if worth is not None]
    if not found:
        return None
    return Section(
        tables=[_table(run, worth) for run, worth in found if not worth.is_of_few],
        pictures=[picture for run, worth in found if not worth.is_of_few for picture in _pictures(run, worth)],
        notes=[
            *(f"{run.title}: {line}." for run, worth in found if worth.is_of_few for line in worth.words),
            f"{READERS_WORDS}.",
        ],
    )


def _table(run: ShownRun, worth: Worth) -> Table:
    caption = held_caption(worth)
    return Table(
        caption=f"{run.title}: {caption[0].lower()}{caption[1:]}",
        header=COVERAGE_HEADER,
        rows=tuple(Row(cells=coverage_cells(group)) for group in worth.groups),
        notes=(_COLUMNS, *(f"{line}." for line in worth.words), worth.calibration.words),
        is_narrow=True,
    )


def _pictures(run: ShownRun, worth: Worth) -> list[Picture]:
    words: dict[str, Any] = {"model": run.title, "is_phantom": run.is_phantom}
    words["cautions"] = [] if run.evaluation.overlap_label is None else [run.evaluation.overlap_label]
    of_refusing = f"Mean error of the recordings kept as the doubtful are refused, for {run.title}"
    return [
        chart(
            lambda path: draw_reliability(worth, path, **words),
            description=f"Reliability of the probability of an EF below 40 % for {run.title}: how often it was so.",
        ),
        chart(
            lambda path: draw_refusal(worth, path, **words),
            description=". ".join(filter(None, (of_refusing, worth.refusal_words))) + ".",
        ),
    ]
