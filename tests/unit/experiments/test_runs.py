import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from coreecho.errors import RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, finish_run, predictions_of
from coreecho.models.building import build_model
from coreecho.models.weights import load_model
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware, RunFolder

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory, phantom_root: Path, execution: Execution) -> RunFolder:
    """A finished run on the phantoms, in stride time."""
    recipe = Recipe.from_mapping(
        {
            "encoder": "uniformer_xs",
            "num_frames": 4,
            "stride": 4,
            "frame_size": 32,
            "batch_size": 4,
            "stage1_epochs": 1,
            "stage2_epochs": 1,
            "validation_clips": 1,
        },
        source="test",
    )
    out = tmp_path_factory.mktemp("pretrained") / "run"
    return finish_run(recipe, Data(dataset="echonet", root=phantom_root), out, execution)


def test_probing_leaves_the_encoder_as_it_was_and_fine_tuning_does_not(
    pretrained: RunFolder,
    tmp_path: Path,
    table_of_folds: Callable[[], Data],
    make_recipe: MakeRecipe,
    execution: Execution,
) -> None:
    data = table_of_folds().with_fold(1)
    before = load_model(pretrained.path).encoder.state_dict()
    old_head = load_model(pretrained.path).head.state_dict()["2.weight"]
    for trained in ("head", "all"):
        recipe = make_recipe(init=str(pretrained.path), trained=trained, seed=5)
        run = finish_run(recipe, data, tmp_path / trained, execution)
        after = load_model(run.path).encoder.state_dict()
        # Weights, and the statistics of batch normalisation.
        unequal = [name for name, value in before.items() if not torch.equal(value, after[name])]
        learned = [name for name, _ in load_model(run.path).encoder.named_parameters() if name in unequal]
        statistics = [name for name in unequal if name.endswith(("running_mean", "running_var"))]
        assert (bool(learned), bool(statistics)) == ((False, False) if trained == "head" else (True, True))
        # The head is a new one either way: that of its own seed, a step or two later.
        fresh = build_model("uniformer_xs", recipe.input, last_bias=0.0).head.state_dict()["2.weight"]
        assert (load_model(run.path).head.state_dict()["2.weight"] - old_head).std() > fresh.std()


def test_a_run_goes_by_the_weights_that_it_began_with_and_not_by_their_path(
    pretrained: RunFolder,
    tmp_path: Path,
    table_of_folds: Callable[[], Data],
    make_recipe: MakeRecipe,
    execution: Execution,
) -> None:
    data, moved = table_of_folds().with_fold(1), tmp_path / "moved.safetensors"
    shutil.copy(pretrained.best_weights, moved)
    recipe = make_recipe(init=str(pretrained.path), trained="head", stage1_epochs=1)
    out = tmp_path / "run"
    finish_run(recipe, data, out, execution)
    assert finish_run(make_recipe(init=str(moved), trained="head", stage1_epochs=1), data, out, execution).is_finished
    # Options as a command line gives them are the same options.
    typed = replace(data, options={name: str(value) for name, value in data.options.items()})
    assert typed.options != data.options
    assert finish_run(recipe, typed, out, execution).is_finished
    # The same path, and other weights.
    shutil.copy(pretrained.stage_weights("stage1"), moved)
    with pytest.raises(RecipeError, match=r"starts from other weights: init is .* there and .*moved"):
        finish_run(make_recipe(init=str(moved), trained="head", stage1_epochs=1), data, out, execution)


def test_predictions_are_made_once_for_each_kind_of_weights(
    pretrained: RunFolder, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = predictions_of(pretrained, execution, clips=1)
    stage1 = predictions_of(pretrained, execution, clips=1, weights="stage1")
    assert best["recording"].tolist() == [recording.id for recording in pretrained.recordings("test")]
    assert (best["ef_predicted"] != stage1["ef_predicted"]).all()
    monkeypatch.setattr("coreecho.inference.subject.load_model", lambda *_, **__: pytest.fail("predicted again"))
    assert predictions_of(pretrained, execution, clips=1).equals(best)


def test_kept_predictions_have_the_facts_of_today(
    pretrained: RunFolder, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = predictions_of(pretrained, execution, clips=1)
    recordings = [
        replace(recording, quality="Poor", patient=f"p{recording.id}") for recording in pretrained.recordings("test")
    ]
    monkeypatch.setattr(pretrained, "recordings", lambda split: recordings)
    after = predictions_of(pretrained, execution, clips=1)
    assert after["ef_predicted"].tolist() == before["ef_predicted"].tolist()
    assert set(after["quality"]) == {"Poor"} != set(before["quality"])
    assert after["patient"].tolist() == [f"p{recording.id}" for recording in recordings]


def test_an_execution_that_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(RecipeError, match="`batch_size_test` is 0, expected at least 1"):
        Execution(batch_size=0)
    with pytest.raises(RecipeError, match="`devices` x `nodes` is 2 x 1, expected 1"):
        Execution(hardware=Hardware(device="cpu", devices=2))
