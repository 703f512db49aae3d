"""Reads back what `coreecho evaluate` left in a run, where it still holds: predictions take long, and are made once."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.datasets import Recording
from coreecho.evaluation import EFMetrics, compute_metrics
from coreecho.evaluation.protocols import PREDICTION_COLUMNS
from coreecho.report.evaluation import Evaluation, evaluate_run
from coreecho.report.evaluation_notes import notes_of
from coreecho.report.protocol import Protocol
from coreecho.report.split_predictions import patients_of, sha256_of
from coreecho.training.run_folder import RunFolder


def find_or_evaluate(
    run: RunFolder, protocol: Protocol, *, batch_size: int = 8, device: str = "auto", show_progress: bool = False
) -> Evaluation[EFMetrics]:
    """Take the predictions that lie in the run's folder; where there are none, or of other weights or data, predict.

    Args:
        run: the run.
        protocol: how it is evaluated.
        batch_size: clips at once.
        device: where to compute.
        show_progress: show bars on stderr.

    Raises:
        DatasetError: as in `evaluate_run`.
        CheckpointError: as in `evaluate_run`.
        RecipeError: as in `evaluate_run`.
    """
    return stored_evaluation(run, protocol) or evaluate_run(
        run, protocol, batch_size=batch_size, device=device, show_progress=show_progress
    )


def stored_evaluation(run: RunFolder, protocol: Protocol) -> Evaluation[EFMetrics] | None:
    """Read the evaluation of a protocol from the run's folder; the metrics are computed anew from its predictions.

    Returns:
        None where there is none, or where the weights, the protocol, the recordings or their EF have changed since.
    """
    folder = run.path / "evaluation" / protocol.name
    try:
        document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        predictions = _read_predictions(folder / "predictions.csv")
        is_current = _is_of(document, run, protocol)
    except (OSError, ValueError, KeyError, TypeError):
        # Damaged or of another version: as good as missing, since it can be made again.
        return None
    recordings = run.recordings(protocol.split)
    if not is_current or not _are_labels_equal(predictions, recordings):
        return None
    metrics = compute_metrics(
        predictions["ef_true"],
        predictions["ef_predicted"],
        patients=patients_of(recordings),
        resamples=protocol.resamples,
        level=protocol.level,
        seed=protocol.seed,
    )
    return Evaluation(
        folder=folder,
        predictions=predictions,
        metrics=metrics,
        protocol=protocol,
        is_phantom=run.data.is_phantom,
        notes=notes_of(run, run, recordings),
    )


def _read_predictions(path: Path) -> pd.DataFrame:
    """Read predictions to the last bit, which a CSV reader's own numbers need not be.

    Raises:
        KeyError: a column is missing.
        ValueError: not a table, or not of numbers.
    """
    # An id may look like a number, or like nothing.
    texts = pd.read_csv(path, dtype=str, keep_default_na=False)[list(PREDICTION_COLUMNS)]
    numbers = texts.replace("", "nan").astype({"ef_true": float, "ef_predicted": float, "clip_sd": float})
    return numbers.assign(recording=texts["recording"]).astype({"num_clips": int})


def _is_of(document: dict[str, Any], run: RunFolder, protocol: Protocol) -> bool:
    """Whether metrics.json tells of these weights and this protocol."""
    weights: Path = run.best_weights
    stored, start_index = document["protocol"], protocol.start_index
    same_starts = stored["start_index"] is None
    if start_index is not None:
        same_starts = stored["start_index"] is not None and stored["start_index"]["sha256"] == sha256_of(start_index)
    clips = None if start_index else protocol.clips
    step = run.recipe.input.stride if protocol.clips == "all" and not protocol.step else protocol.step
    return (
        weights.is_file()
        and document["model"]["weights_sha256"] == sha256_of(weights)
        and document["data"]["dataset"] == run.data.dataset
        and (stored["split"], stored["clips"], stored["step"]) == (protocol.split, clips, step)
        and same_starts
    )


def _are_labels_equal(predictions: pd.DataFrame, recordings: list[Recording]) -> bool:
    expected = [(recording.id, recording.ef_percent) for recording in recordings]
    return list(zip(predictions["recording"], predictions["ef_true"], strict=True)) == expected
