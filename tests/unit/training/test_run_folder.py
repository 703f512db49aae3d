from pathlib import Path

import pytest
from torch import nn

from coreecho.errors import CheckpointError
from coreecho.models.card import WeightsCard
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
    card = WeightsCard(
        kind="encoder",
        encoder="uniformer_xs",
        head=None,
        source="test",
        licence="none",
        num_parameters=2,
        source_sha256=None,
        model_input=None,
        trained_on=None,
        coreecho_version="0",
    )
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
    with pytest.raises(CheckpointError, match="cannot be read"):
        hash_weights(tmp_path / "missing")
