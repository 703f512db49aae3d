"""The models that ship: one name for all who take a model."""

from pathlib import Path

import pytest
import torch

from coreecho.errors import CheckpointError, RecipeError
from coreecho.experiments.transfer import transfer_settings
from coreecho.inference import Predictor
from coreecho.inference.opening import open_subject
from coreecho.models import ModelInput, build_model, initialise_encoder, load_model
from coreecho.models.segmenter import load_segmenter
from coreecho.models.weights import describe_weights, hash_weights
from coreecho.shipped import RESEARCH_MODEL, default_notice, default_weights, resolve
from coreecho.training.objectives import build_objective
from coreecho.training.recipe import Recipe


def test_the_name_stands_for_the_file_wherever_weights_are_given(shipped: Path) -> None:
    file = shipped / "default-ef.safetensors"
    assert resolve("default") == resolve(Path("default")) == default_weights("ef") == file
    assert hash_weights("default") == hash_weights(file)
    assert describe_weights("default") == describe_weights(file)
    loaded, same = load_model("default").state_dict(), load_model(file).state_dict()
    assert all(torch.equal(value, same[name]) for name, value in loaded.items())


def test_any_other_path_is_itself(tmp_path: Path) -> None:
    assert resolve(tmp_path / "default") == tmp_path / "default"
    assert resolve("runs/default") == Path("runs/default")


def test_a_predictor_without_a_model_says_what_it_is(shipped: Path, tmp_path: Path) -> None:
    assert RESEARCH_MODEL in Predictor().model_name
    assert Predictor(shipped / "default-ef.safetensors").model_name == Predictor().model_name
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((shipped / "default-ef.safetensors").read_bytes())
    assert RESEARCH_MODEL not in Predictor(copy).model_name


def test_a_build_without_the_file_says_what_to_do(shipped: Path) -> None:
    (shipped / "default-lv.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"ships no default-lv\.safetensors.*--model RUN.*make default-models"):
        load_segmenter("default")
    (shipped / "default-ef.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"ships no default-ef\.safetensors.*Predictor\(RUN\)"):
        Predictor()


def test_a_folder_of_that_name_is_not_taken_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "./default" not in default_notice()
    (tmp_path / "default").mkdir()
    assert "./default is another model: give its whole path" in default_notice("lv")


def test_an_encoder_starts_from_it(shipped: Path) -> None:
    model = build_model("uniformer_xs", ModelInput(num_frames=8, stride=4, frame_size=56), last_bias=50.0)
    said = initialise_encoder(model, "default")
    expected = load_model("default").encoder.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.encoder.state_dict().items())
    assert "none missing" in said


def test_another_encoder_cannot_and_is_told_which_can(shipped: Path) -> None:
    model = build_model("r2plus1d_10", ModelInput(num_frames=4, stride=4, frame_size=32), last_bias=50.0)
    with pytest.raises(
        CheckpointError, match=r"give `--encoder uniformer_xs`, or take its recipe: `coreecho train demo`"
    ):
        initialise_encoder(model, "default")


def test_lessons_start_from_the_model_of_their_kind(shipped: Path) -> None:
    reads = Recipe(name="tiny", encoder="uniformer_xs", init="default", objective="l1", stage2=False)
    outlines = Recipe(name="tiny", encoder="lv_unet_xs", init="default", objective="lv_outline", stage2=False)
    assert build_objective(reads).start == shipped / "default-ef.safetensors"
    assert build_objective(outlines).start == shipped / "default-lv.safetensors"


def test_a_transfer_takes_its_encoder(shipped: Path) -> None:
    settings = transfer_settings("camus", "fine-tune", "default")
    assert settings["init"] == "default"
    assert settings["encoder"] == "uniformer_xs"


def test_it_is_asked_about_data_and_writes_nothing_beside_itself(shipped: Path, phantom_root: Path) -> None:
    subject = open_subject("default", data=phantom_root)
    assert subject.folder == Path("default-results")
    assert subject.learned_from_phantoms
    with pytest.raises(RecipeError, match="--data ROOT"):
        open_subject("default")
