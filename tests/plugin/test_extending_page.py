"""What `docs/extending.md` shows is what works: its Python is imported and trained with, its table is read."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from coreecho.datasets import LAYOUTS, Layout
from coreecho.datasets.doctor import examine
from coreecho.datasets.doctor_checks import CHECKS
from coreecho.errors import RecipeError
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.scales import PAPER
from coreecho.experiments.table_file import _shared_trainings
from coreecho.experiments.table_plan import plan_table
from coreecho.models import ENCODERS, HEADS, SEGMENTERS, build_head, load_model
from coreecho.models.encoder import Encoder
from coreecho.models.segmentation_network import SegmentationNetwork
from coreecho.tasks import TASKS, Number, Task, build_task
from coreecho.training import Recipe, train
from coreecho.training.lesson import Lesson
from coreecho.training.objectives import Objective
from coreecho.training.parts import OBJECTIVES, OPTIMISERS

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def mymodule(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All of the page's Python, one after the other, as a module on the path."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mymodule.py").write_text("\n".join(blocks("python")), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder
        sys.modules.pop("mymodule", None)


def test_its_parts_train_by_their_import_paths(mymodule: Path, tmp_path: Path, tiny_recipe: Recipe) -> None:
    rng, root = np.random.default_rng(0), tmp_path / "clips"
    root.mkdir()
    rows = ["file,split,ef"]
    for number, split in enumerate(("train",) * 4 + ("val",) * 2 + ("test",) * 2):
        np.save(root / f"{number}.npy", rng.integers(0, 256, (16, 32, 32), dtype=np.uint8))
        rows.append(f"{number}.npy,{split},{30 + 5 * number}")
    (root / "list.csv").write_text("\n".join(rows), encoding="utf-8")
    recipe = replace(
        tiny_recipe,
        encoder="mymodule:tiny",
        objective="mymodule:LogCosh",
        stage1_epochs=1,
        stage2=False,
        init="scratch",
    )
    dataset = LAYOUTS.get("mymodule:Clinic").name
    run = train(recipe, data=root, dataset=dataset, out=tmp_path / "run")
    assert run.is_finished
    assert run.metrics()["train_log_cosh"].notna().all()
    model = load_model(run.path)
    # As the page says: the mean over the grid of 16 channels.
    seen = model.model_input
    clips = torch.zeros((1, seen.num_frames, seen.frame_size, seen.frame_size), dtype=torch.uint8)
    assert model(clips).embeddings.shape == (1, 16)
    assert list(model.encoder.levels) == ["level1"]


def test_its_task_is_made_again_from_what_a_card_keeps(mymodule: Path) -> None:
    task = build_task({"name": "mymodule:HeartRate"})
    assert build_task(task.to_mapping()) == task
    assert (task.noun, task.unit) == ("heart rate", "bpm")


def test_its_head_starts_where_it_is_told(mymodule: Path) -> None:
    head = build_head("mymodule:TwoLayers", 8, dropout=0.5, last_bias=55.0)
    assert head(torch.zeros(2, 8)).shape == (2, 1)
    assert head[2].bias.item() == 55.0


def test_its_check_is_one_of_the_doctors(mymodule: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,ef_percent\na.npy,50\nb.npy,60\n", encoding="utf-8")
    for name, num_frames in (("a", 501), ("b", 8)):
        noise = np.random.default_rng(num_frames).integers(0, 256, (num_frames, 16, 16), dtype=np.uint8)
        np.save(tmp_path / f"{name}.npy", noise)
    found = examine("table", tmp_path / "list.csv", checks=["mymodule:long_clips"], workers=1)
    assert found.faults["clips of more than 500 frames"] == ["a.npy: 501"]
    assert found.blamed["a.npy"] == ["clip of more than 500 frames: a.npy: 501"]
    with pytest.raises(RecipeError, match=r"'math:pi' gives 3\.14.*expected a function from a Subject to Findings"):
        examine("table", tmp_path / "list.csv", checks=["math:pi"], workers=1)
    with pytest.raises(RecipeError, match=r"no check of the doctor 'dupli'\. Did you mean 'duplicates'"):
        examine("table", tmp_path / "list.csv", checks=["dupli"], workers=1)


def test_its_loop_gives_gradients(mymodule: Path) -> None:
    module = __import__("mymodule")
    assert module.embeddings.grad.shape == (8, 32)
    assert module.embeddings.grad.abs().max() > 0


@pytest.mark.parametrize("owner", [Task, Number, Layout, Lesson, Objective, Encoder, SegmentationNetwork])
def test_it_names_all_that_a_part_may_say_of_itself(owner: type) -> None:
    # `built_from` and the recipe are set for a part, and not by it.
    declared = {name for name in owner.__annotations__ if not name.startswith("_")} - {"built_from", "recipe"}
    assert declared
    assert not {name for name in declared if f"`{name}`" not in PAGE and f"    {name}: " not in PAGE}


def test_it_names_every_group_of_entry_points() -> None:
    groups = {parts.group for parts in (ENCODERS, HEADS, SEGMENTERS, OBJECTIVES, OPTIMISERS, TASKS, LAYOUTS, CHECKS)}
    assert groups == set(re.findall(r"`(coreecho\.[a-z]+)` \|", PAGE))


def test_its_table_plans_what_it_says(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (tmp_path / "ablation.yaml").write_text(text, encoding="utf-8")
    table = plan_table(str(tmp_path / "ablation.yaml"), PlanInputs(out=tmp_path, scale=PAPER, data=tmp_path))
    recipes = {row.label: row.jobs[0].recipe(tmp_path) for row in table.rows}
    assert {label: recipe.temperature for label, recipe in recipes.items()} == {
        "temperature 1": 1.0,
        "temperature 2": 2.0,
    }
    assert [comparison.first for comparison in table.comparisons] == ["temperature 1"]


def test_it_names_every_shared_training() -> None:
    named = PAGE.split("without being written down:")[1].split(". ")[0]
    assert set(re.findall(r"`([^`]+)`", named)) == set(_shared_trainings())
