"""UniFormer against its publication: the table of entries, the size, the arithmetic, and the formulas one by one."""

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from coreecho.models.uniformer import SIZES, UniFormer

Shape = tuple[int, ...]


def published_table(depths: Shape, widths: Shape, classes: int) -> dict[str, Shape]:
    """Names and shapes of a published checkpoint, from its description and not from our modules."""
    table: dict[str, Shape] = {}

    def layer(name: str, *weight: int, bias: int | None = None) -> None:
        table[f"{name}.weight"] = weight
        table[f"{name}.bias"] = (weight[0] if bias is None else bias,)

    def batch_norm(name: str, width: int) -> None:
        layer(name, width)
        table[f"{name}.running_mean"] = table[f"{name}.running_var"] = (width,)
        table[f"{name}.num_batches_tracked"] = ()

    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
        is_local = stage <= 2
        layer(f"patch_embed{stage}.norm", width)
        if stage == 1:
            layer("patch_embed1.proj", width, 3, 3, 4, 4)
        else:
            layer(f"patch_embed{stage}.proj", width, widths[stage - 2], 1, 2, 2)
        for number in range(depth):
            block = f"blocks{stage}.{number}"
            one = (1, 1, 1) if is_local else ()
            layer(f"{block}.pos_embed", width, 1, 3, 3, 3)
            layer(f"{block}.mlp.fc1", 4 * width, width, *one)
            layer(f"{block}.mlp.fc2", width, 4 * width, *one)
            if is_local:
                batch_norm(f"{block}.norm1", width)
                layer(f"{block}.conv1", width, width, 1, 1, 1)
                layer(f"{block}.attn", width, 1, 5, 5, 5)
                layer(f"{block}.conv2", width, width, 1, 1, 1)
                batch_norm(f"{block}.norm2", width)
            else:
                layer(f"{block}.norm1", width)
                layer(f"{block}.attn.qkv", 3 * width, width)
                layer(f"{block}.attn.proj", width, width)
                layer(f"{block}.norm2", width)
    batch_norm("norm", widths[3])
    layer("head", classes, widths[3])
    return table


def count(table: dict[str, Shape]) -> int:
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(int(torch.Size(shape).numel()) for name, shape in table.items() if not name.endswith(statistics))


PUBLISHED = {
    "small": ((3, 4, 8, 3), (64, 128, 320, 512)),
    "base": ((5, 8, 20, 7), (64, 128, 320, 512)),
}


@pytest.mark.parametrize("size", PUBLISHED)
def test_names_and_shapes(size: str) -> None:
    expected = published_table(*PUBLISHED[size], classes=400)
    with torch.device("meta"):
        ours = {name: tuple(value.shape) for name, value in UniFormer(SIZES[size]).state_dict().items()}
    del expected["head.weight"], expected["head.bias"]
    assert ours == expected


def test_number_of_parameters() -> None:
    # UniFormer-S is published as 21.4 M, and UniFormer-B as 50 M, with the 400 classes of Kinetics.
    assert count(published_table(*PUBLISHED["small"], classes=400)) == 21_400_400
    assert round(count(published_table(*PUBLISHED["base"], classes=400)) / 1e6) == 50


def test_grids_of_the_stages() -> None:
    with torch.device("meta"):
        encoder = UniFormer(SIZES["small"]).eval()
        grids = {}
        for stage in range(1, 5):
            encoder.get_submodule(f"patch_embed{stage}").register_forward_hook(
                lambda _module, _inputs, output, stage=stage: grids.__setitem__(stage, tuple(output.shape[1:]))
            )
        embedding = encoder(torch.empty(1, 3, 36, 112, 112))
    assert grids == {1: (64, 18, 28, 28), 2: (128, 18, 14, 14), 3: (320, 18, 7, 7), 4: (512, 18, 3, 3)}
    assert embedding.shape == (1, 512)


def test_arithmetic_of_one_clip() -> None:
    with torch.device("meta"):
        encoder, clip = UniFormer(SIZES["small"]).eval(), torch.empty(1, 3, 36, 112, 112)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encoder(clip)
    assert counter.get_total_flops() / 1e9 == pytest.approx(39.1, abs=0.05)


