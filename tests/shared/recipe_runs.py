"""A run of every shipped recipe, made small; trained once, by whichever process asks first."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tests.shared.cohorts import SmallScale, camus_cohort, hmc_qu_cohort, shared_folder

from coreecho.experiments.scales import QUICK, phantoms_of
from coreecho.phantom.cohort_folder import CARD_NAME, UNFINISHED_NAME
from coreecho.training import Hardware, RunFolder, find_recipe, recipe_names, train
from coreecho.training.recipe import Recipe, read_recipe_file

# Sizes at which the first ten losses of every recipe are stored (`tests/parity/stored_losses.json`).
LOSSES_SCALE = SmallScale(
    name="losses",
    seeds=(0,),
    transfer_seeds=(0,),
    settings=QUICK.settings,
    hearts="few",
    recordings={"echonet": 12, "camus": 14, "hmc-qu": 18},
)
LOSSES_SIZES: dict[str, Any] = {"init": "scratch", "num_frames": 4, "frame_size": 32, "batch_size": 6, "seed": 5}


# Of recipes whose encoder is no UniFormer.
SMALL_ENCODERS = {
    "r2plus1d_18": "r2plus1d_10",
    "r2plus1d_18_grey": "r2plus1d_10_grey",
    "colearning": "colearning_xs",
    "lv_unet": "lv_unet_xs",
    "deeplab": "lv_unet_xs",
    "uvt": "uvt_xs",
    "efgcn_sd": "efgcn_sd_xs",
    "echographs_mobilenet2": "echographs_mobilenet2",
}


class RecipeRuns(Mapping[str, RunFolder]):
    """A finished run of each shipped recipe, made small; trained when it is first asked for, by one process.

    An epoch is one step: eight of stage 1 and two of stage 2 where the recipe has one, else ten of stage 1.
    """

    def __init__(self, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.folder = folder
        self.tmp_path_factory = tmp_path_factory

    def __iter__(self) -> Iterator[str]:
        return iter(recipe_names())

    def __len__(self) -> int:
        return len(recipe_names())

    def __getitem__(self, name: str) -> RunFolder:
        path = self.folder / name
        with FileLock(self.folder / f"{name}.lock"):
            if not (path / "run.json").exists():
                self._train(name, path)
        return RunFolder.open(path)

    def _train(self, name: str, path: Path) -> None:
        dataset = next((known for known in ("camus", "hmc-qu", "echonet-beats") if name.startswith(known)), "echonet")
        # Beats are those of the same hearts.
        root = self.folder / "phantoms" / dataset.removesuffix("-beats")
        with FileLock(self.folder / "phantoms.lock"):
            if not root.exists():
                self._write(root.name)
        train(
            small_recipe(name),
            data=root,
            out=path,
            store=self.folder / f"store-{name}",
            dataset=dataset,
            options={} if dataset.startswith("echonet") else {"fold": 1},
            hardware=Hardware(device="cpu"),
        )

    def _write(self, dataset: str) -> None:
        """Write the hearts of `LOSSES_SCALE`; those of other layouts go on from the cohorts that are there."""
        root = self.folder / "phantoms" / dataset
        if dataset == "echonet":
            phantoms_of(dataset, self.folder, LOSSES_SCALE)
        elif dataset == "hmc-qu":
            shutil.copytree(hmc_qu_cohort(self.tmp_path_factory), root)
        else:
            shutil.copytree(camus_cohort(self.tmp_path_factory), root)
            card = json.loads((root / CARD_NAME).read_text())
            (root / UNFINISHED_NAME).write_text(json.dumps(card | {"recordings": LOSSES_SCALE.recordings[dataset]}))
            (root / CARD_NAME).unlink()
            phantoms_of(dataset, self.folder, LOSSES_SCALE)


def small_recipe(name: str) -> Recipe:
    """The shipped recipe, with a small encoder and an epoch of one step."""
    settings = read_recipe_file(find_recipe(name))
    encoder = SMALL_ENCODERS.get(settings["encoder"], "uniformer_xs")
    epochs = {"stage1_epochs": 8, "stage2_epochs": 2} if settings.get("stage2", True) else {"stage1_epochs": 10}
    other = {"require_two_traced_frames": False, "validation_clips": 1, "warmup_steps": 0, "decay_every": 5}
    sizes = LOSSES_SIZES | ({"num_frames": settings["num_frames"]} if encoder.startswith("efgcn") else {})
    return Recipe.from_mapping(settings | sizes | other | epochs | {"encoder": encoder}, source=name)


@pytest.fixture(scope="session")
def run_of_every_recipe(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, RunFolder]:
    """A finished run of each shipped recipe, by its name. To be read; who writes into one takes `copy_of_run`."""
    folder = shared_folder(tmp_path_factory) / "recipes"
    folder.mkdir(exist_ok=True)
    return RecipeRuns(folder, tmp_path_factory)


@pytest.fixture
def copy_of_run(run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path) -> Callable[[str], RunFolder]:
    """Copy the run of a recipe to a folder of the test's own; data and decoded frames stay shared."""

    def copy(name: str) -> RunFolder:
        return RunFolder.open(shutil.copytree(run_of_every_recipe[name].path, tmp_path / name))

    return copy
