from dataclasses import replace

import pytest

from coreecho.training import Recipe
from coreecho.training.divergence import way_on
from coreecho.training.objectives import Refining, build_objective


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "Lower `learning_rate`, which is 0.0001."),
        ({"learning_rate": 1e30}, "Lower `learning_rate`, which is 1e+30."),
        (
            {"weight_decay": 1e30},
            "Lower `weight_decay`: 1e+30 at a `learning_rate` of 0.0001 makes weights grow at each step; or lower "
            "`learning_rate`, which is 0.0001.",
        ),
        (
            {"temperature": 1e-20},
            "Raise `temperature`, which is 1e-20: gradients grow with 1 / `temperature`; or lower `learning_rate`, "
            "which is 0.0001.",
        ),
        ({"temperature": 1e-20, "objective": "l1"}, "Lower `learning_rate`, which is 0.0001."),
    ],
)
def test_after_some_steps_it_is_what_the_recipe_says_of_steps(settings: dict[str, object], told: str) -> None:
    lesson = build_objective(replace(Recipe(), **settings))
    assert way_on(lesson, is_mixed=False, num_steps=3, label_range=(20.0, 70.0)) == told


def test_before_the_first_step_no_rate_is_to_blame() -> None:
    lesson = build_objective(replace(Recipe(), init="k400.safetensors", weight_decay=1e30, temperature=0.1))
    told = way_on(lesson, is_mixed=True, num_steps=0, label_range=None)
    assert told == (
        "No step was made yet, so look at the weights of `init` (k400.safetensors), `mean` and `std`, by which clips "
        "are normalised; or train with `precision` fp32, not bf16."
    )


def test_labels_whose_squares_overflow_and_a_stage_without_temperature_are_told() -> None:
    told = way_on(
        Refining(Recipe(label_scale=1e18, temperature=0.1)), is_mixed=False, num_steps=1, label_range=(-1e20, 5.0)
    )
    assert told == (
        "Labels reach 1e+20: lower `label_scale`, which is 1e+18; or lower `learning_rate`, which is 0.0001."
    )
