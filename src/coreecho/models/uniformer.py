"""UniFormer for video: convolutions where frames are large, attention where they are small.

Li et al., "UniFormer: Unified Transformer for Efficient Spatial-Temporal Representation Learning", ICLR 2022, in the
form in which EchoCoTr and CoReEcho use it. A clip is halved in time and shrunk 4, 8, 16 and 32 times in space, in four
levels. Levels 1 and 2 relate neighbours (depthwise 5x5x5 convolutions), levels 3 and 4 relate all places and times with
each other (multi-head self-attention). The mean over all tokens is the clip's embedding.

    36 x 112 x 112  ->  18x28x28  ->  18x14x14  ->  18x7x7  ->  18x3x3  ->  512

Names and shapes of the parameters are those of the published Kinetics checkpoints, so that these load as they are; only
the classifier `head` has no counterpart here. Drop path is 0 in EchoCoTr and CoReEcho and is left out.

All tensors between the blocks are (B, C, T, H, W). On a CPU their channels are innermost in memory (channels_last_3d):
tokens (B, T*H*W, C) are then a view of them and not a copy, and oneDNN has fast depthwise kernels for that layout only.
cuDNN has slow ones for it, so that elsewhere channels are outermost, as PyTorch has them (benchmarks/encoder.py).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.attention import attend
from coreecho.models.depthwise_conv import DepthwiseConv3d
from coreecho.models.encoder import Encoder
from coreecho.models.model_input import ModelInput
from coreecho.models.publication import Publication
from coreecho.models.undrawn import draw


@dataclass(frozen=True, kw_only=True)
class UniFormerSettings:
    """What distinguishes one UniFormer from another.

    Attributes:
        depths: blocks of the four levels.
        widths: channels of the four levels; the last is the embedding's dimension D.
        head_dim: channels of one attention head; it divides the widths of levels 3 and 4.
        dropout: after the first patch embedding, after each attention projection and twice inside each MLP.
    """

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]
    head_dim: int = 64
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name, most in (("depths", 1_000), ("widths", 100_000)):
            values = getattr(self, name)
            if len(values) != 4 or not all(isinstance(value, int) and 1 <= value <= most for value in values):
                raise ValueError(f"{name} is {values!r:.60}, expected four whole numbers from 1 to {most:,}")
        if self.head_dim < 1:
            raise ValueError(f"head_dim is {self.head_dim}, expected at least 1")


# `small` and `base` are UniFormer-S and UniFormer-B of Li et al. `xs` is this project's own, for demonstrations and
# tests on a CPU; it sees too little data for dropout to help, and on a CPU the random numbers would cost a third more.
SIZES: dict[str, UniFormerSettings] = {
    "xs": UniFormerSettings(depths=(1, 1, 1, 1), widths=(24, 48, 96, 160), head_dim=32, dropout=0.0),
    "small": UniFormerSettings(depths=(3, 4, 8, 3), widths=(64, 128, 320, 512)),
    "base": UniFormerSettings(depths=(5, 8, 20, 7), widths=(64, 128, 320, 512)),
}

MLP_RATIO = 4
_SPATIAL_REDUCTION = 32

# CoReEcho's clips are the defaults of this project. EchoCoTr's grey levels were normalised by the mean and spread of
# 128 random training videos, which its files do not keep; those of EchoNet-Dynamic's whole training split stand for
# them.
_PUBLICATIONS = (
    Publication(
        source="CoReEcho (Maani et al. 2024)",
        licence="CC BY-NC 4.0 (of the authors' repository)",
        encoder_at="model",
        head_at="regressor",
        clips=ModelInput(),
    ),
    Publication(
        source="EchoCoTr (Muhtaseb and Yaqub 2022)",
        licence="MIT (of the authors' repository)",
        encoder_at="state_dict",
        clips=ModelInput(num_frames=36, stride=4, padding="mean"),
    ),
    Publication(source="UniFormer (Li et al. 2022)", licence="MIT (of the authors' repository)"),
)


def _in_fast_layout(x: Tensor) -> Tensor:
    """The same numbers, in the order in memory for which this device has fast convolutions."""
    on_cpu = x.device.type == "cpu"
    return x.contiguous(memory_format=torch.channels_last_3d if on_cpu else torch.contiguous_format)


class PatchEmbed(nn.Module):
    """Shrink the grid by a strided convolution, then normalise each token."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel: tuple[int, int, int],
        stride: tuple[int, int, int],
        padding: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.proj = nn.Conv3d(in_channels, width, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, H, W) to the next level's (B, C', T', H', W')."""
        channels_last: Tensor = self.norm(self.proj(x).permute(0, 2, 3, 4, 1))
        return _in_fast_layout(channels_last.permute(0, 4, 1, 2, 3))


