"""How many simulated hearts a network has need of: 1,000, 4,000 or 16,000, in as many steps each, over five seeds.

Every training goes on from the start of its seed, as `benchmarks/what_carries.py` makes it, by that program's full
arm, and sees as many clips: a thousand hearts sixteen times, sixteen thousand once. Fewer hearts are among more; those
beyond the `clinic` cohort of the shipped model's plan are drawn from the same settings by a seed of their own, and all
of them train. Measured as there, on generated clips and on phantoms that none has seen; differences to the fewest are
paired over hearts and seeds. Nothing is chosen by what it finds.

Stopped, the same command goes on. Run as
`python benchmarks/how_many_hearts.py --clips FOLDER --phantoms runs/default-models`.
"""

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.datasets import Recording, load_recordings
from coreecho.evaluation import EF_METRICS, compare_over_seeds, metrics_over_seeds
from coreecho.experiments.data import Data
from coreecho.experiments.model_plan import cohort_folder, default_plan, read_plan
from coreecho.experiments.runs import finish_run
from coreecho.files import write_whole
from coreecho.phantom import write_echonet_phantoms
from generated_clips import settings_of
from what_carries import (
    FPS,
    add_arguments,
    execution_of,
    print_table,
    read_generated,
    read_generated_table,
    read_phantoms,
    recipe_of,
    train_start,
    write_cohorts,
)

HEARTS = (1000, 4000, 16000)
# A cohort's hearts are 75 % TRAIN, about; of this one all train.
_MORE_HEARTS, _MORE_SEED = 11_600, 5
_VALIDATING = 200


def write_more_hearts(arguments: argparse.Namespace) -> Path:
    """Draw the hearts beyond the clinic cohort, or those that are missing; without masks, which nobody reads here."""
    root = cohort_folder(arguments.out, "more-clinic")
    settings = dataclasses.replace(read_plan(default_plan()).phantoms["clinic"].phantom_settings("clinic"), masks=False)
    write_echonet_phantoms(root, recordings=_MORE_HEARTS, seed=_MORE_SEED, settings=settings, show_progress=True)
    return root


def write_table(hearts: int, more: Path, arguments: argparse.Namespace) -> Path:
    """The first hearts that train, the clinic cohort's before the others, and those that validate."""
    clinic = load_recordings("echonet", cohort_folder(arguments.phantoms, "clinic"))

    def sorted_rows(recordings: list[Recording], prefix: str, split: str) -> list[dict[str, object]]:
        return [
            {
                "path": str(each.path.resolve()),
                "id": f"{prefix}{each.id}",
                "ef_percent": each.ef_percent,
                "split": split,
            }
            for each in sorted(recordings, key=lambda each: each.id)
        ]

    train = sorted_rows([each for each in clinic if each.split == "train"], "", "train")
    if len(train) < hearts:
        train += sorted_rows(list(load_recordings("echonet", more)), "more-", "train")
    if len(train) < hearts:
        raise SystemExit(f"{len(train)} hearts train, {hearts} are needed")
    rows = train[:hearts] + sorted_rows([each for each in clinic if each.split == "val"], "", "val")[:_VALIDATING]
    path: Path = arguments.out / "tables" / f"hearts-{hearts}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, pd.DataFrame(rows).to_csv(index=False))
    return path


def train_hearts(hearts: int, seed: int, start: Path, arguments: argparse.Namespace) -> Path:
    """A training on so many hearts, in as many steps as the one on the most of them, which sees each once."""
    more = cohort_folder(arguments.out, "more-clinic")
    data = Data(
        dataset="table",
        root=write_table(hearts, more, arguments),
        options={"fps": FPS},
        store=arguments.out / "store",
    )
    path: Path = arguments.out / "runs" / f"hearts-{hearts}-seed{seed}"
    settings = {"stage1_epochs": arguments.passes * HEARTS[-1] // hearts}
    recipe = recipe_of(f"hearts-{hearts}", settings, seed, str(start.resolve()), arguments)
    finish_run(recipe, data, path, execution_of(arguments))
    return path


def compared(tables: Mapping[int, list[pd.DataFrame]], patients: Mapping[str, str] | None) -> dict[str, Any]:
    """Metrics over the seeds, and the differences to the fewest hearts."""
    fewest, *more = tables
    found: dict[str, Any] = {}
    for hearts, of_seeds in tables.items():
        words = f"{hearts:,} hearts"
        found[words] = {
            "metrics": metrics_over_seeds(of_seeds, family=EF_METRICS, patients=patients).to_dict()["metrics"]
        }
        if hearts in more:
            difference = compare_over_seeds(tables[fewest], of_seeds, family=EF_METRICS, patients=patients)
            found[words]["minus_base"] = difference.to_dict()["metrics"]
    return found


def main() -> None:
    """Train what is missing, and write how-many-hearts.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, out=Path("runs/how-many-hearts"))
    parser.add_argument("--starts", type=Path, default=Path("runs/what-carries"), help="where the starts lie")
    parser.add_argument("--passes", type=int, default=1, help="over the most hearts")
    arguments = parser.parse_args()
    generated = read_generated_table(arguments)
    write_cohorts(arguments)
    write_more_hearts(arguments)

    of_generated: dict[int, list[pd.DataFrame]] = {}
    of_phantoms: dict[int, list[pd.DataFrame]] = {}
    for seed in arguments.seeds:
        start = train_start("start", seed, argparse.Namespace(**{**vars(arguments), "out": arguments.starts}))
        for hearts in HEARTS:
            run = train_hearts(hearts, seed, start, arguments)
            of_generated.setdefault(hearts, []).append(read_generated(run, generated, arguments))
            of_phantoms.setdefault(hearts, []).append(read_phantoms(run, arguments))
    clip_of = dict(zip(generated["id"], generated["heart"].astype(str), strict=True))
    results = {
        "generated clips": compared(of_generated, clip_of),
        "unseen clinic phantoms": compared(of_phantoms, None),
    }
    for title, found in results.items():
        print_table(f"On {title}", found, base=f"{HEARTS[0]:,} hearts")
    document = {"settings": settings_of(arguments), "results": results}
    write_whole(arguments.out / "how-many-hearts.json", json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
