"""File -> what a model reads: predicts clips, and says what speaks against trusting each number."""

import statistics
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import CheckpointError, RecipeError, VideoError, log_unforeseen
from coreecho.inference.appraising import Appraiser, calibration_beside, split_copies
from coreecho.inference.beat import Beat, check_beat
from coreecho.inference.cautions import cautions_of_value
from coreecho.inference.engine import ClipRequest, Precision, VideoPrediction, predict_video, predict_videos
from coreecho.inference.files import FileListing, PredictionFailure, list_files
from coreecho.inference.prediction import SAME_FRAMES, Prediction
from coreecho.inference.preparing import ClipFile, ReadFile, clip_reader, prepare_array, prepare_file, refuse_files
from coreecho.models.card import TrainedOn, WeightsCard, origin
from coreecho.models.device import find_device
from coreecho.models.echo_model import EchoModel
from coreecho.models.evaluating import check_precision
from coreecho.models.weights import hash_weights, load_model
from coreecho.names import counted
from coreecho.progress import track
from coreecho.shipped import DEFAULT, RESEARCH_MODEL, is_default
from coreecho.trust import ModelCalibration, read_calibration
from coreecho.video.clips import all_starts, even_starts
from coreecho.video.dicom_ids import read_ids
from coreecho.video.dicom_series import Series
from coreecho.video.limits import SECONDS_A_FILE
from coreecho.video.reading import ClipPath
from coreecho.video.sector import MIN_FRAMES

_COLOURS_FIRST = (
    " Do the frames come with their channels before rows and columns, (T, C, H, W)? Give one channel: frames[:, 0]."
)
_NOTHING: NDArray[np.uint8] = np.zeros((0, 0, 0), dtype=np.uint8)


