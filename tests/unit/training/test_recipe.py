import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from coreecho.errors import RecipeError
from coreecho.models.echo_model import ModelInput
from coreecho.tasks import EF, MI, Scalar, Task
from coreecho.training.recipe import Recipe
from coreecho.training.recipe_files import find_recipe, recipe_names


def test_echonet_recipe_holds_the_numbers_of_the_paper() -> None:
    recipe = Recipe.from_yaml(find_recipe("echonet"))
    assert (recipe.encoder, recipe.objective, recipe.temperature) == ("uniformer_small", "rnc_l1", 1.0)
    assert (recipe.stage1_epochs, recipe.stage2_epochs, recipe.batch_size) == (25, 5, 16)
    assert (recipe.learning_rate, recipe.weight_decay, recipe.decay_every, recipe.decay_factor) == (1e-4, 1e-4, 15, 0.1)
    assert (recipe.input.num_frames, recipe.input.stride, recipe.input.frame_size) == (36, 4, 112)
    assert (recipe.head_dropout, recipe.head_bias, recipe.crop_pad) == (0.4, 55.6, 6)


def test_echocotr_recipe_holds_the_numbers_of_its_code() -> None:
    recipe = Recipe.from_yaml(find_recipe("echocotr"))
    assert (recipe.encoder, recipe.head, recipe.head_bias) == ("uniformer_small", "linear", 55.6)
    assert (recipe.objective, recipe.views, recipe.stage2) == ("mse", "one_clip", False)
    assert (recipe.stage1_epochs, recipe.batch_size, recipe.crop_pad) == (45, 25, 12)
    assert (recipe.optimizer, recipe.learning_rate, recipe.weight_decay) == ("adamw", 1e-4, 1e-4)
    assert (recipe.schedule, recipe.decay_every, recipe.decay_factor) == ("step", 15, 0.1)
    # It normalises before it pads, so that padding is the mean grey.
    assert (recipe.input.num_frames, recipe.input.stride, recipe.input.padding) == (36, 4, "mean")


def test_r2plus1d_recipe_holds_the_numbers_of_echonet_dynamic() -> None:
    recipe = Recipe.from_yaml(find_recipe("r2plus1d"))
    assert (recipe.encoder, recipe.head, recipe.head_bias) == ("r2plus1d_18", "linear", 55.6)
    assert (recipe.objective, recipe.views, recipe.stage2) == ("mse", "one_clip", False)
    assert (recipe.stage1_epochs, recipe.batch_size, recipe.crop_pad) == (45, 20, 12)
    assert (recipe.optimizer, recipe.learning_rate, recipe.momentum, recipe.weight_decay) == ("sgd", 1e-4, 0.9, 1e-4)
    assert (recipe.schedule, recipe.decay_every, recipe.decay_factor) == ("step", 15, 0.1)
    assert (recipe.input.num_frames, recipe.input.stride, recipe.input.padding) == (32, 2, "mean")
    # Its data set leaves out the videos with fewer than two traced frames, as CoReEcho's does.
    assert recipe.require_two_traced_frames


