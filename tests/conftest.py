"""Data that many tests share: small trees of phantoms, and a run of every shipped recipe, made once."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from filelock import FileLock

from coreecho.experiments.scales import QUICK, Scale, camus_phantoms, echonet_phantoms, hmc_qu_phantoms
from coreecho.models.echo_model import ModelInput
from coreecho.phantom import PhantomSettings, write_echonet_phantoms
from coreecho.training import Hardware, RunFolder, find_recipe, recipe_names, train
from coreecho.training.recipe import Recipe, read_recipe_file

NUM_RECORDINGS = 16
# Sizes at which the first ten losses of every recipe are stored (`tests/parity/stored_losses.json`).
LOSSES_SCALE = Scale(
    name="losses", seeds=(0,), transfer_seeds=(0,), settings=QUICK.settings, recordings=12, camus=14, hmc_qu=18
)
LOSSES_SIZES: dict[str, Any] = {"init": "scratch", "num_frames": 4, "frame_size": 32, "batch_size": 6, "seed": 5}


# Of recipes whose encoder is no UniFormer.
SMALL_ENCODERS = {
    "r2plus1d_18": "r2plus1d_10",
    "lv_unet": "lv_unet_xs",
    "deeplab": "lv_unet_xs",
    "uvt": "uvt_xs",
    "efgcn_sd": "efgcn_sd_xs",
    "echographs_mobilenet2": "echographs_mobilenet2",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-losses",
        nargs="*",
        default=(),
        metavar="RECIPE",
        help="write the first losses of these recipes anew, after a change that is meant to change their training",
    )


# How long a case takes says more of the machine than of the code.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tests run side by side; more threads than cores only slow each other down."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen phantoms of 24 frames in the EchoNet-Dynamic layout."""
    root = tmp_path_factory.mktemp("phantoms") / "cohort"
    settings = PhantomSettings(min_frames=24, max_frames=24)
    write_echonet_phantoms(root, recordings=NUM_RECORDINGS, seed=7, settings=settings, workers=1)
    return root


@pytest.fixture
def tiny_recipe() -> Recipe:
    """Both stages in a few seconds: two epochs of two steps, then one epoch."""
    return Recipe(
        name="tiny",
        encoder="uniformer_xs",
        input=ModelInput(num_frames=4, stride=4, frame_size=32),
        crop_pad=2,
        batch_size=4,
        learning_rate=1e-3,
        stage1_epochs=2,
        stage2_epochs=1,
        validation_clips=2,
    )


@pytest.fixture(scope="session")
def micro_scale() -> Scale:
    """Every table of the paper in seconds; two seeds."""
    sizes: dict[str, Any] = {"num_frames": 4, "frame_size": 32, "batch_size": 4, "validation_clips": 1}
    return replace(
        QUICK,
        name="micro",
        settings={**QUICK.settings, **sizes, "crop_pad": 2, "warmup_steps": 0},
        probe={**QUICK.probe, **sizes},
        fine_tune={**QUICK.fine_tune, **sizes},
        recordings=36,
        camus=12,
        hmc_qu=18,
    )


@pytest.fixture(scope="session")
def micro_phantoms(tmp_path_factory: pytest.TempPathFactory, micro_scale: Scale) -> Path:
    """The folder `phantoms` of a reproduction at `micro_scale`, with the hearts of EchoNet-Dynamic and of CAMUS."""
    out = tmp_path_factory.mktemp("reproduction")
    echonet_phantoms(out, micro_scale)
    camus_phantoms(out, micro_scale)
    return out / "phantoms"


@pytest.fixture
def reproduction(tmp_path: Path, micro_phantoms: Path) -> Path:
    """An `--out` whose phantoms are written, and nothing else."""
    out = tmp_path / "reproduction"
    out.mkdir()
    (out / "phantoms").symlink_to(micro_phantoms)
    return out


class RecipeRuns(Mapping[str, RunFolder]):
    """A finished run of each shipped recipe, made small; trained when it is first asked for, by one process.

    An epoch is one step: eight of stage 1 and two of stage 2 where the recipe has one, else ten of stage 1.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

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
        dataset = next((known for known in ("camus", "hmc-qu") if name.startswith(known)), "echonet")
        with FileLock(self.folder / "phantoms.lock"):
            if not (self.folder / "phantoms").exists():
                for write in (echonet_phantoms, camus_phantoms, hmc_qu_phantoms):
                    write(self.folder, LOSSES_SCALE)
        train(
            small_recipe(name),
            data=self.folder / "phantoms" / dataset,
            out=path,
            store=self.folder / f"store-{name}",
            dataset=dataset,
            options={} if dataset == "echonet" else {"fold": 1},
            hardware=Hardware(device="cpu"),
        )


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
    base = tmp_path_factory.getbasetemp()
    # The processes of pytest-xdist have a folder each, below one that they share.
    folder = (base.parent if base.name.startswith("popen-") else base) / "recipes"
    folder.mkdir(exist_ok=True)
    return RecipeRuns(folder)


@pytest.fixture
def copy_of_run(run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path) -> Callable[[str], RunFolder]:
    """Copy the run of a recipe to a folder of the test's own; data and decoded frames stay shared."""

    def copy(name: str) -> RunFolder:
        return RunFolder.open(shutil.copytree(run_of_every_recipe[name].path, tmp_path / name))

    return copy
