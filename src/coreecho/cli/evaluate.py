"""`coreecho evaluate`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]


def evaluate(
    model: Path,
    /,
    *,
    split: Literal["train", "val", "test"] = "test",
    clips: AtLeastOne | Literal["all"] = 3,
    step: AtLeastOne | None = None,
    start_index: Path | None = None,
    data: Path | None = None,
    dataset: str | None = None,
    store: Path | None = None,
    out: Path | None = None,
    allow_overlap: Annotated[bool, Parameter(negative="")] = False,
    batch_size: AtLeastOne = 8,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    resamples: AtLeastOne = 10_000,
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
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
    data:
        Root of another data set to evaluate on, or of the run's own where it has moved.
    dataset:
        With `--data`: its layout, such as `table` [default: that of the training, or `echonet`].
    store:
        Folder for the decoded frames [default: beside the data].
    out:
        Folder for the result [default: RUN/evaluation/SPLIT-CLIPS, or WEIGHTS-results/evaluation/SPLIT-CLIPS-on-DATA].
    allow_overlap:
        Evaluate recordings that the model was trained on, too; every figure and table then says so.
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    precision:
        Number format of the encoder: `bf16` is faster on GPUs, and right to about three digits.
    resamples:
        Bootstrap resamples behind the intervals.
    seed:
        Seed of the resamples.
    """
    from rich.console import Console

    from coreecho.evaluation.evaluate import evaluate as evaluate_subject
    from coreecho.evaluation.protocol import Protocol
    from coreecho.inference.subject import open_subject
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
        open_subject(model, data=data, dataset=dataset, store=store),
        protocol,
        out=out,
        batch_size=batch_size,
        device=device,
        allow_overlap=allow_overlap,
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
