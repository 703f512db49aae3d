"""What was predicted of files, for people, for programs and for spreadsheets, in the words of the task."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

import coreecho
from coreecho.errors import CoReEchoError
from coreecho.files import write_whole
from coreecho.inference import Prediction, PredictionFailure, StudyPrediction
from coreecho.names import readable
from coreecho.report.legend import Legend
from coreecho.report.text import csv_cell
from coreecho.tasks import EF, Task
from coreecho.video.dicom_ids import ID_COLUMNS

Results = Sequence[Prediction | PredictionFailure]
# After the file and what was read from it, in every table.
_CSV_COLUMNS = [
    "status",
    "unit",
    "clip_sd",
    "num_clips",
    "clip_starts",
    "beat",
    "fps",
    "num_frames",
    "warnings",
    "notes",
    "error",
    "model",
    "notice",
]


def predictions_table(results: Results, *, model_name: str, task: Task | None = None) -> Group:
    """Lay out the files that have a prediction, and what speaks against it; of a number how much the clips differ.

    Warnings (W) and notes (N) stand in the rows by their codes, and in words under the table.
    """
    task, legend = task or EF(), Legend()
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("File", overflow="fold")
    table.add_column(task.heading, justify="right", no_wrap=True)
    if not task.has_output_of_its_own:
        table.add_column("± clips", justify="right", no_wrap=True)
    table.add_column("Warnings, notes", overflow="fold")
    for result in results:
        if isinstance(result, Prediction):
            codes = [legend.code("W", warning) for warning in result.warnings]
            codes += [legend.code("N", note) for note in result.notes]
            # Text, not markup: a file may be called [red].avi.
            table.add_row(Text(readable(result.file)), *_cells(result, task), Text(" ".join(codes)))
    said = Text("\n".join(map(readable, legend.lines())))
    parts = [table, said] if said else [table]
    return Group(Text(f"{task.title} by {model_name}", style="bold"), *parts, Text(task.notice, style="bold"))


def _cells(result: Prediction, task: Task) -> tuple[str, ...]:
    value = task.shown(result.value)
    if task.has_output_of_its_own:
        return (value,)
    return value, "" if result.clip_sd is None else f"{result.clip_sd:.1f}"


def predictions_json(
    results: Results, *, model_name: str, task: Task | None = None, studies: Sequence[StudyPrediction] | None = None
) -> str:
    """Give one JSON document of all files.

    Sound files that are no such clips stand under `refused`, all others without a prediction under `failures`, and
    examinations, where they were combined, under `studies`.
    """
    task = task or EF()
    failures = [result for result in results if isinstance(result, PredictionFailure)]
    document = {
        "notice": task.notice,
        "task": task.to_mapping(),
        "model": model_name,
        "coreecho_version": coreecho.__version__,
        "predictions": [result.to_dict() for result in results if isinstance(result, Prediction)],
        "refused": [result.to_dict() for result in failures if result.is_refused],
        "failures": [result.to_dict() for result in failures if not result.is_refused],
    }
    if studies is not None:
        document["studies"] = [study.to_dict() for study in studies]
    return json.dumps(_escaped_texts(document), indent=2, allow_nan=False)


def _escaped_texts(part: Any) -> Any:
    if isinstance(part, str):
        return readable(part)
    if isinstance(part, dict):
        return {name: _escaped_texts(value) for name, value in part.items()}
    return [_escaped_texts(each) for each in part] if isinstance(part, list | tuple) else part


def write_predictions_csv(results: Results, path: Path, *, task: Task | None = None) -> None:
    """Write one row a file, in order. An older file is replaced whole.

    What was read stands in a column of the task's `value_name`. The `status` of a file is measured, refused (sound, and
    no such clip) or failed; without a prediction it has its `error`. Identifiers of DICOM files have columns where they
    were asked for.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    task = task or EF()
    columns = ["file", task.value_name, *_CSV_COLUMNS, f"clip_{task.value_name}"]
    if not any(isinstance(result, Prediction) and result.beat for result in results):
        columns.remove("beat")
    if any(result.ids is not None for result in results):
        columns += ID_COLUMNS
    write_table(pd.DataFrame([_row(result, task) for result in results], columns=columns), path)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all. Raises CoReEchoError."""
    try:
        write_whole(path, table.to_csv(index=False))
    except OSError as error:
        raise CoReEchoError(f"The table {path} cannot be written: {error.strerror or error}.") from error


def _row(result: Prediction | PredictionFailure, task: Task) -> dict[str, object]:
    ids = {} if result.ids is None else {name: csv_cell(text) for name, text in result.ids.to_dict().items()}
    named: dict[str, object] = {"file": csv_cell(result.file), "notice": task.notice, **ids}
    if isinstance(result, PredictionFailure):
        return named | {"status": "refused" if result.is_refused else "failed", "error": csv_cell(result.error)}
    return named | {
        "status": "measured",
        task.value_name: result.value,
        "unit": result.unit,
        "clip_sd": result.clip_sd,
        "num_clips": len(result.clip_starts),
        f"clip_{task.value_name}": csv_cell("; ".join(str(each) for each in result.clip_values)),
        "clip_starts": csv_cell("; ".join(str(start) for start in result.clip_starts)),
        # As `--beat` takes it.
        "beat": None if result.beat is None else ":".join(map(str, result.beat)),
        "fps": result.fps,
        "num_frames": result.num_frames,
        "warnings": csv_cell("; ".join(result.warnings)),
        "notes": csv_cell("; ".join(result.notes)),
        "model": csv_cell(result.model),
    }
