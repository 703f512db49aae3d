"""UVT, the ultrasound video transformer: EF, and for each frame how near it is to end-diastole or to end-systole.

Reynaud et al., "Ultrasound video transformers for cardiac ejection fraction estimation", MICCAI 2021. Each frame is
encoded on its own by a residual network; a BERT encoder without position embedding mixes the frames; two heads read
each frame, and the one for EF averages over them. Names and shapes of the parameters are those of the published
checkpoints, once the prefix `module.` is off.

    T x 3 x 128 x 128  ->  T x 1024  ->  16 layers  ->  T phases, and one EF

The transformer has no position embedding, so the order of the frames matters to nothing but how the phases are read.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.attention import attend
from coreecho.models.undrawn import draw

Phases = Literal["signal", "classes"]

_LEVELS = 4
_LEAKY = 0.05
# Reduction of a frame's grid by four halvings.
_REDUCTION = 2**_LEVELS
_INITIAL_SD = 0.02
_NORM_EPS = 1e-12


@dataclass(frozen=True, kw_only=True)
class UVTSettings:
    """Size of the network.

    Attributes:
        name: of the settings.
        frame_size: pixels a side; the published clips are of 112 with a black border of 8.
        channels: of the frame encoder's first level; they double with each of four levels.
        blocks: residual blocks of a level.
        embedding_dim: D, of a frame.
        layers: of the transformer.
        heads: of each layer.
        mlp_width: of each layer.
        dropout: of the transformer.
    """

    name: str
    frame_size: int = 128
    channels: int = 8
    blocks: int = 8
    embedding_dim: int = 1024
    layers: int = 16
    heads: int = 16
    mlp_width: int = 8192
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.frame_size % _REDUCTION or self.embedding_dim % (4 * self.heads) or self.frame_size <= 0:
            raise ValueError(
                f"a UVT's frame_size must be a multiple of {_REDUCTION} and its embedding_dim one of four times its "
                f"heads; got {self}"
            )


UVTS: dict[str, UVTSettings] = {
    settings.name: settings
    for settings in (
        UVTSettings(name="uvt"),
        # Not published: as small as phantoms on a few cores want it.
        UVTSettings(
            name="uvt_xs",
            frame_size=64,
            channels=4,
            blocks=1,
            embedding_dim=128,
            layers=2,
            heads=4,
            mlp_width=256,
        ),
    )
}


class UVTOutput(NamedTuple):
    """What is read from a clip.

    Attributes:
        phases: of each frame: a signal (B, T), +1 at end-diastole and -1 at end-systole; or the logits (B, T, 3) of the
            classes neither, end-systole and end-diastole.
        ef_fraction: (B,), EF / 100.
    """

    phases: Tensor
    ef_fraction: Tensor


class UVT(nn.Module):
    """Clips to EF and to the phases of their frames.

    Args:
        settings: its size; see `UVTS`.
        phases: a signal from a tanh (the published regression), or logits of three classes.
    """

    def __init__(self, settings: UVTSettings, phases: Phases = "signal") -> None:
        super().__init__()
        self.settings = settings
        self.phases = phases
        width = settings.embedding_dim
        self.AE = FrameEncoder(settings)
        self.T = TransformerStack(settings)
        self.extremas = nn.Sequential(
            *_narrowing(width), *_narrowing(width // 2), nn.Linear(width // 4, 1 if self.gives_signal else 3)
        )
        self.ejection = nn.Sequential(*_narrowing(width), nn.Linear(width // 2, 1))

    @property
    def gives_signal(self) -> bool:
        """Whether the phases are a signal, and not logits of classes."""
        return self.phases == "signal"

    def forward(self, clips: Tensor) -> UVTOutput:
        """Read clips.

        Args:
            clips: (B, 3, T, S, S), grey values from 0 to 1; any T.

        Raises:
            ValueError: the clips have another shape.
        """
        return self.read(self.mix(clips))

    def mix(self, clips: Tensor) -> Tensor:
        """Embed each frame among the others: (B, T, D); arguments as for `forward`."""
        size = self.settings.frame_size
        if clips.ndim != 5 or clips.shape[1] != 3 or tuple(clips.shape[3:]) != (size, size) or clips.shape[2] < 1:
            raise ValueError(f"UVT expects clips (B, 3, T, {size}, {size}), got {tuple(clips.shape)}")
        frames = clips.transpose(1, 2)
        embeddings = self.AE(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        mixed: Tensor = self.T(embeddings)
        return mixed

    def read(self, mixed: Tensor) -> UVTOutput:
        """Read what `mix` gives, (B, T, D)."""
        read = self.extremas(mixed)
        phases = torch.tanh(read.squeeze(-1)) if self.gives_signal else read
        ef_fraction = torch.sigmoid(self.ejection(mixed).squeeze(-1).mean(dim=1))
        return UVTOutput(phases, ef_fraction)


class FrameEncoder(nn.Module):
    """Single frames to embeddings: the encoder half of a residual autoencoder.

    Args:
        settings: of the network.
    """

    def __init__(self, settings: UVTSettings) -> None:
        super().__init__()
        self.encoder = ResidualEncoder(settings.channels, settings.blocks)
        grid = settings.frame_size // _REDUCTION
        self.fc1 = nn.Linear(settings.channels * _REDUCTION * grid * grid, settings.embedding_dim)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (N, 3, S, S) to (N, D), each between -1 and 1."""
        return torch.tanh(self.fc1(self.encoder(frames).flatten(1)))


