"""`coreecho report`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]


def report(
    run: Path,
    run2: Path | None = None,
    /,
    *,
    out: Path | None = None,
    split: Literal["train", "val", "test"] = "test",
    clips: AtLeastOne | Literal["all"] = 3,
    start_index: Path | None = None,
    cases: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 4,
    map_method: Literal["auto", "umap", "pca"] = "auto",
    hearts: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 8,
    lv_focus: bool = True,
    data: Path | None = None,
    dataset: str | None = None,
    store: Path | None = None,
    allow_overlap: Annotated[bool, Parameter(negative="")] = False,
    batch_size: AtLeastOne = 8,
    device: str = "auto",
) -> int:
    """Show a trained model, or two side by side, in one HTML file: `coreecho report runs/rnc runs/l1`.

    What was trained on what, metrics with 95 % intervals, learning curves, agreement, calibration, the worst cases as
    playing clips with what the model looks at, the map of the embeddings, and how continuous they are. The file needs
    no network, reads well on a phone, and prints. What `coreecho evaluate` left in the runs is used where it holds.

    Published weights, imported: `coreecho report weights.safetensors --data EchoNet-Dynamic`. How they learned is left
    out, since the file does not say.

    Recordings that a model was trained on are refused, whatever split they are in now.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote, or a `.safetensors` file with `--data`.
    run2:
        Another, to compare it with.
    out:
        The HTML file [default: RUN/report.html, or RUN/report-with-RUN2.html; of other data, below RUN/report or
        WEIGHTS-results/report].
    split:
        Recordings to evaluate.
    clips:
        Clips of each recording whose mean is its EF; `all` covers the whole video.
    start_index:
        File that says where each recording's clips start: the authors' pickle, or JSON of
        `{"<name>.avi": [3, 10, 25]}`.
    cases:
        Recordings shown of each run, those with the largest errors.
    map_method:
        How embeddings are laid flat; `auto` is UMAP where umap-learn is installed.
    hearts:
        Simulated hearts whose EF is moved in small steps, where the data are phantoms.
    lv_focus:
        Measure how much the models look at the left ventricle, where the data say where it is.
    data:
        Root of another data set to report on, or of the run's own where it has moved.
    dataset:
        With `--data`: its layout, such as `table` [default: that of the training, or `echonet`].
    store:
        Folder for the decoded frames [default: beside the data].
    allow_overlap:
        Show recordings that a model was trained on, too; the result then says so.
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    """
    from coreecho.evaluation.protocol import Protocol
    from coreecho.inference.subject import open_subject
    from coreecho.report.html import default_place, write_report
    from coreecho.report.terminal import say

    subjects = [open_subject(path, data=data, dataset=dataset, store=store) for path in (run, run2) if path is not None]
    out = out or default_place(subjects)
    write_report(
        subjects,
        out,
        protocol=Protocol(split=split, clips=clips, start_index=start_index),
        cases=cases,
        map_method=map_method,
        hearts=hearts,
        lv_focus=lv_focus,
        batch_size=batch_size,
        device=device,
        allow_overlap=allow_overlap,
        show_progress=True,
    )
    size = out.stat().st_size / 1e6
    say([f"Report: {out} ({size:.1f} MB, one file, opens in any browser)"])
    return 0
