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
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coreecho import segment
from coreecho.datasets import load_recordings
from coreecho.errors import VideoError
from coreecho.experiments.data import Data
from coreecho.experiments.model_plan import cohort_folder
from coreecho.experiments.runs import finish_run
from coreecho.models.segmenter import Segmenter, load_segmenter
from coreecho.training.recipe import Recipe, read_recipe_file
from coreecho.training.recipe_files import find_recipe
from coreecho.ventricle.segmentation import Segmentation
from over_seeds import OfSeed, cell, execution_of, lay_out_hearts, measure, new_parser, read_runs
from what_carries import train_seed

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


def with_means(said: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The mean of the outline's number and of each regression's beside them."""
    drawn = said[OUTLINE]["ef_predicted"].to_numpy()
    both = {
        f"both: outline and {words}": said[words].assign(ef_predicted=(said[words]["ef_predicted"] + drawn) / 2)
        for words in REGRESSIONS.values()
    }
    return said | both


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
    parser = new_parser(__doc__)
    parser.add_argument("--outline-size", type=int, default=64, help="pixels of the frames that the U-Net sees")
    arguments = parser.parse_args()
    generated = lay_out_hearts(arguments)
    files = {row["id"]: arguments.clips / row["file"] for _, row in generated.iterrows()}
    unseen = load_recordings("echonet", cohort_folder(arguments.phantoms, "unseen-clinic"))
    videos = {each.id: each.path for each in unseen}

    def read_seed(seed: int) -> OfSeed:
        runs, segmenter = train_seed(seed, arguments), train_outline(seed, arguments)
        said = read_runs({words: runs[name] for name, words in REGRESSIONS.items()}, generated, arguments)
        for of_seed, paths in zip(said, (files, videos), strict=True):
            of_seed[OUTLINE] = read_outlines(segmenter, of_seed[REGRESSIONS["all"]], paths.__getitem__)
        of_generated, of_phantoms = said
        return with_means(of_generated), with_means(of_phantoms)

    bases = {f"minus_{name}": words for name, words in REGRESSIONS.items()}
    results = measure(arguments.out / "outline-or-regression.json", read_seed, generated, bases, arguments)
    for title, found in results.items():
        print_table(f"On {title}", found)


if __name__ == "__main__":
    main()
