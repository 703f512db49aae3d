import hashlib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from tests.shared.weights import small_card
from torch import nn

from coreecho.datasets import Split
from coreecho.errors import CheckpointError, RecipeError
from coreecho.inference.opening import open_subject
from coreecho.models.weights import hash_weights, save_weights
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware, RunFolder, find_data


def test_frames_lie_beside_a_table_that_is_given_as_a_file(tmp_path: Path, tiny_recipe: Recipe) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("path,ef_percent\n")
    for root in (table, tmp_path):
        assert find_data("table", root, tiny_recipe, None).store == tmp_path / ".coreecho-store-32"
    assert find_data("table", table, tiny_recipe, tmp_path / "elsewhere").store == tmp_path / "elsewhere"


def test_a_run_remembers_the_weights_that_it_began_with(tmp_path: Path, phantom_root: Path) -> None:
    card = small_card(None, kind="encoder", head=None, reads=None)
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, nn.Linear(1, 1), card)
    recipe = Recipe(init=str(weights))
    data = find_data("echonet", phantom_root, recipe, None)
    run = RunFolder.create(tmp_path / "run", recipe, data, Hardware())
    assert RunFolder.open(run.path).info["init_sha256"] == hash_weights(weights)
    assert len(hash_weights(weights)) == 64
    scratch = RunFolder.create(tmp_path / "scratch", Recipe(), data, Hardware())
    assert scratch.info["init_sha256"] is None
    with pytest.raises(CheckpointError, match="holds no best"):
        hash_weights(run.path)
    with pytest.raises(CheckpointError, match="there is no such file or folder"):
        hash_weights(tmp_path / "missing")


def test_a_run_that_another_process_began_meanwhile_is_not_written_over(
    tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, path = find_data("echonet", phantom_root, tiny_recipe, None), tmp_path / "run"
    path.mkdir()
    # As a process leaves it that was killed before it wrote anything: the folder is free.
    (path / ".lock").touch()

    def another_first(run: RunFolder) -> str:
        monkeypatch.undo()
        RunFolder.create(path, tiny_recipe, data, Hardware())
        return run.data_fingerprint()

    monkeypatch.setattr(RunFolder, "data_fingerprint", another_first)
    with pytest.raises(RecipeError, match="is there already"):
        RunFolder.create(path, replace(tiny_recipe, seed=99), data, Hardware())
    assert RunFolder.open(path).recipe.seed == tiny_recipe.seed
    assert RunFolder.open(path).info["seed"] == tiny_recipe.seed


def test_what_is_left_of_a_beginning_without_its_record_is_in_nobodys_way(
    tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe
) -> None:
    data, path = find_data("echonet", phantom_root, tiny_recipe, None), tmp_path / "run"
    RunFolder.create(path, tiny_recipe, data, Hardware())
    (path / "run.json").rename(path / ".run.json.1.part.json")
    with pytest.raises(RecipeError, match=r"is there already, and is no run that could go on\. Give another"):
        RunFolder.create(path, replace(tiny_recipe, seed=99), data, Hardware())
    assert RunFolder.create(path, tiny_recipe, data, Hardware()).recipe == tiny_recipe
    assert RunFolder.open(path).recipe == tiny_recipe
    # A record, once written, is a run.
    with pytest.raises(RecipeError, match="is there already"):
        RunFolder.create(path, tiny_recipe, data, Hardware())


def test_a_run_of_before_frames_were_hashed_still_knows_its_data(
    tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe
) -> None:
    data = find_data("echonet", phantom_root, tiny_recipe, None)
    run = RunFolder.create(tmp_path / "run", tiny_recipe, data, Hardware())
    assert run.has_the_same_data()
    now = run.info["data_fingerprint"]
    # As such a run wrote them.
    store = run.store()
    lines = [
        f"{each.id},{run.lesson.target_of(each, data)},{each.split},{store.checksum(each.id)}"
        for each in run.all_recordings
    ]
    run.info["data_fingerprint"] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    run.info["split_ids"] = {
        split: {each.id: store.checksum(each.id) for each in run.recordings(split)} for split in get_args(Split)
    }
    run.write_info()
    again = RunFolder.open(run.path)
    assert again.info["data_fingerprint"] != now
    assert again.has_the_same_data()
    again.info["data_fingerprint"] = "0" * 64
    assert not again.has_the_same_data()
    # Its training recordings are found again by what they show, whatever they are called.
    trained = again.recordings("train")
    again.info["split_ids"]["train"] = {f"other-{each}": hash_ for each, hash_ in again.split_ids["train"].items()}
    again.write_info()
    assert open_subject(again.path).overlap(trained).trained == tuple(each.id for each in trained)
