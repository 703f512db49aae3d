"""Runs whose weights are those that they began with, as `coreecho train` leaves them on disk."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.shared.weights import small_card

from coreecho.models import build_model, save_weights
from coreecho.models.echo_model import ModelInput
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware, RunFolder, find_data

TINY = Recipe(
    name="tiny",
    encoder="uniformer_xs",
    input=ModelInput(num_frames=4, stride=4, frame_size=32),
    stage1_epochs=2,
    stage2_epochs=1,
)
MakeRun = Callable[..., RunFolder]

METRICS_CSV = """\
stage,epoch,train_loss,train_rnc,train_l1,val_mae,val_r2,learning_rate,seconds
stage1,0,12.5,2.75,10.5,11.5,-0.5,0.001,1.5
stage1,1,11.5,2.5,9.5,9.5,0.25,0.0005,1.5
stage2,0,8.5,,8.5,9.25,0.3,0.001,0.5
"""


@pytest.fixture(scope="session")
def make_run(phantom_root: Path) -> MakeRun:
    """Make the folder of a run of the tiny recipe, with settings changed."""

    def make(path: Path, *, root: Path = phantom_root, seed: int = 0, **settings: object) -> RunFolder:
        recipe = replace(TINY, seed=seed, **settings)
        folder = RunFolder.create(path, recipe, find_data("echonet", root, recipe, None), Hardware())
        (path / "metrics.csv").write_text(METRICS_CSV)
        torch.manual_seed(seed)
        card = small_card(recipe.input, encoder=recipe.encoder)
        save_weights(folder.best_weights, build_model(recipe.encoder, recipe.input, last_bias=55.0), card)
        return folder

    return make


@pytest.fixture
def hostile_root(phantom_root: Path, tmp_path: Path) -> Path:
    """A data set in which one recording of the training split has a name that is HTML."""
    root = tmp_path / "hostile"
    shutil.copytree(phantom_root, root, ignore=shutil.ignore_patterns(".coreecho-store*"))
    rows = (root / "FileList.csv").read_text().splitlines()
    victim = next(row.split(",")[0] for row in rows[1:] if row.endswith("TRAIN"))
    name = "<script>alert(1)<script>&\"'"
    (root / "Videos" / f"{victim}.avi").rename(root / "Videos" / f"{name}.avi")
    for table in ("FileList.csv", "VolumeTracings.csv"):
        quoted = '"' + name.replace('"', '""')
        text = (root / table).read_text()
        text = text.replace(f"{victim}.avi,", f'{quoted}.avi",').replace(f"{victim},", f'{quoted}",')
        (root / table).write_text(text)
    return root
