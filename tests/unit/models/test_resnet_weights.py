from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from coreecho.errors import CheckpointError
from coreecho.models import ImportedWeights, ModelInput, import_weights
from coreecho.models.video_resnet import RESNETS, VideoResNet

State = dict[str, Tensor]
Read = Callable[[Any], ImportedWeights]


@pytest.fixture(scope="module")
def published() -> dict[str, State]:
    """Encoders with the last layer that their publishers give them; `mc3_18` is the smallest."""
    torch.manual_seed(0)
    return {name: dict(VideoResNet(RESNETS[name]).state_dict()) for name in RESNETS}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a file as it is published, and read it."""

    def through_a_file(content: Any, name: str = "published.pt") -> ImportedWeights:
        torch.save(content, tmp_path / name)
        return import_weights(tmp_path / name)

    return through_a_file


def with_fc(encoder: State, outputs: int) -> State:
    return {**encoder, "fc.weight": torch.randn(outputs, 512), "fc.bias": torch.full((outputs,), 55.6)}


def echonet(state: State) -> dict[str, Any]:
    """The layout of EchoNet-Dynamic's `r2plus1d_18_32_2_pretrained.pt`: what its training loop saves."""
    moments = {number: {"momentum_buffer": torch.zeros(2)} for number in range(3)}
    group = {"lr": 1e-4, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": False, "params": [0, 1, 2]}
    return {
        "epoch": 29,
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "period": 2,
        "frames": 32,
        "best_loss": 28.4,
        "loss": 27.9,
        "r2": np.float64(0.81),
        "opt_dict": {"state": moments, "param_groups": [group]},
        "scheduler_dict": {"step_size": 15, "gamma": 0.1, "base_lrs": [1e-4], "last_epoch": 30, "_step_count": 31},
    }


@pytest.mark.parametrize("name", ["r2plus1d_18", "mc3_18", "r3d_18"])
def test_torchvision(read: Read, published: dict[str, State], name: str) -> None:
    state = with_fc(published[name], 400)
    found = read(state)
    assert (found.card.encoder, found.card.kind, found.card.head, found.card.encoder_settings) == (
        name,
        "encoder",
        None,
        {},
    )
    assert found.card.source == "torchvision, Kinetics-400 (Tran et al. 2018); imported from published.pt"
    assert found.skipped == ("fc.weight", "fc.bias")
    assert found.loaded == tuple(published[name])
    with torch.device("meta"):
        network = VideoResNet(RESNETS[name])
    network.load_state_dict(found.state, assign=True)
    assert all(torch.equal(value, state[entry]) for entry, value in network.state_dict().items())


def test_echonet_dynamic(read: Read, published: dict[str, State]) -> None:
    state = with_fc(published["r2plus1d_18"], 1)
    found = read(echonet(state))
    assert (found.card.encoder, found.card.kind, found.card.head) == ("r2plus1d_18", "model", "linear")
    assert found.card.source.startswith("EchoNet-Dynamic (Ouyang et al. 2020)")
    assert found.card.licence.startswith("all rights reserved")
    assert found.card.model_input == ModelInput(num_frames=32, stride=2, padding="mean")
    assert (found.skipped, found.missing) == ((), ())
    assert found.loaded[0] == "state_dict.stem.0.weight"
    assert found.loaded[-2:] == ("state_dict.fc.weight", "state_dict.fc.bias")
    assert torch.equal(found.state["head.0.weight"], state["fc.weight"])
    assert torch.equal(found.state["head.0.bias"], torch.tensor([55.6]))
    assert all(torch.equal(value, found.state[f"encoder.{entry}"]) for entry, value in published["r2plus1d_18"].items())


def test_files_without_counters_of_batches(read: Read, published: dict[str, State]) -> None:
    old = {name: value for name, value in published["mc3_18"].items() if not name.endswith("num_batches_tracked")}
    found = read(old)
    assert set(found.state) == set(published["mc3_18"])
    assert "stem.1.num_batches_tracked" not in found.loaded
    assert found.state["stem.1.num_batches_tracked"] == 0


def test_an_encoder_alone_and_half_precision(read: Read, published: dict[str, State]) -> None:
    half = {name: value.half() if value.is_floating_point() else value for name, value in published["mc3_18"].items()}
    found = read(half)
    assert (found.skipped, found.card.kind) == ((), "encoder")
    assert (found.card.source, found.card.licence) == (
        "a VideoResNet of unknown origin; imported from published.pt",
        "unknown",
    )
    assert found.state["stem.0.weight"].dtype == torch.float32
    assert found.state["stem.1.num_batches_tracked"].dtype == torch.int64


def test_one_output_of_unknown_origin_is_not_taken_for_ef(read: Read, published: dict[str, State]) -> None:
    found = read(with_fc(published["mc3_18"], 1))
    assert (found.card.kind, found.card.source.split(";")[0]) == ("encoder", "a VideoResNet of unknown origin")
    assert found.skipped == ("fc.weight", "fc.bias")


@pytest.mark.parametrize(
    "content",
    [
        {"epoch": 3, "state_dict": {"module.backbone.conv1.weight": torch.zeros(2)}},
        {"model": {"backbone.weight": torch.zeros(2)}, "regressor": {}},
    ],
)
def test_other_networks_are_refused(read: Read, content: Any) -> None:
    with pytest.raises(CheckpointError, match=r"of no encoder that is known here; its first entries are backbone"):
        read(content)


def test_a_misfit_says_what_is_missing_unexpected_and_misshapen(read: Read, published: dict[str, State]) -> None:
    state = with_fc(published["mc3_18"], 400)
    del state["layer2.0.conv1.1.weight"]
    state["layer1.0.extra"] = torch.zeros(1)
    state["stem.0.weight"] = state["stem.0.weight"][:, :1]
    expected = (
        r"published\.pt: it does not fit mc3_18, the closest encoder: 1 missing: layer2\.0\.conv1\.1\.weight; "
        r"1 unexpected: layer1\.0\.extra; "
        r"1 of another shape: stem\.0\.weight \(64, 1, 3, 7, 7\) instead of \(64, 3, 3, 7, 7\)"
    )
    with pytest.raises(CheckpointError, match=expected):
        read(state)


def test_a_deeper_network_of_the_family_is_refused(read: Read, published: dict[str, State]) -> None:
    state = dict(published["r3d_18"])
    state |= {name.replace("layer2.1.", "layer2.2."): value for name, value in state.items() if "layer2.1." in name}
    with pytest.raises(CheckpointError, match=r"does not fit r3d_18.*unexpected: layer2\.2\.conv1"):
        read(state)


@pytest.mark.parametrize("entry", ["layer4.1.conv2.1.running_var", "fc.weight"])
def test_values_that_are_not_finite_are_refused(read: Read, published: dict[str, State], entry: str) -> None:
    state = {name: value.clone() for name, value in with_fc(published["mc3_18"], 1).items()}
    state[entry].view(-1)[0] = torch.nan
    with pytest.raises(CheckpointError, match=rf"not finite: {entry}"):
        read(state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc.weight": torch.zeros(1, 256)}, r"`fc` does not fit.*fc\.weight \(1, 256\) instead of \(1, 512\)"),
        ({"fc.bias": torch.zeros(2)}, r"`fc` does not fit.*fc\.bias \(2,\) instead of \(1,\)"),
        ({"fc.extra": torch.zeros(2)}, r"`fc` does not fit.*unexpected: fc\.extra"),
    ],
)
def test_a_last_layer_that_does_not_fit_is_refused(
    read: Read, published: dict[str, State], change: State, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        read(with_fc(published["mc3_18"], 1) | change)
