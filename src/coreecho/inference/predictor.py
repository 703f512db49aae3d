"""File -> EF: reads a clip, predicts, and says what speaks against trusting the number."""

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

from coreecho.errors import CheckpointError, CoReEchoError, RecipeError
from coreecho.inference.cautions import cautions_of_ef, cautions_of_video
from coreecho.inference.device import find_device
from coreecho.inference.files import PredictionFailure, find_files
from coreecho.inference.frame_rate import at_training_rate
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.echo_model import EchoModel
from coreecho.models.video_prediction import predict_video
from coreecho.models.weights import load_model
from coreecho.video import read_video
from coreecho.video.clips import all_starts, even_starts
from coreecho.video.resizing import resize_frames

NOTICE = "Not a medical device: this EF must not guide the care of a patient."
# Two files decode while a third is predicted, and at most four wait: memory holds a few videos of the model's size.
_READERS = 2
_READ_AHEAD = 4


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The EF of one file.

    Attributes:
        file: its path, as given or as found in a given folder.
        ef_percent: mean over the clips, percent. Not cut to 0 to 100: an impossible EF should look like one.
        clip_ef_percent: EF of each clip.
        clip_sd: standard deviation over the clips, EF points; None for a single clip.
        clip_starts: first frame of each clip, in the file's frames.
        warnings: what speaks against trusting the EF.
        notes: what was done to the video, such as cropping it to the sector, or resampling it to the frame rate of
            the training.
        fps: frames per second of the file; None where it does not say.
        num_frames: length of the file's video.
        model: what predicted it.
        notice: what this number is not.
    """

    file: str
    ef_percent: float
    clip_ef_percent: tuple[float, ...]
    clip_sd: float | None
    clip_starts: tuple[int, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    fps: float | None
    num_frames: int
    model: str
    notice: str = NOTICE

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
    """

    frames: NDArray[np.uint8]
    fps: float | None
    num_frames: int
    step: float
    cautions: list[str]
    notes: tuple[str, ...]


class Predictor:
    """Predicts the EF of echocardiogram files (apical four-chamber clips).

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

    Attributes:
        model: the EchoModel, in evaluation mode.
        card: where its weights come from; None for a model that was built by hand.
        model_name: in one line.

    Raises:
        CheckpointError: no readable model at the path.
        RecipeError: `clips` or `batch_size` make no sense, or there is no such device.
    """

    def __init__(
        self,
        model_or_path: EchoModel | str | Path,
        *,
        clips: int | Literal["all"] = 3,
        device: str | None = None,
        batch_size: int = 8,
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
        self.card: WeightsCard | None = self.model.card
        self.clips = clips
        self.batch_size = batch_size
        self.model_name = _describe(self.card)

    def __call__(self, path: str | Path) -> Prediction:
        """Predict one file.

        Raises:
            VideoError: it is not a readable clip.
            CheckpointError: the model's EF is not a number.
        """
        return self._predict(str(path), self._read(path))

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
        """
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
                        waiting.append((str(file), pool.submit(self._read, file)))
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

    def _read(self, path: str | Path) -> _ReadyVideo:
        video = read_video(path)
        model_input = self.model.model_input
        # Resized first: a whole screen has fifty times the pixels.
        seen = replace(video, frames=resize_frames(video.frames, model_input.frame_size))
        seen = at_training_rate(seen, self._trained_on)
        cautions = cautions_of_video(seen, model_input, self._trained_on)
        step = video.fps / seen.fps if video.fps is not None and seen.fps is not None else 1.0
        return _ReadyVideo(seen.frames, video.fps, video.num_frames, step, cautions, seen.notes)

    def _predict(self, file: str, video: _ReadyVideo) -> Prediction:
        sampling = self.model.model_input
        if self.clips == "all":
            starts = all_starts(len(video.frames), sampling, sampling.stride)
        else:
            starts = even_starts(len(video.frames), sampling, self.clips)
        predicted = predict_video(self.model, video.frames, starts, batch_size=self.batch_size)
        ef_percent = predicted.value
        if not np.isfinite(ef_percent):
            raise CheckpointError(f"{file}: the model's EF is {ef_percent}, not a number; its weights may be damaged.")
        clip_ef = tuple(float(ef) for ef in predicted.clip_values)
        return Prediction(
            file=file,
            ef_percent=ef_percent,
            clip_ef_percent=clip_ef,
            clip_sd=statistics.stdev(clip_ef) if len(clip_ef) > 1 else None,
            clip_starts=tuple(round(start * video.step) for start in starts),
            warnings=(*video.cautions, *cautions_of_ef(ef_percent, self._trained_on)),
            notes=video.notes,
            fps=video.fps,
            num_frames=video.num_frames,
            model=self.model_name,
        )

    @property
    def _trained_on(self) -> TrainedOn | None:
        return None if self.card is None else self.card.trained_on


def _describe(card: WeightsCard | None) -> str:
    if card is None:
        return "a model without a card"
    if card.trained_on is None:
        return f"{card.encoder}, {card.source}"
    trained_on = card.trained_on
    hearts = "simulated" if trained_on.is_phantom else "real"
    return (
        f"{card.encoder}, recipe {trained_on.recipe}, epoch {trained_on.epoch}, "
        f"trained on {trained_on.num_studies} studies of {trained_on.dataset} ({hearts} hearts)"
    )
