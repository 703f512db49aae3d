"""A clip file as a model sees it, ready to be explained or compared."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError
from coreecho.inference.beat import Beat, cautions_of_beat, check_beat, read_beat
from coreecho.inference.cautions import cautions_of_ef, cautions_of_video
from coreecho.inference.clip_reading import read_clip_file
from coreecho.inference.frame_rate import at_training_rate
from coreecho.models.card import TrainedOn
from coreecho.models.echo_model import EchoModel
from coreecho.models.video_prediction import predict_video
from coreecho.video import Video, even_starts, resize_frames
from coreecho.video.lit_sector import lit_sector

# Evenly placed clips of a recording whose mean is taken, as in the paper.
DEFAULT_CLIPS = 3


@dataclass(frozen=True, eq=False)
class ClipFile:
    """A clip at a model's size.

    Attributes:
        video: as the model sees it: of its frame size, and at the training's frame rate where it could be brought
            to it; its notes say what was done.
        sector: (S, S), where there is ultrasound; nothing else may be shown.
        file_num_frames: frames of the file.
        file_fps: frames per second of the file; None where it does not say.
        beat: first and last frame of the file, both included, where the clip is one beat; the last may come first.
    """

    video: Video
    sector: NDArray[np.bool_]
    file_num_frames: int
    file_fps: float | None
    beat: tuple[int, int] | None = None

    @property
    def frames(self) -> NDArray[np.uint8]:
        """(F, S, S) uint8, as the model sees them."""
        return self.video.frames

    @property
    def is_phantom(self) -> bool:
        """Whether the heart is simulated."""
        return self.video.is_phantom

    def warnings(self, model: EchoModel, prediction: float) -> tuple[str, ...]:
        """What speaks against trusting what the model says of it."""
        trained_on = _trained_on(model)
        cautions = cautions_of_video(self.video, model.model_input, trained_on, model.target)
        cautions += [] if self.beat is None else cautions_of_beat(self.video, model)
        return (*cautions, *(cautions_of_ef(prediction, trained_on) if model.target == "ef" else []))


@dataclass(frozen=True, eq=False)
class EmbeddedClip:
    """A clip, and where a model puts it.

    Attributes:
        clip: the file.
        embedding: (D,) float32, the mean over its clips, as a recording's is.
        ef_percent: predicted.
        warnings: what speaks against trusting it.
    """

    clip: ClipFile
    embedding: NDArray[np.float32]
    ef_percent: float
    warnings: tuple[str, ...]


def read_clip(model: EchoModel, path: Path, *, beat: Beat | None = None) -> ClipFile:
    """Read a file for a model, as `Predictor` does.

    Args:
        model: that shall see it.
        path: the clip.
        beat: first and last frame of the beat, or "all", for a model that looks at one beat, and for it alone.

    Raises:
        VideoError: not a readable clip, or shorter than the beat, or it has no sector.
        RecipeError: the model looks at one beat and none is given, or the reverse.
    """
    check_beat(model, beat)
    if beat is not None:
        video, frames_of_beat, num_frames = read_beat(path, beat, model)
        # A whole beat is interpolated to the model's frames; clips of a stride have their place in time.
        seen = video if model.model_input.is_whole_beat else at_training_rate(video, _trained_on(model))
        return ClipFile(seen, lit_sector(seen.frames, str(path)), num_frames, video.fps, frames_of_beat)
    file = read_clip_file(path)
    # Resized first: a whole screen has fifty times the pixels.
    resized = replace(file, frames=resize_frames(file.frames, model.model_input.frame_size))
    seen = at_training_rate(resized, _trained_on(model))
    return ClipFile(seen, lit_sector(seen.frames, str(path)), file.num_frames, file.fps)


def _trained_on(model: EchoModel) -> TrainedOn | None:
    return None if model.card is None else model.card.trained_on


def embed_file(
    model: EchoModel, path: Path, *, clips: int = DEFAULT_CLIPS, batch_size: int = 8, beat: Beat | None = None
) -> EmbeddedClip:
    """Embed a file as `embed_recordings` embeds a recording.

    Args:
        model: on the device that shall compute.
        path: the clip.
        clips: evenly placed clips of it.
        batch_size: clips at once.
        beat: see `read_clip`.

    Raises:
        VideoError: as in `read_clip`.
        RecipeError: as in `read_clip`, or fewer than one clip.
    """
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")
    clip = read_clip(model, path, beat=beat)
    starts = even_starts(len(clip.frames), model.model_input, clips)
    prediction = predict_video(model, clip.frames, starts, batch_size=batch_size)
    embedding = prediction.embeddings.mean(axis=0).astype(np.float32)
    return EmbeddedClip(clip, embedding, prediction.value, clip.warnings(model, prediction.value))
