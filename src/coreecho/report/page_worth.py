"""Whether what stands beside an EF holds, on a page: coverage, reliability, and what refusing is worth."""

from collections.abc import Sequence
from typing import Any

from coreecho.evaluation.worth import Worth
from coreecho.report.page_elements import Picture, Row, Section, Table, chart
from coreecho.report.page_runs import ShownRun
from coreecho.report.worth_drawing import coverage_cells, draw_refusal, draw_reliability, refusal_words
from coreecho.trust import READERS_WORDS

# Of what a reader meets in the lines under the table, too.
_BRIER_WORDS = (
    "The Brier score is the mean squared difference between the probability told and what was so, 0 or 1: 0 is best. "
    "Its skill is 1 for a perfect one, and 0 for always telling the share of recordings below."
)
_HEADER = ("Recordings", "n", "Held", "Width", "MAE")


def worth_section(runs: Sequence[ShownRun]) -> Section | None:
    """Everything that is known of the runs' intervals; None where no run has any."""
    tried = [(run, run.evaluation.worth) for run in runs if run.evaluation.worth is not None]
    found = [(run, worth) for run, worth in tried if worth is not None]
    if not found:
        return None
    return Section(
        tables=[_table(run, worth) for run, worth in found],
        pictures=[picture for run, worth in found for picture in _pictures(run, worth)],
        notes=[
            "Held: share of recordings whose true EF lies in its interval. Width and MAE in EF points.",
            _BRIER_WORDS,
            f"{READERS_WORDS}.",
        ],
    )


def _table(run: ShownRun, worth: Worth) -> Table:
    calibration = worth.calibration
    return Table(
        caption=f"{run.title}: intervals at {100 * calibration.level:g} %, {calibration.method}",
        header=_HEADER,
        rows=tuple(Row(cells=coverage_cells(group)) for group in worth.groups),
        notes=(*(f"{line}." for line in worth.words), calibration.words),
        is_narrow=True,
    )


def _pictures(run: ShownRun, worth: Worth) -> list[Picture]:
    words: dict[str, Any] = {"model": run.title, "is_phantom": run.is_phantom}
    words["cautions"] = [] if run.evaluation.overlap_label is None else [run.evaluation.overlap_label]
    brier = worth.reliability.brier.format(3)
    return [
        chart(
            lambda path: draw_reliability(worth, path, **words),
            description=f"Reliability of the probability of an EF below 40 % for {run.title}: Brier score {brier}.",
        ),
        chart(
            lambda path: draw_refusal(worth, path, **words),
            description=f"Mean error of the recordings kept as the doubtful are refused, for {run.title}. "
            f"{refusal_words(worth)}".rstrip(),
        ),
    ]
