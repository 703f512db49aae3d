"""What of simulated hearts carries over to lifelike clips: small trainings with and without each part, over five seeds.

Every seed first learns from `standard` phantoms (the start), and from there, in as many steps each, from arms that
differ in one thing: the hearts, camera motion, grey levels, turns and zooms, how many hearts, or the objective. Each is
read on generated clips (a folder with a table, as of `benchmarks/generated_clips.py`) and on a cohort of phantoms that
none has seen. Figures are means over the seeds; intervals take in hearts and seeds; differences to the full arm are
paired. Nothing is chosen by what it finds, so that no arm is flattered; but each is small.

Stopped, the same command goes on: trainings that are done stay done. Run as
`python benchmarks/what_carries.py --clips FOLDER --phantoms runs/default-models`, which finds the phantoms that
`make default-models` has written, or writes them.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coreecho.datasets import Recording, load_recordings
from coreecho.experiments.data import Data
from coreecho.experiments.model_plan import cohort_folder
from coreecho.experiments.runs import finish_run
from coreecho.files import write_whole
from coreecho.report.pictures import BLUE, VERMILION, new_figure, save_figure
from coreecho.training.recipe import SCRATCH, Recipe, read_recipe_file
from coreecho.training.recipe_files import find_recipe
from over_seeds import FPS, OfSeed, execution_of, lay_out_hearts, measure, new_parser, print_table, read_runs

FULL = "all"
_NO_GREY = {"gain_flicker": 0, "gamma_spread": 0, "shading_spread": 0, "blur_pixels": 0, "noise": 0, "cutouts": 0}
_NO_CAMERA = {"camera_rotation_degrees": 0, "camera_zoom": 0, "camera_shift": 0}
_STILL = {"rotation_degrees": 0, "scale_range": [1.0, 1.0], "translation": 0}
# End to end a step sees one clip of each recording, of which twice as many epochs make as many clips.
_L1 = {"objective": "l1", "views": "one_clip"}


@dataclass(frozen=True)
class Arm:
    """One way of training after the start.

    Attributes:
        words: what is different, for tables.
        cohort: of phantoms.
        hearts: how many train, all arms for as many steps.
        settings: of the recipe, that are not those of the full arm.
        clips: of a recording that a step sees.
    """

    words: str
    cohort: str = "clinic"
    hearts: int = 1000
    settings: Mapping[str, Any] = field(default_factory=dict)
    clips: int = 2

    @property
    def start(self) -> str:
        """The start that it goes on from."""
        return "start-l1" if "objective" in self.settings else "start"


ARMS = {
    FULL: Arm("clinic phantoms, camera motion, grey levels, turns and zooms; RnC + L1"),
    "standard": Arm("standard hearts in place of the clinic's", cohort="standard"),
    "no-camera": Arm("without camera motion", settings=_NO_CAMERA),
    "no-grey": Arm("without changes of grey levels", settings=_NO_GREY),
    "no-affine": Arm("without turns, zooms and shifts of the clip", settings=_STILL),
    "hearts-250": Arm("250 hearts in place of 1,000", hearts=250),
    "hearts-3000": Arm("3,000 hearts in place of 1,000", hearts=3000),
    "l1": Arm("L1 end to end in place of RnC + L1, from the start on", settings=_L1, clips=1),
}

# What each start sets, and the clips of a recording that a step sees.
STARTS: Mapping[str, tuple[Mapping[str, Any], int]] = {"start": ({}, 2), "start-l1": (_L1, 1)}


def phantoms_table(folder: Path, cohort: Path, hearts: int) -> Path:
    """The first hearts of a cohort that train, and 200 that validate, as a table: fewer are among more."""
    recordings = load_recordings("echonet", cohort)

    def rows(split: str, count: int) -> list[Recording]:
        found = sorted((each for each in recordings if each.split == split), key=lambda each: each.id)
        if len(found) < count:
            raise SystemExit(f"{cohort}: {len(found)} recordings of {split}, {count} are needed")
        return found[:count]

    kept = [*rows("train", hearts), *rows("val", 200)]
    table = pd.DataFrame(
        {
            "path": [str(each.path.resolve()) for each in kept],
            "id": [each.id for each in kept],
            "ef_percent": [each.ef_percent for each in kept],
            "split": [each.split for each in kept],
        }
    )
    path = folder / f"{cohort.name}-{hearts}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, table.to_csv(index=False))
    return path


def recipe_of(name: str, settings: Mapping[str, Any], seed: int, init: str, arguments: argparse.Namespace) -> Recipe:
    """The shipped model's recipe, smaller."""
    shipped = read_recipe_file(find_recipe("default-ef"))
    own = {"name": f"what-carries-{name}", "seed": seed, "init": init, "batch_size": 16, "learning_rate": 1e-3}
    own |= {"ramp_epochs": 0, "warmup_steps": 30, "select": "last", "frame_size": arguments.frame_size}
    return Recipe.from_mapping(shipped | own | dict(settings), source=name)