class PlainUniFormer:
    """The forward pass in evaluation mode, as formulas on a state dict: no module, no fused attention, no layout."""

    def __init__(self, state: dict[str, Tensor], depths: Shape, head_dim: int) -> None:
        self.state, self.depths, self.head_dim = state, depths, head_dim

    def __call__(self, x: Tensor) -> Tensor:
        for stage, depth in enumerate(self.depths, start=1):
            x = self.patch_embed(x, stage)
            for number in range(depth):
                x = (self.local_block if stage <= 2 else self.global_block)(x, f"blocks{stage}.{number}")
        return self.batch_norm(x, "norm").flatten(2).mean(2)

    def conv(
        self, x: Tensor, name: str, *, stride: Shape = (1, 1, 1), padding: Shape = (0, 0, 0), groups: int = 1
    ) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return torch.conv3d(x, weight, bias, list(stride), list(padding), [1, 1, 1], groups)

    def depthwise(self, x: Tensor, name: str) -> Tensor:
        reach = self.state[f"{name}.weight"].shape[-1] // 2
        return self.conv(x, name, padding=(reach,) * 3, groups=x.shape[1])

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def layer_norm(self, x: Tensor, name: str, eps: float) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def batch_norm(self, x: Tensor, name: str) -> Tensor:
        entries = ("running_mean", "running_var", "weight", "bias")
        mean, variance, weight, bias = (self.state[f"{name}.{entry}"].view(-1, 1, 1, 1) for entry in entries)
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias

    @staticmethod
    def gelu(x: Tensor) -> Tensor:
        return x * 0.5 * (1 + torch.erf(x / 2**0.5))

    def patch_embed(self, x: Tensor, stage: int) -> Tensor:
        name = f"patch_embed{stage}"
        if stage == 1:
            x = self.conv(x, f"{name}.proj", stride=(2, 4, 4), padding=(1, 0, 0))
        else:
            x = self.conv(x, f"{name}.proj", stride=(1, 2, 2))
        return self.layer_norm(x.movedim(1, -1), f"{name}.norm", eps=1e-5).movedim(-1, 1)

    def local_block(self, x: Tensor, block: str) -> Tensor:
        x = x + self.depthwise(x, f"{block}.pos_embed")
        mixed = self.conv(self.batch_norm(x, f"{block}.norm1"), f"{block}.conv1")
        x = x + self.conv(self.depthwise(mixed, f"{block}.attn"), f"{block}.conv2")
        hidden = self.gelu(self.conv(self.batch_norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
        return x + self.conv(hidden, f"{block}.mlp.fc2")

    def global_block(self, x: Tensor, block: str) -> Tensor:
        x = x + self.depthwise(x, f"{block}.pos_embed")
        shape = x.shape
        tokens = x.flatten(2).mT
        heads = []
        normalised = self.layer_norm(tokens, f"{block}.norm1", eps=1e-6)
        query, key, value = self.linear(normalised, f"{block}.attn.qkv").chunk(3, dim=-1)
        for first in range(0, shape[1], self.head_dim):
            part = slice(first, first + self.head_dim)
            share = (query[..., part] @ key[..., part].mT / self.head_dim**0.5).softmax(-1)
            heads.append(share @ value[..., part])
        tokens = tokens + self.linear(torch.cat(heads, dim=-1), f"{block}.attn.proj")
        hidden = self.gelu(self.linear(self.layer_norm(tokens, f"{block}.norm2", eps=1e-6), f"{block}.mlp.fc1"))
        tokens = tokens + self.linear(hidden, f"{block}.mlp.fc2")
        return tokens.mT.reshape(shape)


def with_lively_statistics(encoder: UniFormer) -> UniFormer:
    """Move every normalisation away from the identity, so that a forgotten one would show."""
    for name, value in encoder.state_dict().items():
        if name.endswith(("running_mean", "norm1.bias", "norm2.bias", "norm.bias")):
            value.normal_(std=0.3)
        elif name.endswith(("running_var", "norm1.weight", "norm2.weight", "norm.weight")):
            value.uniform_(0.5, 1.5)
    return encoder


@pytest.mark.parametrize(("size", "frame_size"), [("xs", 56), ("small", 64)])
def test_forward_pass_is_the_plain_formulas(size: str, frame_size: int) -> None:
    torch.manual_seed(0)
    encoder = with_lively_statistics(UniFormer(SIZES[size])).double().eval()
    plain = PlainUniFormer(encoder.state_dict(), SIZES[size].depths, SIZES[size].head_dim)
    clips = torch.randn(2, 3, 8, frame_size, frame_size, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(clips), plain(clips), rtol=1e-10, atol=1e-10)


def test_gradients_are_those_of_the_plain_formulas() -> None:
    torch.manual_seed(0)
    encoder = with_lively_statistics(UniFormer(SIZES["xs"])).double().eval()
    parameters = dict(encoder.named_parameters())
    plain = PlainUniFormer({**encoder.state_dict(), **parameters}, SIZES["xs"].depths, SIZES["xs"].head_dim)
    clips = torch.randn(2, 3, 8, 56, 56, dtype=torch.float64)
    found = torch.autograd.grad(encoder(clips).square().sum(), list(parameters.values()))
    expected = torch.autograd.grad(plain(clips).square().sum(), list(parameters.values()))
    for name, ours, theirs in zip(parameters, found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")
