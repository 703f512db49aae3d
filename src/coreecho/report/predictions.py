"""Predicted EF for people, for programs and for spreadsheets."""

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
from coreecho.inference import NOTICE, Prediction, PredictionFailure

Results = Sequence[Prediction | PredictionFailure]
_CSV_COLUMNS = [
    "file",
    "ef_percent",
    "clip_sd",
    "num_clips",
    "clip_ef_percent",
    "clip_starts",
    "fps",
    "num_frames",
    "warnings",
    "notes",
    "error",
    "model",
    "notice",
]


def predictions_table(results: Results, *, model_name: str) -> Group:
    """Lay out the files that have an EF: how large, how much the clips differ, and what speaks against it."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("File", overflow="fold")
    table.add_column("EF (%)", justify="right", no_wrap=True)
    table.add_column("± clips", justify="right", no_wrap=True)
    table.add_column("Warnings", overflow="fold")
    for result in results:
        if isinstance(result, Prediction):
            spread = "" if result.clip_sd is None else f"{result.clip_sd:.1f}"
            # Text, not markup: a file may be called [red].avi.
            table.add_row(
                Text(result.file),
                f"{result.ef_percent:.1f}",
                spread,
                Text("\n".join(result.warnings)),
                end_section=len(result.warnings) > 1,
            )
    return Group(Text(f"Ejection fraction by {model_name}", style="bold"), table, Text(NOTICE, style="bold"))


def predictions_json(results: Results, *, model_name: str) -> str:
    """Give one JSON document of all files, those without an EF under `failures`."""
    document = {
        "notice": NOTICE,
        "model": model_name,
        "coreecho_version": coreecho.__version__,
        "predictions": [result.to_dict() for result in results if isinstance(result, Prediction)],
        "failures": [result.to_dict() for result in results if isinstance(result, PredictionFailure)],
    }
    return json.dumps(document, indent=2, allow_nan=False)


def write_predictions_csv(results: Results, path: Path) -> None:
    """Write one row a file, in order; a file without an EF has its `error`. An older file is replaced in one step.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    table = pd.DataFrame([_row(result) for result in results], columns=_CSV_COLUMNS)
    try:
        write_whole(path, table.to_csv(index=False))
    except OSError as error:
        raise CoReEchoError(f"The table {path} cannot be written: {error.strerror or error}.") from error


def _row(result: Prediction | PredictionFailure) -> dict[str, object]:
    if isinstance(result, PredictionFailure):
        return {**result.to_dict(), "notice": NOTICE}
    return {
        **result.to_dict(),
        "num_clips": len(result.clip_ef_percent),
        "clip_ef_percent": "; ".join(str(ef) for ef in result.clip_ef_percent),
        "clip_starts": "; ".join(str(start) for start in result.clip_starts),
        "warnings": "; ".join(result.warnings),
        "notes": "; ".join(result.notes),
    }
