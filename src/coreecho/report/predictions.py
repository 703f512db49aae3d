"""Predicted EF, or probabilities of an infarction, for people, for programs and for spreadsheets."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

import coreecho
from coreecho.errors import CoReEchoError
from coreecho.files import write_whole
from coreecho.inference import NOTICES, Prediction, PredictionFailure
from coreecho.target import Target

Results = Sequence[Prediction | PredictionFailure]
_CSV_COLUMNS = [
    "file",
    "ef_percent",
    "mi_probability",
    "clip_sd",
    "num_clips",
    "clip_ef_percent",
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


def predictions_table(results: Results, *, model_name: str, target: Target = "ef") -> Group:
    """Lay out the files that have a prediction, and what speaks against it; of an EF how much the clips differ."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("File", overflow="fold")
    if target == "ef":
        table.add_column("EF (%)", justify="right", no_wrap=True)
        table.add_column("± clips", justify="right", no_wrap=True)
    else:
        table.add_column("Infarction (%)", justify="right", no_wrap=True)
    table.add_column("Warnings", overflow="fold")
    for result in results:
        if isinstance(result, Prediction):
            # Text, not markup: a file may be called [red].avi.
            table.add_row(
                Text(result.file),
                *_cells(result, target),
                Text("\n".join(result.warnings)),
                end_section=len(result.warnings) > 1,
            )
    title = {"ef": "Ejection fraction", "mi": "Probability of a myocardial infarction"}[target]
    return Group(Text(f"{title} by {model_name}", style="bold"), table, Text(NOTICES[target], style="bold"))


def _cells(result: Prediction, target: Target) -> tuple[str, ...]:
    if target == "mi":
        return ("" if result.mi_probability is None else f"{100 * result.mi_probability:.1f}",)
    return (
        "" if result.ef_percent is None else f"{result.ef_percent:.1f}",
        "" if result.clip_sd is None else f"{result.clip_sd:.1f}",
    )


def predictions_json(results: Results, *, model_name: str, target: Target = "ef") -> str:
    """Give one JSON document of all files, those without a prediction under `failures`."""
    document = {
        "notice": NOTICES[target],
        "target": target,
        "model": model_name,
        "coreecho_version": coreecho.__version__,
        "predictions": [result.to_dict() for result in results if isinstance(result, Prediction)],
        "failures": [result.to_dict() for result in results if isinstance(result, PredictionFailure)],
    }
    return json.dumps(document, indent=2, allow_nan=False)


def write_predictions_csv(results: Results, path: Path, *, target: Target = "ef") -> None:
    """Write one row a file, in order; a file without a prediction has its `error`. An older file is replaced whole.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    table = pd.DataFrame([_row(result, target) for result in results], columns=_CSV_COLUMNS)
    try:
        write_whole(path, table.to_csv(index=False))
    except OSError as error:
        raise CoReEchoError(f"The table {path} cannot be written: {error.strerror or error}.") from error


def _row(result: Prediction | PredictionFailure, target: Target) -> dict[str, object]:
    if isinstance(result, PredictionFailure):
        return {**result.to_dict(), "notice": NOTICES[target]}
    return {
        **result.to_dict(),
        "num_clips": len(result.clip_starts),
        "clip_ef_percent": "; ".join(str(ef) for ef in result.clip_ef_percent),
        "clip_starts": "; ".join(str(start) for start in result.clip_starts),
        # As `--beat` takes it.
        "beat": None if result.beat is None else ":".join(map(str, result.beat)),
        "warnings": "; ".join(result.warnings),
        "notes": "; ".join(result.notes),
    }