def test_rank_n_contrast_differs_from_coreecho_in_its_objective_and_second_stage_alone() -> None:
    first, second = (Recipe.from_yaml(find_recipe(name)).to_mapping() for name in ("echonet", "rnc"))
    differs = {key: second[key] for key in first if first[key] != second[key]}
    assert differs == {"name": "rnc", "objective": "rnc", "stage2_epochs": first["stage1_epochs"]}


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_are_whole_and_named_as_their_file(name: str) -> None:
    assert Recipe.from_yaml(find_recipe(name)).name == name


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    recipe = Recipe(
        name="mine",
        seed=3,
        head_bias=50.0,
        stage2=False,
        optimizer="madgrad",
        scale_range=(0.9, 1.05),
        input=ModelInput(num_frames=8, padding="mean", time="spline"),
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.to_yaml())
    assert Recipe.from_yaml(path) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rat: 0.1", "learning.rat.*learning.rate"),
        ("objective: l2", "objective.*l1"),
        ("batch_size: many", "batch_size"),
        ("batch_size: 1", "batch_size is 1, expected at least 2"),
        ("head_dropout: 1.0", "head_dropout is 1.0, expected 0 <= head_dropout < 1"),
        ("learning_rate: .nan", "learning_rate is nan, expected a finite number"),
        ("num_frames: 0", "num_frames"),
        (
            "trained: head",
            "trained is head and objective is rnc_l1, which trains the encoder; expected .*: l1, mse, huber or bce",
        ),
        ("trained: head\nobjective: rnc", "objective is rnc, which trains the encoder"),
        ("objective: rnc\nstage2: false", "stage2 is false, expected true: nothing else trains the head"),
        (
            "objective: bce",
            "task is mi and stage2 is true, expected false: stage 2 refines the head by l1, and .* are bce",
        ),
        ("rotation_degrees: 181", "rotation_degrees is 181, expected 0 to 180"),
        ("scale_range: [1.1, 0.8]", "scale_range is .*, expected 0.1 <= smallest <= largest <= 10"),
        ("scale_range: [0.0, 0.8]", "scale_range is .*, expected 0.1 <= smallest"),
        ("scale_range: [0.05, 1.1]", "scale_range is .*, expected 0.1 <= smallest"),
        ("scale_range: [0.8, 10.5]", "scale_range is .*, expected .* <= largest <= 10"),
        ("translation: 1.0", "translation is 1.0, expected 0 <= translation < 1"),
        ("momentum: 1.0", "momentum is 1.0, expected 0 <= momentum < 1"),
        ("optimizer: adamv", "optimizer.*adamw"),
        ("head: deep", "head.*linear"),
        ("decay_every: 0", "decay_every is 0, expected at least 1"),
        ("- a list", "expected `key: value` lines"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=f"(?s){message}"):
        Recipe.from_yaml(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamv"}, "optimizer is 'adamv', expected adamw, adam, sgd, madgrad .*; did you mean adam"),
        ({"objective": "l2"}, "objective is 'l2', expected rnc_l1, .*; did you mean l1"),
        ({"schedule": "linear"}, "schedule is 'linear', expected step, cosine, constant"),
        ({"schedule": "cosin"}, "did you mean cosine"),
        ({"augmentation": "Crop"}, "augmentation is 'Crop', expected crop, affine, none; did you mean crop"),
        ({"encoder": "uniformer_smal"}, "encoder is 'uniformer_smal', .*did you mean uniformer_small"),
        ({"head": "lineer"}, "head is 'lineer', expected .*did you mean linear"),
        ({"task": "eff"}, "task is 'eff', .*did you mean ef"),
        ({"views": "two"}, "views is 'two', expected two_clips, same_clip, one_clip; did you mean two_clips"),
        ({"trained": "encoder"}, "trained is 'encoder', expected all, head"),
        ({"select": "first"}, "select is 'first', expected best, last"),
        ({"learning_rate": "0.1"}, "learning_rate is '0.1', expected a finite number"),
        ({"learning_rate": math.nan}, "learning_rate is nan, expected a finite number"),
        ({"temperature": math.inf}, "temperature is inf, expected a finite number"),
        ({"learning_rate": 10**400}, "learning_rate is 10+, expected a finite number"),
        ({"batch_size": True}, "batch_size is True, expected a whole number"),
        ({"batch_size": 16.0}, "batch_size is 16.0, expected a whole number"),
        ({"stage2": 1}, "stage2 is 1, expected true or false"),
        ({"stage2": "yes"}, "stage2 is 'yes', expected true or false"),
        ({"name": 3}, "name is 3, expected a text"),
        ({"head_bias": "55"}, "head_bias is '55', expected a finite number or nothing"),
        ({"scale_range": (0.8,)}, "scale_range is .*, expected 2 values, each a finite number"),
        ({"scale_range": (0.8, math.inf)}, "scale_range is"),
        ({"learning_rate": 1e300}, "learning_rate is 1e.300, expected 1e-30 to 1e.30, which float32 holds"),
        ({"temperature": 1e-300}, "temperature is 1e-300, expected 1e-30 to 1e.30"),
        ({"weight_decay": 1e300}, "weight_decay is 1e.300, expected"),
        ({"decay_factor": 1.5}, "decay_factor is 1.5, expected at most 1"),
        ({"label_scale": 0.0}, "label_scale is 0.0, expected more than 0"),
        ({"label": "edv_ml"}, "task is ef, which has a label of its own, and label is given"),
        ({"label_low": 5.0, "unit": "%"}, "task is ef, .* and unit, label_low is given as well"),
        ({"name": " "}, "name is ' ', expected a line of text"),
        ({"name": "two\nlines"}, "name is 'two.nlines', expected a line of text"),
        ({"init": ""}, "init is '', expected `scratch`, `default`, or a file or folder"),
        ({"head": "fraction"}, "takes out what an encoder reads itself, and uniformer_small reads nothing"),
        ({"head": "fraction", "encoder": "colearning"}, "nothing to learn, expected stage2 false"),
        ({"task": "mi"}, "objective is rnc_l1 and task is mi, expected an objective .*: bce"),
        ({"task": "scalar"}, "is told nothing, which does not make it: missing a required argument: 'label'"),
        ({"task": "scalar", "label": "edv_ml", "label_low": 9.0, "label_high": 3.0}, "label_low"),
        ({"task": "scalar", "label": "edv_ml", "head_bias": -1.0, "label_low": 0.0}, "head_bias is -1.0, expected edv"),
    ],
)
def test_however_it_is_built_a_wrong_value_is_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=f"(?s){message}"):
        Recipe(**settings)
    with pytest.raises(RecipeError, match=f"(?s){message}"):
        dataclasses.replace(Recipe(), **settings)
    # YAML of other types is of other values: a text in quotes where a number belongs is a number there.
    if settings.keys() & {"input", "learning_rate", "head_bias", "scale_range"}:
        return
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(settings))
    with pytest.raises(RecipeError, match=f"(?s)recipe.yaml: .*{message}"):
        Recipe.from_yaml(path)


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.system ['true']",
        "- a list",
        "just words",
        "",
        "learning_rat: 1",
        "a: [",
        "17: 3",
        "objective: l2",
        "num_frames: 1.5",
        "stage1_epochs: {a: 1}",
        "name: \x00",
        "seed: 0x" + "f" * 5000,
        "mean: [a, b, c]",
        "mean:",
    ],
)
def test_a_file_that_is_no_recipe_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"mine\.yaml"):
        Recipe.from_yaml(path)


