"""File -> EF, or probability of an infarction: reads a clip, predicts, and says what speaks against trusting it."""

import statistics
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.special import expit

from coreecho.errors import CheckpointError, CoReEchoError, RecipeError
from coreecho.inference.beat import Beat, cautions_of_beat, check_beat, read_beat
from coreecho.inference.cautions import cautions_of_ef, cautions_of_video
from coreecho.inference.clip_reading import read_clip_file
from coreecho.inference.files import PredictionFailure, find_files
from coreecho.inference.frame_rate import at_training_rate
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.device import find_device
from coreecho.models.echo_model import EchoModel
from coreecho.models.video_prediction import predict_video
from coreecho.models.weights import load_model
from coreecho.target import Target
from coreecho.video.clips import all_starts, even_starts
from coreecho.video.resizing import resize_frames
from coreecho.video.video import Video

NOTICES: dict[Target, str] = {
    "ef": "Not a medical device: this EF must not guide the care of a patient.",
    "mi": "Not a medical device: this probability must not guide the care of a patient.",
}
NOTICE = NOTICES["ef"]
# Two files decode while a third is predicted, and at most four wait: memory holds a few videos of the model's size.
_READERS = 2
_READ_AHEAD = 4


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model reads from one file: an EF, or the probability of an infarction.

    Attributes:
        file: its path, as given or as found in a given folder.
        ef_percent: mean over the clips, percent. Not cut to 0 to 100: an impossible EF should look like one. None of a
            model that finds infarctions.
        clip_ef_percent: EF of each clip.
        clip_sd: standard deviation over the clips, EF points; None for a single clip.
        clip_starts: first frame of each clip, in the file's frames.
        warnings: what speaks against trusting the prediction.
        notes: what was done to the video, such as cropping it to the sector, or resampling it to the frame rate of
            the training.
        fps: frames per second of the file; None where it does not say.
        num_frames: length of the file's video.
        model: what predicted it.
        notice: what this number is not.
        mi_probability: that the wall moves as after a myocardial infarction, 0 to 1: the logistic function of the mean
            of the clips' logits. None of a model that reads EF.
        beat: first and last frame of the beat that was looked at, counted from 0, both included; None where the whole
            video was.
    """

    file: str
    ef_percent: float | None
    clip_ef_percent: tuple[float, ...]
    clip_sd: float | None
    clip_starts: tuple[int, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    fps: float | None
    num_frames: int
    model: str
    notice: str = NOTICE
    mi_probability: float | None = None
    beat: tuple[int, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class _ReadyVideo:
    """A video at the model's size, with what was known of it before.

    Attributes:
        frames: (T, S, S) uint8, at the training's frame rate where the file's could be brought to it.
        fps: frames per second of the file.
        num_frames: frames of the file.
        step: frames of the file from one of `frames` to the next; 1 where nothing was resampled.
        cautions: how it differs from the training.
        notes: what was done to it.
        beat: first and last frame in the file, where it is a beat.
    """

    frames: NDArray[np.uint8]
    fps: float | None
    num_frames: int
    step: float
    cautions: list[str]
    notes: tuple[str, ...]
    beat: tuple[int, int] | None = None

    def file_frames(self, starts: list[int]) -> tuple[int, ...]:
        """The frames of the file at which clips start that start at these frames."""
        first, last = self.beat or (0, self.num_frames)
        direction = 1 if first <= last else -1
        return tuple(first + direction * round(start * self.step) for start in starts)


class Predictor:
    """Predicts the EF of echocardiogram files (apical four-chamber clips), or the probability of an infarction.

    Example:
        predictor = Predictor("runs/demo")
        print(predictor("clip.dcm").ef_percent)

    Args:
        model_or_path: a run folder, a `.safetensors` file, or a loaded model.
        clips: evenly placed clips of each video whose mean is the EF; "all" covers the whole video, one clip each
            stride.
        device: where to compute: "cpu", "gpu", "auto", "cuda:1". When not given, a loaded model stays where it is and
            one from a path goes to the CPU.
        batch_size: clips at once.
        beat: first and last frame of the beat in each file, counted from 0, both included, or "all" frames; the last
            before the first runs backwards. For models that look at one beat, such as those trained on CAMUS and
            HMC-QU, and for those alone.

    Attributes:
        model: the EchoModel, in evaluation mode.
        card: where its weights come from; None for a model that was built by hand.
        model_name: in one line.

    Raises:
        CheckpointError: no readable model at the path.
        RecipeError: `clips`, `batch_size` or `beat` make no sense, or there is no such device.
    """

    def __init__(
        self,
        model_or_path: EchoModel | str | Path,
        *,
        clips: int | Literal["all"] = 3,
        device: str | None = None,
        batch_size: int = 8,
        beat: Beat | None = None,
    ) -> None:
        if clips != "all" and (isinstance(clips, bool) or not isinstance(clips, int) or clips < 1):
            raise RecipeError(f"clips: expected a number of at least 1, or 'all', got {clips!r}")
        if batch_size < 1:
            raise RecipeError(f"batch_size: expected at least 1, got {batch_size}")
        if isinstance(model_or_path, EchoModel):
            self.model = model_or_path if device is None else model_or_path.to(find_device(device))
            # Batch normalisation and dropout of a model in training would make an EF depend on its neighbours.
            self.model.eval()
        else:
            self.model = load_model(model_or_path, device=find_device(device or "cpu"))
        if beat is not None:
            check_beat(self.model, beat)
        self.card: WeightsCard | None = self.model.card
        self.beat = beat
        self.clips = clips
        self.batch_size = batch_size
        self.model_name = _describe(self.card)

    def __call__(self, path: str | Path, *, beat: Beat | None = None) -> Prediction:
        """Predict one file.

        Args:
            path: of the file.
            beat: of this file, before that of all files.

        Raises:
            VideoError: it is not a readable clip, or shorter than the beat.
            RecipeError: the model looks at one beat and none is given, or the reverse.
            CheckpointError: the model's prediction is not a number.
        """
        beat = self.beat if beat is None else beat
        check_beat(self.model, beat)
        return self._predict(str(path), self._read(path, beat))

    def predict_many(
        self, paths: Iterable[str | Path], *, show_progress: bool = False
    ) -> Iterator[Prediction | PredictionFailure]:
        """Predict files and folders, in order; the next files are read while one is predicted.

        A file that cannot be predicted gives a `PredictionFailure` and never stops the others.

        Args:
            paths: files, and folders whose files are taken at any depth (see `find_files`).
            show_progress: show a bar with the time left, on stderr.

        Yields:
            One result a file.

        Raises:
            RecipeError: the model looks at one beat, and the predictor was not told which.
        """
        check_beat(self.model, self.beat)
        files = find_files([paths] if isinstance(paths, str | Path) else paths)
        yield from track(
            self._predict_in_order(files),
            total=len(files),
            description="Files",
            console=Console(stderr=True),
            disable=not show_progress,
            transient=True,
        )

    def _predict_in_order(self, files: list[Path | PredictionFailure]) -> Iterator[Prediction | PredictionFailure]:
        left = iter(files)
        waiting: deque[tuple[str, Future[_ReadyVideo] | PredictionFailure]] = deque()
        pool = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="coreecho-reader")
        try:
            while True:
                for file in islice(left, _READ_AHEAD - len(waiting)):
                    if isinstance(file, PredictionFailure):
                        waiting.append((file.file, file))
                    else:
                        waiting.append((str(file), pool.submit(self._read, file, self.beat)))
                if not waiting:
                    return
                yield self._result(*waiting.popleft())
        finally:
            # Also when the caller stops half way: nothing goes on reading behind its back.
            pool.shutdown(wait=True, cancel_futures=True)

    def _result(self, file: str, reading: Future[_ReadyVideo] | PredictionFailure) -> Prediction | PredictionFailure:
        if isinstance(reading, PredictionFailure):
            return reading
        try:
            return self._predict(file, reading.result())
        except CoReEchoError as error:
            return PredictionFailure(file=file, error=str(error).removeprefix(f"{file}: "))
        except Exception as error:
            # A file that trips a fault nobody foresaw must not take the other ten thousand with it.
            return PredictionFailure(file=file, error=f"unexpected {type(error).__name__}: {error}")

    def _read(self, path: str | Path, beat: Beat | None) -> _ReadyVideo:
        if beat is not None:
            return self._read_beat(path, beat)
        video = read_clip_file(path)
        model_input = self.model.model_input
        # Resized first: a whole screen has fifty times the pixels.
        seen = replace(video, frames=resize_frames(video.frames, model_input.frame_size))
        seen = at_training_rate(seen, self._trained_on)
        return _ReadyVideo(
            seen.frames, video.fps, video.num_frames, _step(video, seen), self._cautions(seen), seen.notes
        )

    def _read_beat(self, path: str | Path, beat: Beat) -> _ReadyVideo:
        video, frames, num_frames = read_beat(path, beat, self.model)
        # A whole beat is interpolated to the model's frames; clips of a stride have their place in time.
        seen = video if self.model.model_input.is_whole_beat else at_training_rate(video, self._trained_on)
        cautions = self._cautions(seen) + cautions_of_beat(video, self.model)
        return _ReadyVideo(seen.frames, video.fps, num_frames, _step(video, seen), cautions, seen.notes, frames)

    def _cautions(self, seen: Video) -> list[str]:
        return cautions_of_video(seen, self.model.model_input, self._trained_on, self.model.target)

    def _predict(self, file: str, video: _ReadyVideo) -> Prediction:
        sampling, is_ef = self.model.model_input, self.model.target == "ef"
        if self.clips == "all":
            starts = all_starts(len(video.frames), sampling, sampling.stride)
        else:
            starts = even_starts(len(video.frames), sampling, self.clips)
        predicted = predict_video(self.model, video.frames, starts, batch_size=self.batch_size)
        value = predicted.value
        if not np.isfinite(value):
            read = "EF" if is_ef else "logit"
            raise CheckpointError(f"{file}: the model's {read} is {value}, not a number; its weights may be damaged.")
        clip_ef = tuple(float(ef) for ef in predicted.clip_values) if is_ef else ()
        return Prediction(
            file=file,
            ef_percent=value if is_ef else None,
            mi_probability=None if is_ef else float(expit(value)),
            clip_ef_percent=clip_ef,
            clip_sd=statistics.stdev(clip_ef) if len(clip_ef) > 1 else None,
            clip_starts=video.file_frames(starts),
            warnings=(*video.cautions, *(cautions_of_ef(value, self._trained_on) if is_ef else [])),
            notes=video.notes,
            fps=video.fps,
            num_frames=video.num_frames,
            model=self.model_name,
            notice=NOTICES[self.model.target],
            beat=video.beat,
        )

    @property
    def _trained_on(self) -> TrainedOn | None:
        return None if self.card is None else self.card.trained_on


def _step(video: Video, seen: Video) -> float:
    """Frames of a video from one frame that is seen to the next; 1 where nothing was resampled."""
    return video.fps / seen.fps if video.fps is not None and seen.fps is not None else 1.0


def _describe(card: WeightsCard | None) -> str:
    if card is None:
        return "a model without a card"
    if card.trained_on is None:
        return f"{card.encoder}, {card.source}"
    trained_on = card.trained_on
    hearts = "simulated" if trained_on.is_phantom else "real"
    return (
        f"recipe {trained_on.recipe} ({card.encoder}), weights of epoch {trained_on.epoch + 1}, "
        f"trained on {trained_on.num_recordings} recordings of {trained_on.dataset} ({hearts} hearts)"
    )
