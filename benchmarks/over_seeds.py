"""What ways of training are told, read and measured by, where each is trained over some seeds.

Each way is read on generated clips (a folder with a table, as of `benchmarks/generated_clips.py`) and on a cohort of
phantoms that none has seen. Figures are means over the seeds; intervals take in hearts and seeds; differences of two
ways are paired. No program of its own: `what_carries.py`, `how_many_hearts.py` and `outline_or_regression.py` are.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.evaluation import EF_METRICS, compare_over_seeds, metrics_over_seeds
from coreecho.evaluation.evaluate import evaluate
from coreecho.evaluation.protocol import Protocol
from coreecho.experiments.model_plan import cohort_folder, default_plan, read_plan
from coreecho.experiments.runs import Execution
from coreecho.files import write_whole
from coreecho.inference.opening import open_subject
from coreecho.inference.preparing import prepare_file
from coreecho.models.weights import load_model
from coreecho.training.run_folder import Hardware
from generated_clips import cached_reader, predict_all, settings_of

FPS = 48
# Of each way of training the predictions of its seeds, one table a seed.
Said = dict[str, list[pd.DataFrame]]
# Of each way the predictions of one seed, of generated clips and of phantoms.
OfSeed = tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]


def new_parser(description: str | None, out: Path = Path("runs/what-carries")) -> argparse.ArgumentParser:
    """What is told of the clips, the phantoms and the trainings."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of the files")
    parser.add_argument("--labels", type=Path, help="table of their EF [default: labels.csv in that folder]")
    parser.add_argument("--ef", default="requested_ef", help="column of the EF")
    parser.add_argument("--phantoms", type=Path, default=Path("runs/default-models"), help="where the cohorts lie")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--start-hearts", type=int, default=1500)
    parser.add_argument("--start-epochs", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=3, help="of 1,000 hearts, two clips each; a multiple of 3")
    parser.add_argument("--frame-size", type=int, default=48)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--cache", type=Path, help="folder for decoded frames, as of generated_clips.py")
    return parser


def execution_of(arguments: argparse.Namespace) -> Execution:
    """On what is computed."""
    hardware = Hardware(device=arguments.device, precision=arguments.precision)
    return Execution(hardware=hardware, show_progress=True)


def lay_out_hearts(arguments: argparse.Namespace) -> pd.DataFrame:
    """Write the phantoms that are missing, and read the table of the generated clips.

    Returns:
        The columns `id`, `file`, `heart`, and `ef_percent` of the column that was asked for.
    """
    plan = read_plan(default_plan())
    for cohort in ("standard", "clinic", "unseen-clinic"):
        plan.write_phantoms(cohort, arguments.phantoms, workers=None, show_progress=True)
    table = pd.read_csv(arguments.labels or arguments.clips / "labels.csv").rename(columns={arguments.ef: "ef_percent"})
    return table.assign(id=[Path(name).stem for name in table["file"]])


def read_generated(run: Path, table: pd.DataFrame, arguments: argparse.Namespace) -> pd.DataFrame:
    """Predictions of the generated clips, as the metrics take them."""
    model, read = load_model(run), cached_reader(arguments.cache)
    clips = [prepare_file(model, arguments.clips / name, read=read) for name in table["file"]]
    said = predict_all(model, clips, num_clips=3, batch_size=8)
    return pd.DataFrame({"recording": table["id"], "ef_true": table["ef_percent"], "ef_predicted": said})


def read_phantoms(run: Path, arguments: argparse.Namespace) -> pd.DataFrame:
    """Predictions of clinic phantoms of another cohort."""
    root = cohort_folder(arguments.phantoms, "unseen-clinic")
    subject = open_subject(run, data=root, dataset="echonet", options={"fps": FPS})
    found = evaluate(subject, Protocol(split="test"), out=arguments.out / "measured" / run.name, show_progress=False)
    table: pd.DataFrame = found.predictions[["recording", "ef_true", "ef_predicted"]]
    return table


def read_runs(runs: Mapping[str, Path], generated: pd.DataFrame, arguments: argparse.Namespace) -> OfSeed:
    """Predictions of both kinds of hearts by some runs, by the words for each way."""
    return (
        {words: read_generated(run, generated, arguments) for words, run in runs.items()},
        {words: read_phantoms(run, arguments) for words, run in runs.items()},
    )


def measure(
    path: Path,
    read_seed: Callable[[int], OfSeed],
    generated: pd.DataFrame,
    bases: Mapping[str, str],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """All that is measured, on generated clips and on phantoms; written as JSON, with what was told.

    Args:
        path: of the file.
        read_seed: trains what is missing of a seed, and gives its predictions of both, by the words for each way.
        generated: their table.
        bases: as `compared` takes them.
        arguments: as the parser of `new_parser` gives them.
    """
    of_generated: Said = defaultdict(list)
    of_phantoms: Said = defaultdict(list)
    for seed in arguments.seeds:
        for said, of_seed in zip((of_generated, of_phantoms), read_seed(seed), strict=True):
            for words, table in of_seed.items():
                said[words].append(table)
    hearts = dict(zip(generated["id"], generated["heart"].astype(str), strict=True))
    results = {
        "generated clips": compared(of_generated, hearts, bases),
        "unseen clinic phantoms": compared(of_phantoms, None, bases),
    }
    document = {"settings": settings_of(arguments), "results": results}
    write_whole(path, json.dumps(document, indent=1) + "\n")
    return results


def compared(said: Said, hearts: Mapping[str, str] | None, bases: Mapping[str, str]) -> dict[str, Any]:
    """The metrics of each way over the seeds, and its differences to some of the ways.

    Args:
        said: by the words for each way.
        hearts: of each recording; None where each is a heart of its own.
        bases: words of the ways that others are compared with, by the names that the differences get.
    """
    found: dict[str, Any] = {}
    for words, of_seeds in said.items():
        metrics = metrics_over_seeds(of_seeds, family=EF_METRICS, patients=hearts)
        found[words] = {"metrics": metrics.to_dict()["metrics"]}
        for name, base in bases.items():
            if words != base:
                difference = compare_over_seeds(said[base], of_seeds, family=EF_METRICS, patients=hearts)
                found[words][name] = difference.to_dict()["metrics"]
    return found


def cell(entry: Mapping[str, Any] | None, name: str, digits: int) -> str:
    """A metric over the seeds, for a table: mean, standard deviation, interval; nothing where it was not measured."""
    if entry is None:
        return ""
    estimate, low, high = (f"{entry[name]['mean'][end]:.{digits}f}" for end in ("estimate", "low", "high"))
    return f"{estimate} ± {entry[name]['sd']:.{digits}f} ({low} to {high})"


def print_table(title: str, found: Mapping[str, Any], base: str = "all") -> None:
    """As docs take it: the metrics of a way, and its differences to the base."""
    print(f"\n{title}\n\n| | r | MAE | bias | r minus {base} | MAE minus {base} |\n|---|---|---|---|---|---|")
    for words, entry in found.items():
        own, other = entry["metrics"], entry.get("minus_base")
        cells = [cell(own, "pearson", 2), cell(own, "mae", 1), cell(own, "bias", 1)]
        cells += [cell(other, "pearson", 2), cell(other, "mae", 1)]
        print(f"| {words} | {' | '.join(cells)} |")
