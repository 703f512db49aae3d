"""From a file, or an array, to what a model sees of it: once for all commands."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError, UnsuitableError, VideoError
from coreecho.inference.beat import Beat, cautions_of_beat, check_beat, read_beat
from coreecho.inference.cautions import cautions_of_value, cautions_of_video
from coreecho.inference.engine import predict_video
from coreecho.inference.frame_rate import at_training_rate
from coreecho.models.card import TrainedOn
from coreecho.models.echo_model import EchoModel
from coreecho.names import counted
from coreecho.video import Video, even_starts, resize_frames
from coreecho.video.dicom_series import Series
from coreecho.video.lit_sector import lit_sector
from coreecho.video.reader_process import ReaderProcesses, ResizedVideo, read_resized
from coreecho.video.reading import ClipPath
from coreecho.video.sector import MIN_FRAMES

# Evenly placed clips of a recording whose mean is taken, as in the paper.
DEFAULT_CLIPS = 3
# Reads a file at a frame size, and `axes=` of an array; in this process, or in one that can be ended.
ReadFile = Callable[..., ResizedVideo]


@dataclass(frozen=True, eq=False)
class ClipFile:
    """A clip as a model sees it.

    Attributes:
        video: of the model's frame size, and at the training's frame rate where it could be brought to it; its notes
            say what was done.
        file_num_frames: frames of the file.
        file_fps: frames per second of the file; None where it does not say.
        beat: first and last frame of the file, both included, where the clip is one beat; the last may come first.
        read_fps: frames per second before the clip was brought to the training's frame rate.
    """

    video: Video
    file_num_frames: int
    file_fps: float | None
    beat: tuple[int, int] | None = None
    read_fps: float | None = None

    @property
    def frames(self) -> NDArray[np.uint8]:
        """(F, S, S) uint8, as the model sees them."""
        return self.video.frames

    @property
    def is_phantom(self) -> bool:
        """Whether the heart is simulated."""
        return self.video.is_phantom

    @cached_property
    def sector(self) -> NDArray[np.bool_]:
        """(S, S), where there is ultrasound; nothing else may be shown. Raises VideoError: there is none."""
        return lit_sector(self.frames, self.video.source)

    def file_frames(self, starts: Sequence[int]) -> tuple[int, ...]:
        """The frames of the file at which clips start that start at these frames."""
        step = 1.0
        if self.read_fps is not None and self.video.fps is not None:
            step = self.read_fps / self.video.fps
        first, last = self.beat or (0, self.file_num_frames)
        direction = 1 if first <= last else -1
        return tuple(first + direction * round(start * step) for start in starts)

    def cautions(self, model: EchoModel) -> list[str]:
        """How it differs from what the model was trained on."""
        cautions = cautions_of_video(
            self.video, model.model_input, _trained_on(model), model.task, read_fps=self.read_fps
        )
        return cautions + ([] if self.beat is None else cautions_of_beat(self.video, model))

    def warnings(self, model: EchoModel, output: float) -> tuple[str, ...]:
        """What speaks against trusting what the model says of it.

        Args:
            model: that saw it.
            output: of the network, the mean over the clips.
        """
        value = float(model.task.value_of(np.array([output]))[0])
        return (*self.cautions(model), *cautions_of_value(value, _trained_on(model), model.task))


@dataclass(frozen=True, eq=False)
class EmbeddedClip:
    """A clip, and where a model puts it.

    Attributes:
        clip: the file.
        embedding: (D,) float32, the mean over its clips, as a recording's is.
        predicted: what a person reads of the model: of the mean of the network's output over the clips.
        warnings: what speaks against trusting it.
    """

    clip: ClipFile
    embedding: NDArray[np.float32]
    predicted: float
    warnings: tuple[str, ...]


_READERS = 2


@contextmanager
def clip_reader(seconds_a_file: float | None) -> Iterator[ReadFile]:
    """What reads files from outside: processes that can be ended, where this program may start any.

    Args:
        seconds_a_file: that a file has, and one more for each megabyte; None reads in this process.
    """
    if seconds_a_file is None or not sys.executable:
        yield read_resized
        return
    with ReaderProcesses(_READERS, seconds=seconds_a_file) as processes:
        yield processes.read


def prepare_file(
    model: EchoModel,
    path: ClipPath,
    *,
    beat: Beat | None = None,
    axes: str | None = None,
    read: ReadFile = read_resized,
) -> ClipFile:
    """Read a file for a model.

    Args:
        model: that shall see it.
        path: the clip: a file, or the files of a series.
        beat: first and last frame of the beat, or "all", for a model that looks at one beat, and for it alone.
        axes: of an array, where they are not the usual ones: see `read_video`.
        read: what reads whole videos.

    Raises:
        VideoError: not a readable clip, black, a still, too short for a heartbeat, or shorter than the beat.
        RecipeError: the model looks at one beat and none is given, or the reverse.
    """
    check_beat(model, beat)
    options = {} if axes is None else {"axes": axes}
    if beat is not None:
        if read is not read_resized:
            # A beat is cut out in this process, once another has shown that the file can be read in time and memory.
            read(path, model.model_input.frame_size, **options)
        video, frames_of_beat, num_frames = read_beat(path, beat, model, axes=axes)
        video.refuse_unmoved()
        # A whole beat is interpolated to the model's frames; clips of a stride have their place in time.
        seen = video if model.model_input.is_whole_beat else at_training_rate(video, _trained_on(model))
        return ClipFile(seen, num_frames, video.fps, frames_of_beat, video.fps)
    file = read(path, model.model_input.frame_size, **options)
    if file.num_frames < MIN_FRAMES:
        raise UnsuitableError(
            f"{path}: has {counted(file.num_frames, 'frames')}; a heartbeat takes at least {MIN_FRAMES}. Give the "
            "whole clip."
        )
    file.video.refuse_unmoved()
    return ClipFile(
        at_training_rate(file.video, _trained_on(model)), file.num_frames, file.fps, read_fps=file.video.fps
    )


def prepare_array(model: EchoModel, frames: NDArray[np.uint8], *, fps: float | None = None, name: str) -> ClipFile:
    """Take an array for a clip, as `prepare_file` takes a file.

    Args:
        model: that shall see it. One that looks at one beat takes the array for that beat.
        frames: (T, H, W) uint8, grey, 0 black to 255 white: the sector, without text.
        fps: frames per second; None where they are not known.
        name: of the array, for messages.

    Raises:
        VideoError: another shape or kind of number, too few frames, black or unmoved ones, or an impossible frame rate.
    """
    array = np.asarray(frames)
    if array.ndim != 3 or array.dtype != np.uint8:
        raise VideoError(
            f"{name}: expected grey frames (T, H, W) of uint8, 0 black to 255 white, or several clips (B, T, H, W); "
            f"got shape {array.shape} of {array.dtype}.{_conversion(array)}"
        )
    if len(array) < MIN_FRAMES and not model.model_input.is_whole_beat:
        raise VideoError(
            f"{name}: has {counted(len(array), 'frames')} (shape {array.shape}, read as (T, H, W)); a heartbeat takes "
            f"at least {MIN_FRAMES}. Give the whole clip."
        )
    if 0 in array.shape:
        raise VideoError(f"{name}: expected frames (T, H, W) with T, H and W at least 1; got shape {array.shape}.")
    try:
        given = Video(resize_frames(array, model.model_input.frame_size), fps, name)
        given.refuse_unmoved()
    except VideoError as error:
        raise VideoError(f"{error} The array has the shape {array.shape}, read as (T, H, W).") from error
    if model.model_input.is_whole_beat:
        return ClipFile(given, len(array), fps, (0, len(array) - 1), fps)
    return ClipFile(at_training_rate(given, _trained_on(model)), len(array), fps, read_fps=fps)


def _conversion(array: NDArray[Any]) -> str:
    """How to make bytes of other numbers; empty where that is not what is wrong."""
    if array.dtype.kind != "f":
        return ""
    if bool((np.abs(array) <= 1).all()):
        return " Convert numbers from 0 to 1 by `np.rint(frames * 255).astype(np.uint8)`."
    return " Convert numbers from 0 to 255 by `np.rint(np.clip(frames, 0, 255)).astype(np.uint8)`."


def read_clip(model: EchoModel, path: ClipPath, *, beat: Beat | None = None, axes: str | None = None) -> ClipFile:
    """Read a file of which pictures are to be shown; as `prepare_file`.

    Raises:
        VideoError: as in `prepare_file`, or it has no sector.
        RecipeError: as in `prepare_file`.
    """
    clip = prepare_file(model, path, beat=beat, axes=axes)
    # Found here, and not after minutes of computing.
    _ = clip.sector
    return clip


def embed_file(
    model: EchoModel,
    path: ClipPath,
    *,
    clips: int = DEFAULT_CLIPS,
    batch_size: int = 8,
    beat: Beat | None = None,
    axes: str | None = None,
) -> EmbeddedClip:
    """Embed a file as `embed_recordings` embeds a recording.

    Args:
        model: on the device that shall compute.
        path: the clip.
        clips: evenly placed clips of it.
        batch_size: clips at once.
        beat: see `prepare_file`.
        axes: see `prepare_file`.

    Raises:
        VideoError: as in `read_clip`.
        RecipeError: as in `read_clip`, or fewer than one clip.
    """
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")
    clip = read_clip(model, path, beat=beat, axes=axes)
    starts = even_starts(len(clip.frames), model.model_input, clips)
    prediction = predict_video(model, clip.frames, starts, batch_size=batch_size)
    predicted = float(model.task.value_of(np.array([prediction.value]))[0])
    return EmbeddedClip(clip, prediction.embedding, predicted, clip.warnings(model, prediction.value))


def _trained_on(model: EchoModel) -> TrainedOn | None:
    return None if model.card is None else model.card.trained_on


def refuse_files(clip: object) -> None:
    """See that what is taken for an array is no list of files. Raises RecipeError."""
    files = clip if isinstance(clip, list | tuple | set | frozenset) else ()
    if any(isinstance(each, str | Path | Series) for each in files):
        raise RecipeError(
            f"clip: expected one file a call, got a {type(clip).__name__} of {len(files)}. "
            "`Predictor.predict_many` takes several."
        )
