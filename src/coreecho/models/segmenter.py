"""What outlines the left ventricle in frames: a network, with how frames are shown to it and where it comes from.

    segmenter = load_segmenter("lv.safetensors")
    masks = segmenter.masks(frames)  # (T, S, S) uint8 -> (T, S, S) bool

`frames` have the segmenter's own size; `coreecho.segment` takes clips of any size.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import coreecho
from coreecho.errors import CheckpointError, RecipeError
from coreecho.files import sha256_of
from coreecho.models.card import SEGMENTER, TrainedOn, kind_of_card, origin, origin_in_short
from coreecho.models.device import find_device
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.models.fitting import check_finite, misfits, shapes_of
from coreecho.models.registry import build_segmentation_network
from coreecho.models.segmentation_network import CAVITY_NAME, SegmentationNetwork, frames_seen
from coreecho.models.segmenter_card import SegmenterCard, SegmenterInput
from coreecho.models.undrawn import undrawn, without_memory
from coreecho.models.weights import read_state, save_state, weights_file
from coreecho.shipped import DEFAULT, RESEARCH_MODEL, is_default

# Frames at once: a few hundred MB of DeepLabV3's activations at 112 pixels a side.
_BATCH = 32
# A share of one half is a logit of zero.
THRESHOLD = 0.5


class Segmenter:
    """Outlines the left ventricle in the frames of a clip.

    Args:
        network: is put into evaluation mode while it computes.
        model_input: how frames are shown to it.
        card: where its weights come from; None of a network that was made by hand.

    Attributes:
        network: as given.
        model_input: as given.
        card: as given.
        remark: what is to be said first of it wherever it is named; empty where nothing is.
        shipped_as: the name of one that ships with the package; empty of others.
        weights_sha256: of the file of its weights; empty of a network that was made by hand.

    Raises:
        RecipeError: the input has another number of colours than the network sees, or the network outlines no cavity.
    """

    def __init__(
        self, network: SegmentationNetwork, model_input: SegmenterInput, card: SegmenterCard | None = None
    ) -> None:
        if len(model_input.mean) != network.num_colours:
            raise RecipeError(
                f"{type(network).__name__} sees {network.num_colours} colours, and its input has means of "
                f"{len(model_input.mean)}."
            )
        if CAVITY_NAME not in network.outlines:
            raise RecipeError(f"{type(network).__name__} outlines {', '.join(network.outlines)}, and no {CAVITY_NAME}.")
        self.network = network
        self.model_input = model_input
        self.card = card
        self.remark = ""
        self.shipped_as = ""
        self.weights_sha256 = ""

    @property
    def frame_size(self) -> int:
        """Height and width of the frames that it sees, in pixels."""
        return self.model_input.frame_size

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next((each.device for each in self.network.parameters()), torch.device("cpu"))

    @property
    def name(self) -> str:
        """What it is and where it comes from, in one line."""
        if self.card is None:
            return "a segmenter without a card"
        named = origin(self.card.network, self.card.source, self.card.trained_on)
        return f"{self.remark}: {named}" if self.remark else named

    @property
    def short_name(self) -> str:
        """What it is and whose hearts it was trained on, in the few words that a moving picture has room for."""
        if self.card is None:
            return self.name
        return origin_in_short(self.card.network, self.card.trained_on, shipped_as=self.shipped_as)

    @property
    def trained_on(self) -> TrainedOn | None:
        """What it learned from; None where that is not known."""
        return None if self.card is None else self.card.trained_on

    def to(self, device: str | torch.device) -> "Segmenter":
        """Compute elsewhere: `cpu`, `gpu`, `auto`, `cuda:1`. Raises RecipeError: there is no such device."""
        self.network.to(find_device(device) if isinstance(device, str) else device)
        return self

    def probabilities(
        self, frames: NDArray[np.uint8], *, outline: str = CAVITY_NAME, batch_size: int = _BATCH
    ) -> NDArray[np.float32]:
        """Say how sure it is that each pixel lies in an outline.

        Args:
            frames: (T, S, S) uint8, grey, all frames of a clip in their order; S is `frame_size`.
            outline: one of the network's `outlines`.
            batch_size: frames at once.

        Returns:
            (T, S, S) float32, 0 to 1.

        Raises:
            ValueError: the frames have another shape or kind of number, or there is no such outline.
        """
        size = self.frame_size
        if frames.ndim != 3 or frames.shape[1:] != (size, size) or frames.dtype != np.uint8:
            raise ValueError(f"expected frames (T, {size}, {size}) of uint8, got {frames.shape} of {frames.dtype}")
        if outline not in self.network.outlines:
            raise ValueError(f"outlines are {', '.join(self.network.outlines)}; there is no {outline!r}")
        channel = self.network.outlines.index(outline)
        # Frames that another process has read cannot be written to, and PyTorch takes no such memory.
        clip = torch.from_numpy(np.require(frames, requirements=["C", "W"]))
        seen = frames_seen(len(clip), self.network.frame_offsets)
        shares = np.empty(frames.shape, dtype=np.float32)
        with evaluation_mode(self.network), torch.inference_mode():
            for first in range(0, len(clip), batch_size):
                part = slice(first, first + batch_size)
                logits = self.network(self.normalised(clip[seen[part]].to(self.device)))
                shares[part] = logits[:, channel].float().sigmoid().cpu().numpy()
        return shares

    def masks(
        self, frames: NDArray[np.uint8], *, outline: str = CAVITY_NAME, batch_size: int = _BATCH
    ) -> NDArray[np.bool_]:
        """Outline frames; as `probabilities`. Returns (T, S, S)."""
        return self.probabilities(frames, outline=outline, batch_size=batch_size) > THRESHOLD

    def normalised(self, frames: Tensor) -> Tensor:
        """Show frames as the network was trained to see them.

        Args:
            frames: (B, n, H, W), 0 to 255; the n frames that are seen for each mask.

        Returns:
            (B, n C, H, W) float32.
        """
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=frames.device)[:, None, None]
            for values in (self.model_input.mean, self.model_input.std)
        )
        return ((frames[:, :, None].float() / 255 - mean) / std).flatten(1, 2)


def save_segmenter(
    path: Path | str,
    network: SegmentationNetwork,
    model_input: SegmenterInput,
    *,
    source: str,
    licence: str,
    trained_on: TrainedOn | None,
    source_sha256: str | None = None,
) -> SegmenterCard:
    """Write a network that outlines the left ventricle, with its card; whole or not at all.

    Args:
        path: a `.safetensors` file in an existing folder.
        network: made by `build_segmentation_network`, so that the card can say how it is made again.
        model_input: how frames are shown to it.
        source: where the weights come from, such as a run.
        licence: under which they may be used.
        trained_on: what it learned from; None of imported weights.
        source_sha256: of the file that was imported.

    Returns:
        The card.

    Raises:
        RecipeError: the network was made by hand, so that no card could say how.
        CheckpointError: the file cannot be written.
    """
    if network.built_from is None:
        raise RecipeError("A network to be kept is made by build_segmentation_network, which notes its settings.")
    name, settings = network.built_from
    card = SegmenterCard(
        network=name,
        network_settings=settings,
        outlines=tuple(network.outlines),
        model_input=model_input,
        source=source,
        licence=licence,
        num_parameters=sum(each.numel() for each in network.parameters()),
        trained_on=trained_on,
        coreecho_version=coreecho.__version__,
        source_sha256=source_sha256,
    )
    save_state(path, network.state_dict(), card)
    return card


def load_segmenter(path: Path | str, device: str | torch.device = "cpu") -> Segmenter:
    """Load what outlines the left ventricle.

    Args:
        path: a safetensors file that `save_segmenter` wrote, or the folder of a run, of which the best weights are
            taken; or `default` for the one that ships with the package.
        device: where to compute.

    Raises:
        CheckpointError: nothing there, damaged, weights of another kind, or they do not fit the network on their card.
    """
    path = weights_file(Path(path), "lv")
    state, text = read_state(path)
    kind = kind_of_card(text)
    if kind != SEGMENTER:
        raise CheckpointError(
            f"{path}: holds weights of the kind {str(kind)[:20]}, which outline nothing. Expected "
            "the weights of a segmenter, as trained from traced or simulated left ventricles."
        )
    try:
        card = SegmenterCard.from_json(text)
        with without_memory():
            blank = build_segmentation_network(card.network, **card.network_settings)
        faults = misfits(state, shapes_of(blank.state_dict()))
        if blank.outlines != card.outlines:
            faults.append(f"it outlines {', '.join(card.outlines)}, the network {', '.join(blank.outlines)}")
        if faults:
            raise CheckpointError(f"it does not fit {card.network}, the network on its card: {'; '.join(faults)}.")
        check_finite(state, "its weights")
        with undrawn():
            network = build_segmentation_network(card.network, **card.network_settings)
        network.load_state_dict(state)
        segmenter = Segmenter(network.eval(), card.model_input, card).to(device)
        segmenter.weights_sha256 = sha256_of(path)
        return segmenter
    except (CheckpointError, RecipeError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def open_segmenter(model: Segmenter | Path | str = DEFAULT, device: str | None = None) -> Segmenter:
    """Find the segmenter that a person means: every command and function that outlines ventricles asks here.

    Args:
        model: a loaded one, the file of its weights, the folder of the run that trained it, or `default`: the one that
            ships.
        device: where to compute: "cpu", "gpu", "auto", "cuda:1". When not given, a loaded one stays where it is, and
            one from a file goes to the CPU.

    Raises:
        RecipeError: there is no such device.
        CheckpointError: it cannot be read, or is of another kind.
    """
    if isinstance(model, Segmenter):
        return model if device is None else model.to(device)
    segmenter = load_segmenter(model, device=find_device(device or "cpu"))
    if is_default(model):
        segmenter.remark = f"the model that ships with coreecho, {RESEARCH_MODEL}"
        segmenter.shipped_as = weights_file(Path(model), "lv").stem
    return segmenter


def hash_segmenter(model: Path | str) -> str:
    """SHA-256 of the file of weights that is meant by what a person gives for a segmenter. Raises CheckpointError."""
    file = weights_file(Path(model), "lv")
    try:
        return sha256_of(file)
    except OSError as error:
        raise CheckpointError(f"{file}: the weights cannot be read: {error.strerror or error}.") from error
