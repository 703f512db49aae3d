import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from coreecho.errors import CheckpointError
from coreecho.models import (
    EchoModel,
    ModelInput,
    WeightsCard,
    build_model,
    initialise_encoder,
    load_model,
    read_weights,
    save_weights,
)
from coreecho.models.weights import save_state


@pytest.fixture
def model(card: WeightsCard) -> EchoModel:
    torch.manual_seed(0)
    assert card.model_input is not None
    return build_model("uniformer_xs", card.model_input, last_bias=55.6).eval()


@pytest.fixture
def file(tmp_path: Path, model: EchoModel, card: WeightsCard) -> Path:
    save_weights(tmp_path / "best.safetensors", model, card)
    return tmp_path / "best.safetensors"


def clips() -> torch.Tensor:
    return (torch.arange(2 * 8 * 32 * 32) % 251).to(torch.uint8).view(2, 8, 32, 32)


def test_what_is_saved_is_read_back(file: Path, model: EchoModel, card: WeightsCard) -> None:
    state, found = read_weights(file)
    assert found == card
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("where", ["file", "run folder"])
def test_loaded_model_predicts_the_same(file: Path, model: EchoModel, card: WeightsCard, where: str) -> None:
    loaded = load_model(file if where == "file" else file.parent)
    assert loaded.card == card
    assert loaded.model_input == card.model_input
    assert not any(module.training for module in loaded.modules())
    with torch.inference_mode():
        assert torch.equal(loaded(clips()).prediction, model(clips()).prediction)


