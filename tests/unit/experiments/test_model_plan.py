"""The plan of models that ship: what it may say, and what is made of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from coreecho.errors import BusyError, DatasetError, RecipeError
from coreecho.experiments.model_making import Workshop
from coreecho.experiments.model_plan import default_plan, read_plan, run_folder
from coreecho.experiments.runs import Execution
from coreecho.files import alone_in

PLAN: dict[str, Any] = {
    "phantoms": {"some": {"recordings": 12}, "others": {"recordings": 6, "seed": 2}, "unused": {"recordings": 3}},
    "runs": {
        "first": {"recipe": "demo", "data": "some", "settings": {"stage1_epochs": 1}},
        "second": {"recipe": "demo", "data": "some", "start": "first", "seed": 3, "options": {"fps": 40}},
        "alone": {"recipe": "demo", "data": "unused"},
    },
    "models": {
        "default-ef": {"of": ["second"], "tests": [{"data": "others", "title": "others"}]},
        "other": {"of": ["alone"]},
    },
}


def written(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN | changes, sort_keys=False))
    return path


def test_what_a_model_needs_is_made_and_nothing_else(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path))
    assert plan.runs_of(["default-ef"]) == ["first", "second"]
    assert plan.cohorts_of(["default-ef"]) == ["some", "others"]
    assert plan.cohorts_of(["other"]) == ["unused"]


def test_a_training_starts_where_the_plan_says(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path))
    first, second = plan.recipe("first", tmp_path), plan.recipe("second", tmp_path)
    assert (first.init, first.stage1_epochs, first.seed) == ("scratch", 1, 0)
    assert (second.init, second.seed) == (str(run_folder(tmp_path, "first")), 3)
    assert plan.data("some", tmp_path, plan.runs["second"].options).options == {"fps": 40}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"runs": {"a": {"recipe": "demo", "data": "nowhere"}}, "models": {}}, "names 'nowhere'.*some, others, unused"),
        (
            {"runs": {"a": {"recipe": "demo", "data": "some", "start": "b"}, "b": {"recipe": "demo", "data": "some"}}},
            "'a' starts from 'b', which is no training before it",
        ),
        ({"models": {"m": {"of": ["gone"]}}}, "'m' names 'gone'"),
        ({"models": {"m": {"of": []}}}, "'m' is made of no training"),
        ({"models": {"m": {"of": ["first"], "storrage": "float16"}}}, "storrage"),
    ],
)
def test_a_plan_that_does_not_hold_together_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_plan(written(tmp_path, **changes))


def test_settings_of_phantoms_are_checked(tmp_path: Path) -> None:
    plan = read_plan(
        written(tmp_path, phantoms=PLAN["phantoms"] | {"some": {"recordings": 1, "settings": {"machine": "A"}}})
    )
    with pytest.raises(RecipeError, match=r"'some' have settings that there are not: machine. Known are scanner"):
        plan.phantoms["some"].phantom_settings("some")
    plan = read_plan(
        written(tmp_path, phantoms=PLAN["phantoms"] | {"some": {"recordings": 1, "settings": {"scanner": "Z"}}})
    )
    with pytest.raises(DatasetError, match="scanner is 'Z'"):
        plan.phantoms["some"].phantom_settings("some")


def test_the_shipped_plan_holds_together(tmp_path: Path) -> None:
    """Every recipe, setting and cohort that it names is there."""
    plan = read_plan(default_plan())
    for name in plan.runs:
        assert plan.recipe(name, tmp_path).stage1_epochs > 0
    for name, cohort in plan.phantoms.items():
        assert cohort.phantom_settings(name).overlay == "none"
    assert "default-ef" in plan.models


def test_models_are_made_in_a_folder_by_one_process_alone(tmp_path: Path) -> None:
    plan = read_plan(default_plan())
    workshop = Workshop(plan=plan, out=tmp_path, execution=Execution(), commit="none", command="a test")
    with alone_in(tmp_path, doing="making models"), pytest.raises(BusyError, match="Another process is making models"):
        workshop.make(list(plan.models))
    assert not (tmp_path / "data").exists()
