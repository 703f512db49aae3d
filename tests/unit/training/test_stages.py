import math

import pytest

from coreecho.training.recipe import Recipe
from coreecho.training.recipe_files import find_recipe
from coreecho.training.stages import Stage, stages_of


def rates(stage: Stage, steps: list[int], *, steps_per_epoch: int) -> list[float]:
    """Learning rates over the recipe's."""
    return [stage.learning_rate(step, steps_per_epoch) / stage.recipe.learning_rate for step in steps]


def test_the_step_schedule_is_the_papers() -> None:
    first, second = stages_of(Recipe())
    assert rates(first, [0, 149, 150, 249], steps_per_epoch=10) == pytest.approx([1.0, 1.0, 0.1, 0.1])
    assert (first.epochs, second.epochs) == (25, 5)


def test_the_cosine_schedule_warms_up_and_ends_near_zero() -> None:
    stage = stages_of(Recipe(schedule="cosine", warmup_steps=9, stage1_epochs=10))[0]
    expected = [0.1, 0.5, 0.5 * (1 + math.cos(math.pi * 0.99))]
    assert rates(stage, [0, 50, 99], steps_per_epoch=10) == pytest.approx(expected)


def test_stage_2_keeps_its_rate() -> None:
    stage = stages_of(Recipe(schedule="cosine", warmup_steps=9))[1]
    assert set(rates(stage, list(range(50)), steps_per_epoch=10)) == {1.0}


@pytest.mark.parametrize("name", ["echocotr", "r2plus1d"])
def test_the_step_schedule_decays_every_fifteen_epochs(name: str) -> None:
    [stage] = stages_of(Recipe.from_yaml(find_recipe(name)))
    found = rates(stage, list(range(450)), steps_per_epoch=10)
    assert [step for step in range(1, 450) if found[step] != found[step - 1]] == [150, 300]
    assert sorted(set(found), reverse=True) == pytest.approx([1.0, 0.1, 0.01])


def test_a_constant_schedule_is_constant() -> None:
    [stage] = stages_of(Recipe.from_yaml(find_recipe("camus-probe")))
    assert set(rates(stage, list(range(300)), steps_per_epoch=3)) == {1.0}


@pytest.mark.parametrize(
    ("settings", "selection"),
    [
        ({}, ["val_mae", "val_mae"]),
        # With contrast alone the head says nothing yet, so the last epoch's encoder is taken.
        ({"objective": "rnc"}, [None, "val_mae"]),
        ({"objective": "bce", "stage2": False}, ["val_bce"]),
        ({"objective": "bce", "stage2": False, "select": "last"}, [None]),
    ],
)
def test_which_epoch_is_kept(settings: dict[str, object], selection: list[str | None]) -> None:
    recipe = Recipe.from_mapping(settings, source="test")
    assert [stage.selection for stage in stages_of(recipe)] == selection
