"""Co-learning of appearance and shape over a half beat, after the idea of Wei et al. 2023 (Medical Image Analysis 84).

No code is published, and of the paper the abstract alone was read. From it: one encoder sees the half beat from ED to
ES; one branch outlines the left ventricle, another gives the motion from ED and from ES to each frame, and a head reads
EF. Ours is all else: the layers, the widths, that the embedding is a mean over space of all frames, of ED and of ES,
and that fields are found at a quarter of the frame's size and enlarged, which keeps them smooth.

    16 x 112 x 112  ->  16x56x56  ->  16x28x28  ->  16x14x14  ->  16x7x7

Time is never shrunk, so that each frame has its outline and its motion. Every level halves the frames in space.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.encoder import Encoder
from coreecho.models.segmentation_network import CAVITY_NAME, MYOCARDIUM_NAME
from coreecho.models.undrawn import draw

WIDTHS = (24, 48, 96, 192)
_SMALL_WIDTHS = (8, 12, 16, 24)
_NUM_LEVELS = 4
# A field moves along x and along y.
_DIRECTIONS = 2


class CoLearningOutput(NamedTuple):
    """What is read of B half beats.

    ef_fraction: (B,), EF / 100. logits: (B, K, T, H, W) of the outlines, above 0 is in. fields: (B, 2, T, 2, H, W), the
    motion from ED and from ES to each frame; see `losses.colearning.carry`.
    """

    ef_fraction: Tensor
    logits: Tensor
    fields: Tensor


class CoLearning(Encoder):
    """Half beats to embeddings, with EF, outlines and motion.

    Args:
        widths: channels of its four levels.
    """

    own_head = "fraction"
    outlines = (CAVITY_NAME, MYOCARDIUM_NAME)

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        if len(widths) != _NUM_LEVELS:
            raise ValueError(f"expected the widths of {_NUM_LEVELS} levels, got {len(widths)}")
        self.widths = tuple(widths)
        self.down = nn.ModuleList(
            _level(below, width) for below, width in zip((3, *self.widths), self.widths, strict=False)
        )
        self.outline_branch = _Branch(self.widths, len(self.outlines), to_level=0)
        self.motion_branch = _Branch([2 * width for width in self.widths], _DIRECTIONS, to_level=1)
        self.apply(_initialise)
        # No motion, until some is learned.
        nn.init.zeros_(self.motion_branch.last.weight)
        self.ef_head = nn.Sequential(
            nn.Linear(3 * self.widths[-1], self.widths[-1]), nn.ELU(), nn.Linear(self.widths[-1], 1), nn.Sigmoid()
        )

    @property
    def embedding_dim(self) -> int:
        """Means over space of all frames, of ED and of ES; and EF / 100."""
        return 3 * self.widths[-1] + 1

    @property
    def levels(self) -> Mapping[str, nn.Module]:
        """The four levels of the encoder."""
        return {f"level{number}": level for number, level in enumerate(self.down, start=1)}

    def forward(self, clips: Tensor) -> Tensor:
        """Map half beats (B, 3, T, H, W), ED first and ES last, to (B, D)."""
        embedded = _pooled(self._levels_of(clips)[-1])
        return torch.cat([embedded, self.ef_head(embedded)], dim=1)

    def outputs(self, clips: Tensor) -> CoLearningOutput:
        """What is read of half beats as `forward` takes them."""
        levels, size = self._levels_of(clips), clips.shape[3:]
        return CoLearningOutput(
            ef_fraction=self.ef_head(_pooled(levels[-1])).squeeze(1),
            logits=_enlarged(self.outline_branch(levels), size),
            fields=torch.stack([self._motion(levels, end, size) for end in (0, -1)], dim=1),
        )

    def _levels_of(self, clips: Tensor) -> list[Tensor]:
        levels, x = [], clips
        for level in self.down:
            x = level(x)
            levels.append(x)
        return levels

    def _motion(self, levels: Sequence[Tensor], end: int, size: Sequence[int]) -> Tensor:
        """The motion from one end of the half beat to each frame, (B, T, 2, H, W): none to that end itself."""
        beside = [torch.cat([level, level[:, :, end, None].expand_as(level)], dim=1) for level in levels]
        fields = _enlarged(self.motion_branch(beside), size)
        return (fields - fields[:, :, end, None]).movedim(2, 1)


class _Branch(nn.Module):
    """From the coarsest level up to a finer one, each frame by itself; what lies beside comes in on the way.

    Args:
        widths: channels of all levels.
        num_channels: of what it gives.
        to_level: the level on whose grid it ends.
    """

    def __init__(self, widths: Sequence[int], num_channels: int, to_level: int) -> None:
        super().__init__()
        self.to_level = to_level
        self.up = nn.ModuleList(
            _frame_wise(widths[level + 1] + widths[level], widths[level])
            for level in range(len(widths) - 2, to_level - 1, -1)
        )
        self.last = nn.Conv3d(widths[to_level], num_channels, 1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Map the levels, (B, C, T, h, w) each, to (B, `num_channels`, T, h, w) of the finest one that it reaches."""
        x = levels[-1]
        for up, beside in zip(self.up, levels[-2::-1], strict=False):
            x = up(torch.cat([_enlarged(x, beside.shape[3:]), beside], dim=1))
        given: Tensor = self.last(x)
        return given


def colearning() -> CoLearning:
    """Co-learning for half beats of patients."""
    return CoLearning(WIDTHS)


def colearning_xs() -> CoLearning:
    """A small one for phantoms."""
    return CoLearning(_SMALL_WIDTHS)


def _level(in_width: int, width: int) -> nn.Sequential:
    """Halve the frames, then look through time as well."""
    return nn.Sequential(
        nn.Conv3d(in_width, width, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
        nn.BatchNorm3d(width),
        nn.ReLU(inplace=True),
        nn.Conv3d(width, width, 3, 1, 1, bias=False),
        nn.BatchNorm3d(width),
        nn.ReLU(inplace=True),
    )


def _frame_wise(in_width: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(in_width, width, (1, 3, 3), 1, (0, 1, 1), bias=False), nn.BatchNorm3d(width), nn.ReLU(inplace=True)
    )


def _pooled(grid: Tensor) -> Tensor:
    """(B, C, T, h, w) -> (B, 3 C): over space, of all frames, of the first and of the last."""
    frames = grid.mean(dim=(3, 4))
    return torch.cat([frames.mean(dim=2), frames[:, :, 0], frames[:, :, -1]], dim=1)


def _enlarged(grid: Tensor, size: Sequence[int]) -> Tensor:
    """Bring frames (B, C, T, h, w) to (B, C, T, H, W), each by itself."""
    batch, frames = grid.shape[0], grid.shape[2]
    flat = grid.transpose(1, 2).flatten(0, 1)
    enlarged = functional.interpolate(flat, size=tuple(size), mode="bilinear", align_corners=False)
    return enlarged.reshape(batch, frames, *enlarged.shape[1:]).transpose(1, 2)


def _initialise(module: nn.Module) -> None:
    """As the video ResNets begin: normal weights that keep the variance of gradients (He et al. 2015)."""
    if isinstance(module, nn.Conv3d):
        draw(nn.init.kaiming_normal_, module.weight, mode="fan_out", nonlinearity="relu")