def test_weights_in_another_memory_layout_are_saved_all_the_same(
    tmp_path: Path, model: EchoModel, card: WeightsCard
) -> None:
    save_weights(tmp_path / "w.safetensors", model.to(memory_format=torch.channels_last_3d), card)
    state, _ = read_weights(tmp_path / "w.safetensors")
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_equal_weights_are_equal_files(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    """The library's own order of metadata changes from call to call, within a process too."""
    contents = set()
    for number in range(8):
        save_weights(tmp_path / f"{number}.safetensors", model.head, card)
        contents.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(contents) == 1


def test_weights_of_an_encoder_with_settings_build_it_again(tmp_path: Path, card: WeightsCard) -> None:
    settings = {"widths": [8, 16, 32, 64], "dropout": 0.25}
    assert card.model_input is not None
    model = build_model("uniformer_xs", card.model_input, last_bias=0.0, encoder_settings=settings).eval()
    path = tmp_path / "w.safetensors"
    save_weights(path, model, replace(card, encoder=model.encoder.name, encoder_settings=model.encoder.settings))
    loaded = load_model(path)
    assert loaded.encoder.settings == settings
    with torch.inference_mode():
        assert torch.equal(loaded(clips()).prediction, model(clips()).prediction)


def test_a_card_cannot_ask_for_more_than_its_file_holds(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    path, settings = tmp_path / "w.safetensors", {"widths": [24, 48, 96, 96_000]}
    save_weights(path, model, replace(card, encoder_settings=settings))
    with pytest.raises(CheckpointError, match=r"does not fit uniformer_xs.*of another shape"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": "os:mkdir", "encoder_settings": {"path": "made"}}, "expected a class that derives from .*Encoder"),
        ({"encoder_settings": {"width": 3, "name": "x"}}, "cannot be made from .*name='x', width=3"),
        ({"encoder_settings": {"widths": "abcd"}}, "cannot be made from widths='abcd'"),
        ({"head": "os:mkdir"}, "expected a class that derives from torch.nn"),
        ({"reads": {"name": "os:mkdir", "path": "made"}}, r"expected a class that derives from coreecho\.tasks\.Task"),
        ({"reads": {"name": "strain"}}, "no task 'strain'"),
    ],
)
def test_a_card_calls_nothing_but_what_makes_a_model(
    tmp_path: Path,
    model: EchoModel,
    card: WeightsCard,
    change: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_weights("w.safetensors", model, replace(card, **change))
    with pytest.raises(CheckpointError, match=message):
        load_model("w.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_full_disk_leaves_the_older_file(
    file: Path, model: EchoModel, card: WeightsCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def fill_up(self: Path, content: bytes) -> int:
        with self.open("wb") as stream:
            stream.write(content[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(CheckpointError, match=r"best\.safetensors: .* could not be written: No space left on device"):
        save_weights(file, model, card)
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_is_not_there(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    with pytest.raises(CheckpointError, match="could not be written: No such file or directory"):
        save_weights(tmp_path / "nowhere" / "w.safetensors", model, card)


@pytest.mark.parametrize("length", [20, 4_000, -100])
def test_truncated_file(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"best\.safetensors: the file is damaged or truncated"):
        read_weights(file)


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF1234AVI LIST"])
def test_not_safetensors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"not a safetensors file.*coreecho import-weights"):
        read_weights(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_model(tmp_path / "w.safetensors")


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no best\.safetensors"):
        load_model(tmp_path)


def test_safetensors_of_others(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="have no coreecho card"):
        load_model(tmp_path / "w.safetensors")


def test_an_encoder_alone_does_not_predict(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    path = tmp_path / "encoder.safetensors"
    save_weights(path, model.encoder, replace(card, kind="encoder", model_input=None, trained_on=None))
    with pytest.raises(CheckpointError, match=r"encoder without a head.*--init"):
        load_model(path)


def test_weights_that_do_not_fit_their_card(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, model, replace(card, encoder="uniformer_small"))
    with pytest.raises(CheckpointError, match=r"does not fit uniformer_small.* missing: .*of another shape: "):
        load_model(path)


def test_an_encoder_of_the_future(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, model, replace(card, encoder="huge"))
    with pytest.raises(
        CheckpointError,
        match=r"model on its card cannot be made here. There is no encoder 'huge'.*Known are uniformer_xs",
    ):
        load_model(path)


def test_weights_that_are_not_numbers(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    with torch.no_grad():
        model.encoder.patch_embed1.proj.weight[0, 0] = torch.nan
    save_weights(tmp_path / "w.safetensors", model, card)
    with pytest.raises(
        CheckpointError, match=r"1 entries hold values that are not finite: encoder\.patch_embed1\.proj"
    ):
        load_model(tmp_path / "w.safetensors")


def test_a_new_model_starts_from_a_trained_encoder(file: Path, model: EchoModel) -> None:
    torch.manual_seed(1)
    fresh = build_model("uniformer_xs", ModelInput(num_frames=8, frame_size=32), last_bias=40.0)
    head = {name: value.clone() for name, value in fresh.head.state_dict().items()}
    report = initialise_encoder(fresh, file)
    assert all(
        torch.equal(value, fresh.encoder.state_dict()[name]) for name, value in model.encoder.state_dict().items()
    )
    assert all(torch.equal(value, fresh.head.state_dict()[name]) for name, value in head.items())
    assert "93 entries loaded, 14 skipped" in report
    assert "none missing" in report


def test_an_encoder_of_another_size_is_refused_and_nothing_changes(file: Path) -> None:
    small = build_model("uniformer_small", ModelInput(), last_bias=50.0)
    before = {name: value.clone() for name, value in small.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"uniformer_xs was found and uniformer_small asked for.* missing"):
        initialise_encoder(small, file)
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_initial_weights_that_are_not_there(tmp_path: Path, model: EchoModel) -> None:
    with pytest.raises(CheckpointError, match=r"missing\.pth: there is no such file"):
        initialise_encoder(model, tmp_path / "missing.pth")


def test_half_the_bytes_are_widened_exactly(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    paths = [tmp_path / "wide.safetensors", tmp_path / "half.safetensors"]
    save_state(paths[0], model.state_dict(), card)
    save_state(paths[1], model.state_dict(), card, storage="float16")
    assert paths[1].stat().st_size < 0.55 * paths[0].stat().st_size
    state, _ = read_weights(paths[1])
    for name, value in model.state_dict().items():
        assert state[name].dtype == value.dtype
        assert torch.equal(state[name], value.half().float() if value.is_floating_point() else value)
    # Eleven significant bits: an EF moves by less than its hundredth part.
    with torch.inference_mode():
        found, wanted = (load_model(path)(clips()).prediction for path in reversed(paths))
    assert torch.allclose(found, wanted, atol=0.05)


def test_numbers_that_float16_does_not_hold_are_refused(tmp_path: Path, model: EchoModel, card: WeightsCard) -> None:
    state = model.state_dict()
    name = next(iter(state))
    state[name] = state[name] + 1e5
    with pytest.raises(CheckpointError, match=f"as float16.*not finite: {name}"):
        save_state(tmp_path / "half.safetensors", state, card, storage="float16")
    assert not (tmp_path / "half.safetensors").exists()
