"""`coreecho evaluate`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]


def evaluate(
    run: Path,
    /,
    *,
    split: Literal["train", "val", "test"] = "test",
    clips: AtLeastOne | Literal["all"] = 3,
    step: AtLeastOne | None = None,
    start_index: Path | None = None,
    data: Path | None = None,
    store: Path | None = None,
    out: Path | None = None,
    batch_size: AtLeastOne = 8,
    device: str = "auto",
    resamples: AtLeastOne = 10_000,
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
) -> int:
    """Measure how good a trained model is: `coreecho evaluate runs/echonet --split test --clips 3`.

    Predicts every recording of a split and compares with its true EF: MAE, RMSE, R², correlation, bias, limits of
    agreement, and how well an EF below 35, 40 and 50 % is found (AUROC), each with a 95 % interval. The table goes
    to the terminal; predictions, metrics and pictures go into a folder. Of a run that finds infarctions: sensitivity,
    specificity, precision, F1, accuracy, AUROC and AUPRC instead.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote.
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
    store:
        With `--data`: folder for the decoded frames [default: beside the data].
    out:
        Folder for the result [default: RUN/evaluation/SPLIT-CLIPS].
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    resamples:
        Bootstrap resamples behind the intervals.
    seed:
        Seed of the resamples.
    """
    from rich.console import Console

    from coreecho.report.evaluation import Evaluation, evaluate_run
    from coreecho.report.mi_evaluation import evaluate_mi_run
    from coreecho.report.protocol import Protocol
    from coreecho.report.tables import metrics_table
    from coreecho.training.run_folder import RunFolder

    protocol = Protocol(split=split, clips=clips, step=step, start_index=start_index, resamples=resamples, seed=seed)
    folder = RunFolder.open(run)
    measure: Callable[..., Evaluation[Any]]
    measure = evaluate_mi_run if folder.recipe.target == "mi" else evaluate_run
    evaluation = measure(
        folder,
        protocol,
        data=data,
        store=store,
        out=out,
        batch_size=batch_size,
        device=device,
        show_progress=True,
    )
    console = Console()
    title = f"{run}: {protocol.description}"
    console.print(metrics_table(evaluation.metrics, title=title, is_phantom=evaluation.is_phantom))
    for note in evaluation.notes:
        console.print(f"Note: {note}.", markup=False)
    pictures = ", with pictures" if folder.recipe.target == "ef" else ""
    console.print(f"Predictions and metrics{pictures}: {evaluation.folder}", markup=False, soft_wrap=True)
    return 0
