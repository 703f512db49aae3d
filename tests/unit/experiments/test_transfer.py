import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from coreecho.errors import CheckpointError, RecipeError
from coreecho.evaluation import compute_classification_metrics, compute_metrics
from coreecho.experiments.cross_validation import PREDICTIONS
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution
from coreecho.experiments.transfer import TransferResult, compare, measure, transfer, transfer_settings
from coreecho.models.card import WeightsCard
from coreecho.models.model_input import ModelInput
from coreecho.models.weights import save_weights
from coreecho.training.recipe import Recipe, find_recipe

SEEN = ModelInput(num_frames=32, stride=2, padding="mean", frame_size=96, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))


def write_weights(path: Path, *, encoder: str = "r2plus1d_18", model_input: ModelInput | None = SEEN) -> Path:
    """A file that says what it is; a transfer's settings are on its card."""
    card = WeightsCard(
        kind="model",
        reads={"name": "ef"},
        encoder=encoder,
        source="test",
        licence="none",
        num_parameters=2,
        source_sha256=None,
        model_input=model_input,
        trained_on=None,
        coreecho_version="0",
    )
    save_weights(path, nn.Linear(1, 1), card)
    return path


def test_the_weights_say_which_encoder_and_where_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_weights(tmp_path / "weights.safetensors")
    monkeypatch.chdir(tmp_path)
    settings = transfer_settings("camus", "probe", "weights.safetensors")
    assert settings["encoder"] == "r2plus1d_18"
    # Whole, so that a stopped fold goes on from any folder.
    assert settings["init"] == str((tmp_path / "weights.safetensors").resolve())
    recipe = Recipe.from_mapping(settings, source="test")
    assert (recipe.trained, recipe.input.num_frames, recipe.input.time) == ("head", 16, "spline")


def test_a_table_is_seen_as_the_weights_learned_to_see(tmp_path: Path) -> None:
    weights = str(write_weights(tmp_path / "weights.safetensors"))
    recipe = Recipe.from_mapping(transfer_settings("table", "fine-tune", weights), source="test")
    assert recipe.input == SEEN
    assert recipe.validation_clips == 3
    assert (recipe.name, recipe.trained, recipe.learning_rate) == ("table-fine-tune", "all", 1e-4)
    beat = write_weights(tmp_path / "beat.safetensors", model_input=ModelInput(num_frames=16, time="spline"))
    assert Recipe.from_mapping(transfer_settings("table", "probe", str(beat)), source="test").validation_clips == 1
    unknown = str(write_weights(tmp_path / "unknown.safetensors", model_input=None))
    # Read alike whatever the weights, or two transfers could not be compared.
    for start, method in ((unknown, "probe"), ("scratch", "fine-tune")):
        recipe = Recipe.from_mapping(transfer_settings("table", method, start), source="test")  # type: ignore[arg-type]
        assert recipe.input == Recipe.from_yaml(find_recipe("echonet")).input
        assert (recipe.input.time, recipe.validation_clips) == ("stride", 3)


def test_from_scratch_all_weights_must_learn() -> None:
    assert transfer_settings("hmc-qu", "fine-tune", "scratch")["init"] == "scratch"
    with pytest.raises(RecipeError, match="freeze an encoder that has learned nothing"):
        transfer_settings("camus", "probe", "scratch")


def test_what_cannot_be_transferred_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no transfer to 'echonet'; the data sets are camus, hmc-qu, table"):
        transfer_settings("echonet", "probe", "scratch")
    with pytest.raises(RecipeError, match="no method 'prob'; the methods are probe, fine-tune"):
        transfer_settings("camus", "prob", "scratch")  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="there is no such file"):
        transfer_settings("camus", "probe", str(tmp_path / "missing"))


def test_a_run_that_is_not_finished_is_no_start(tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe) -> None:
    from coreecho.training.run_folder import Hardware, RunFolder, find_data

    path = tmp_path / "run"
    run = RunFolder.create(path, tiny_recipe, find_data("echonet", phantom_root, tiny_recipe, None), Hardware())
    write_weights(run.best_weights)
    with pytest.raises(RecipeError, match=r"run that is not finished. Finish it by `coreecho train --resume"):
        transfer_settings("camus", "probe", str(path))
    run.info["is_finished"] = True
    run.write_info()
    assert transfer_settings("camus", "probe", str(path))["init"] == str(path.resolve())


# Appendix, Tables 1 and 2 of Maani et al. 2024: frames, size, degrees, scale, shift, optimiser, batch, epochs, rate,
# decay, momentum; section 3: the loss. MADGRAD as packaged adds its eps, 1e-6, to the 1e-5 that the appendix gives.
APPENDIX = {
    "camus-probe": (16, 112, 20, (0.8, 1.1), 0.1, "adamw", 16, 100, 2e-4, 1e-4, "mse", "head"),
    "camus-fine-tune": (16, 112, 20, (0.8, 1.1), 0.1, "adamw", 8, 100, 1e-4, 1e-4, "mse", "all"),
    "hmc-qu-probe": (12, 224, 20, (0.8, 1.1), 0.1, "madgrad", 16, 50, 1.1e-5, 0.0, "bce", "head"),
    "hmc-qu-fine-tune": (12, 224, 20, (0.8, 1.1), 0.1, "madgrad", 16, 50, 1.1e-5, 0.0, "bce", "all"),
}


