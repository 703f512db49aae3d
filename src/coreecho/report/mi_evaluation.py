"""Evaluates a run that finds myocardial infarctions, and leaves a folder that says all about it.

predictions.csv   one row a recording: recording, has_mi, mi_logit, probability, num_clips
metrics.json      metrics with their intervals, and everything that they depend on; no date, so equal runs are equal
metrics.csv       the metrics as a table
"""

from pathlib import Path

from coreecho.errors import RecipeError
from coreecho.evaluation import ClassificationMetrics, compute_classification_metrics
from coreecho.report.evaluation import Evaluation, head_of_document, write_result
from coreecho.report.protocol import Protocol
from coreecho.report.split_predictions import predict_split
from coreecho.training.run_folder import RunFolder


def evaluate_mi_run(
    run: RunFolder,
    protocol: Protocol | None = None,
    *,
    data: Path | None = None,
    store: Path | None = None,
    out: Path | None = None,
    batch_size: int = 8,
    device: str = "auto",
    show_progress: bool = False,
) -> Evaluation[ClassificationMetrics]:
    """Evaluate the best weights of a run that finds infarctions; arguments and errors as of `evaluate_run`.

    Raises:
        RecipeError: the run reads EF; else as in `evaluate_run`.
    """
    if run.recipe.target != "mi":
        raise RecipeError(f"{run.path} reads EF and finds no infarctions: use `evaluate_run`.")
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
    metrics = compute_classification_metrics(
        split.predictions["has_mi"],
        # Logits rank recordings whose probabilities are all rounded to 1.
        split.predictions["mi_logit"],
        is_logit=True,
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
    head = head_of_document(evaluation.notes, is_phantom=evaluation.is_phantom) | split.provenance
    write_result(split.folder, split.predictions, metrics, head, {})
    return evaluation
