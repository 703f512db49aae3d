from pathlib import Path

import torch
from torch import nn

from coreecho.models import build_encoder, import_weights
from coreecho.models.echo_model import EchoModel
from coreecho.models.model_input import ModelInput
from coreecho.models.weights import initialise_encoder, save_state


def test_it_sees_grey_as_three_colours_that_share_its_kernels_do() -> None:
    torch.manual_seed(0)
    grey, coloured = build_encoder("r2plus1d_10_grey").eval(), build_encoder("r2plus1d_10").eval()
    state = grey.state_dict()
    assert state["stem.0.weight"].shape[1] == 1
    state["stem.0.weight"] = state["stem.0.weight"].expand(-1, 3, -1, -1, -1) / 3
    coloured.load_state_dict(state)
    clips = torch.rand(1, 1, 4, 32, 32).expand(-1, 3, -1, -1, -1)
    with torch.inference_mode():
        torch.testing.assert_close(grey(clips), coloured(clips), rtol=1e-4, atol=1e-5)


def test_weights_of_a_stem_of_one_channel_are_told_from_those_of_three(tmp_path: Path) -> None:
    network = build_encoder("r2plus1d_18_grey")
    state = network.state_dict() | {"fc.weight": torch.zeros(1, 512), "fc.bias": torch.zeros(1)}
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path / "saeed.pth")
    imported = import_weights(tmp_path / "saeed.pth")
    assert (imported.card.encoder, imported.card.kind) == ("r2plus1d_18_grey", "encoder")
    assert "Saeed & Yaqub 2022" in imported.card.source
    assert imported.skipped == ("state_dict.fc.weight", "state_dict.fc.bias")
    save_state(tmp_path / "own.safetensors", imported.state, imported.card)
    other = EchoModel(build_encoder("r2plus1d_18_grey"), nn.Linear(512, 1), ModelInput())
    initialise_encoder(other, tmp_path / "own.safetensors")
    assert all(value.equal(network.state_dict()[name]) for name, value in other.encoder.state_dict().items())