class ConvMlp(nn.Module):
    """Two 1x1x1 convolutions with GELU between: an MLP on every token."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Conv3d(width, MLP_RATIO * width, 1)
        self.fc2 = nn.Conv3d(MLP_RATIO * width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, H, W) to the same shape."""
        hidden = self.dropout(functional.gelu(self.fc1(x)))
        mixed: Tensor = self.dropout(self.fc2(hidden))
        return mixed


class Mlp(nn.Module):
    """Two linear layers with GELU between, on tokens."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to the same shape."""
        hidden = self.dropout(functional.gelu(self.fc1(tokens)))
        mixed: Tensor = self.dropout(self.fc2(hidden))
        return mixed


class Attention(nn.Module):
    """Multi-head self-attention over all tokens of a clip, softmax(Q K^T / sqrt(head_dim)) V."""

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to the same shape."""
        batch, num_tokens, width = tokens.shape
        qkv = self.qkv(tokens).view(batch, num_tokens, 3, self.num_heads, width // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        related = attend(query, key, value)
        projected: Tensor = self.dropout(self.proj(related.transpose(1, 2).reshape(batch, num_tokens, width)))
        return projected


class LocalBlock(nn.Module):
    """Local relation aggregator, levels 1 and 2: what is near in space and time is related by fixed weights."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.pos_embed = DepthwiseConv3d(width, kernel_size=3)
        self.norm1 = nn.BatchNorm3d(width)
        self.conv1 = nn.Conv3d(width, width, 1)
        self.conv2 = nn.Conv3d(width, width, 1)
        self.attn = DepthwiseConv3d(width, kernel_size=5)
        self.norm2 = nn.BatchNorm3d(width)
        self.mlp = ConvMlp(width, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, H, W) to the same shape."""
        x = x + self.pos_embed(x)
        x = x + self.conv2(self.attn(self.conv1(self.norm1(x))))
        related: Tensor = x + self.mlp(self.norm2(x))
        return related


class GlobalBlock(nn.Module):
    """Global relation aggregator, levels 3 and 4: all places and times are related by attention."""

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.pos_embed = DepthwiseConv3d(width, kernel_size=3)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, num_heads, dropout)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, H, W) to the same shape."""
        x = x + self.pos_embed(x)
        grid = x.shape[2:]
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.attn(self.norm1(tokens))
        tokens = tokens + self.mlp(self.norm2(tokens))
        # Not `reshape`: of a batch of one it gives the batch a stride with which PyTorch 2.13 gets the gradient of the
        # batch normalisation that follows wrong on the CPU, silently.
        return _in_fast_layout(tokens.unflatten(1, grid).permute(0, 4, 1, 2, 3))


