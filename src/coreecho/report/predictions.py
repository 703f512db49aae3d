"""What was predicted of files, for people, for programs and for spreadsheets, in the words of the task."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

import coreecho
from coreecho.errors import CoReEchoError
from coreecho.files import write_whole
from coreecho.inference import Prediction, PredictionFailure, StudyPrediction
from coreecho.names import CELL_SEPARATOR, readable
from coreecho.report.file_table import FileTable
from coreecho.report.legend import Legend
from coreecho.report.text import csv_cell
from coreecho.tasks import EF, Task
from coreecho.trust import GOOD_PICTURE, GOOD_WORDS, READERS_WORDS, Appraisal
from coreecho.video.dicom_ids import ID_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

# EF by another way, of the left ventricle's outline.
_OUTLINE = ("segmentation_ef_percent", "segmentation_beats", "segmentation_model")
_COUNTS = ("segmentation_beats", "num_clips", "num_frames")
Results = Sequence[Prediction | PredictionFailure]
SPREAD_WORDS = (
    "Spread of clips: standard deviation over the clips of the file; how much they differ, and no bound of the error"
)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A column of the table for people, between the file and what is said of it.

    Attributes:
        heading: of the column.
        cell: of a prediction; empty where there is nothing to show.
        is_always: the column is there, whether a cell of it is filled or not.
    """

    heading: str
    cell: Callable[[Prediction], str]
    is_always: bool = False


def _shown_columns(task: Task, predictions: Sequence[Prediction]) -> list[_Shown]:
    """All that people are shown of predictions, in order; what no prediction has is left out."""
    columns = [_Shown(heading=task.heading, cell=lambda one: task.shown(one.value), is_always=True)]
    if task.is_appraised:
        columns += [
            _Shown(heading=_interval_heading(predictions), cell=_interval_cell),
            _Shown(heading="P(< 40)\n/ P(< 50)", cell=_probability_cell),
            _Shown(heading="Trust", cell=lambda one: one.trust or ""),
            _Shown(heading="EF by\noutline\n(%)", cell=lambda one: _number(one.segmentation_ef_percent)),
        ]
    if not task.has_output_of_its_own:
        columns.append(_Shown(heading="Spread\nof clips", cell=_spread_cell, is_always=True))
    return [column for column in columns if column.is_always or any(map(column.cell, predictions))]


def predictions_table(results: Results, *, model_name: str, task: Task | None = None) -> Group:
    """Lay out the files that have a prediction: the number, what it is worth, and what speaks against it."""
    task = task or EF()
    predictions = [result for result in results if isinstance(result, Prediction)]
    shown = _shown_columns(task, predictions)
    common, codes = _common_notes(predictions), Legend()
    good = _good_words(predictions)
    table = FileTable(
        files=[one.file for one in predictions],
        headings=[column.heading for column in shown],
        rows=[[column.cell(one) for column in shown] for one in predictions],
        words_heading="Notes",
        words=[readable(_said(one, common, codes)) for one in predictions],
    )
    legend = [Text(readable(line)) for line in (*good, *codes.lines(), *_legend(task, predictions, common))]
    return Group(Text(f"{task.title} by {model_name}", style="bold"), table, *legend, Text(task.notice, style="bold"))


def _interval_heading(predictions: Sequence[Prediction]) -> str:
    levels = sorted({one.level for one in predictions if one.level is not None})
    return f"{' / '.join(f'{100 * level:g}' for level in levels)} %\ninterval"


def _interval_cell(one: Prediction) -> str:
    if one.interval_low is None or one.interval_high is None:
        return ""
    return f"{one.interval_low:.0f} to {one.interval_high:.0f}"


def _probability_cell(one: Prediction) -> str:
    if one.p_below_40 is None or one.p_below_50 is None:
        return ""
    return f"{_percent(one.p_below_40)} / {_percent(one.p_below_50)} %"


