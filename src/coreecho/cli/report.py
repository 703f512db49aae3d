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
    cases: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 4,
    map_method: Literal["auto", "umap", "pca"] = "auto",
    hearts: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 8,
    lv_focus: bool = True,
    data: Path | None = None,
    batch_size: AtLeastOne = 8,
    device: str = "auto",
) -> int:
    """Show a trained model, or two side by side, in one HTML file: `coreecho report runs/rnc runs/l1`.

    What was trained on what, metrics with 95 % intervals, learning curves, agreement, calibration, the worst cases as
    playing clips with what the model looks at, the map of the embeddings, and how continuous they are. The file needs
    no network, reads well on a phone, and prints. What `coreecho evaluate` left in the runs is used where it holds.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote.
    run2:
        Another run, to compare it with.
    out:
        The HTML file [default: RUN/report.html, or RUN/report-with-RUN2.html].
    split:
        Recordings to evaluate.
    clips:
        Clips of each recording whose mean is its EF; `all` covers the whole video.
    cases:
        Recordings shown of each run, those with the largest errors.
    map_method:
        How embeddings are laid flat; `auto` is UMAP where umap-learn is installed.
    hearts:
        Simulated hearts whose EF is moved in small steps, where the data are phantoms.
    lv_focus:
        Measure how much the models look at the left ventricle, where the data say where it is.
    data:
        Root of the data set, where it has moved since the training.
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    """
    from coreecho.evaluation.protocol import Protocol
    from coreecho.report.html import write_report
    from coreecho.report.terminal import say
    from coreecho.training.run_folder import RunFolder

    runs = [RunFolder.open(path, data=data) for path in (run, run2) if path is not None]
    name = "report.html" if run2 is None else f"report-with-{run2.resolve().name}.html"
    out = out or run / name
    write_report(
        runs,
        out,
        protocol=Protocol(split=split, clips=clips),
        cases=cases,
        map_method=map_method,
        hearts=hearts,
        lv_focus=lv_focus,
        batch_size=batch_size,
        device=device,
        show_progress=True,
    )
    size = out.stat().st_size / 1e6
    say([f"Report: {out} ({size:.1f} MB, one file, opens in any browser)"])
    return 0
