"""How much the runs of a page look at the left ventricle, where the data say where it is."""

from collections.abc import Sequence
from pathlib import Path

from coreecho.errors import DatasetError
from coreecho.evaluation import Interval
from coreecho.evaluation.patients import patients_of
from coreecho.report.page_elements import Row, Section, Table
from coreecho.report.page_runs import ShownRun, in_cell, without_paths
from coreecho.saliency.lv_focus import lv_focus_difference
from coreecho.saliency.run_lv_focus import DatasetExplanation, FocusProtocol, explain_dataset, has_ventricles

_ROWS = (
    ("lv_focus", "LV focus", "share of the map inside the LV over the LV's share of the sector; 1 is no preference"),
    ("energy_in_lv", "Share of the map inside the LV", "of the Grad-CAM energy, in the frames where the LV is known"),
    ("lv_share_of_sector", "The LV's share of the sector", "what a model without preference would reach"),
)


def has_known_ventricles(runs: Sequence[ShownRun]) -> bool:
    """Whether the data of every run say where the left ventricle is."""
    return all(has_ventricles(run.subject) for run in runs)


def lv_focus(runs: Sequence[ShownRun], *, segmenter: Path | str | None = None, show_progress: bool = False) -> Section:
    """Measure LV focus over the recordings that the runs were evaluated on; leaves the details in the runs' folders.

    Args:
        runs: of the page.
        segmenter: outlines the ventricles where the data do not say where they are.
        show_progress: show bars on stderr.
    """
    if without := [run.name for run in runs if not run.has_maps]:
        return Section(
            reason=f"The network of {' and '.join(without)} has no grid of the clip that a map could lie on."
        )
    try:
        explained = [_explain(run, segmenter, show_progress=show_progress) for run in runs]
    except DatasetError as error:
        # The rest of the page stands without it.
        return Section(reason=without_paths(runs, str(error)))
    difference = _difference(runs, explained)
    rows = []
    for key, name, meaning in _ROWS:
        cells = [name, *(in_cell(of_run.means[key]) for of_run in explained)]
        if difference is not None:
            cells.append(in_cell(difference) if key == "lv_focus" else "")
        rows.append(Row(cells=tuple(cells), remark=meaning))
    interval = explained[0].means["lv_focus"]
    numbers = [
        f"{run.title}: {of_run.table['lv_focus'].notna().sum():,} of {len(of_run.table):,} recordings"
        for run, of_run in zip(runs, explained, strict=True)
    ]
    header = ("", *(run.title for run in runs), *(["B − A, paired"] if difference is not None else []))
    caption = f"Grad-CAM and the left ventricle (LV), means over recordings with {100 * interval.level:g} % intervals"
    notes: tuple[str, ...] = (
        f"Defined in {'; '.join(numbers)}.",
        f"Intervals in parentheses: {interval.method}, {interval.resamples:,} resamples.",
    )
    if segmenter is not None and not has_known_ventricles(runs):
        notes = (*notes, "Where the left ventricle is, a segmenter says here, and no reader.")
    return Section(tables=[Table(caption=caption, header=header, rows=tuple(rows), notes=notes)])


def _explain(run: ShownRun, segmenter: Path | str | None, *, show_progress: bool) -> DatasetExplanation:
    protocol = run.evaluation.protocol
    return explain_dataset(
        run.subject,
        run.subject.result_folder("explain", f"lv-focus-{protocol.split}"),
        protocol=FocusProtocol(split=protocol.split, resamples=protocol.resamples, seed=protocol.seed),
        device=str(run.model.scale.device),
        # `evaluate` has refused what was not allowed.
        allow_overlap=True,
        segmenter=segmenter,
        show_progress=show_progress,
    )


def _difference(runs: Sequence[ShownRun], explained: Sequence[DatasetExplanation]) -> Interval | None:
    """LV focus of the second run minus that of the first, over the recordings in which both are defined."""
    if len(explained) < 2:
        return None
    protocol = runs[0].evaluation.protocol
    return lv_focus_difference(
        explained[0].table,
        explained[1].table,
        patients=patients_of(runs[0].subject.recordings(protocol.split)),
        resamples=protocol.resamples,
        seed=protocol.seed,
    )