class ResidualEncoder(nn.Module):
    """Four levels of residual blocks, each of which also reaches the end by one wide step.

    Args:
        channels: of the first level.
        blocks: of each level.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(_LEVELS + 1)]
        last = widths[-1]
        self.input_conv = _convolution(3, channels, 3, 1)
        self.res_blk_list = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(blocks))) for width in widths[:-1]
        )
        self.conv_list = nn.ModuleList(_convolution(width, 2 * width, 2, 2) for width in widths[:-1])
        steps = [2 ** (_LEVELS - level) for level in range(_LEVELS)]
        self.multi_res_skip_list = nn.ModuleList(
            _convolution(width, last, step, step) for width, step in zip(widths[:-1], steps, strict=True)
        )
        self.output_conv = _convolution(last, last, 3, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (N, 3, S, S) to (N, 16 C, S/16, S/16)."""
        x: Tensor = self.input_conv(frames)
        skipped = []
        for blocks, step, down in zip(self.res_blk_list, self.multi_res_skip_list, self.conv_list, strict=True):
            x = blocks(x)
            skipped.append(step(x))
            x = down(x)
        encoded: Tensor = self.output_conv(x + torch.stack(skipped).sum(dim=0))
        return encoded


class ResidualBlock(nn.Module):
    """Two convolutions, each with its own rectifier, whose result is added to what came in.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.residual_block = nn.Sequential(*_convolution(width, width, 3, 1), *_convolution(width, width, 3, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, C, H, W)."""
        changed: Tensor = self.residual_block(x)
        return x + changed


class TransformerStack(nn.Module):
    """A BERT encoder alone, without embeddings of words or places. Gives the mean of what each layer saw and said.

    Args:
        settings: of the network.
    """

    def __init__(self, settings: UVTSettings) -> None:
        super().__init__()
        self.layer = nn.ModuleList(TransformerLayer(settings) for _ in range(settings.layers))
        self.apply(_initialise_linear)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D): the mean of the input and of every layer's output."""
        total = embeddings
        for layer in self.layer:
            embeddings = layer(embeddings)
            total = total + embeddings
        return total / (len(self.layer) + 1)


class TransformerLayer(nn.Module):
    """Attention over all frames, then a perceptron on each; after either, it is added to its input and normalised.

    Args:
        settings: of the network.
    """

    def __init__(self, settings: UVTSettings) -> None:
        super().__init__()
        width = settings.embedding_dim
        self.attention = Attention(width, settings.heads, settings.dropout)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, settings.mlp_width)})
        self.output = AddAndNormalise(settings.mlp_width, width, settings.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, T, D)."""
        attended = self.attention(x)
        mixed: Tensor = self.output(functional.gelu(self.intermediate["dense"](attended)), attended)
        return mixed


class Attention(nn.Module):
    """Self-attention of frames. The names of its parameters are BERT's.

    Args:
        width: D.
        heads: of D / heads dimensions each.
        dropout: of the attention, and of what it gives.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.self = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.output = AddAndNormalise(width, width, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, T, D)."""
        query, key, value = (
            self.self[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in ("query", "key", "value")
        )
        dropout = self.dropout if self.training else 0.0
        seen = attend(query, key, value, dropout=dropout)
        attended: Tensor = self.output(seen.transpose(1, 2).flatten(2), x)
        return attended


class AddAndNormalise(nn.Module):
    """A linear layer whose result is added to an earlier state, and normalised.

    Args:
        in_width: of what comes in.
        width: D.
        dropout: of the linear layer's result.
    """

    def __init__(self, in_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(in_width, width)
        self.LayerNorm = nn.LayerNorm(width, eps=_NORM_EPS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, earlier: Tensor) -> Tensor:
        """Map (B, T, D') and (B, T, D) to (B, T, D)."""
        normalised: Tensor = self.LayerNorm(self.dropout(self.dense(x)) + earlier)
        return normalised


def _convolution(in_width: int, width: int, kernel: int, stride: int) -> nn.Sequential:
    padding = 1 if stride == 1 else 0
    convolution = nn.Conv2d(in_width, width, kernel, stride, padding)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))


def _narrowing(width: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Linear(width, width // 2), nn.LayerNorm(width // 2), nn.LeakyReLU(_LEAKY, inplace=True)


def _initialise_linear(module: nn.Module) -> None:
    """BERT's initial values."""
    if isinstance(module, nn.Linear):
        draw(nn.init.normal_, module.weight, std=_INITIAL_SD)
        nn.init.zeros_(module.bias)
