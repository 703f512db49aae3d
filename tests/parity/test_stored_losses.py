"""A change of the code that is to change no result must give the same first losses of every shipped recipe.

`stored_losses.json` holds the training loss of ten steps of each recipe, made small, at fixed seeds: eight of stage 1
and two of stage 2 where the recipe has one, ten of stage 1 where it has none. A recipe's entry may be written anew
(`python tests/parity/test_stored_losses.py OUT`) only with a change that is meant to change its training, which the
CHANGELOG then names.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from coreecho.experiments.scales import QUICK, Scale, camus_phantoms, echonet_phantoms, hmc_qu_phantoms
from coreecho.training import Hardware, Recipe, find_recipe, recipe_names, train
from coreecho.training.recipe import read_recipe_file

STORED = Path(__file__).with_name("stored_losses.json")
BATCH = 6
SMALL: dict[str, Any] = {"init": "scratch", "num_frames": 4, "frame_size": 32, "batch_size": BATCH, "seed": 5}
SCALE = Scale(
    name="losses", seeds=(0,), transfer_seeds=(0,), settings=QUICK.settings, recordings=12, camus=14, hmc_qu=18
)


def small_recipe(name: str) -> Recipe:
    """The shipped recipe, with a small encoder and an epoch of one step."""
    settings = read_recipe_file(find_recipe(name))
    encoder = "r2plus1d_10" if settings["encoder"].startswith("r2plus1d") else "uniformer_xs"
    epochs = {"stage1_epochs": 8, "stage2_epochs": 2} if settings.get("stage2", True) else {"stage1_epochs": 10}
    other = {"require_two_traced_frames": False, "validation_clips": 1, "warmup_steps": 0, "decay_every": 5}
    return Recipe.from_mapping(settings | SMALL | other | epochs | {"encoder": encoder}, source=name)


def losses_of(name: str, phantoms: Path, out: Path) -> list[float]:
    """The loss of each step."""
    dataset = next((known for known in ("camus", "hmc-qu") if name.startswith(known)), "echonet")
    options = {} if dataset == "echonet" else {"fold": 1}
    run = train(
        small_recipe(name),
        data=phantoms / "phantoms" / dataset,
        out=out / name,
        store=out / f"store-{name}",
        dataset=dataset,
        options=options,
        hardware=Hardware(device="cpu"),
    )
    return [float(loss) for loss in run.metrics().train_loss]


def write_phantoms(out: Path) -> None:
    for write in (echonet_phantoms, camus_phantoms, hmc_qu_phantoms):
        write(out, SCALE)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("losses")
    write_phantoms(out)
    return out


def test_every_shipped_recipe_is_stored() -> None:
    assert set(json.loads(STORED.read_text())) == set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_the_first_ten_losses_are_those_that_are_stored(name: str, phantoms: Path, tmp_path: Path) -> None:
    # Processors differ in the last digits of a sum, and steps carry them on.
    assert losses_of(name, phantoms, tmp_path) == pytest.approx(json.loads(STORED.read_text())[name], rel=2e-4)


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    write_phantoms(folder)
    found = {name: losses_of(name, folder, folder) for name in recipe_names()}
    STORED.write_text(json.dumps(found, indent=1) + "\n")
