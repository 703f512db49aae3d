from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from coreecho.errors import CheckpointError
from coreecho.models.resnet_weights import ResNetWeights, recognise_resnet
from coreecho.models.video_resnet import RESNETS, VideoResNet

State = dict[str, Tensor]
Read = Callable[[Any], ResNetWeights | None]


@pytest.fixture(scope="module")
def published() -> dict[str, State]:
    """Encoders with the last layer that their publishers give them; `mc3_18` is the smallest."""
    torch.manual_seed(0)
    return {name: dict(VideoResNet(RESNETS[name]).state_dict()) for name in RESNETS}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a file as it is published, and read it as `published_weights` does."""

    def through_a_file(content: Any) -> ResNetWeights | None:
        torch.save(content, tmp_path / "published.pt")
        # What EchoNet-Dynamic's files hold beside tensors: scikit-learn's R2 is a NumPy scalar.
        harmless = [np._core.multiarray.scalar, np.dtype, type(np.dtype(np.float64))]
        with torch.serialization.safe_globals(harmless):
            content = torch.load(tmp_path / "published.pt", map_location="cpu", weights_only=True)
        return recognise_resnet(content, "published.pt")

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
    assert found is not None
    assert (found.name, found.reads_ef) == (name, False)
    assert found.source == "torchvision, Kinetics-400 (Tran et al. 2018)"
    assert found.skipped == ("fc.weight", "fc.bias")
    assert found.loaded == tuple(published[name])
    with torch.device("meta"):
        network = VideoResNet(RESNETS[name])
    network.load_state_dict(found.encoder, assign=True)
    assert all(torch.equal(value, state[entry]) for entry, value in network.state_dict().items())


def test_echonet_dynamic(read: Read, published: dict[str, State]) -> None:
    state = with_fc(published["r2plus1d_18"], 1)
    found = read(echonet(state))
    assert found is not None
    assert (found.name, found.reads_ef) == ("r2plus1d_18", True)
    assert found.source == "EchoNet-Dynamic (Ouyang et al. 2020)"
    assert found.licence.startswith("all rights reserved")
    assert found.skipped == ("state_dict.fc.weight", "state_dict.fc.bias")
    assert found.loaded[0] == "state_dict.stem.0.weight"
    assert torch.equal(found.fc["weight"], state["fc.weight"])
    assert torch.equal(found.fc["bias"], torch.tensor([55.6]))
    assert all(torch.equal(value, state[entry]) for entry, value in found.encoder.items())


def test_files_without_counters_of_batches(read: Read, published: dict[str, State]) -> None:
    old = {name: value for name, value in published["mc3_18"].items() if not name.endswith("num_batches_tracked")}
    found = read(old)
    assert found is not None
    assert set(found.encoder) == set(published["mc3_18"])
    assert "stem.1.num_batches_tracked" not in found.loaded
    assert found.encoder["stem.1.num_batches_tracked"] == 0


def test_an_encoder_alone_and_half_precision(read: Read, published: dict[str, State]) -> None:
    half = {name: value.half() if value.is_floating_point() else value for name, value in published["mc3_18"].items()}
    found = read(half)
    assert found is not None
    assert (found.fc, found.skipped, found.reads_ef, found.source) == (
        {},
        (),
        False,
        "a video ResNet of unknown origin",
    )
    assert found.encoder["stem.0.weight"].dtype == torch.float32
    assert found.encoder["stem.1.num_batches_tracked"].dtype == torch.int64


def test_one_output_of_unknown_origin_is_not_taken_for_ef(published: dict[str, State]) -> None:
    found = recognise_resnet(with_fc(published["mc3_18"], 1), "other.pt")
    assert found is not None
    assert (found.reads_ef, found.source) == (False, "a video ResNet of unknown origin")
    assert found.fc["weight"].shape == (1, 512)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {},
        {"epoch": 3, "state_dict": {"module.backbone.conv1.weight": torch.zeros(2)}},
        {"patch_embed1.proj.weight": torch.zeros(2), "head.weight": torch.zeros(2)},
        {"model": {"norm.weight": torch.zeros(2)}, "regressor": {}},
        {"stem.0.weight": torch.zeros(45, 3, 1, 7, 7)},
    ],
)
def test_other_networks_are_left_to_others(content: Any) -> None:
    assert recognise_resnet(content, "other.pt") is None


def test_a_misfit_says_what_is_missing_unexpected_and_misshapen(published: dict[str, State]) -> None:
    state = with_fc(published["mc3_18"], 400)
    del state["layer2.0.conv1.1.weight"]
    state["layer1.0.extra"] = torch.zeros(1)
    state["stem.0.weight"] = state["stem.0.weight"][:, :1]
    expected = (
        r"bad\.pt: it does not fit mc3_18, the closest video ResNet: 1 missing: layer2\.0\.conv1\.1\.weight; "
        r"1 unexpected: layer1\.0\.extra; "
        r"1 of another shape: stem\.0\.weight \(64, 1, 3, 7, 7\) instead of \(64, 3, 3, 7, 7\)"
    )
    with pytest.raises(CheckpointError, match=expected):
        recognise_resnet(state, "bad.pt")


def test_a_deeper_network_of_the_family_is_refused(published: dict[str, State]) -> None:
    state = dict(published["r3d_18"])
    state |= {name.replace("layer2.1.", "layer2.2."): value for name, value in state.items() if "layer2.1." in name}
    with pytest.raises(CheckpointError, match=r"does not fit r3d_18.*unexpected: layer2\.2\.conv1"):
        recognise_resnet(state, "r3d_34.pt")


def test_values_that_are_not_finite_are_refused(published: dict[str, State]) -> None:
    for entry in ("layer4.1.conv2.1.running_var", "fc.weight"):
        state = {name: value.clone() for name, value in with_fc(published["mc3_18"], 1).items()}
        state[entry].view(-1)[0] = torch.nan
        with pytest.raises(CheckpointError, match=rf"not finite: {entry}"):
            recognise_resnet(state, "bad.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc.weight": torch.zeros(1, 256)}, r"`fc` does not fit.*weight \(1, 256\) instead of \(1, 512\)"),
        ({"fc.bias": torch.zeros(2)}, r"`fc` does not fit.*bias \(2,\) instead of \(1,\)"),
        ({"fc.extra": torch.zeros(2)}, r"`fc` does not fit.*unexpected: extra"),
    ],
)
def test_a_last_layer_that_does_not_fit_is_refused(published: dict[str, State], change: State, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        recognise_resnet(with_fc(published["mc3_18"], 1) | change, "bad.pt")
