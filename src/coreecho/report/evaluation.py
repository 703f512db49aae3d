"""Evaluates a run and leaves a folder that says all about it: predictions, metrics with intervals, and pictures.

predictions.csv   one row a recording: recording, ef_true, ef_predicted, clip_sd, num_clips
metrics.json      metrics with their intervals, and everything that they depend on; no date, so equal runs are equal
metrics.csv       the metrics as a table
scatter.png       predicted against true EF
bland_altman.png  their agreement
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import pandas as pd

from coreecho.errors import CoReEchoError, RecipeError
from coreecho.evaluation import EFMetrics, Metrics, compute_metrics
from coreecho.evaluation.metric_family import M
from coreecho.files import write_whole
from coreecho.notices import NOTICE
from coreecho.report.figures import bland_altman, scatter
from coreecho.report.protocol import Protocol
from coreecho.report.split_predictions import make_folder, predict_split
from coreecho.training.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Evaluation(Generic[M]):
    """What an evaluation found, and where it was written.

    Attributes:
        folder: with the files named above.
        predictions: one row a recording.
        metrics: with their intervals.
        protocol: how they were made.
        is_phantom: whether the hearts are simulated.
        notes: what a reader of the metrics should know.
    """

    folder: Path
    predictions: pd.DataFrame
    metrics: M
    protocol: Protocol
    is_phantom: bool
    notes: tuple[str, ...]


def evaluate_run(
    run: RunFolder,
    protocol: Protocol | None = None,
    *,
    data: Path | None = None,
    store: Path | None = None,
    out: Path | None = None,
    batch_size: int = 8,
    device: str = "auto",
    show_progress: bool = False,
) -> Evaluation[EFMetrics]:
    """Evaluate the best weights of a run, and write the result into its folder.

    Args:
        run: the run.
        protocol: how; the paper's three clips on the TEST split when not given.
        data: root of another data set of the run's layout; the run's own when not given.
        store: folder for the decoded frames; beside the data when not given.
        out: folder for the result; RUN/evaluation/<protocol> when not given.
        batch_size: clips at once.
        device: where to compute: "cpu", "gpu", "auto" (a GPU if there is one), "cuda:1".
        show_progress: show bars on stderr.

    Raises:
        DatasetError: the split is empty, has recordings without EF, or the data set or start index is not as expected.
        CheckpointError: the run has no readable weights.
        RecipeError: a setting makes no sense, there is no such device, or the run reads no EF.
    """
    if run.recipe.target != "ef":
        raise RecipeError(f"{run.path} reads infarctions and no EF: `coreecho evaluate {run.path}` knows its metrics.")
    protocol = protocol or Protocol()
    split = predict_split(
        run,
        protocol,
        data=data,
        store=store,
        out=out,
        batch_size=batch_size,
        device=device,
        show_progress=show_progress,
    )
    metrics = compute_metrics(
        split.predictions["ef_true"],
        split.predictions["ef_predicted"],
        patients=split.patients,
        resamples=protocol.resamples,
        level=protocol.level,
        seed=protocol.seed,
    )
    evaluation = Evaluation(
        folder=split.folder,
        predictions=split.predictions,
        metrics=metrics,
        protocol=protocol,
        is_phantom=split.source.data.is_phantom,
        notes=split.notes,
    )
    write_evaluation(evaluation, split.provenance)
    return evaluation


def write_evaluation(evaluation: Evaluation[EFMetrics], provenance: dict[str, Any]) -> None:
    """Write the folder of an evaluation. Files appear whole, metrics.json last; an older result is replaced.

    Args:
        evaluation: what was found.
        provenance: what it depends on, JSON-able; goes into metrics.json.

    Raises:
        CoReEchoError: the disk is full, or the folder cannot be written to.
    """
    predictions, metrics, is_phantom = evaluation.predictions, evaluation.metrics, evaluation.is_phantom
    pictures: dict[str, Callable[[Path], None]] = {
        "scatter.png": lambda path: scatter(predictions, path, metrics=metrics, is_phantom=is_phantom),
        "bland_altman.png": lambda path: bland_altman(predictions, path, metrics=metrics, is_phantom=is_phantom),
    }
    head = head_of_document(evaluation.notes, is_phantom=is_phantom) | provenance
    write_result(evaluation.folder, predictions, metrics, head, pictures)


def head_of_document(notes: Sequence[str], *, is_phantom: bool) -> dict[str, Any]:
    """What every metrics.json begins with."""
    return {
        "result": "phantom result: simulated hearts" if is_phantom else "result on real hearts",
        "is_phantom": is_phantom,
        "notice": NOTICE,
        "notes": list(notes),
    }


def write_result(
    folder: Path,
    predictions: pd.DataFrame,
    metrics: Metrics,
    head: Mapping[str, Any],
    pictures: Mapping[str, Callable[[Path], None]],
) -> None:
    """Write predictions.csv, metrics.csv, pictures and metrics.json, whole; an older result is replaced.

    Args:
        folder: made where it is missing.
        predictions: one row a recording.
        metrics: of them.
        head: what stands in metrics.json before the metrics.
        pictures: what draws each, by its name.

    Raises:
        CoReEchoError: the disk is full, or the folder cannot be written to.
    """
    document = {**head, **metrics.to_dict()}
    writers: dict[str, Callable[[Path], None]] = {
        "predictions.csv": lambda path: write_whole(path, predictions.to_csv(index=False)),
        "metrics.csv": lambda path: write_whole(path, metrics.to_frame().to_csv(index=False)),
        **pictures,
        "metrics.json": lambda path: write_whole(
            path, json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        ),
    }
    make_folder(folder)
    try:
        # All is written in a hidden folder first: a full disk leaves the older result whole, not half of each.
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as staging:
            for name, write in writers.items():
                write(Path(staging, name))
            for name in writers:
                Path(staging, name).replace(folder / name)
    except OSError as error:
        raise CoReEchoError(
            f"The evaluation cannot be written to {folder}: {error.strerror or error}. "
            "Make room there, or give another folder with `--out`."
        ) from error
