from pathlib import Path

import pytest

from coreecho.models.building import build_model
from coreecho.models.weights import WeightsCard, save_weights
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware, RunFolder, find_data


@pytest.fixture
def run(tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe) -> RunFolder:
    """The folder of a run whose weights are those that it began with."""
    data = find_data("echonet", phantom_root, tiny_recipe, None)
    run = RunFolder.create(tmp_path / "run", tiny_recipe, data, Hardware())
    card = WeightsCard(
        kind="model",
        reads={"name": "ef"},
        encoder="uniformer_xs",
        source="a test",
        licence="Apache-2.0",
        num_parameters=1,
        source_sha256=None,
        model_input=tiny_recipe.input,
        trained_on=None,
        coreecho_version="0",
    )
    save_weights(run.best_weights, build_model("uniformer_xs", tiny_recipe.input, last_bias=55.0), card)
    return run
