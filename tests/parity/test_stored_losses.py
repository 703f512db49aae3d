"""A change of the code that is to change no result must give the same first losses of every shipped recipe.

`stored_losses.json` holds the training loss of ten steps of each recipe, made small, at fixed seeds: eight of stage 1
and two of stage 2 where the recipe has one, ten of stage 1 where it has none. A recipe's entry may be written anew
(`pytest tests/parity/test_stored_losses.py --write-losses NAME`) only with a change that is meant to change its
training, which the CHANGELOG then names.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from coreecho.training import RunFolder, recipe_names

STORED = Path(__file__).with_name("stored_losses.json")


def test_every_shipped_recipe_is_stored() -> None:
    assert set(json.loads(STORED.read_text())) == set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_the_first_ten_losses_are_those_that_are_stored(
    name: str, run_of_every_recipe: Mapping[str, RunFolder], request: pytest.FixtureRequest
) -> None:
    losses = [float(loss) for loss in run_of_every_recipe[name].metrics().train_loss]
    assert len(losses) == 10
    stored = json.loads(STORED.read_text())
    if name in request.config.getoption("--write-losses"):
        STORED.write_text(json.dumps(stored | {name: losses}, indent=1) + "\n")
    # Processors differ in the last digits of a sum, and steps carry them on.
    assert losses == pytest.approx(json.loads(STORED.read_text())[name], rel=2e-4)