def train_start(name: str, seed: int, arguments: argparse.Namespace) -> Path:
    """The run of a seed that others go on from: `start`, or `start-l1` end to end."""
    kind, clips = STARTS[name]
    calm = {**_NO_CAMERA, "shading_spread": 0, "blur_pixels": 0, "noise": 0, "cutouts": 0}
    settings = {"stage1_epochs": arguments.start_epochs * 2 // clips, "gain_flicker": 0.05, "gamma_spread": 0.1}
    return train_run(name, "standard", arguments.start_hearts, calm | kind | settings, seed, SCRATCH, arguments)


def train_run(
    name: str,
    cohort: str,
    hearts: int,
    settings: Mapping[str, Any],
    seed: int,
    init: str,
    arguments: argparse.Namespace,
) -> Path:
    """The run of this name and seed, trained where that is not done."""
    root = phantoms_table(arguments.out / "tables", cohort_folder(arguments.phantoms, cohort), hearts)
    data = Data(dataset="table", root=root, options={"fps": FPS}, store=arguments.out / "store")
    path: Path = arguments.out / "runs" / f"{name}-seed{seed}"
    finish_run(recipe_of(name, settings, seed, init, arguments), data, path, execution_of(arguments))
    return path


def train_seed(seed: int, arguments: argparse.Namespace) -> dict[str, Path]:
    """Runs of one seed, by the names of the arms."""
    made = {name: train_start(name, seed, arguments) for name in STARTS}
    for name, arm in ARMS.items():
        epochs = arguments.epochs * 1000 * 2 // (arm.hearts * arm.clips)
        settings = dict(arm.settings) | {"stage1_epochs": epochs}
        made[name] = train_run(name, arm.cohort, arm.hearts, settings, seed, str(made[arm.start].resolve()), arguments)
    return made


def words_of(arm: str) -> str:
    """An arm, or a start, for tables."""
    starts = {"start": "the start alone: standard phantoms, RnC + L1", "start-l1": "the start alone, L1 end to end"}
    return starts[arm] if arm in starts else ARMS[arm].words


def draw(path: Path, results: Mapping[str, Mapping[str, Any]]) -> None:
    """MAE of each arm minus the full arm's, with intervals, on both kinds of hearts."""
    title = "What carries over: MAE of each arm minus that of the full arm (95 % interval over hearts and seeds)"
    figure, (axis,) = new_figure(
        title, (8.0, 4.6), cautions=["phantoms and generated clips, not patients"], is_phantom=False
    )
    for number, (hearts, found) in enumerate(results.items()):
        names = [words for words, entry in found.items() if "minus_base" in entry]
        means = [found[words]["minus_base"]["mae"]["mean"] for words in names]
        centres = np.array([mean["estimate"] for mean in means])
        ends = np.abs(np.array([[mean["low"], mean["high"]] for mean in means]).T - centres)
        places = np.arange(len(names))[::-1] + 0.12 * (1 - 2 * number)
        colour = (BLUE, VERMILION)[number]
        axis.errorbar(centres, places, xerr=ends, fmt="o", color=colour, capsize=3, label=f"on {hearts}")
        axis.set_yticks(np.arange(len(names))[::-1], names)
    axis.axvline(0, color="0.6", linewidth=1)
    axis.set_xlabel("EF points; to the right is worse than the full arm")
    axis.legend(loc="lower right")
    save_figure(figure, path)


def main() -> None:
    """Train what is missing, and write what-carries.json and what-carries.png."""
    arguments = new_parser(__doc__).parse_args()
    if arguments.epochs % 3 or len(arguments.seeds) < 2:
        raise SystemExit(
            "--epochs is a multiple of 3, so that 3,000 hearts take whole epochs, and --seeds are two or more"
        )
    generated = lay_out_hearts(arguments)

    def read_seed(seed: int) -> OfSeed:
        runs = {words_of(name): run for name, run in train_seed(seed, arguments).items()}
        return read_runs(runs, generated, arguments)

    results = measure(
        arguments.out / "what-carries.json", read_seed, generated, {"minus_base": words_of(FULL)}, arguments
    )
    for title, found in results.items():
        print_table(f"On {title}", found)
    draw(arguments.out / "what-carries.png", results)


if __name__ == "__main__":
    main()
