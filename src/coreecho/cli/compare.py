"""`coreecho compare`."""

from pathlib import Path

from coreecho.cli.options import AtLeastOne, Clips, Computing, NotNegative, TestedData
from coreecho.datasets.recording import Asked


def compare(
    run: Path,
    /,
    *others: Path,
    split: Asked = "test",
    clips: Clips = 3,
    csv: Path | None = None,
    json: Path | None = None,
    shown: TestedData | None = None,
    computing: Computing | None = None,
    resamples: AtLeastOne = 10_000,
    seed: NotNegative = 0,
) -> int:
    """Hold runs against each other: `coreecho compare runs/rnc runs/l1 runs/mse`.

    Every metric of each run with its 95 % interval, and of each but the first the difference to the first, paired: the
    same recordings are resampled for both, so that what is hard for both cancels. Takes seconds where the runs were
    evaluated before; else their clips are predicted first.

    A folder that `coreecho train --seeds 0:5 --out FOLDER` wrote stands for its recipe: means over the seeds, with
    intervals that take in seeds and recordings. Alone it is measured, and held against nothing.

    Parameters
    ----------
    run:
        Folder of a run, or of its seeds, or a `.safetensors` file with `--data`.
    others:
        Those that are held against it.
    split:
        Recordings to test on.
    clips:
        Clips of each recording whose mean is its EF; `all` covers the whole video.
    csv:
        Write the table to this file, too.
    json:
        Write all of it to this file, too.
    shown:
        The data, where they are not the runs' own.
    computing:
        How the models compute.
    resamples:
        Bootstrap resamples behind the intervals.
    seed:
        Seed of the resamples.
    """
    shown = shown or TestedData()
    computing = computing or Computing()
    from rich.console import Console

    from coreecho.evaluation.protocol import Protocol
    from coreecho.evaluation.run_comparison import Competitor, compare_runs, unique_names
    from coreecho.experiments.seed_runs import seeds_in
    from coreecho.inference.subject import Subject
    from coreecho.outputs import DOCUMENT, TABLE, Output, check_outputs
    from coreecho.report.comparison import comparison_tables, write_comparison

    paths = [run, *others]
    check_outputs(Output("--csv", csv, TABLE), Output("--json", json, DOCUMENT), inputs=paths)
    competitors = []
    for name, path in zip(unique_names([path.resolve() for path in paths]), paths, strict=True):
        runs = {} if (path / "run.json").is_file() else seeds_in(path)
        subjects: dict[int | None, Subject] = {number: shown.subject(of_seed) for number, of_seed in runs.items()}
        competitors.append(Competitor(name=name, seeds=subjects or {None: shown.subject(path)}))
    found = compare_runs(
        competitors,
        Protocol(split=split, clips=clips, resamples=resamples, seed=seed),
        batch_size=computing.batch_size,
        device=computing.device,
        allow_overlap=shown.allow_overlap,
        show_progress=True,
    )
    Console().print(comparison_tables(found))
    for path in write_comparison(found, csv=csv, json=json):
        Console(stderr=True).print(f"Written: {path}", markup=False, soft_wrap=True)
    return 0