class Predictor:
    """Predicts what a model reads from echocardiogram files (apical four-chamber clips): an EF, or what it learned.

    Example:
        predictor = Predictor("runs/demo")  # or Predictor(), the model that ships
        print(predictor("clip.dcm").ef_percent)
        print(predictor(frames, fps=50).ef_percent)  # (T, H, W) uint8

    One predictor may serve several threads at once, and every number is the one that it gives alone: nothing of it
    changes after it was made, and its model only computes. An iterator of `predict_many` belongs to the thread that
    goes through it. The files of `predict_many` are read in other processes, so that one of them cannot take all time
    or memory; what is given to a call itself is read in this one.

    Args:
        model_or_path: a run folder, a `.safetensors` file, or a loaded model; when not given, the model that ships with
            the package: a research model that has seen no patient.
        clips: evenly placed clips of each video whose mean is the EF; "all" covers the whole video, one clip each
            stride.
        device: where to compute: "cpu", "gpu", "auto", "cuda:1". When not given, a loaded model stays where it is and
            one from a path goes to the CPU.
        batch_size: clips at once, of one file after another.
        beat: first and last frame of the beat in each file, counted from 0, both included, or "all" frames; the last
            before the first runs backwards. For models that look at one beat, such as those trained on CAMUS and
            HMC-QU, and for those alone.
        precision: of the encoder: "fp32", or "bf16", which is right to about three digits, and on GPUs faster for
            many clips at once.
        seconds_a_file: that `predict_many` lets a file take to be read, and one more for each megabyte; None reads the
            files in this process, for as long as they take.
        axes: of files that are arrays, where these are not the usual ones: their letters, as `read_video` takes them.
        calibration: the file that says what the model's EF is worth; the one beside the weights when not given. A
            loaded model has none beside it, and takes what `read_calibration` gave.
        joins_series: `predict_many` takes the single DICOM frames of a series, one a file, for one clip. Without it
            they have no prediction: they may as well be the stills of an examination.
        reads_ids: `predict_many` says of DICOM files what an archive knows them by, which may lead to a patient.

    Attributes:
        model: the EchoModel, in evaluation mode.
        card: where its weights come from; None for a model that was built by hand.
        model_name: in one line.
        calibrated: what says how much an EF is worth; None where the model was never calibrated.

    Raises:
        CheckpointError: no readable model at the path.
        CalibrationError: the calibration is damaged, or of other weights.
        RecipeError: `clips`, `batch_size`, `precision` or `beat` make no sense, or there is no such device.
    """

    def __init__(
        self,
        model_or_path: EchoModel | str | Path = DEFAULT,
        *,
        clips: int | Literal["all"] = 3,
        device: str | None = None,
        batch_size: int = 8,
        beat: Beat | None = None,
        precision: Precision = "fp32",
        seconds_a_file: float | None = SECONDS_A_FILE,
        axes: str | None = None,
        joins_series: bool = False,
        reads_ids: bool = False,
        calibration: ModelCalibration | str | Path | None = None,
    ) -> None:
        if clips != "all" and (isinstance(clips, bool) or not isinstance(clips, int) or clips < 1):
            raise RecipeError(f"clips: expected a number of at least 1, or 'all', got {clips!r}")
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise RecipeError(f"batch_size: expected a whole number of at least 1, got {batch_size!r}")
        if seconds_a_file is not None and not (is_number(seconds_a_file) and seconds_a_file > 0):
            raise RecipeError(f"seconds_a_file: expected more than 0, or None, got {seconds_a_file!r}")
        check_precision(precision)
        if axes is not None and not isinstance(axes, str):
            raise RecipeError(f"axes: expected letters such as 'HWT', or None, got {axes!r}")
        if isinstance(model_or_path, EchoModel):
            self.model = model_or_path if device is None else model_or_path.to(find_device(device))
            # Batch normalisation and dropout of a model in training would make an EF depend on its neighbours.
            self.model.eval()
        else:
            self.model = load_model(model_or_path, device=find_device(device or "cpu"))
        if beat is not None:
            check_beat(self.model, beat)
        self.calibrated = _calibration_of(model_or_path, calibration)
        self.card: WeightsCard | None = self.model.card
        self._appraiser = Appraiser(
            self.calibrated,
            self.model.task,
            self.model.model_input,
            learned_from_phantoms=self._trained_on is not None and self._trained_on.is_phantom,
        )
        self.beat = beat
        self.clips = clips
        self.batch_size = batch_size
        self.precision: Precision = precision
        self.seconds_a_file = seconds_a_file
        self.axes = axes
        self.joins_series = joins_series
        self.reads_ids = reads_ids
        self.model_name = _describe(self.card)
        if is_default(model_or_path):
            self.model_name = f"the model that ships with coreecho, {RESEARCH_MODEL}: {self.model_name}"

    @overload
    def __call__(self, clip: ClipPath, *, beat: Beat | None = None) -> Prediction: ...

    @overload
    def __call__(self, clip: NDArray[np.uint8], *, fps: float | None = None) -> "Prediction | list[Prediction]": ...

    def __call__(
        self, clip: ClipPath | NDArray[np.uint8], *, beat: Beat | None = None, fps: float | None = None
    ) -> "Prediction | list[Prediction]":
        """Predict one file, or one or several clips in memory.

        Args:
            clip: a file, or the files of a series; or grey frames of uint8, 0 black to 255 white: (T, H, W), or
                (B, T, H, W) for several clips. An array is taken for the sector, without text; a model of one beat
                takes it for that beat.
            beat: of this file, before that of all files.
            fps: frames per second of an array; with it, clips of another frame rate than the training's are resampled.

        Returns:
            The prediction; of an array (B, T, H, W) a list of them.

        Raises:
            VideoError: it is not a readable clip, or shorter than the beat, or an array of another shape.
            RecipeError: the model looks at one beat and none is given, or the reverse.
            CheckpointError: the model's prediction is not a number.
        """
        return self._predict(clip, beat, fps)

    def _predict(
        self, clip: ClipPath | NDArray[np.uint8], beat: Beat | None, fps: float | None
    ) -> "Prediction | list[Prediction]":
        if isinstance(clip, str | Path | Series):
            if fps is not None:
                raise RecipeError(f"fps: {clip} is a file, which says its own frame rate; give fps with an array.")
            beat = self.beat if beat is None else beat
            return self._predict_clip(str(clip), prepare_file(self.model, clip, beat=beat, axes=self.axes))
        if beat is not None:
            raise RecipeError("beat: an array is taken whole; give the frames of the beat, frames[first : last + 1].")
        if fps is not None and not is_number(fps):
            raise RecipeError(f"fps: expected frames per second, a positive number or None; got {fps!r}")
        refuse_files(clip)
        frames = np.asarray(clip)
        if frames.ndim != 4:
            return self._predict_clip("array", prepare_array(self.model, frames, fps=fps, name="array"))
        if not len(frames):
            raise VideoError(f"array: expected clips (B, T, H, W), B at least 1; got shape {frames.shape}.")
        if frames.shape[1] < MIN_FRAMES and not self.model.model_input.is_whole_beat:
            raise VideoError(
                f"array: has {counted(frames.shape[1], 'frames')} a clip (shape {frames.shape}, read as (B, T, H, W)); "
                f"a heartbeat takes at least {MIN_FRAMES}.{_COLOURS_FIRST if frames.shape[1] in (1, 3) else ''}"
            )
        if frames.shape[-1] == 3:
            raise VideoError(
                f"array: expected grey frames (T, H, W), or several clips (B, T, H, W); got shape {frames.shape}, "
                "which looks like colour (T, H, W, 3). Give one of the three channels: frames[..., 0]."
            )
        names = [f"array[{number}]" for number in range(len(frames))]
        clips = [prepare_array(self.model, clip, fps=fps, name=name) for name, clip in zip(names, frames, strict=True)]
        requests = [ClipRequest(number, partial(self._asked_of, clip)) for number, clip in enumerate(clips)]
        videos = predict_videos(self.model, requests, batch_size=self.batch_size, precision=self.precision)
        return [self._prediction(names[number], clips[number], video) for number, video in videos]

    @overload
    def embed(self, clip: ClipPath, *, beat: Beat | None = None) -> NDArray[np.float32]: ...

    @overload
    def embed(self, clip: NDArray[np.uint8], *, fps: float | None = None) -> NDArray[np.float32]: ...

    def embed(
        self, clip: ClipPath | NDArray[np.uint8], *, beat: Beat | None = None, fps: float | None = None
    ) -> NDArray[np.float32]:
        """Where the model puts a heart: the mean of the embeddings of its clips. Arguments and errors as of a call.

        What a call says as warnings of the prediction, such as an unknown frame rate, is warned of in Python's way.

        Returns:
            (D,); of an array (B, T, H, W) one a clip, (B, D).
        """
        said = self._predict(clip, beat, fps)
        all_said = said if isinstance(said, list) else [said]
        for text in dict.fromkeys(warning for one in all_said for warning in one.warnings):
            warnings.warn(text, stacklevel=2)
        embeddings = [one.embedding for one in all_said]
        stacked = np.stack([embedding for embedding in embeddings if embedding is not None])
        return stacked if isinstance(said, list) else np.asarray(stacked[0])

    def predict_many(
        self, paths: Iterable[str | Path] | FileListing, *, show_progress: bool = False
    ) -> Iterator[Prediction | PredictionFailure]:
        """Predict files and folders, in order, in full batches; the next files are read while others are predicted.

        A file that cannot be predicted gives a `PredictionFailure` and never stops the others.

        Args:
            paths: files, and folders whose files are taken at any depth; or what `list_files` made of them, by this
                predictor's `joins_series` and `reads_ids`. A file that is given twice is read once.
            show_progress: show a bar with the time left, on stderr; outside a terminal, a line now and then.

        Yields:
            One result a file.

        Raises:
            RecipeError: the model looks at one beat, and the predictor was not told which.
        """
        check_beat(self.model, self.beat)
        if not isinstance(paths, str | Path | Iterable | FileListing):
            raise RecipeError(f"paths: expected files and folders, got {paths!r}")
        if not isinstance(paths, FileListing):
            named = [paths] if isinstance(paths, str | Path) else paths
            paths = list_files(named, joins_series=self.joins_series, reads_ids=self.reads_ids)
        results = self._with_ids(paths.files, self._predict_in_order(paths.files))
        yield from track(
            results,
            "Files",
            total=len(paths.files),
            disable=not show_progress,
            transient=True,
        )

    def _with_ids(
        self, files: Sequence[Path | Series | PredictionFailure], results: Iterator[Prediction | PredictionFailure]
    ) -> Iterator[Prediction | PredictionFailure]:
        if not self.reads_ids:
            yield from results
            return
        for file, result in zip(files, results, strict=True):
            yield result if isinstance(file, PredictionFailure) else replace(result, ids=read_ids(file))

    def _predict_in_order(
        self, files: Sequence[Path | Series | PredictionFailure]
    ) -> Iterator[Prediction | PredictionFailure]:
        # Both are filled by the readers, a few files ahead.
        failures = {number: file for number, file in enumerate(files) if isinstance(file, PredictionFailure)}
        clips: dict[int, ClipFile] = {}

        def read(number: int, file: Path | Series, read_file: ReadFile) -> tuple[NDArray[np.uint8], Sequence[int]]:
            try:
                clip = prepare_file(self.model, file, beat=self.beat, axes=self.axes, read=read_file)
                taken = self._asked_of(clip)
            # A file that trips a fault nobody foresaw must not take the other ten thousand with it.
            except Exception as error:
                log_unforeseen(error, f"file {number + 1}")
                failures[number] = PredictionFailure.of(str(file), error)
                return _NOTHING, []
            clips[number] = clip
            return taken

        left = 0
        with clip_reader(self.seconds_a_file) as read_file:
            requests = (
                ClipRequest(number, partial(read, number, file, read_file))
                for number, file in enumerate(files)
                if not isinstance(file, PredictionFailure)
            )
            videos = predict_videos(self.model, requests, batch_size=self.batch_size, precision=self.precision)
            for number, video in videos:
                yield from (failures.pop(failed) for failed in range(left, number))
                left = number + 1
                file = str(files[number])
                try:
                    yield self._prediction(file, clips.pop(number), video)
                except CheckpointError as error:
                    yield PredictionFailure.of(file, error)
        yield from (failures.pop(failed) for failed in range(left, len(files)))

    def _predict_clip(self, name: str, clip: ClipFile) -> Prediction:
        frames, starts = self._asked_of(clip)
        video = predict_video(self.model, frames, starts, batch_size=self.batch_size, precision=self.precision)
        return self._prediction(name, clip, video)

    def _asked_of(self, clip: ClipFile) -> tuple[NDArray[np.uint8], Sequence[int]]:
        """Frames, and the starts of all that is predicted of them: the clips, and copies where the gate asks."""
        return self._appraiser.clips_of(clip.frames, self._starts(clip))

    def _starts(self, clip: ClipFile) -> list[int]:
        sampling = self.model.model_input
        if self.clips == "all":
            return all_starts(len(clip.frames), sampling, sampling.stride)
        return even_starts(len(clip.frames), sampling, self.clips)

    def _prediction(self, name: str, clip: ClipFile, said: VideoPrediction) -> Prediction:
        task = self.model.task
        starts = self._starts(clip)
        video, copies = split_copies(said, len(starts))
        if apart := self._appraiser.copies_apart(clip.frames, starts):
            copies = np.array([self._predict_at(frames, start) for frames, start in apart])
        output = video.value
        if not np.isfinite(output):
            read = task.output_column if task.has_output_of_its_own else task.noun
            raise CheckpointError(f"{name}: the model's {read} is {output}, not a number; its weights may be damaged.")
        value = float(task.value_of(np.array([output]))[0])
        of_clips = tuple(float(each) for each in task.value_of(video.clip_values.astype(np.float64)))
        has_spread = len(of_clips) > 1 and not task.has_output_of_its_own
        prediction = Prediction(
            file=name,
            task=task.name,
            value_name=task.value_name,
            value=value,
            is_appraised=task.is_appraised,
            unit=task.unit,
            clip_values=of_clips,
            clip_sd=statistics.stdev(of_clips) if has_spread else None,
            clip_starts=clip.file_frames(video.starts),
            warnings=(*clip.cautions(self.model), *cautions_of_value(value, self._trained_on, task)),
            notes=clip.video.notes,
            fps=clip.file_fps,
            num_frames=clip.file_num_frames,
            model=self.model_name,
            notice=task.notice,
            beat=clip.beat,
            embedding=video.embedding,
            **self._appraiser.appraise(clip, video, copies).parts(),
        )
        return replace(prediction, notes=(*prediction.notes, SAME_FRAMES)) if prediction.is_one_stretch else prediction

    def _predict_at(self, frames: NDArray[np.uint8], start: int) -> float:
        return predict_video(self.model, frames, [start], batch_size=1, precision=self.precision).value

    @property
    def _trained_on(self) -> TrainedOn | None:
        return None if self.card is None else self.card.trained_on


def is_number(value: object) -> bool:
    """Whether a value is a real number, and neither a text nor a truth."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _calibration_of(
    model: EchoModel | str | Path, calibration: ModelCalibration | str | Path | None
) -> ModelCalibration | None:
    """Find what says how much the numbers of a model are worth. Raises CalibrationError, CheckpointError."""
    if isinstance(calibration, ModelCalibration):
        found = calibration
    elif calibration is not None:
        if not isinstance(calibration, str | Path):
            raise RecipeError(f"calibration: expected a file, or what `read_calibration` gave; got {calibration!r}")
        found = read_calibration(Path(calibration))
    else:
        return None if isinstance(model, EchoModel) else calibration_beside(model)
    if not isinstance(model, EchoModel):
        found.refuse_other_weights(hash_weights(model), "The calibration that was given")
    return found


def _describe(card: WeightsCard | None) -> str:
    if card is None:
        return "a model without a card"
    return origin(card.encoder, card.source, card.trained_on)
