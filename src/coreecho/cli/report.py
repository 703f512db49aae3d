"""`coreecho report`."""

from pathlib import Path
from typing import Literal

from coreecho.cli.options import Clips, Computing, NotNegative, TestedData
from coreecho.datasets.recording import Asked


def report(
    run: Path,
    run2: Path | None = None,
    /,
    *,
    out: Path | None = None,
    split: Asked = "test",
    clips: Clips = 3,
    start_index: Path | None = None,
    cases: NotNegative = 4,
    map_method: Literal["auto", "umap", "pca"] = "auto",
    hearts: NotNegative = 8,
    lv_focus: bool = True,
    segmenter: Path | None = None,
    shown: TestedData | None = None,
    computing: Computing | None = None,
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
        Recordings with the largest errors that are shown of each run; before them come up to two with usual errors.
    map_method:
        How embeddings are laid flat; `auto` is UMAP where umap-learn is installed.
    hearts:
        Simulated hearts whose EF is moved in small steps, where the data are phantoms.
    lv_focus:
        Measure how much the models look at the left ventricle, where the data say where it is.
    segmenter:
        What outlines the left ventricle (weights, or `default`): the volume over time then stands below each clip, and
        LV focus is measured also where the data do not say where the ventricle is.
    shown:
        The data, where they are not the run's own.
    computing:
        How the model computes.
    """
    shown = shown or TestedData()
    computing = computing or Computing()
    from coreecho.evaluation.protocol import Protocol
    from coreecho.outputs import PAGE, Output, check_outputs
    from coreecho.report.html import default_place, write_report
    from coreecho.report.terminal import say

    check_outputs(Output("--out", out, PAGE), inputs=[run])
    subjects = [shown.subject(path) for path in (run, run2) if path is not None]
    out = out or default_place(subjects)
    write_report(
        subjects,
        out,
        protocol=Protocol(split=split, clips=clips, start_index=start_index),
        cases=cases,
        map_method=map_method,
        hearts=hearts,
        lv_focus=lv_focus,
        segmenter=segmenter,
        batch_size=computing.batch_size,
        device=computing.device,
        allow_overlap=shown.allow_overlap,
        show_progress=True,
    )
    size = out.stat().st_size / 1e6
    say([f"Report: {out} ({size:.1f} MB, one file, opens in any browser)"])
    return 0
