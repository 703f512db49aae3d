"""The stages of an encoder, and where the cells of each lie in the clip: what a map on them has to be enlarged by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import nn

from coreecho.errors import RecipeError

Stage = Literal["auto", "stage1", "stage2", "stage3", "stage4"]

_STAGES: tuple[Stage, ...] = ("stage1", "stage2", "stage3", "stage4")
# Cells a side that a useful map has. The left ventricle takes about a third of the width of an apical view: on 7 cells
# it spans two or three, and on fewer it cannot be told from its neighbours.
_USEFUL_CELLS = 7


@dataclass(frozen=True)
class CellAxis:
    """Where the cells of a stage lie along one axis of the clip: `first + index * step`, in frames or pixels."""

    first: float
    step: float


def choose_stage(encoder: nn.Module, stage: Stage, frame_size: int) -> Stage:
    """Resolve `auto` to the deepest stage with at least 7 x 7 cells, or to the first where none has.

    Args:
        encoder: a UniFormer or a VideoResNet.
        stage: `auto`, or one that is given back.
        frame_size: pixels a side.

    Raises:
        RecipeError: no such stage.
    """
    if stage not in get_args(Stage):
        raise RecipeError(f"stage: expected one of {', '.join(get_args(Stage))}; got {stage!r}.")
    if stage != "auto":
        return stage
    useful = [candidate for candidate in _STAGES if _num_cells(encoder, candidate, frame_size) >= _USEFUL_CELLS]
    return useful[-1] if useful else _STAGES[0]


def _num_cells(encoder: nn.Module, stage: Stage, frame_size: int) -> int:
    """Cells a side."""
    cells = frame_size
    for convolution in _convolutions(encoder, stage):
        kernel, stride, padding = (int(value[1]) for value in _shape_of(convolution))
        cells = (cells + 2 * padding - kernel) // stride + 1
    return cells


def stage_output(encoder: nn.Module, stage: Stage) -> nn.Module:
    """The module whose output is a stage's: its last block."""
    blocks = encoder.get_submodule(f"blocks{_number(stage)}" if _is_uniformer(encoder) else f"layer{_number(stage)}")
    return list(blocks.children())[-1]


def cell_axes(encoder: nn.Module, stage: Stage) -> tuple[CellAxis, CellAxis, CellAxis]:
    """Where the centres of a stage's cells lie in the clip, in time, height and width.

    A convolution of kernel k, stride s and padding p over cells that start at `first`, `step` apart, has its own cells
    at first + ((k - 1) / 2 - p) * step, s * step apart.
    """
    first, step = np.zeros(3), np.ones(3)
    for convolution in _convolutions(encoder, stage):
        kernel, stride, padding = (np.array(value, dtype=np.float64) for value in _shape_of(convolution))
        first += ((kernel - 1) / 2 - padding) * step
        step *= stride
    time, height, width = (CellAxis(float(a), float(b)) for a, b in zip(first, step, strict=True))
    return time, height, width


def enlarge(
    cells: NDArray[np.float32], size: tuple[int, ...], axes: tuple[CellAxis, CellAxis, CellAxis]
) -> NDArray[np.float32]:
    """Interpolate maps on a grid of cells to every pixel and frame, linearly in time, height and width.

    Each cell's value stands at the cell's centre, and beyond the outermost centres the outermost values hold. A plain
    resize would misplace them: the strides leave the last pixels of a frame to no cell at all (16 of 112 at stage 4),
    and the cells of time are centred on every second frame, from the first.

    Args:
        cells: (B, T', H', W').
        size: T, H, W.
        axes: where the cells lie.

    Returns:
        (B, T, H, W).
    """
    time, height, width = (
        _linear_weights(length, count, axis) for length, count, axis in zip(size, cells.shape[1:], axes, strict=True)
    )
    maps = np.einsum("Tt,Hh,Ww,bthw->bTHW", time, height, width, cells, optimize=True)
    return np.asarray(maps, dtype=np.float32)


def _linear_weights(length: int, num_cells: int, axis: CellAxis) -> NDArray[np.float64]:
    """Share of each cell in each pixel, (length, num_cells); rows sum to 1."""
    position = np.clip((np.arange(length) - axis.first) / axis.step, 0, num_cells - 1)
    return np.asarray(np.clip(1 - np.abs(position[:, None] - np.arange(num_cells)), 0, None))


def _number(stage: Stage) -> int:
    return int(stage.removeprefix("stage"))


def _is_uniformer(encoder: nn.Module) -> bool:
    return hasattr(encoder, "patch_embed1")


def _convolutions(encoder: nn.Module, stage: Stage) -> list[nn.Conv3d]:
    """The convolutions that make the grid of a stage, from the clip on.

    Of a UniFormer those that shrink it: the others keep it. Of a residual network all but the short cuts.
    """
    numbers = range(1, _number(stage) + 1)
    if _is_uniformer(encoder):
        found = [encoder.get_submodule(f"patch_embed{number}.proj") for number in numbers]
    else:
        parts = [encoder.get_submodule(name) for name in ("stem", *(f"layer{number}" for number in numbers))]
        found = [
            module for part in parts for name, module in part.named_modules() if "downsample" not in name.split(".")
        ]
    return [module for module in found if isinstance(module, nn.Conv3d)]


def _shape_of(convolution: nn.Conv3d) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    if isinstance(convolution.padding, str):
        raise TypeError(f"Grad-CAM needs a convolution with its padding in numbers, got {convolution.padding!r}")
    return convolution.kernel_size, convolution.stride, convolution.padding