def _percent(probability: float) -> str:
    """Never a certainty that no number of recordings can give."""
    whole = round(100 * probability)
    return "<1" if whole < 1 else ">99" if whole > 99 else f"{whole}"


def _spread_cell(one: Prediction) -> str:
    """A dash where the clips show nearly the same frames, as a note says: a number would be taken for one."""
    return "–" if one.is_one_stretch else _number(one.clip_sd)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _good_words(predictions: Sequence[Prediction]) -> list[str]:
    """What `good` does not mean: right under the table, since nobody reads on where all is good."""
    good = [one for one in predictions if one.is_good]
    is_of_phantoms = any(GOOD_PICTURE in one.interval_notes for one in good)
    return [f"{GOOD_PICTURE if is_of_phantoms else GOOD_WORDS}."] if good else []


def _common_notes(predictions: Sequence[Prediction]) -> list[str]:
    """What is noted of the interval of several predictions, or of all: said once, below the table."""
    counts = Counter(
        note for one in predictions for note in (*one.reason_notes, *one.interval_notes) if note != GOOD_PICTURE
    )
    return [note for note, count in counts.items() if count > 1 or len(predictions) == 1]


def _said(one: Prediction, common: Sequence[str], codes: Legend) -> str:
    """What is said of one prediction: what the guideline calls such an EF, and codes in their order."""
    of_worth = (*one.reason_notes, *one.interval_notes)
    notes = [*(note for note in of_worth if note not in (*common, GOOD_PICTURE)), *one.notes]
    kinds = {"R": one.reasons, "W": one.warnings, "N": notes}
    named = [] if one.ef_words is None else [one.ef_words]
    return " ".join([*named, *codes.codes(kinds)])


def _legend(task: Task, predictions: Sequence[Prediction], common: Sequence[str]) -> list[str]:
    lines = [f"{note[:1].upper()}{note[1:]}." for note in common]
    if any(one.clip_sd is not None for one in predictions):
        lines.append(f"{SPREAD_WORDS}.")
    if task.is_appraised and predictions:
        lines.append(f"{READERS_WORDS}.")
    return lines


def predictions_json(
    results: Results,
    *,
    model_name: str,
    task: Task | None = None,
    studies: Sequence[StudyPrediction] | None = None,
    not_reached: Sequence[str] | None = None,
) -> str:
    """Give one JSON document of all files.

    Sound files that are no such clips stand under `refused`, all others without a prediction under `failures`, and
    examinations, where they were combined, under `studies`. `stopped` says whether the run ended before its end, and
    `not_reached` how many files it has left out.

    Args:
        results: of the files.
        model_name: in one line.
        task: that the model does; an EF, when not given.
        studies: the examinations.
        not_reached: the files that a run which was stopped has left out; None of one that was not.
    """
    task = task or EF()
    failures = [result for result in results if isinstance(result, PredictionFailure)]
    document: dict[str, Any] = {
        "notice": task.notice,
        "task": task.to_mapping(),
        "model": model_name,
        "coreecho_version": coreecho.__version__,
        "stopped": not_reached is not None,
        "not_reached": len(not_reached or ()),
        "predictions": [result.to_dict() for result in results if isinstance(result, Prediction)],
        "refused": [result.to_dict() for result in failures if result.is_refused],
        "failures": [result.to_dict() for result in failures if not result.is_refused],
    }
    if studies is not None:
        document["studies"] = [study.to_dict() for study in studies]
    return json.dumps(_escaped_texts(document), indent=2, allow_nan=False)


def write_predictions_json(document: str, path: Path) -> None:
    """Write what `predictions_json` gave, whole or not at all. Raises CoReEchoError."""
    try:
        write_whole(path, f"{document}\n")
    except OSError as error:
        raise CoReEchoError(f"The document {path} cannot be written: {error.strerror or error}.") from error


def _escaped_texts(part: Any) -> Any:
    if isinstance(part, str):
        return readable(part)
    if isinstance(part, dict):
        return {name: _escaped_texts(value) for name, value in part.items()}
    return [_escaped_texts(each) for each in part] if isinstance(part, list | tuple) else part