@pytest.mark.parametrize("name", APPENDIX)
def test_the_recipes_hold_the_numbers_of_the_appendix(name: str) -> None:
    recipe = Recipe.from_yaml(find_recipe(name))
    assert (
        recipe.input.num_frames,
        recipe.input.frame_size,
        recipe.rotation_degrees,
        recipe.scale_range,
        recipe.translation,
        recipe.optimizer,
        recipe.batch_size,
        recipe.stage1_epochs,
        recipe.learning_rate,
        recipe.weight_decay,
        recipe.objective,
        recipe.trained,
    ) == APPENDIX[name]
    assert (recipe.input.time, recipe.augmentation, recipe.head_dropout) == ("spline", "affine", 0.4)
    assert (recipe.schedule, recipe.momentum, recipe.stage2, recipe.views) == ("constant", 0.9, False, "one_clip")


def test_camus_is_normalised_by_its_own_grey_values() -> None:
    model_input = Recipe.from_yaml(find_recipe("camus-probe")).input
    assert model_input.mean == pytest.approx((40.94405 / 255,) * 3, abs=1e-6)
    assert model_input.std == pytest.approx((54.723774 / 255,) * 3, abs=1e-6)


def graded(qualities: list[str]) -> pd.DataFrame:
    torch.manual_seed(0)
    true = 30 + 40 * torch.rand(len(qualities), dtype=torch.float64)
    return pd.DataFrame(
        {
            "recording": [f"s{place}" for place in range(len(qualities))],
            "ef_true": true.numpy(),
            "ef_predicted": (true + 5 * torch.randn(len(qualities), dtype=torch.float64)).numpy(),
            "patient": [f"p{place}" for place in range(len(qualities))],
            "quality": qualities,
            "ef_source": None,
        }
    )


def test_ef_is_measured_by_image_quality_too() -> None:
    table = graded(["Good", "Medium", "Poor"] * 6)
    metrics = measure(table, "ef")
    assert list(metrics) == ["all", "Good & Medium", "Poor"]
    poor = table[table["quality"] == "Poor"]
    good = table[table["quality"] != "Poor"]
    for group, rows in (("all", table), ("Good & Medium", good), ("Poor", poor)):
        expected = compute_metrics(rows["ef_true"], rows["ef_predicted"])
        for metric in ("mae", "pearson"):
            assert metrics[group][metric].estimate == pytest.approx(expected[metric].estimate)
    # Recordings without a grade are one group.
    assert list(measure(table.assign(quality=None), "ef")) == ["all"]


def test_infarctions_are_measured_by_the_papers_metrics() -> None:
    table = pd.DataFrame({"recording": list("abcd"), "patient": None, "has_mi": [True, True, False, False]})
    table["probability"] = [0.9, 0.4, 0.6, 0.1]
    found = measure(table, "mi")["all"]
    expected = {"sensitivity": 0.5, "specificity": 0.5, "precision": 0.5, "f1": 0.5, "accuracy": 0.5, "auroc": 0.75}
    assert {name: found[name].estimate for name in expected} == pytest.approx(expected)
    assert found["f1"].estimate == compute_classification_metrics(table["has_mi"], table["probability"])["f1"].estimate


def test_two_transfers_are_compared_recording_by_recording_and_by_quality(tmp_path: Path) -> None:
    better = graded(["Good"] * 12 + ["Poor"] * 8)
    worse = better.assign(ef_predicted=better["ef_true"] + 3 * (better["ef_predicted"] - better["ef_true"]))
    worse.to_csv(tmp_path / PREDICTIONS, index=False)
    result = TransferResult(
        out=tmp_path, predictions=better, target="ef", metrics=measure(better, "ef"), is_phantom=True
    )
    differences = compare(result, tmp_path)
    assert list(differences) == ["all", "Good & Medium", "Poor"]
    for group, found in differences.items():
        # This one minus the other, whose error is three times as large.
        expected = result.metrics[group]["mae"].estimate * -2
        assert found["mae"].estimate == pytest.approx(expected)
        assert found["mae"].high < 0

    few = better.assign(quality=["Good"] * 17 + ["Poor"] * 3)
    few_result = TransferResult(out=tmp_path, predictions=few, target="ef", metrics=measure(few, "ef"), is_phantom=True)
    assert list(compare(few_result, tmp_path)) == ["all", "Good & Medium"]

    better.assign(ef_true=better["ef_true"] + 1).to_csv(tmp_path / PREDICTIONS, index=False)
    with pytest.raises(RecipeError, match="holds other recordings or labels"):
        compare(result, tmp_path)
    with pytest.raises(RecipeError, match="holds no finished transfer"):
        compare(result, tmp_path / "elsewhere")


def test_infarctions_of_a_table_from_folds_to_metrics(
    tmp_path: Path,
    table_of_folds: Callable[..., Data],
    make_recipe: Callable[..., Recipe],
    execution: Execution,
) -> None:
    data = table_of_folds(label="has_mi")
    recipe = make_recipe(objective="bce", optimizer="madgrad", stage1_epochs=1)
    result = transfer(recipe, data, tmp_path / "out", execution)
    assert result.target == "mi"
    assert result.predictions["probability"].between(0, 1).all()
    document = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert document["folds"] == [1, 2, 3]
    assert document["recipe"]["objective"] == "bce"
    assert document["metrics"]["all"]["metrics"]["auroc"]["estimate"] == result.metrics["all"]["auroc"].estimate
    # The table lies beside no card of phantoms.
    assert document["is_phantom"] is False
