"""One batch of clips through a model, as every prediction is made: in evaluation mode, without gradients."""

from typing import Literal, get_args

import torch
from torch import Tensor

from coreecho.errors import RecipeError
from coreecho.models.echo_model import EchoModel, EchoOutput
from coreecho.models.evaluation_mode import evaluation_mode

# Number format of the encoder's forward pass. The head, and what it says, stay in single precision.
Precision = Literal["fp32", "bf16"]


def check_precision(precision: str) -> None:
    """See that a number format is known. Raises RecipeError."""
    if precision not in get_args(Precision):
        raise RecipeError(f"precision: expected {' or '.join(get_args(Precision))}, got {precision!r}")


def predict_batch(
    model: EchoModel, clips: Tensor, num_valid_frames: Tensor, *, precision: Precision = "fp32"
) -> EchoOutput:
    """Predict a batch of clips; the model is left in the mode in which it came.

    Args:
        model: on the device that shall compute.
        clips: (B, T, H, W) grey, 0 to 255, on any device.
        num_valid_frames: (B,), frames of each clip that lie inside its video.
        precision: bf16 is faster on GPUs, and right to about three digits.

    Returns:
        Embeddings (B, D) and the network's output (B,), float32, on the CPU.
    """
    device = model.scale.device
    is_mixed = precision == "bf16"
    with (
        evaluation_mode(model),
        torch.inference_mode(),
        torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_mixed),
    ):
        output: EchoOutput = model(clips.to(device), num_valid_frames.to(device))
    return EchoOutput(output.embeddings.cpu(), output.prediction.cpu())
