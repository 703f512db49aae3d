"""Encoder and head together: grey clips in, embeddings and predictions out."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from coreecho.models.card import WeightsCard
from coreecho.models.encoder import Encoder
from coreecho.models.model_input import ECHONET_MEAN, ECHONET_STD, ModelInput
from coreecho.tasks import EF, Task

__all__ = ["ECHONET_MEAN", "ECHONET_STD", "EchoModel", "EchoOutput", "ModelInput"]


class EchoOutput(NamedTuple):
    """What a model says of B clips.

    Attributes:
        embeddings: (B, D), float32.
        prediction: (B,), float32: the network's output, from which the task's link makes what a person reads. EF in
            percent, 0 to 100 for sensible clips, not clamped; the logit of an infarction.
    """

    embeddings: Tensor
    prediction: Tensor


class EchoModel(nn.Module):
    """An encoder F_E and a head F_R, with the input that they expect and what they read from it.

    Clips come as they lie on disk, one grey channel of 0 to 255, and are normalised on the model's device: a third of
    the transfer, and a quarter of that again for uint8.

    Args:
        encoder: clips (B, 3, T, H, W) to embeddings (B, D); D is its `embedding_dim`.
        head: embeddings (B, D) to (B, 1).
        model_input: how clips are cut and normalised for this encoder.
        task: what the head reads.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, encoder: Encoder, head: nn.Module, model_input: ModelInput, *, task: Task | None = None) -> None:
        super().__init__()
        self.task = task or EF()
        self.encoder = encoder
        self.head = head
        self.model_input = model_input
        self.card: WeightsCard | None = None
        # Not persistent: the values are the card's, and published checkpoints have no such entries.
        # Worked out by NumPy: of networks without memory PyTorch would first import its compiler, for seconds.
        mean, std = (np.array(values, dtype=np.float32) for values in (model_input.mean, model_input.std))
        self.register_buffer("scale", torch.tensor(1 / (255 * std)), persistent=False)
        self.register_buffer("shift", torch.tensor(-mean / std), persistent=False)

    def forward(self, clips: Tensor, num_valid_frames: Tensor | None = None) -> EchoOutput:
        """Embed the clips and predict; arguments as for `embed`."""
        embeddings = self.embed(clips, num_valid_frames)
        return EchoOutput(embeddings, self.read_embeddings(embeddings))

    def embed(self, clips: Tensor, num_valid_frames: Tensor | None = None) -> Tensor:
        """Normalise and embed clips.

        Args:
            clips: (B, T, H, W), grey, 0 to 255, uint8 or floating point.
            num_valid_frames: (B,), how many frames of each clip lie inside its video; None if all do.

        Returns:
            (B, D), float32.

        Raises:
            ValueError: the clips do not have the model's number of frames or frame size.
        """
        embeddings: Tensor = self.encoder(self.normalise(clips, num_valid_frames))
        return embeddings.float()

    def read_embeddings(self, embeddings: Tensor) -> Tensor:
        """What the head alone reads from embeddings (B, D): EF in percent, or the logit of an infarction, (B,).

        Of files and of clips in memory, `coreecho.Predictor` gives the number, with what speaks against it.

        Always in single precision: bfloat16 goes in steps of 0.25 points at an EF of 50.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            prediction: Tensor = self.head(embeddings.float())
        return prediction.squeeze(1)

    def normalise(self, clips: Tensor, num_valid_frames: Tensor | None = None) -> Tensor:
        """Turn grey clips (B, T, H, W) of 0 to 255 into the encoder's (B, 3, T, H, W); arguments as for `embed`."""
        expected = (self.model_input.num_frames, self.model_input.frame_size, self.model_input.frame_size)
        if clips.ndim != 4 or tuple(clips.shape[1:]) != expected:
            raise ValueError(
                f"This model expects grey clips (B, {', '.join(map(str, expected))}), got {tuple(clips.shape)}: "
                f"cut them with its model_input"
            )
        is_padding = None
        if num_valid_frames is not None:
            frame = torch.arange(clips.shape[1], device=clips.device)
            is_padding = (frame >= num_valid_frames.to(clips.device)[:, None])[:, :, None, None]
        grey = clips.float()
        if is_padding is not None and self.model_input.pads_with_black:
            grey = grey.masked_fill(is_padding, 0)
        per_channel = (1, 3, 1, 1, 1)
        normalised = torch.addcmul(self.shift.view(per_channel), grey.unsqueeze(1), self.scale.view(per_channel))
        if is_padding is not None and not self.model_input.pads_with_black:
            normalised = normalised.masked_fill(is_padding.unsqueeze(1), 0)
        return normalised
