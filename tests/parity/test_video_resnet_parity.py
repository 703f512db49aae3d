"""The video ResNets against their publication: the table of entries, the size, and the formulas one by one."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from coreecho.models.video_resnet import RESNETS, VideoResNet

Shape = tuple[int, ...]

# As torchvision publishes them, each with the 400 classes of Kinetics: {name: parameters}.
NUM_PARAMETERS = {"r3d_18": 33_371_472, "mc3_18": 11_695_440, "r2plus1d_18": 31_505_325}
FC_PARAMETERS = 512 * 400 + 400
# Weights of one filter in time, of the four levels. None: split in two.
REACH_IN_TIME: dict[str, tuple[int | None, ...]] = {
    "r3d_18": (3, 3, 3, 3),
    "mc3_18": (3, 1, 1, 1),
    "r2plus1d_18": (None, None, None, None),
}
# Channels between the halves, of the two blocks of each level; by hand from Tran et al.'s formula.
MIDDLES = ((144, 144), (230, 288), (460, 576), (921, 1152))


def published_table(name: str) -> dict[str, Shape]:
    """Names and shapes of a published checkpoint without its `fc`, from its description and not from our modules."""
    table: dict[str, Shape] = {}

    def conv(entry: str, *weight: int) -> None:
        table[f"{entry}.weight"] = weight

    def batch_norm(entry: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            table[f"{entry}.{part}"] = (width,)
        table[f"{entry}.num_batches_tracked"] = ()

    if name == "r2plus1d_18":
        conv("stem.0", 45, 3, 1, 7, 7)
        batch_norm("stem.1", 45)
        conv("stem.3", 64, 45, 3, 1, 1)
        batch_norm("stem.4", 64)
    else:
        conv("stem.0", 64, 3, 3, 7, 7)
        batch_norm("stem.1", 64)
    width_before = 64
    for level, width in enumerate((64, 128, 256, 512)):
        reach = REACH_IN_TIME[name][level]
        for number in (0, 1):
            block = f"layer{level + 1}.{number}"
            ends = (width_before if number == 0 else width, width)
            for which, (in_width, out_width) in (("conv1", ends), ("conv2", (width, width))):
                if reach is None:
                    middle = MIDDLES[level][number]
                    conv(f"{block}.{which}.0.0", middle, in_width, 1, 3, 3)
                    batch_norm(f"{block}.{which}.0.1", middle)
                    conv(f"{block}.{which}.0.3", out_width, middle, 3, 1, 1)
                else:
                    conv(f"{block}.{which}.0", out_width, in_width, reach, 3, 3)
                batch_norm(f"{block}.{which}.1", out_width)
            if ends[0] != ends[1]:
                conv(f"{block}.downsample.0", width, ends[0], 1, 1, 1)
                batch_norm(f"{block}.downsample.1", width)
        width_before = width
    return table


@pytest.mark.parametrize("name", NUM_PARAMETERS)
def test_names_and_shapes(name: str) -> None:
    with torch.device("meta"):
        ours = {entry: tuple(value.shape) for entry, value in VideoResNet(RESNETS[name]).state_dict().items()}
    assert ours == published_table(name)


@pytest.mark.parametrize(("name", "expected"), NUM_PARAMETERS.items())
def test_number_of_parameters(name: str, expected: int) -> None:
    with torch.device("meta"):
        encoder = VideoResNet(RESNETS[name])
    assert sum(parameter.numel() for parameter in encoder.parameters()) == expected - FC_PARAMETERS


@pytest.mark.parametrize(
    ("name", "grids"),
    [
        ("r3d_18", [(64, 32, 56, 56), (64, 32, 56, 56), (128, 16, 28, 28), (256, 8, 14, 14), (512, 4, 7, 7)]),
        ("mc3_18", [(64, 32, 56, 56), (64, 32, 56, 56), (128, 32, 28, 28), (256, 32, 14, 14), (512, 32, 7, 7)]),
        ("r2plus1d_18", [(64, 32, 56, 56), (64, 32, 56, 56), (128, 16, 28, 28), (256, 8, 14, 14), (512, 4, 7, 7)]),
    ],
)
def test_grids_of_the_stages(name: str, grids: list[Shape]) -> None:
    found = []

    def note(_module: Any, _inputs: Any, output: Tensor) -> None:
        found.append(tuple(output.shape[1:]))

    with torch.device("meta"):
        encoder = VideoResNet(RESNETS[name]).eval()
        for stage in ("stem", "layer1", "layer2", "layer3", "layer4"):
            encoder.get_submodule(stage).register_forward_hook(note)
        encoder(torch.empty(1, 3, 32, 112, 112))
    assert found == grids


class PlainResNet:
    """The forward pass in evaluation mode, as formulas on a state dict: no module, and strides from the description."""

    def __init__(self, name: str, state: Mapping[str, Tensor]) -> None:
        self.name, self.state = name, state

    def __call__(self, clips: Tensor) -> Tensor:
        x = self.batch_norm(self.conv(clips, "stem.0", stride=(1, 2, 2)), "stem.1").clamp(min=0)
        if self.name == "r2plus1d_18":
            x = self.batch_norm(self.conv(x, "stem.3"), "stem.4").clamp(min=0)
        for stage in (1, 2, 3, 4):
            for number in (0, 1):
                x = self.block(x, f"layer{stage}.{number}", 2 if stage > 1 and number == 0 else 1)
        return x.flatten(2).mean(2)

    def block(self, x: Tensor, block: str, stride: int) -> Tensor:
        hidden = self.batch_norm(self.spatiotemporal(x, f"{block}.conv1", stride), f"{block}.conv1.1").clamp(min=0)
        changed = self.batch_norm(self.spatiotemporal(hidden, f"{block}.conv2", 1), f"{block}.conv2.1")
        if stride == 2:
            # A 1 x 1 x 1 convolution with a stride looks at every second place.
            kept = x[:, :, :: 1 if self.name == "mc3_18" else 2, ::2, ::2]
            x = self.batch_norm(self.conv(kept, f"{block}.downsample.0"), f"{block}.downsample.1")
        return (changed + x).clamp(min=0)

    def spatiotemporal(self, x: Tensor, entry: str, stride: int) -> Tensor:
        if f"{entry}.0.0.weight" in self.state:
            middle = self.conv(x, f"{entry}.0.0", stride=(1, stride, stride))
            return self.conv(
                self.batch_norm(middle, f"{entry}.0.1").clamp(min=0), f"{entry}.0.3", stride=(stride, 1, 1)
            )
        reach = self.state[f"{entry}.0.weight"].shape[2]
        return self.conv(x, f"{entry}.0", stride=(stride if reach == 3 else 1, stride, stride))

    def conv(self, x: Tensor, entry: str, *, stride: Shape = (1, 1, 1)) -> Tensor:
        weight = self.state[f"{entry}.weight"]
        padding = [size // 2 for size in weight.shape[2:]]
        return torch.conv3d(x, weight, None, list(stride), padding)

    def batch_norm(self, x: Tensor, entry: str) -> Tensor:
        entries = ("running_mean", "running_var", "weight", "bias")
        mean, variance, weight, bias = (self.state[f"{entry}.{part}"].view(-1, 1, 1, 1) for part in entries)
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


def lively(name: str) -> VideoResNet:
    """Move every batch norm away from the identity, so that a forgotten one would show."""
    torch.manual_seed(0)
    encoder = VideoResNet(RESNETS[name])
    for entry, value in encoder.state_dict().items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5) if entry.endswith(("weight", "running_var")) else value.normal_(std=0.3)
    return encoder.double().eval()


@pytest.mark.parametrize("name", NUM_PARAMETERS)
def test_forward_pass_and_gradients_are_those_of_the_plain_formulas(name: str) -> None:
    encoder = lively(name)
    parameters = dict(encoder.named_parameters())
    plain = PlainResNet(name, {**encoder.state_dict(), **parameters})
    clips = torch.randn(2, 3, 5, 24, 20, dtype=torch.float64)

    def outcome(network: Callable[[Tensor], Tensor]) -> tuple[Tensor, ...]:
        embeddings = network(clips)
        return embeddings.detach(), *torch.autograd.grad(embeddings.square().sum(), list(parameters.values()))

    names = ["embeddings", *parameters]
    for entry, ours, theirs in zip(names, outcome(encoder), outcome(plain), strict=True):
        scale = float(theirs.abs().max())
        torch.testing.assert_close(
            ours, theirs, rtol=1e-8, atol=1e-11 * scale, msg=lambda text, entry=entry: f"{entry}: {text}"
        )