def test_a_rate_without_a_point_is_a_number() -> None:
    assert yaml.safe_load("learning_rate: 1e-4") == {"learning_rate": "1e-4"}
    assert Recipe.from_mapping({"learning_rate": "1e-4", "num_frames": 8}, source="test").learning_rate == 1e-4


@pytest.mark.parametrize(
    ("settings", "task"),
    [
        ({}, EF()),
        ({"objective": "bce", "stage2": False}, MI()),
        ({"task": "ef", "objective": "mse"}, EF()),
        ({"task": "scalar", "label": "edv_ml", "unit": "mL"}, Scalar("edv_ml", "mL")),
        (
            {"task": "scalar", "label": "gls", "unit": "%", "label_low": -40.0, "label_high": 0.0},
            Scalar("gls", "%", -40.0, 0.0),
        ),
    ],
)
def test_a_recipe_knows_its_task_and_is_read_back_with_it(settings: dict[str, Any], task: Task, tmp_path: Path) -> None:
    recipe = Recipe(**settings)
    assert recipe.task == task
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.to_yaml())
    assert Recipe.from_yaml(path) == recipe
    assert dataclasses.replace(recipe, seed=3).task == task


def test_another_objective_brings_its_own_task() -> None:
    settings = Recipe().to_mapping() | {"objective": "bce", "stage2": False}
    assert Recipe.from_mapping(settings, source="test").task == MI()


def test_a_list_is_taken_in_python_as_in_a_file() -> None:
    recipe = Recipe(scale_range=[0.9, 1.1], input=ModelInput(mean=[0.1, 0.2, 0.3]))  # type: ignore[arg-type]
    assert (recipe.scale_range, recipe.input.mean) == ((0.9, 1.1), (0.1, 0.2, 0.3))
    assert recipe == Recipe.from_mapping({"scale_range": [0.9, 1.1], "mean": [0.1, 0.2, 0.3]}, source="test")
    hash(recipe)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(RecipeError, match=r"(?s)stage1_epochs is 0.*temperature is -1"):
        Recipe(stage1_epochs=0, temperature=-1)


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'echont'.*demo, echocotr, .*echonet"):
        find_recipe("echont")
    with pytest.raises(RecipeError, match=r"no recipe file missing\.yaml"):
        find_recipe("missing.yaml")


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("name: x\nseed: 1\nseed: 7\n")
    with pytest.raises(RecipeError, match=r"twice\.yaml.*'seed' stands twice"):
        Recipe.from_yaml(tmp_path / "twice.yaml")


def test_a_task_that_is_given_is_told_by_the_recipe(tmp_path: Path) -> None:
    recipe = Recipe(task=Scalar("edv_ml", "mL", 0, 500), objective="l1")
    assert (recipe.label, recipe.unit, recipe.label_low, recipe.label_high) == ("edv_ml", "mL", 0, 500)
    (tmp_path / "edv.yaml").write_text(recipe.to_yaml())
    assert Recipe.from_yaml(tmp_path / "edv.yaml").task == Scalar("edv_ml", "mL", 0, 500)
    with pytest.raises(RecipeError, match="do not make again"):
        Recipe(task=EF(low=20, high=30))


@pytest.mark.parametrize(
    "settings", [{"encoder": "os:getcwd"}, {"encoder": "no.such:Thing"}, {"head": "os:getcwd"}, {"input": None}]
)
def test_what_cannot_be_built_is_refused_on_construction(settings: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        Recipe(**settings)


@pytest.mark.parametrize("text", ["mean: &a [1, *a]", "mean: &a [[*a]]", "temperature: .inf", "mean: [.nan, 0, 0]"])
def test_values_that_hold_themselves_or_are_no_numbers_are_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text + "\n")
    with pytest.raises(RecipeError):
        Recipe.from_yaml(tmp_path / "mine.yaml")
