"""A clip file as a model sees it, ready to be explained or compared."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError
from coreecho.explain.embeddings import DEFAULT_CLIPS
from coreecho.explain.lit_sector import lit_sector
from coreecho.inference.cautions import cautions_of_ef, cautions_of_video
from coreecho.models.ef_model import EFModel
from coreecho.models.video_prediction import predict_video
from coreecho.video import Video, even_starts, read_video, resize_frames


@dataclass(frozen=True, eq=False)
class ClipFile:
    """A clip at a model's size.

    Attributes:
        video: as read.
        frames: (F, S, S) uint8, of the model's frame size.
        sector: (S, S), where there is ultrasound; nothing else may be shown.
    """

    video: Video
    frames: NDArray[np.uint8]
    sector: NDArray[np.bool_]

    def warnings(self, model: EFModel, ef_percent: float) -> tuple[str, ...]:
        """What speaks against trusting an EF that the model predicts for it."""
        trained_on = None if model.card is None else model.card.trained_on
        return (*cautions_of_video(self.video, model.model_input, trained_on), *cautions_of_ef(ef_percent, trained_on))


@dataclass(frozen=True, eq=False)
class EmbeddedClip:
    """A clip, and where a model puts it.

    Attributes:
        clip: the file.
        embedding: (D,) float32, the mean over its clips, as a study's is.
        ef_percent: predicted.
        warnings: what speaks against trusting it.
    """

    clip: ClipFile
    embedding: NDArray[np.float32]
    ef_percent: float
    warnings: tuple[str, ...]


def read_clip(model: EFModel, path: Path) -> ClipFile:
    """Read a file for a model.

    Raises:
        VideoError: not a readable clip, or it has no sector.
    """
    video = read_video(path)
    frames = resize_frames(video.frames, model.model_input.frame_size)
    return ClipFile(video, frames, lit_sector(frames, str(path)))


def embed_file(model: EFModel, path: Path, *, clips: int = DEFAULT_CLIPS, batch_size: int = 8) -> EmbeddedClip:
    """Embed a file as `embed_studies` embeds a study.

    Args:
        model: on the device that shall compute.
        path: the clip.
        clips: evenly placed clips of it.
        batch_size: clips at once.

    Raises:
        VideoError: not a readable clip, or it has no sector.
        RecipeError: fewer than one clip.
    """
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")
    clip = read_clip(model, path)
    starts = even_starts(len(clip.frames), model.model_input, clips)
    prediction = predict_video(model, clip.frames, starts, batch_size=batch_size)
    embedding = prediction.embeddings.mean(axis=0).astype(np.float32)
    return EmbeddedClip(clip, embedding, prediction.ef_percent, clip.warnings(model, prediction.ef_percent))
