"""`coreecho evaluate`."""

from pathlib import Path
from typing import Literal

from coreecho.cli.options import AtLeastOne, Computing, NotNegative, SplitName, TestedData


def evaluate(
    model: Path,
    /,
    *,
    split: SplitName = "test",
    clips: AtLeastOne | Literal["all"] = 3,
    step: AtLeastOne | None = None,
    start_index: Path | None = None,
    out: Path | None = None,
    shown: TestedData | None = None,
    computing: Computing | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    resamples: AtLeastOne = 10_000,
    seed: NotNegative = 0,
) -> int:
    """Measure how good a trained model is: `coreecho evaluate runs/echonet --split test --clips 3`.

    Predicts every recording of a split and compares with its true EF: MAE, RMSE, R², correlation, bias, limits of
    agreement, and how well an EF below 35, 40 and 50 % is found (AUROC), each with a 95 % interval. The table goes
    to the terminal; predictions, metrics and pictures go into a folder. Of a run that finds infarctions: sensitivity,
    specificity, precision, F1, accuracy, AUROC and AUPRC instead; of one that reads any other number, errors in its
    unit, correlation and agreement.

    Published weights, imported: `coreecho evaluate weights.safetensors --data EchoNet-Dynamic --start-index FILE`.

    Recordings that the model was trained on are refused, whatever split they are in now.

    Parameters
    ----------
    model:
        Folder of a run that `coreecho train` wrote, or a `.safetensors` file with `--data`.
    split:
        Recordings to evaluate.
    clips:
        Clips of each recording whose mean is its EF: `1` takes the middle one, `3` is the paper's, `all` covers the
        whole video.
    step:
        With `--clips all`: source frames from one clip's start to the next [default: the model's stride].
    start_index:
        File that says where each recording's clips start: the authors' pickle, or JSON of
        `{"<name>.avi": [3, 10, 25]}`.
    shown:
        The data, where they are not the run's own.
    out:
        Folder for the result [default: RUN/evaluation/SPLIT-CLIPS, or WEIGHTS-results/evaluation/SPLIT-CLIPS-on-DATA].
    computing:
        How the model computes.
    precision:
        Number format of the encoder: `bf16` is faster on GPUs, and right to about three digits.
    resamples:
        Bootstrap resamples behind the intervals.
    seed:
        Seed of the resamples.
    """
    shown = shown or TestedData()
    computing = computing or Computing()
    from rich.console import Console

    from coreecho.evaluation.evaluate import evaluate as evaluate_subject
    from coreecho.evaluation.protocol import Protocol
    from coreecho.report.evaluation import pictures_of
    from coreecho.report.tables import metrics_table

    protocol = Protocol(
        split=split,
        clips=clips,
        step=step,
        start_index=start_index,
        resamples=resamples,
        seed=seed,
        precision=precision,
    )
    evaluation = evaluate_subject(
        shown.subject(model),
        protocol,
        out=out,
        batch_size=computing.batch_size,
        device=computing.device,
        allow_overlap=shown.allow_overlap,
        draw=pictures_of,
        show_progress=True,
    )
    console = Console()
    title = f"{model}: {protocol.description}"
    if evaluation.overlap_label is not None:
        title += f"\n{evaluation.overlap_label}"
    console.print(metrics_table(evaluation.metrics, title=title, is_phantom=evaluation.is_phantom))
    for note in evaluation.notes:
        console.print(f"Note: {note}.", markup=False)
    pictures = ", with pictures" if pictures_of(evaluation) else ""
    console.print(f"Predictions and metrics{pictures}: {evaluation.folder}", markup=False, soft_wrap=True)
    return 0
