"""The levels of an encoder, and where the cells of each lie in the clip: what a map on them has to be enlarged by.

An encoder sees a clip at several levels, each coarser than the one before. Where the cells of a level lie is measured,
not known by name: one clip is sent through, and every convolution and pooling that changes the size of the grid moves
the cells' centres. So any encoder that says its levels has maps in the right place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models.evaluation_mode import evaluation_mode

# The level that `choose_level` finds by itself.
AUTO = "auto"
# Cells a side that a useful map has. The left ventricle takes about a third of the width of an apical view: on 7 cells
# it spans two or three, and on fewer it cannot be told from its neighbours.
_USEFUL_CELLS = 7
_SHRINKING = (nn.Conv3d, nn.MaxPool3d, nn.AvgPool3d)
# The third level of any encoder, whatever it calls it; `stage3` is what it was called before.
_NUMBERED = re.compile(r"(?:level|stage)?([1-9]\d*)")


@dataclass(frozen=True)
class CellAxis:
    """Where the cells of a level lie along one axis of the clip: `first + index * step`, in frames or pixels."""

    first: float
    step: float


@dataclass(frozen=True, eq=False)
class EncoderLevel:
    """A level of an encoder.

    Attributes:
        name: as the encoder calls it.
        module: whose output, (B, C, T', H', W'), is the level's.
        cells: T', H' and W' for a clip of the asked size.
        axes: where the cells lie in time, height and width.
    """

    name: str
    module: nn.Module
    cells: tuple[int, int, int]
    axes: tuple[CellAxis, CellAxis, CellAxis]


# By encoder and size of the clip: what is measured once.
_MEASURED: WeakKeyDictionary[nn.Module, dict[tuple[int, int, int], dict[str, EncoderLevel]]] = WeakKeyDictionary()


def choose_level(encoder: nn.Module, level: str, size: tuple[int, int, int]) -> EncoderLevel:
    """Find a level by its name or its number; `auto` is the deepest with at least 7 x 7 cells, else the first.

    Args:
        encoder: with its levels.
        level: a name of the encoder's own, such as `blocks3`; the number of a level, as `3` or `level3`; or `auto`.
        size: T, H, W of the clips.

    Raises:
        RecipeError: no such level, or the encoder gives no grid of cells there.
    """
    levels = encoder_levels(encoder, size)
    if not levels:
        raise RecipeError("Grad-CAM needs an encoder with a level that gives a grid of cells, and this one has none.")
    if level == AUTO:
        useful = [candidate for candidate in levels.values() if candidate.cells[1] >= _USEFUL_CELLS]
        return useful[-1] if useful else next(iter(levels.values()))
    if level in levels:
        return levels[level]
    number = _NUMBERED.fullmatch(level)
    if number is None or int(number[1]) > len(levels):
        known = ", ".join((AUTO, *levels))
        raise RecipeError(f"level: expected one of {known}, or a number from 1 to {len(levels)}; got {level!r}.")
    return list(levels.values())[int(number[1]) - 1]


def has_grid(encoder: nn.Module, size: tuple[int, int, int]) -> bool:
    """Whether some level of an encoder gives a grid of cells, on which a map can be drawn."""
    return bool(encoder_levels(encoder, size))


def encoder_levels(encoder: nn.Module, size: tuple[int, int, int]) -> Mapping[str, EncoderLevel]:
    """Measure the levels of an encoder that give a grid of cells, the finest first.

    Args:
        encoder: says its levels; is left as it was.
        size: T, H, W of the clips.
    """
    known = _MEASURED.setdefault(encoder, {})
    if size not in known:
        known[size] = _measure(encoder, size)
    return known[size]


def _modules_of_levels(encoder: nn.Module) -> dict[str, nn.Module]:
    """The module of each level; of a list of blocks the last block."""
    levels: Any = getattr(encoder, "levels", None)
    if levels is None:
        parts = dict(encoder.named_children())
        levels = {name: part for name, part in parts.items() if re.fullmatch(r"(blocks|layer)\d", name)}
    modules = {name: encoder.get_submodule(part) if isinstance(part, str) else part for name, part in levels.items()}
    return {
        f"level{number}" if re.fullmatch(r"(blocks|layer)\d", name) else name: list(module.children())[-1]
        if isinstance(module, nn.ModuleList | nn.Sequential)
        else module
        for number, (name, module) in enumerate(modules.items(), start=1)
    }


class _Trace:
    """Follows the grid of cells through an encoder while a clip goes through it."""

    def __init__(self, size: tuple[int, int, int]) -> None:
        self.size = size
        self.first, self.step = np.zeros(3), np.ones(3)

    def shrink(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Move the centres where the size of the grid changes.

        A kernel k of stride s and padding p over cells that start at `first`, `step` apart, has its own cells at
        first + ((k - 1) / 2 - p) * step, s * step apart. A short cut beside a convolution sees a grid that has
        shrunk already, and is passed over.
        """
        before, after = tuple(inputs[0].shape[2:]), tuple(output.shape[2:])
        if before != self.size or after == before or len(after) != 3:
            return
        kernel, stride, padding, dilation = (
            _triple(getattr(module, name, 1)) for name in ("kernel_size", "stride", "padding", "dilation")
        )
        self.first += (dilation * (kernel - 1) / 2 - padding) * self.step
        self.step *= stride
        self.size = (after[0], after[1], after[2])


def _triple(value: Any) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), 3)


def _measure(encoder: nn.Module, size: tuple[int, int, int]) -> dict[str, EncoderLevel]:
    trace = _Trace(size)
    found: dict[str, EncoderLevel] = {}

    def note(name: str, module: nn.Module, output: Tensor) -> None:
        if not isinstance(output, Tensor) or output.ndim != 5:
            return
        time, height, width = output.shape[2:]
        if (time, height, width) == trace.size:
            axes = [CellAxis(float(a), float(b)) for a, b in zip(trace.first, trace.step, strict=True)]
        else:
            # Made in a way that has no kernel: the cells share the clip evenly.
            steps = [length / cells for length, cells in zip(size, output.shape[2:], strict=True)]
            axes = [CellAxis((step - 1) / 2, step) for step in steps]
        found[name] = EncoderLevel(name, module, (time, height, width), (axes[0], axes[1], axes[2]))

    handles = [
        module.register_forward_hook(trace.shrink)
        for module in encoder.modules()
        if isinstance(module, _SHRINKING) and not isinstance(module.padding, str)
    ]
    handles += [
        module.register_forward_hook(lambda part, _inputs, output, name=name: note(name, part, output))
        for name, module in _modules_of_levels(encoder).items()
    ]
    some = next(encoder.parameters())
    try:
        with evaluation_mode(encoder), torch.no_grad(), torch.autocast(some.device.type, enabled=False):
            encoder(some.new_zeros(1, 3, *size))
    finally:
        for handle in handles:
            handle.remove()
    return found


def enlarge(
    cells: NDArray[np.float32], size: tuple[int, ...], axes: tuple[CellAxis, CellAxis, CellAxis]
) -> NDArray[np.float32]:
    """Interpolate maps on a grid of cells to every pixel and frame, linearly in time, height and width.

    Each cell's value stands at the cell's centre, and beyond the outermost centres the outermost values hold. A plain
    resize would misplace them: the strides leave the last pixels of a frame to no cell at all (16 of 112 at the fourth
    level), and the cells of time are centred on every second frame, from the first.

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
