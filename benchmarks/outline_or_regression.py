"""EF that a network reads, EF by an outline that a network draws, or both: over five seeds, on lifelike clips.

Read by regression is what two arms of `benchmarks/what_carries.py` say, which it trains where they are missing. The
outline is a small U-Net's, trained for one epoch on the masks of the clinic's phantoms; its EF is the mean of the beats
it finds, and where it finds no whole beat, of the largest and the smallest volume. Both is the mean of the two numbers.
Measured as there: on generated clips, and on phantoms of a cohort that none has seen; differences to regression are
paired over hearts and seeds. Nothing is chosen by what it finds.

Stopped, the same command goes on. Run as
`python benchmarks/outline_or_regression.py --clips FOLDER --phantoms runs/default-models`.
"""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coreecho import segment
from coreecho.datasets import load_recordings
from coreecho.errors import VideoError
from coreecho.evaluation import EF_METRICS, compare_over_seeds, metrics_over_seeds
from coreecho.experiments.data import Data
from coreecho.experiments.model_plan import cohort_folder
from coreecho.experiments.runs import finish_run
from coreecho.files import write_whole
from coreecho.models.segmenter import Segmenter, load_segmenter
from coreecho.training.recipe import Recipe, read_recipe_file
from coreecho.training.recipe_files import find_recipe
from coreecho.ventricle.segmentation import Segmentation
from generated_clips import settings_of
from what_carries import (
    add_arguments,
    cell,
    execution_of,
    read_generated,
    read_generated_table,
    read_phantoms,
    train_seed,
    write_cohorts,
)

REGRESSIONS = {"start": "regression, after standard phantoms alone", "all": "regression, after clinic phantoms"}
OUTLINE = "outline of the ventricle"
# Of a clip without a whole beat: the ends of the curve, but for the single frames that an outline misses.
_ENDS = (5, 95)


def train_outline(seed: int, arguments: argparse.Namespace) -> Segmenter:
    """A U-Net of one seed, trained on the masks of all clinic phantoms where that is not done."""
    shipped = read_recipe_file(find_recipe("lv-outline"))
    own = {"name": "outline", "seed": seed, "stage1_epochs": 1, "frame_size": arguments.outline_size}
    data = Data(
        dataset="echonet", root=cohort_folder(arguments.phantoms, "clinic"), store=arguments.out / "outline-store"
    )
    run = arguments.out / "runs" / f"outline-seed{seed}"
    finish_run(Recipe.from_mapping(shipped | own, source="outline"), data, run, execution_of(arguments))
    return load_segmenter(run)


def ef_of(found: Segmentation) -> float:
    """In percent: the mean of the whole beats, else of the clip's largest and smallest volume; NaN of no outline."""
    if found.ef_percent:
        return float(np.mean(found.ef_percent))
    volumes = found.volume[np.isfinite(found.volume)]
    if not len(volumes):
        return math.nan
    smallest, largest = np.percentile(volumes, _ENDS)
    return float(100 * (1 - smallest / largest))


def read_outlines(segmenter: Segmenter, like: pd.DataFrame, path_of: Callable[[str], Path]) -> pd.DataFrame:
    """EF by the outline of the recordings of a table of predictions; the mean of the others where there is none."""
    said = []
    for recording in like["recording"]:
        try:
            said.append(ef_of(segment(path_of(recording), model=segmenter)))
        except VideoError:
            said.append(math.nan)
    found = like.assign(ef_predicted=said)
    print(f"  no outline: {found['ef_predicted'].isna().sum()} of {len(found)}")
    return found.fillna({"ef_predicted": found["ef_predicted"].mean()})


def with_means(tables: dict[str, list[pd.DataFrame]]) -> dict[str, list[pd.DataFrame]]:
    """The mean of the outline's number and of each regression's beside them."""
    both = {
        f"both: outline and {words}": [
            read.assign(ef_predicted=(read["ef_predicted"] + drawn["ef_predicted"].to_numpy()) / 2)
            for read, drawn in zip(tables[words], tables[OUTLINE], strict=True)
        ]
        for words in REGRESSIONS.values()
    }
    return tables | both


def compared(tables: dict[str, list[pd.DataFrame]], hearts: dict[str, str] | None) -> dict[str, Any]:
    """Each way's metrics over the seeds, and its differences to the regression after clinic phantoms."""
    found: dict[str, Any] = {}
    for words, of_seeds in with_means(tables).items():
        found[words] = {
            "metrics": metrics_over_seeds(of_seeds, family=EF_METRICS, patients=hearts).to_dict()["metrics"]
        }
        for name, regression in REGRESSIONS.items():
            if words != regression:
                minus = compare_over_seeds(tables[regression], of_seeds, family=EF_METRICS, patients=hearts)
                found[words][f"minus_{name}"] = minus.to_dict()["metrics"]
    return found


def print_table(title: str, found: dict[str, Any]) -> None:
    """As docs take it."""
    print(f"\n{title}\n\n| | r | MAE | bias | MAE minus the first | MAE minus the second |\n|---|---|---|---|---|---|")
    for words, entry in found.items():
        own = entry["metrics"]
        cells = [cell(own, "pearson", 2), cell(own, "mae", 1), cell(own, "bias", 1)]
        cells += [cell(entry.get(f"minus_{name}"), "mae", 1) for name in REGRESSIONS]
        print(f"| {words} | {' | '.join(cells)} |")


def main() -> None:
    """Train what is missing, measure, and write outline-or-regression.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--outline-size", type=int, default=64, help="pixels of the frames that the U-Net sees")
    arguments = parser.parse_args()
    generated = read_generated_table(arguments)
    write_cohorts(arguments)
    files = {row["id"]: arguments.clips / row["file"] for _, row in generated.iterrows()}
    unseen = load_recordings("echonet", cohort_folder(arguments.phantoms, "unseen-clinic"))
    videos = {each.id: each.path for each in unseen}

    of_generated: dict[str, list[pd.DataFrame]] = {}
    of_phantoms: dict[str, list[pd.DataFrame]] = {}
    for seed in arguments.seeds:
        runs, segmenter = train_seed(seed, arguments), train_outline(seed, arguments)
        for name, words in REGRESSIONS.items():
            of_generated.setdefault(words, []).append(read_generated(runs[name], generated, arguments))
            of_phantoms.setdefault(words, []).append(read_phantoms(runs[name], arguments))
        for found, paths in ((of_generated, files), (of_phantoms, videos)):
            like = found[REGRESSIONS["all"]][-1]
            found.setdefault(OUTLINE, []).append(read_outlines(segmenter, like, paths.__getitem__))
    hearts = dict(zip(generated["id"], generated["heart"].astype(str), strict=True))
    results = {"generated clips": compared(of_generated, hearts), "unseen clinic phantoms": compared(of_phantoms, None)}
    for title, found in results.items():
        print_table(f"On {title}", found)
    document = {"settings": settings_of(arguments), "results": results}
    write_whole(arguments.out / "outline-or-regression.json", json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
