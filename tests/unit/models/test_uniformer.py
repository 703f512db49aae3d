from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from coreecho.models.uniformer import SIZES, Attention, UniFormer, UniFormerSettings

# First four values and the norm of the embedding of a clip of 4 x 32 x 40, with the weights of `filled`.
STORED = {
    "xs": [-0.15139, 10.8841, 9.1496, -8.70461, 77.58508],
    "small": [-40.72501, -15.1231, 40.02758, 90.33208, 834.53278],
    "base": [-48.34696, -15.73534, 37.98966, 71.22562, 1606.04602],
}


def clip() -> torch.Tensor:
    return torch.sin(torch.arange(3 * 4 * 32 * 40) * 0.01).view(1, 3, 4, 32, 40)


@pytest.mark.parametrize("size", SIZES)
def test_stored_output(size: str, filled: Callable[[nn.Module], nn.Module]) -> None:
    with torch.inference_mode():
        (embedding,) = filled(UniFormer(SIZES[size]))(clip())
    found = [*embedding[:4].tolist(), embedding.norm().item()]
    assert found == pytest.approx(STORED[size], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("size", "dimensions"), [("xs", 160), ("small", 512), ("base", 512)])
def test_embedding_dimensions(size: str, dimensions: int) -> None:
    with torch.device("meta"):
        encoder = UniFormer(SIZES[size]).eval()
        embeddings = encoder(torch.empty(2, 3, 8, 56, 56))
    assert encoder.embedding_dim == dimensions
    assert embeddings.shape == (2, dimensions)


def test_xs_is_between_half_a_million_and_a_million_parameters() -> None:
    parameters = sum(parameter.numel() for parameter in UniFormer(SIZES["xs"]).parameters())
    assert 500_000 <= parameters <= 1_000_000


def test_memory_layout_of_the_clip_does_not_matter() -> None:
    encoder = UniFormer(SIZES["xs"]).eval()
    clips = torch.randn(2, 3, 8, 56, 56)
    with torch.inference_mode():
        expected = encoder(clips)
        found = encoder(clips.contiguous(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(found, expected)


def test_clips_of_a_batch_do_not_see_each_other() -> None:
    encoder = UniFormer(SIZES["xs"]).eval()
    clips = torch.randn(3, 3, 8, 56, 56)
    with torch.inference_mode():
        together, alone = encoder(clips), torch.cat([encoder(one) for one in clips.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_every_parameter_learns() -> None:
    encoder = UniFormer(SIZES["xs"])
    encoder(torch.randn(2, 3, 8, 56, 56)).square().sum().backward()
    without = [name for name, parameter in encoder.named_parameters() if parameter.grad is None]
    assert without == []


@pytest.mark.parametrize("num_tokens", [1, 7, 162])
def test_attention_is_the_plain_formula(num_tokens: int) -> None:
    torch.manual_seed(0)
    attention = Attention(width=96, num_heads=3, dropout=0.0)
    nn.init.normal_(attention.qkv.weight, std=0.3)
    tokens = torch.randn(2, num_tokens, 96)
    query, key, value = attention.qkv(tokens).view(2, num_tokens, 3, 3, 32).permute(2, 0, 3, 1, 4)
    share = ((query @ key.transpose(-2, -1)) / 32**0.5).softmax(dim=-1)
    expected = attention.proj((share @ value).transpose(1, 2).reshape(2, num_tokens, 96))
    assert (attention(tokens) - expected).abs().max() <= 1e-5


def test_dropout_acts_in_training_only() -> None:
    encoder = UniFormer(UniFormerSettings(depths=(1, 1, 1, 1), widths=(24, 48, 96, 160), head_dim=32, dropout=0.5))
    # Batch norm would change with the batch too.
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eval()
    clips = torch.randn(1, 3, 8, 56, 56)
    with torch.no_grad():
        assert not torch.allclose(encoder(clips), encoder(clips))
        encoder.eval()
        assert torch.equal(encoder(clips), encoder(clips))


def test_published_initial_values() -> None:
    torch.manual_seed(0)
    encoder = UniFormer(SIZES["small"])
    linear = encoder.get_submodule("blocks3.0.attn.qkv")
    assert isinstance(linear, nn.Linear)
    assert linear.weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert not linear.bias.any()


@pytest.mark.parametrize("shape", [(1, 1, 8, 56, 56), (3, 8, 56, 56), (1, 3, 8, 31, 56), (1, 3, 8, 56, 16)])
def test_wrong_clips_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expects clips \(B, 3, T, H, W\) with H and W of at least 32 pixels, got"):
        UniFormer(SIZES["xs"])(torch.zeros(shape))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="head_dim 64 does not divide the attention width 96"):
        UniFormer(UniFormerSettings(depths=(1, 1, 1, 1), widths=(24, 48, 96, 128), head_dim=64))


def test_a_batch_of_one_has_the_gradient_that_it_has_among_others() -> None:
    torch.manual_seed(0)
    encoder = UniFormer(SIZES["xs"]).eval()
    clips = torch.randn(2, 3, 4, 64, 64)
    leaves: list[Tensor] = []

    def start_anew(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    # The batch normalisation after the last block reads the memory layout in which that block leaves its output.
    encoder.blocks4[-1].register_forward_hook(start_anew)
    for chosen in (clips, clips[:1]):
        encoder(chosen)[0].square().sum().backward()
    together, alone = (leaf.grad for leaf in leaves)
    assert together is not None
    assert alone is not None
    torch.testing.assert_close(alone[0], together[0], rtol=1e-4, atol=1e-4 * float(together.abs().max()))
