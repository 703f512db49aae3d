"""From the frames of a video to what a model reads from it: the mean over clips."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from coreecho.models.echo_model import EchoModel, EchoOutput
from coreecho.video import take_clip


@dataclass(frozen=True)
class VideoPrediction:
    """What a model says of a video.

    Attributes:
        value: mean over the clips: EF in percent, or the logit of an infarction, by the model's target.
        clip_values: (k,), of each clip.
        embeddings: (k, D), of each clip.
        starts: k source frames at which the clips start.
    """

    value: float
    clip_values: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    starts: tuple[int, ...]


def predict_video(
    model: EchoModel, frames: NDArray[np.uint8], starts: Sequence[int], *, batch_size: int = 8
) -> VideoPrediction:
    """Predict from one or more clips of a video.

    Clips are cut and predicted `batch_size` at a time, so memory does not grow with the length of the video. The model
    runs in evaluation mode on its own device, and is left in the mode in which it came.

    Args:
        model: of any target.
        frames: (T, S, S), grey, of the model's frame size; may be memory-mapped.
        starts: source frames at which clips start; `coreecho.video.even_starts` and `all_starts` choose them.
        batch_size: clips at a time.

    Raises:
        ValueError: there are no starts, the batch size is below 1, or the frames are not of the model's size.
        VideoError: a start lies outside the video.
    """
    if not starts or batch_size < 1:
        raise ValueError(
            f"predict_video needs at least one start and a batch size of at least 1, got {len(starts)}, {batch_size}"
        )
    with _evaluation_mode(model), torch.inference_mode():
        outputs = [
            _predict_clips(model, frames, starts[first : first + batch_size])
            for first in range(0, len(starts), batch_size)
        ]
    clip_values = torch.cat([output.prediction for output in outputs]).numpy()
    return VideoPrediction(
        value=float(clip_values.mean(dtype=np.float64)),
        clip_values=clip_values,
        embeddings=torch.cat([output.embeddings for output in outputs]).numpy(),
        starts=tuple(starts),
    )


def _predict_clips(model: EchoModel, frames: NDArray[np.uint8], starts: Sequence[int]) -> EchoOutput:
    device = model.scale.device
    clips, num_valid_frames = zip(*(take_clip(frames, start, model.model_input) for start in starts), strict=True)
    output: EchoOutput = model(
        torch.from_numpy(np.stack(clips)).to(device), torch.tensor(num_valid_frames, device=device)
    )
    return EchoOutput(output.embeddings.cpu(), output.prediction.cpu())


@contextmanager
def _evaluation_mode(model: EchoModel) -> Iterator[None]:
    """Module by module: in stage 2 the encoder evaluates while the head trains."""
    was_training = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in was_training:
            module.training = training
