"""What an encoder must say of itself, so that it can be trained, stored, built again and explained.

An encoder of one's own is a class that derives from `Encoder` and has `embedding_dim` and `forward`; with `levels` it
is explained by Grad-CAM, too. It is used by its import path, `--encoder my_package.networks:Mine`, or by a name that
its package declares as an entry point of the group `coreecho.encoders`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from coreecho.errors import RecipeError
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.models.model_input import ModelInput
from coreecho.models.publication import Publication

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class CellAxis:
    """Where the cells of a level lie along one axis of the clip: `first + index * step`, in frames or pixels."""

    first: float
    step: float


class Encoder(nn.Module, ABC):
    """The encoder F_E: normalised clips (B, 3, T, H, W) to embeddings (B, D), neither projected nor of unit length.

    Attributes:
        publications: layouts in which others have published its weights.
        classifier: what the names of the entries begin with that publications have and an encoder has not.
    """

    publications: ClassVar[Sequence[Publication]] = ()
    classifier: tuple[str, ...] = ("head.", "fc.", "classifier.")

    # Set by `build_encoder`: name and settings.
    built_from: tuple[str, dict[str, Any]] | None = None

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """Dimension D of an embedding."""

    @property
    def levels(self) -> Mapping[str, nn.Module]:
        """The modules whose outputs (B, C, T', H', W') show where things are, from the finest grid to the coarsest."""
        return {}

    @property
    def name(self) -> str:
        """Of the registry, or the import path, by which `build_encoder` makes it; else the name of its class."""
        return type(self).__name__ if self.built_from is None else self.built_from[0]

    @property
    def settings(self) -> dict[str, Any]:
        """With `name` they make it again by `build_encoder`; plain values, as JSON holds them.

        Raises:
            RecipeError: it was made by hand, so that nobody else could make it again.
        """
        if self.built_from is None:
            raise RecipeError(
                f"This {type(self).__name__} was not made by build_encoder, so its weights could not be read back. "
                "Write a function that makes it, and build it by the import path of that function: "
                "build_encoder('my_package:make')."
            )
        return dict(self.built_from[1])

    def check_input(self, model_input: ModelInput) -> None:
        """See that clips of this kind can be embedded: here by a dry run, without computing anything.

        Raises:
            RecipeError: they cannot.
        """
        size = (model_input.num_frames, model_input.frame_size, model_input.frame_size)
        try:
            embeddings = self._dry_run(size)
        # Whatever a network from outside raises at clips that it does not take.
        except Exception as error:
            raise RecipeError(
                f"The encoder {self.name} does not take clips of {size[0]} frames of {size[1]} x {size[2]} pixels: "
                f"{error}"
            ) from error
        if tuple(embeddings.shape) != (1, self.embedding_dim):
            raise RecipeError(
                f"The encoder {self.name} gives {tuple(embeddings.shape)} for one clip, "
                f"expected its embedding (1, {self.embedding_dim})."
            )

    def path_to(self, level: str) -> Sequence[nn.Conv3d] | None:
        """The convolutions that make a level's grid, from the clip on; None where it comes about in another way."""
        return None

    def grid_of(self, level: str, size: Grid) -> Grid:
        """How many cells a level has.

        Args:
            level: a key of `levels`.
            size: frames, height and width of the clips.
        """
        path = self.path_to(level)
        if path is None:
            return self._dry_grid(level, size)
        cells = list(size)
        for convolution in path:
            for axis, (kernel, stride, padding) in enumerate(_shape_of(convolution)):
                cells[axis] = (cells[axis] + 2 * padding - kernel) // stride + 1
        return cells[0], cells[1], cells[2]

    def cells_of(self, level: str, size: Grid) -> tuple[CellAxis, CellAxis, CellAxis]:
        """Where the centres of a level's cells lie in the clip, in time, height and width.

        A convolution of kernel k, stride s and padding p over cells that start at `first`, `step` apart, has its own
        cells at first + ((k - 1) / 2 - p) * step, s * step apart. Where the convolutions are not known, the cells are
        taken to divide the clip evenly.

        Args:
            level: a key of `levels`.
            size: frames, height and width of the clips.
        """
        path = self.path_to(level)
        if path is None:
            steps = [length / cells for length, cells in zip(size, self._dry_grid(level, size), strict=True)]
            time, height, width = (CellAxis((step - 1) / 2, step) for step in steps)
            return time, height, width
        first, step = [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]
        for convolution in path:
            for axis, (kernel, stride, padding) in enumerate(_shape_of(convolution)):
                first[axis] += ((kernel - 1) / 2 - padding) * step[axis]
                step[axis] *= stride
        time, height, width = (CellAxis(start, width) for start, width in zip(first, step, strict=True))
        return time, height, width

    def from_published(self, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Part a published state dict into the entries of this encoder, under its names, and those of a classifier.

        Here the names are the published ones.
        """
        classifier = {name: value for name, value in state.items() if name.startswith(self.classifier)}
        return {name: value for name, value in state.items() if name not in classifier}, classifier

    def _dry_grid(self, level: str, size: Grid) -> Grid:
        shapes: list[torch.Size] = []
        handle = self.levels[level].register_forward_hook(lambda _module, _inputs, output: shapes.append(output.shape))
        try:
            self._dry_run(size)
        finally:
            handle.remove()
        if len(shapes) != 1 or len(shapes[0]) != 5:
            gave = ", ".join(str(tuple(shape)) for shape in shapes) or "nothing"
            raise RecipeError(
                f"The level {level} of the encoder {self.name} gave {gave}, expected (B, C, T', H', W') once. "
                "Declare another module as this level."
            )
        time, height, width = shapes[0][2:]
        return time, height, width

    def _dry_run(self, size: Grid) -> Tensor:
        return dry_run(self, torch.empty(1, 3, *size, device="meta"))


def dry_run(network: nn.Module, clips: Tensor) -> Tensor:
    """What a network gives for clips, as far as shapes go; computed on no device where the network allows that.

    Args:
        network: is left as it was.
        clips: on the device `meta`.
    """
    with evaluation_mode(network), torch.no_grad():
        state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        try:
            without_values = {name: value.to("meta") for name, value in state.items()}
            output: Tensor = functional_call(network, without_values, (clips,))
        # Some networks look at values: with one more clip, of zeros, they may.
        except (NotImplementedError, RuntimeError):
            device = next(iter(state.values())).device if state else torch.device("cpu")
            output = network(torch.zeros(clips.shape, device=device))
        return output


def _shape_of(convolution: nn.Conv3d) -> list[tuple[int, int, int]]:
    """Kernel, stride and padding in time, height and width."""
    if isinstance(convolution.padding, str):
        raise TypeError(f"The cells of a level need paddings in numbers, got {convolution.padding!r}")
    return list(zip(convolution.kernel_size, convolution.stride, convolution.padding, strict=True))
