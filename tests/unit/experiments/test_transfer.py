import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.shared.weights import small_card
from torch import nn

from coreecho.datasets import LAYOUTS, load_recordings
from coreecho.errors import BusyError, CheckpointError, DatasetError, RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, finish_run
from coreecho.experiments.scales import Scale, phantoms_of
from coreecho.experiments.starting import check_start
from coreecho.experiments.transfer import (
    find_protocol,
    transfer,
    transfer_settings,
)
from coreecho.files import alone_in
from coreecho.inference.opening import open_subject
from coreecho.models.model_input import ModelInput
from coreecho.models.weights import describe_weights, save_weights
from coreecho.tasks import MI
from coreecho.training import decoding
from coreecho.training.recipe import Recipe
from coreecho.training.recipe_files import find_recipe
from coreecho.training.run_folder import RunFolder

SEEN = ModelInput(num_frames=32, stride=2, padding="mean", frame_size=96, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))


@pytest.fixture
def hmc_qu(reproduction: Path, micro_scale: Scale) -> Data:
    """Phantoms of HMC-QU, a few in each fold."""
    return phantoms_of("hmc-qu", reproduction, micro_scale)


def write_weights(path: Path, *, encoder: str = "r2plus1d_18", model_input: ModelInput | None = SEEN) -> Path:
    """A file that says what it is; a transfer's settings are on its card."""
    card = small_card(model_input, encoder=encoder)
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
    with pytest.raises(CheckpointError, match=r"scrach: there is no such file or folder\. Did you mean 'scratch'\?"):
        transfer_settings("camus", "probe", "scrach")
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
# decay, momentum; section 3: the loss. MADGRAD's rate is the appendix's 1e-5 and the eps of 1e-6 that the packaged one
# adds to it.
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


def test_infarctions_of_a_table_from_folds_to_metrics(
    tmp_path: Path,
    table_of_folds: Callable[..., Data],
    make_recipe: Callable[..., Recipe],
    execution: Execution,
) -> None:
    data = table_of_folds(label="has_mi")
    recipe = make_recipe(objective="bce", optimizer="madgrad", stage1_epochs=1)
    result = transfer(recipe, data, tmp_path / "out", execution)
    assert result.task == MI()
    assert result.predictions["probability"].between(0, 1).all()
    document = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert document["folds"] == [1, 2, 3]
    assert document["recipe"]["objective"] == "bce"
    assert document["metrics"]["all"]["metrics"]["auroc"]["estimate"] == result.metrics["all"]["auroc"].estimate
    # The table lies beside no card of phantoms, and its clips bear their mark.
    assert document["is_phantom"] is True


def test_the_protocols_of_the_two_data_sets(tmp_path: Path) -> None:
    """The code that the paper follows has no validation; HMC-QU's is the usual one, CAMUS's is asked for."""
    hmc_qu, camus = LAYOUTS.get("hmc-qu"), LAYOUTS.get("camus")
    assert (find_protocol(hmc_qu, None)[0], find_protocol(camus, None)[0]) == ("published", "held-out")
    settings = transfer_settings("hmc-qu", "fine-tune", "scratch")
    assert (settings["select"], settings["keep_last_batch"]) == ("last", True)
    held_out = transfer_settings("hmc-qu", "probe", str(write_weights(tmp_path / "weights.safetensors")), "held-out")
    assert (held_out["select"], held_out["keep_last_batch"]) == ("best", False)
    assert transfer_settings("camus", "fine-tune", "scratch")["select_on"] == "val"
    assert transfer_settings("camus", "fine-tune", "scratch", "published")["select_on"] == "test"
    with pytest.raises(RecipeError, match="CAMUS is not cross-validated by 'publshed', expected held-out or published"):
        transfer_settings("camus", "fine-tune", "scratch", "publshed")


def test_as_published_on_hmc_qu_four_folds_train_and_the_mean_over_folds_counts(
    tmp_path: Path, hmc_qu: Data, execution: Execution
) -> None:
    small = {"encoder": "uniformer_xs", "num_frames": 4, "frame_size": 32, "batch_size": 4, "stage1_epochs": 2}
    settings = transfer_settings("hmc-qu", "fine-tune", "scratch") | small
    recipe = Recipe.from_mapping(settings, source="test")
    result = transfer(recipe, hmc_qu, tmp_path / "out", execution)
    run = RunFolder.open(tmp_path / "out" / "fold-02")
    assert {recording.fold for recording in run.recordings("train")} == {1, 3, 4, 5}
    assert not run.recordings("val")
    # As they are listed, cycles end one frame later.
    listed = {each.id: each.beat for each in load_recordings("hmc-qu", hmc_qu.root)}
    assert all(each.beat == (listed[each.id][0], listed[each.id][1] - 1) for each in run.recordings("train"))
    assert describe_weights(run.best_weights).trained_on.epoch == 1  # type: ignore[union-attr]
    document = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert document["protocol"] == "published"
    assert "four folds train" in document["protocol_in_words"]
    table = result.predictions
    right = (table["mi_logit"] >= 0) == table["has_mi"]
    of_folds = right.groupby(table["fold"]).mean()
    assert document["mean_over_folds"]["all"]["metrics"]["accuracy"]["estimate"] == pytest.approx(of_folds.mean())
    assert document["metrics"]["all"]["metrics"]["accuracy"]["estimate"] == pytest.approx(right.mean())
    assert document["options"]["end_frame"] == "exclusive"


