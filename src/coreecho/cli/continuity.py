"""`coreecho continuity`."""

from pathlib import Path

from coreecho.cli.options import AtLeastOne, Computing, NotNegative, TestedData
from coreecho.datasets.recording import Asked


def continuity(
    run: Path,
    run2: Path | None = None,
    /,
    *,
    split: Asked = "test",
    clips: AtLeastOne = 3,
    start_index: Path | None = None,
    hearts: NotNegative = 8,
    out: Path | None = None,
    shown: TestedData | None = None,
    computing: Computing | None = None,
    seed: NotNegative = 0,
) -> int:
    """Measure how continuous a representation is: `coreecho continuity runs/echonet --split test`.

    Whether recordings lie in the order of their EF, what the embedding is made of (EF, or gain, depth, heart rate),
    and, on simulated hearts, how steadily it moves while the EF of one heart is moved; each with a 95 % interval. A
    table goes to the terminal; the same as JSON and CSV, and a picture, go into a folder. What lies in that folder is
    used while it holds.

    Of two runs, `coreecho continuity runs/l1 runs/rnc`, the second's figures minus the first's come too, with paired
    intervals over the recordings that both were measured on.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote, or with `--data` a `.safetensors` file or `default`, the model that
        ships.
    run2:
        Another, to compare it with.
    split:
        Recordings to measure on.
    clips:
        Clips of each recording whose mean is its embedding.
    start_index:
        File that says where each recording's clips start, instead of `--clips`: the authors' pickle, or JSON of
        `{"<name>.avi": [3, 10, 25]}`.
    hearts:
        Simulated hearts whose EF is moved in steps; 0 for none.
    out:
        Folder for the result, of two runs with a folder for each [default: RUN/explain/continuity-SPLIT of each run,
        or WEIGHTS-results/explain/continuity-SPLIT-on-DATA].
    shown:
        The data, where they are not the run's own.
    computing:
        How the model computes.
    seed:
        Of folds and resamples.
    """
    shown = shown or TestedData()
    computing = computing or Computing()
    from coreecho.files import make_folder
    from coreecho.report.continuity_drawing import draw_continuity
    from coreecho.report.shipped_model import say_default
    from coreecho.report.terminal import show_continuity, show_continuity_difference
    from coreecho.representation.continuity_comparison import compare_continuity
    from coreecho.representation.continuity_recordings import ContinuityProtocol
    from coreecho.representation.run_continuity import continuity_folder, difference_folder, measure_continuity

    if out is not None:
        make_folder(out)
    protocol = ContinuityProtocol(split=split, clips=clips, start_index=start_index, hearts=hearts, seed=seed)
    paths = [run] if run2 is None else [run, run2]
    for path in paths:
        say_default(path)
    runs = [shown.subject(path) for path in paths]
    models = [subject.model(computing.device) for subject in runs]
    measured = []
    for name, subject, model in zip(("first", "second"), runs, models, strict=False):
        of_two = None if out is None or run2 is None else out / name
        place = of_two or out or continuity_folder(subject, split)
        measured.append(
            measure_continuity(
                subject,
                model,
                place,
                protocol=protocol,
                batch_size=computing.batch_size,
                allow_overlap=shown.allow_overlap,
                show_progress=True,
            )
        )
        draw_continuity(place / "continuity.png", measured[-1])
        show_continuity(measured[-1])
    if len(runs) > 1:
        place = out or difference_folder(runs[0], runs[1], split)
        difference = compare_continuity(
            (runs[0], runs[1]),
            (models[0], models[1]),
            place,
            protocol=protocol,
            batch_size=computing.batch_size,
            allow_overlap=shown.allow_overlap,
        )
        show_continuity_difference(difference, measured[0])
    return 0