def write_predictions_csv(
    results: Results,
    path: Path,
    *,
    task: Task | None = None,
    has_ids: bool = False,
    has_studies: bool = False,
    has_beat: bool = False,
    not_reached: Sequence[str] = (),
) -> None:
    """Write one row a file, in order. An older file is replaced whole.

    What was read stands in a column of the task's `value_name`. The `status` of a file is measured, refused (sound, and
    no such clip), failed, or not reached, where the run was stopped; without a prediction it has its `error`.

    Args:
        results: of the files.
        path: of the table.
        task: that the model does; an EF, when not given.
        has_ids: identifiers of DICOM files have columns, also on a day without any.
        has_studies: the examination of each file has one.
        has_beat: the beat that was looked at has one.
        not_reached: files that a run which was stopped has left out.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    task = task or EF()
    written = _written_columns(task)
    if not has_beat and not any(isinstance(result, Prediction) and result.beat for result in results):
        del written["beat"]
    ids = ID_COLUMNS if has_ids or any(result.ids is not None for result in results) else ()
    names = ["file", *(["study"] if has_studies else []), "status", *written, "error", "notice", *ids]
    left = [{"file": csv_cell(file), "status": "not reached", "notice": task.notice} for file in not_reached]
    # Who wants no table waits for none.
    import pandas as pd

    table = pd.DataFrame([*(_row(result, task, written) for result in results), *left], columns=names)
    # A count is a whole number also where files without one make its column one of floats.
    counts = {name: "Int64" for name in _COUNTS if name in table.columns}
    write_table(table.astype(counts), path)


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Write a table as CSV, whole or not at all. Raises CoReEchoError."""
    try:
        write_whole(path, table.to_csv(index=False))
    except OSError as error:
        raise CoReEchoError(f"The table {path} cannot be written: {error.strerror or error}.") from error


def _written_columns(task: Task) -> dict[str, Callable[[Prediction], object]]:
    """Everything that a spreadsheet is given of a prediction, by the names of the columns, in order."""
    columns: dict[str, Callable[[Prediction], object]] = {
        task.value_name: lambda one: one.value,
        "unit": lambda one: one.unit,
    }
    if task.is_appraised:
        columns |= {name: partial(_cell, name) for name in (*Appraisal.told_parts(), *_OUTLINE)}
    return columns | {
        "clip_sd": lambda one: one.clip_sd,
        "num_clips": lambda one: len(one.clip_starts),
        "clip_starts": partial(_cell, "clip_starts"),
        # As `--beat` takes it.
        "beat": lambda one: None if one.beat is None else ":".join(map(str, one.beat)),
        "fps": lambda one: one.fps,
        "num_frames": lambda one: one.num_frames,
        "warnings": partial(_cell, "warnings"),
        "notes": partial(_cell, "notes"),
        "model": partial(_cell, "model"),
        f"clip_{task.value_name}": partial(_cell, "clip_values"),
    }


def _cell(name: str, one: Prediction) -> object:
    """An entry of a prediction as a cell: lists are joined, and texts do nothing in a spreadsheet."""
    value = getattr(one, name)
    if isinstance(value, tuple):
        value = CELL_SEPARATOR.join(map(str, value))
    return csv_cell(value) if isinstance(value, str) else value


def _row(
    result: Prediction | PredictionFailure, task: Task, written: Mapping[str, Callable[[Prediction], object]]
) -> dict[str, object]:
    ids = {} if result.ids is None else {name: csv_cell(text) for name, text in result.ids.to_dict().items()}
    named: dict[str, object] = {"file": csv_cell(result.file), "notice": task.notice, **ids}
    if result.study is not None:
        named["study"] = csv_cell(result.study)
    if isinstance(result, PredictionFailure):
        return named | {"status": "refused" if result.is_refused else "failed", "error": csv_cell(result.error)}
    return named | {"status": "measured"} | {name: cell(result) for name, cell in written.items()}
