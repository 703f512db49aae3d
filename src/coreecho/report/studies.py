"""What was read from whole examinations, for people and for spreadsheets."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from coreecho.inference import StudyPrediction
from coreecho.names import CELL_SEPARATOR, readable
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
]


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
    return Group(Text("Examinations: the median of their trusted clips", style="bold"), table, *legend.lines())


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
            "notes": CELL_SEPARATOR.join(study.words),
            "notice": task.notice,
        }
        for study in studies
    ]
    write_table(pd.DataFrame(rows, columns=columns), path)


def studies_path(csv: Path) -> Path:
    """Beside the table of files: `ef.csv` has its examinations in `ef-studies.csv`."""
    return csv.with_name(f"{csv.stem}-studies{csv.suffix}")


def _span(study: StudyPrediction, task: Task) -> str:
    if study.lowest is None or study.highest is None or len(study.files) < 2:
        return ""
    return f"{task.shown(study.lowest)} to {task.shown(study.highest)}"