class UniFormer(Encoder):
    """The encoder F_E of the paper: clips to embeddings.

    Args:
        architecture: depths, widths, heads and dropout; see `SIZES`.
        in_channels: channels of the clips; 3 in the published checkpoints.

    Raises:
        ValueError: head_dim does not divide the widths of levels 3 and 4.
    """

    publications = _PUBLICATIONS
    classifier = ("head.",)
    reduction = _SPATIAL_REDUCTION

    def __init__(self, architecture: UniFormerSettings, in_channels: int = 3) -> None:
        super().__init__()
        for width in architecture.widths[2:]:
            if width % architecture.head_dim:
                raise ValueError(f"head_dim {architecture.head_dim} does not divide the attention width {width}")
        self.architecture = architecture
        widths, depths, dropout = architecture.widths, architecture.depths, architecture.dropout
        halve = (1, 2, 2)
        self.patch_embed1 = PatchEmbed(in_channels, widths[0], kernel=(3, 4, 4), stride=(2, 4, 4), padding=(1, 0, 0))
        self.patch_embed2 = PatchEmbed(widths[0], widths[1], kernel=halve, stride=halve)
        self.patch_embed3 = PatchEmbed(widths[1], widths[2], kernel=halve, stride=halve)
        self.patch_embed4 = PatchEmbed(widths[2], widths[3], kernel=halve, stride=halve)
        self.pos_drop = nn.Dropout(dropout)
        heads = [width // architecture.head_dim for width in widths]
        self.blocks1 = nn.ModuleList(LocalBlock(widths[0], dropout) for _ in range(depths[0]))
        self.blocks2 = nn.ModuleList(LocalBlock(widths[1], dropout) for _ in range(depths[1]))
        self.blocks3 = nn.ModuleList(GlobalBlock(widths[2], heads[2], dropout) for _ in range(depths[2]))
        self.blocks4 = nn.ModuleList(GlobalBlock(widths[3], heads[3], dropout) for _ in range(depths[3]))
        self.norm = nn.BatchNorm3d(widths[3])
        self.apply(_initialise)

    @property
    def embedding_dim(self) -> int:
        """Dimension D of an embedding."""
        return self.architecture.widths[3]

    @property
    def levels(self) -> Mapping[str, nn.Module]:
        """The last blocks of the four levels."""
        blocks = (self.blocks1, self.blocks2, self.blocks3, self.blocks4)
        return {f"level{number}": of_level[-1] for number, of_level in enumerate(blocks, start=1)}

    def forward(self, clips: Tensor) -> Tensor:
        """Embed clips.

        Args:
            clips: (B, 3, T, H, W), normalised; H and W at least 32.

        Returns:
            (B, D), neither projected nor scaled to unit length.

        Raises:
            ValueError: the clips have another shape.
        """
        features: Tensor = self.features(clips)
        return features.mean(dim=(2, 3, 4))

    def features(self, clips: Tensor) -> Tensor:
        """Give the last level's normalised tokens (B, D, T', H', W'), of which the embedding is the mean."""
        channels = self.patch_embed1.proj.in_channels
        if clips.ndim != 5 or clips.shape[1] != channels or min(clips.shape[3:]) < _SPATIAL_REDUCTION:
            raise ValueError(
                f"UniFormer expects clips (B, {channels}, T, H, W) with H and W of at least {_SPATIAL_REDUCTION} "
                f"pixels, got {tuple(clips.shape)}"
            )
        x: Tensor = self.pos_drop(self.patch_embed1(_in_fast_layout(clips)))
        modules = chain(
            self.blocks1, [self.patch_embed2], self.blocks2, [self.patch_embed3], self.blocks3, [self.patch_embed4],
            self.blocks4, [self.norm],
        )  # fmt: skip
        for module in modules:
            x = module(x)
        return x


def _initialise(module: nn.Module) -> None:
    """Linear layers start from a truncated normal of deviation 0.02, convolutions as PyTorch makes them (Li et al.)."""
    if isinstance(module, nn.Linear):
        draw(nn.init.trunc_normal_, module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def uniformer_xs(*, dropout: float = SIZES["xs"].dropout, **changes: Any) -> UniFormer:
    """Make the smallest UniFormer, for demonstrations on a CPU; `changes` are of `UniFormerSettings`."""
    return _changed(SIZES["xs"], dropout, changes)


def uniformer_small(*, dropout: float = SIZES["small"].dropout, **changes: Any) -> UniFormer:
    """Make UniFormer-S, the paper's encoder; `changes` are of `UniFormerSettings`."""
    return _changed(SIZES["small"], dropout, changes)


def uniformer_base(*, dropout: float = SIZES["base"].dropout, **changes: Any) -> UniFormer:
    """Make UniFormer-B; `changes` are of `UniFormerSettings`."""
    return _changed(SIZES["base"], dropout, changes)


def _changed(settings: UniFormerSettings, dropout: float, changes: Mapping[str, Any]) -> UniFormer:
    """A card's JSON knows lists only."""
    as_tuples = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    return UniFormer(UniFormerSettings(**asdict(settings) | {"dropout": dropout} | as_tuples))
