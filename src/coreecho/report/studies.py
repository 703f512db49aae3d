"""What was read from whole examinations, for people and for spreadsheets."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from coreecho.inference import StudyPrediction
from coreecho.names import CELL_SEPARATOR, distinct_names, readable
from coreecho.report.legend import Legend
from coreecho.report.predictions import write_table
from coreecho.report.text import csv_cell
from coreecho.tasks import Task

_COLUMNS = [
    "unit",
    "lowest",
    "highest",
    "sd",
    "num_clips",
    "num_measured",
    "num_refused",
    "num_failed",
    "num_copies",
    "files",
    "left_out",
]

SPAN_WORDS = "Clips from, to: the lowest and the highest clip that was used; no interval, and their median has none."


def studies_table(studies: Sequence[StudyPrediction], task: Task) -> Group:
    """Lay out the examinations: the median of their trusted clips, and how far these lie apart."""
    legend = Legend(rows="studies")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Study", overflow="fold")
    table.add_column(task.heading, justify="right", no_wrap=True)
    table.add_column("Clips from, to", justify="right", no_wrap=True)
    table.add_column("Clips", overflow="fold")
    table.add_column("Notes", overflow="fold")
    for study in studies:
        table.add_row(
            Text(readable(study.study)),
            "" if study.value is None else task.shown(study.value),
            _span(study, task),
            f"{len(study.files)} of {study.num_measured} used, {study.num_refused} refused, {study.num_failed} failed",
            Text(" ".join(legend.codes({"S": study.words}))),
        )
    named = [line for study in studies for line in _clips_of(study)]
    if any(_span(study, task) for study in studies):
        named.append(SPAN_WORDS)
    lines = [Text(readable(line)) for line in (*named, *legend.lines())]
    return Group(Text("Examinations: the median of their trusted clips", style="bold"), table, *lines)


def write_studies_csv(studies: Sequence[StudyPrediction], path: Path, *, task: Task, has_ids: bool = False) -> None:
    """Write one row an examination; with `has_ids`, with its StudyInstanceUID. Raises CoReEchoError: cannot be done."""
    columns = ["study", task.value_name, *_COLUMNS, "notes", "notice"]
    if has_ids:
        columns.insert(1, "study_instance_uid")
    rows = [
        study.to_dict()
        | {
            "study": csv_cell(study.study),
            task.value_name: study.value,
            "num_clips": len(study.files),
            "files": csv_cell(CELL_SEPARATOR.join(study.files)),
            "left_out": csv_cell(CELL_SEPARATOR.join(study.left_out)),
            "notes": CELL_SEPARATOR.join(study.words),
            "notice": task.notice,
        }
        for study in studies
    ]
    # As in `write_predictions_csv`: who wants no table waits for none.
    import pandas as pd

    write_table(pd.DataFrame(rows, columns=columns), path)


def studies_path(csv: Path) -> Path:
    """Beside the table of files: `ef.csv` has its examinations in `ef-studies.csv`."""
    return csv.with_name(f"{csv.stem}-studies{csv.suffix}")


def _clips_of(study: StudyPrediction) -> list[str]:
    """Which files gave the number and which were left out: several examinations of a folder are numbered alone."""
    names = dict(zip((*study.files, *study.left_out), distinct_names((*study.files, *study.left_out)), strict=True))
    parts = [
        f"{what} {', '.join(names[file] for file in files)}"
        for what, files in (("used", study.files), ("left out", study.left_out))
        if files
    ]
    return [f"{study.study}: {'; '.join(parts)}"] if parts else []


def _span(study: StudyPrediction, task: Task) -> str:
    if study.lowest is None or study.highest is None or len(study.files) < 2:
        return ""
    return f"{task.shown(study.lowest)} to {task.shown(study.highest)}"