def test_as_published_on_camus_the_tested_fold_chooses_its_epoch(
    tmp_path: Path, micro_phantoms: Path, execution: Execution
) -> None:
    small = {"encoder": "uniformer_xs", "num_frames": 4, "frame_size": 32, "batch_size": 4, "stage1_epochs": 1}
    recipe = Recipe.from_mapping(transfer_settings("camus", "fine-tune", "scratch", "published") | small, source="test")
    _, protocol = find_protocol(LAYOUTS.get("camus"), "published")
    data = Data(dataset="camus", root=micro_phantoms / "camus").by(protocol).with_fold(3)
    run = finish_run(recipe, data, tmp_path / "run", execution)
    tested = [recording.id for recording in run.recordings("test")]
    assert tested
    assert {recording.fold for recording in run.recordings("train")} == {1, 2, 4, 5, 6, 7, 8, 9, 10}
    assert pd.read_csv(run.path / "validation.csv")["recording"].tolist() == tested
    # Whoever evaluates it is told.
    subject = open_subject(run)
    assert subject.overlap(subject.recordings("test")).selected == tuple(tested)


def test_what_contradicts_the_protocol_is_refused_before_anything_is_trained(
    tmp_path: Path, hmc_qu: Data, execution: Execution, trained: list[Path]
) -> None:
    recipe = Recipe.from_mapping(transfer_settings("hmc-qu", "fine-tune", "scratch", "held-out"), source="test")
    with pytest.raises(RecipeError, match=r"select is best, and last by that protocol.*another protocol \(held-out\)"):
        transfer(recipe, hmc_qu, tmp_path / "out", execution)
    recipe = Recipe.from_mapping(transfer_settings("hmc-qu", "fine-tune", "scratch"), source="test")
    inclusive = replace(hmc_qu, options={"end_frame": "inclusive"})
    with pytest.raises(RecipeError, match="end_frame is inclusive, and exclusive by that protocol"):
        transfer(recipe, inclusive, tmp_path / "out", execution)
    assert not trained
    assert not (tmp_path / "out").exists()


def test_flags_may_change_what_a_protocol_leaves_open_and_leave_out_what_is_faulty(
    tmp_path: Path,
    table_of_folds: Callable[..., Data],
    make_recipe: Callable[..., Recipe],
    execution: Execution,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, data, recipe = tmp_path / "out", table_of_folds(), make_recipe(stage1_epochs=1, keep_last_batch=True)
    (data.root / "broken.avi").write_bytes(b"no video at all " * 100)
    with (data.root / "recordings.csv").open("a") as table:
        # One that no table can tell of, and one that it can.
        table.write("broken.avi,broken,p90,1,55\ngone.avi,gone,p91,2,55\n")
    with pytest.raises(DatasetError, match=r"gone\.avi"):
        transfer(recipe, data, out, execution)
    # Of all folds the doctor is asked once.
    monkeypatch.setattr(decoding, "faulty_recordings", remembering(looked := [], decoding.faulty_recordings))
    result = transfer(recipe, replace(data, options={"leave_out_faulty": True}), out, execution)
    assert len(looked) == 1
    assert sorted(result.predictions["recording"]) == [f"{place:03d}" for place in range(16)]
    document = json.loads((out / "metrics.json").read_text())
    assert sorted(document["left_out"]) == ["broken", "gone"]
    assert "gone.avi" in document["left_out"]["gone"][0]
    assert document["options"] == {"leave_out_faulty": True}
    assert RunFolder.open(out / "fold-01").recipe.keep_last_batch


def remembering(calls: list[object], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which notes that it was called."""

    def called(*arguments: object, **named: object) -> Any:
        calls.append(arguments)
        return function(*arguments, **named)

    return called


def test_an_encoder_that_was_trained_on_what_is_tested_is_refused(
    tmp_path: Path,
    table_of_folds: Callable[..., Data],
    make_recipe: Callable[..., Recipe],
    execution: Execution,
) -> None:
    data = table_of_folds()
    run = finish_run(make_recipe(stage1_epochs=1), data, tmp_path / "run", execution)
    recipe = make_recipe(stage1_epochs=1, init=str(run.path))
    num_met = len(run.recordings("train"))
    for start in (run.path, run.best_weights):
        recipe = make_recipe(stage1_epochs=1, init=str(start))
        with pytest.raises(DatasetError, match=f"was trained on {num_met} of the 16 recordings .*--allow-overlap"):
            transfer(recipe, data, tmp_path / "out", execution)
    assert not (tmp_path / "out").exists()
    # A table has no such flag.
    with pytest.raises(DatasetError, match=r"from a model that has not met them[.]$"):
        check_start(recipe, data, execution)
    result = transfer(recipe, data, tmp_path / "out", execution, allow_overlap=True)
    label = f"includes recordings the model was trained on: {num_met} of 16"
    assert result.overlap_label == label
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["overlap"] == label


def test_a_second_transfer_into_the_same_folder_is_refused_by_name(
    tmp_path: Path,
    table_of_folds: Callable[..., Data],
    make_recipe: Callable[..., Recipe],
    execution: Execution,
    trained: list[Path],
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with alone_in(out, doing="cross-validating"), pytest.raises(BusyError, match=f"cross-validating in {out}"):
        transfer(make_recipe(), table_of_folds(), out, execution)
    assert not trained
