"""Any network for videos or pictures as an encoder: its output is pooled, and its size found out by a dry run."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models.encoder import Encoder, dry_run

# The axes of what a network gives inside: clips with channels first or last, or one picture for each frame.
Axes = Literal["BCTHW", "BTHWC", "BCHW"]

# Frames, and pixels a side, with which most networks can do something: the second is what transformers are made for.
_SAMPLES = ((16, 112), (16, 224))


class ModuleEncoder(Encoder):
    """A network from elsewhere.

    What it gives is brought to (B, D): a grid (B, D, T', H', W') or (B, D, H', W'), or tokens (B, N, D), by their mean.
    A network for pictures sees each frame by itself, and the embedding is the mean over the frames.

    To train it, and to read its weights again, write a function that is annotated `-> ModuleEncoder`, and give its
    import path for the encoder's name: `--encoder my_package.networks:my_encoder`.

    Args:
        backbone: maps clips (B, 3, T, H, W), or frames (N, 3, H, W) where it `sees_frames`; without its classifier, see
            `without_classifier`.
        levels: paths of its submodules that Grad-CAM may look at, from the finest grid to the coarsest: `layer3`.
        axes: of what these submodules give; when not given "BCTHW", or "BCHW" where the network `sees_frames`.
        sees_frames: it is a network for pictures.
        sample: frames and pixels a side of a clip that it takes, for the dry run; usual ones are tried when not given.
        classifier: what the names of the entries begin with that published weights have besides.

    Raises:
        RecipeError: there is no such submodule, or the network does not take the sample or gives something else.
    """

    def __init__(
        self,
        backbone: nn.Module,
        *,
        levels: Sequence[str] = (),
        axes: Axes | None = None,
        sees_frames: bool = False,
        sample: tuple[int, int] | None = None,
        classifier: Sequence[str] = Encoder.classifier,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        axes = axes or ("BCHW" if sees_frames else "BCTHW")
        self._is_channels_last = axes == "BTHWC"
        self.sees_frames = sees_frames
        self.classifier = tuple(classifier)
        self._paths = {f"level{number}": path for number, path in enumerate(levels, start=1)}
        self._taps = nn.ModuleDict()
        for level, path in self._paths.items():
            try:
                inside = backbone.get_submodule(path)
            except AttributeError as error:
                raise RecipeError(f"levels: a {type(backbone).__name__} has no submodule {path!r}: {error}.") from error
            if axes in _TAPS:
                tap = _TAPS[axes]()
                inside.register_forward_hook(tap.pass_through)
                self._taps[level] = tap
        self._embedding_dim = self._find_embedding_dim((sample,) if sample else _SAMPLES)

    @property
    def embedding_dim(self) -> int:
        """Dimension D of an embedding."""
        return self._embedding_dim

    @property
    def levels(self) -> Mapping[str, nn.Module]:
        """The submodules that were named, or stand-ins beside them whose outputs are (B, C, T', H', W')."""
        return {
            level: self._taps[level] if level in self._taps else self.backbone.get_submodule(path)
            for level, path in self._paths.items()
        }

    def forward(self, clips: Tensor) -> Tensor:
        """Embed clips (B, 3, T, H, W): (B, D)."""
        if not self.sees_frames:
            return self._pool(self.backbone(clips))
        batch, _, num_frames = clips.shape[:3]
        for tap in self._taps.values():
            assert isinstance(tap, _Tap)
            tap.num_frames = num_frames
        of_frames = self._pool(self.backbone(clips.transpose(1, 2).flatten(0, 1)))
        return of_frames.view(batch, num_frames, -1).mean(dim=1)

    def from_published(self, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Its entries lie below `backbone.` here."""
        encoder, classifier = super().from_published(state)
        return {f"backbone.{name}": value for name, value in encoder.items()}, classifier

    def _pool(self, output: Any) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim < 2:
            got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise RecipeError(
                f"A {type(self.backbone).__name__} gives {got}, expected a tensor (B, D), (B, N, D) or (B, D, ...). "
                "Wrap it in a module that gives one."
            )
        if output.ndim == 2:
            return output
        is_channels_last = output.ndim == 3 or (output.ndim == 5 and self._is_channels_last)
        return output.flatten(1, -2).mean(dim=1) if is_channels_last else output.flatten(2).mean(dim=2)

    def _find_embedding_dim(self, samples: Sequence[tuple[int, int]]) -> int:
        refusals: list[Exception] = []
        for num_frames, frame_size in samples:
            try:
                return dry_run(self, torch.empty(1, 3, num_frames, frame_size, frame_size, device="meta")).shape[1]
            except RecipeError:
                raise
            # Whatever a network from outside raises at clips that it does not take.
            except Exception as error:
                refusals.append(error)
        tried = " and ".join(f"{frames} frames of {size} x {size} pixels" for frames, size in samples)
        raise RecipeError(
            f"A {type(self.backbone).__name__} does not take clips of {tried}: {refusals[-1]}. "
            "Give a `sample` that it takes."
        ) from refusals[-1]


class _Tap(nn.Module):
    """Stands beside a submodule whose output has its axes in another order, and sees it as (B, C, T', H', W').

    What comes out of it goes back into the network, so that who replaces its output changes the network's.
    """

    axes: ClassVar[Axes]

    def __init__(self) -> None:
        super().__init__()
        self.num_frames = 1

    def forward(self, grid: Tensor) -> Tensor:
        """Map (B, C, T', H', W') to itself."""
        return grid

    # A method and no closure, so that a copy of the network has a hook of its own.
    def pass_through(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """Take a submodule's output, and give it back with its own axes."""
        if not isinstance(output, Tensor) or output.ndim != len(self.axes):
            got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise RecipeError(f"A level of axes {self.axes} gave {got}. Name another submodule, or its axes.")
        return self._through(output)

    def _through(self, output: Tensor) -> Tensor:
        """Lay it out, see it, and lay it out as it was."""
        raise NotImplementedError


class _ChannelsLastTap(_Tap):
    axes = "BTHWC"

    def _through(self, output: Tensor) -> Tensor:
        seen: Tensor = self(output.permute(0, 4, 1, 2, 3))
        return seen.permute(0, 2, 3, 4, 1)


class _FramesTap(_Tap):
    axes = "BCHW"

    def _through(self, output: Tensor) -> Tensor:
        seen: Tensor = self(output.reshape(-1, self.num_frames, *output.shape[1:]).transpose(1, 2))
        return seen.transpose(1, 2).flatten(0, 1)


# Of axes that are not (B, C, T', H', W') as they are.
_TAPS: Mapping[Axes, type[_Tap]] = {tap.axes: tap for tap in (_ChannelsLastTap, _FramesTap)}


def without_classifier(network: nn.Module, names: Sequence[str] = ("fc", "head", "heads", "classifier")) -> str | None:
    """Put an identity in the place of a network's last layer.

    Args:
        network: is changed.
        names: under which the last layer may lie; the first that is there is taken.

    Returns:
        Its name; None where there is none.
    """
    for name in names:
        if isinstance(getattr(network, name, None), nn.Module):
            setattr(network, name, nn.Identity())
            return name
    return None
