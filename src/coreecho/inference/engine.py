"""The inference engine: clips of many videos through a model, in full batches, the next read while one is predicted.

Everything that predicts or embeds goes through here. A batch takes clips of one video after another, so that three
clips a video fill batches of 64 as well as of 3. Clips come out in the order in which they were asked for, each with
its output and its embedding, from one pass. Neither changes with the batches but for rounding: a clip's output and
embedding are the same within a relative 1e-5 whatever its neighbours.

Memory holds a few videos that wait, and three batches of clips, however many videos there are and however long.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from coreecho.errors import RecipeError
from coreecho.models.echo_model import EchoModel
from coreecho.models.evaluating import Precision, check_precision, predict_batch
from coreecho.models.model_input import ModelInput
from coreecho.video.clips import take_clip

__all__ = [
    "ClipOutput",
    "ClipRequest",
    "Frames",
    "Precision",
    "VideoPrediction",
    "predict_clips",
    "predict_video",
    "predict_videos",
    "requests_from_store",
]

# Two videos are read while a third waits to be predicted, and at most four wait.
_READERS = 2
_READ_AHEAD = 4
# Batches that are ready beside the one that is predicted.
_BATCHES_AHEAD = 1
READER_THREADS = "coreecho-reader"

Key = TypeVar("Key")
In = TypeVar("In")
Out = TypeVar("Out")


class Frames(Protocol):
    """What is asked of a frame store."""

    def frames(self, video_id: str, /) -> NDArray[np.uint8]:
        """All frames of a video, (T, S, S) uint8."""

    def num_frames(self, video_id: str, /) -> int:
        """T of a video."""


@dataclass(frozen=True)
class ClipRequest(Generic[Key]):
    """A video, and which of its clips are wanted.

    Attributes:
        key: tells the caller which video it is.
        read: called once, on another thread; gives the frames (T, S, S) uint8, of the model's frame size, and the
            frames at which clips start. No start, no clips: the video is passed over.
    """

    key: Key
    read: Callable[[], tuple[NDArray[np.uint8], Sequence[int]]]


@dataclass(frozen=True, eq=False)
class ClipOutput(Generic[Key]):
    """What a model says of one clip.

    Attributes:
        key: of its video.
        start: its first frame in the video.
        output: the network's output, before the task's link.
        embedding: (D,) float32.
        is_last: no clip of this video follows.
    """

    key: Key
    start: int
    output: float
    embedding: NDArray[np.float32]
    is_last: bool


@dataclass(frozen=True, eq=False)
class VideoPrediction:
    """What a model says of a video.

    Attributes:
        clip_values: (k,) float32, the network's output for each clip: EF in percent, or the logit of an infarction.
        embeddings: (k, D) float32, of each clip.
        starts: k frames of the file at which the clips start.
    """

    clip_values: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    starts: tuple[int, ...]

    @property
    def value(self) -> float:
        """Mean of the output over the clips."""
        return float(self.clip_values.mean(dtype=np.float64))

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(D,) float32, the mean over the clips."""
        return np.asarray(self.embeddings.mean(axis=0), dtype=np.float32)


def predict_clips(
    model: EchoModel,
    requests: Iterable[ClipRequest[Key]],
    *,
    batch_size: int = 8,
    precision: Precision = "fp32",
) -> Iterator[ClipOutput[Key]]:
    """Predict clips of many videos, in order.

    The model computes on its own device, in the caller's thread and in evaluation mode, and is left in the mode in
    which it came; between two clips it is the caller's. Closing the iterator ends all reading.

    Args:
        model: of any task.
        requests: the videos. They are gone through on another thread, a little ahead of the clips that are given.
        batch_size: clips at once. Every batch is full but the last.
        precision: of the encoder.

    Raises:
        RecipeError: no clip at once, or an unknown precision.
        ValueError: frames are not of the model's size.
        VideoError: a start lies outside its video; and whatever `read` of a request raises.
    """
    if batch_size < 1:
        raise RecipeError(f"batch_size: expected at least 1, got {batch_size}")
    check_precision(precision)
    return _predicted(model, requests, batch_size, precision)


def predict_videos(
    model: EchoModel,
    requests: Iterable[ClipRequest[Key]],
    *,
    batch_size: int = 8,
    precision: Precision = "fp32",
) -> Iterator[tuple[Key, VideoPrediction]]:
    """Predict videos, in order: what `predict_clips` gives, video by video. Those without a clip are left out."""
    clips: list[ClipOutput[Key]] = []
    for clip in predict_clips(model, requests, batch_size=batch_size, precision=precision):
        clips.append(clip)
        if clip.is_last:
            yield (
                clip.key,
                VideoPrediction(
                    clip_values=np.array([each.output for each in clips], dtype=np.float32),
                    embeddings=np.stack([each.embedding for each in clips]),
                    starts=tuple(each.start for each in clips),
                ),
            )
            clips = []


def predict_video(
    model: EchoModel,
    frames: NDArray[np.uint8],
    starts: Sequence[int],
    *,
    batch_size: int = 8,
    precision: Precision = "fp32",
) -> VideoPrediction:
    """Predict one or more clips of one video; see `predict_clips`.

    Args:
        model: of any task.
        frames: (T, S, S), grey, of the model's frame size; may be memory-mapped.
        starts: frames of the file at which clips start; `coreecho.video.even_starts` and `all_starts` choose them.
        batch_size: clips at a time.
        precision: of the encoder.

    Raises:
        ValueError: there are no starts, the batch size is below 1, or the frames are not of the model's size.
        VideoError: a start lies outside the video.
    """
    if len(starts) == 0 or batch_size < 1:
        raise ValueError(
            f"predict_video needs at least one start and a batch size of at least 1, got {len(starts)}, {batch_size}"
        )
    request = ClipRequest(None, lambda: (frames, starts))
    ((_, prediction),) = predict_videos(model, [request], batch_size=batch_size, precision=precision)
    return prediction


def requests_from_store(store: Frames, starts: Iterable[tuple[str, Sequence[int]]]) -> Iterator[ClipRequest[str]]:
    """Name the clips of stored recordings: (id, starts) for each."""
    for recording, of_recording in starts:
        yield ClipRequest(recording, partial(_from_store, store, recording, of_recording))


def _from_store(store: Frames, recording: str, starts: Sequence[int]) -> tuple[NDArray[np.uint8], Sequence[int]]:
    return store.frames(recording), starts


@dataclass(frozen=True, eq=False)
class _Piece(Generic[Key]):
    """Clips that were cut out of one video; no more than a batch of them.

    Attributes:
        key: of the video.
        starts: of the clips.
        clips: (k, T, S, S) uint8.
        num_valid_frames: (k,) int64.
        is_last: the video has no further clip.
    """

    key: Key
    starts: Sequence[int]
    clips: NDArray[np.uint8]
    num_valid_frames: NDArray[np.int64]
    is_last: bool

    def __len__(self) -> int:
        return len(self.starts)

    def split(self, count: int) -> "tuple[_Piece[Key], _Piece[Key]]":
        """The first clips, and the others."""
        first, rest = slice(count), slice(count, None)
        is_whole = count >= len(self)
        return (
            _Piece(
                self.key, self.starts[first], self.clips[first], self.num_valid_frames[first], self.is_last and is_whole
            ),
            _Piece(self.key, self.starts[rest], self.clips[rest], self.num_valid_frames[rest], self.is_last),
        )


_Batch = list[_Piece[Key]]


def _predicted(
    model: EchoModel, requests: Iterable[ClipRequest[Key]], batch_size: int, precision: Precision
) -> Iterator[ClipOutput[Key]]:
    with _Producer(partial(_batches, requests, model.model_input, batch_size)) as batches:
        for batch in batches:
            clips = torch.from_numpy(np.concatenate([piece.clips for piece in batch]))
            num_valid_frames = torch.from_numpy(np.concatenate([piece.num_valid_frames for piece in batch]))
            output = predict_batch(model, clips, num_valid_frames, precision=precision)
            values, embeddings = output.prediction.tolist(), output.embeddings.numpy()
            place = 0
            for piece in batch:
                for number, start in enumerate(piece.starts, start=1):
                    is_last = piece.is_last and number == len(piece)
                    yield ClipOutput(piece.key, start, values[place], embeddings[place], is_last)
                    place += 1


def _batches(
    requests: Iterable[ClipRequest[Key]], model_input: ModelInput, batch_size: int, pool: ThreadPoolExecutor
) -> Iterator[_Batch[Key]]:
    """Cut clips, and put them together into full batches."""
    opened = _ahead(pool, _open, requests, _READ_AHEAD)
    pieces = _ahead(pool, partial(_cut, model_input), _wanted(opened, batch_size), _READERS)
    batch: _Batch[Key] = []
    room = batch_size
    failure: BaseException | None = None
    while True:
        try:
            left = next(pieces)
        except StopIteration:
            break
        # The clips before it are predicted first.
        except BaseException as error:
            failure = error
            break
        while len(left) >= room:
            first, left = left.split(room)
            yield [*batch, first]
            batch, room = [], batch_size
        if len(left) > 0:
            batch.append(left)
            room -= len(left)
    if batch:
        yield batch
    if failure is not None:
        raise failure


_Opened = tuple[Key, NDArray[np.uint8], Sequence[int]]


def _open(request: ClipRequest[Key]) -> _Opened[Key]:
    return request.key, *request.read()


def _wanted(opened: Iterable[_Opened[Key]], batch_size: int) -> Iterator[tuple[_Opened[Key], bool]]:
    """Take a long video apart: no piece has more clips than a batch."""
    for key, frames, starts in opened:
        for first in range(0, len(starts), batch_size):
            yield (key, frames, starts[first : first + batch_size]), first + batch_size >= len(starts)


def _cut(model_input: ModelInput, wanted: tuple[_Opened[Key], bool]) -> _Piece[Key]:
    (key, frames, starts), is_last = wanted
    size = model_input.frame_size
    if frames.ndim != 3 or frames.shape[1:] != (size, size):
        raise ValueError(
            f"This model expects frames (T, {size}, {size}), got {frames.shape}: bring them to its frame size"
        )
    taken = [take_clip(frames, start, model_input) for start in starts]
    clips = np.stack([clip for clip, _ in taken])
    return _Piece(key, starts, clips, np.array([valid for _, valid in taken], dtype=np.int64), is_last)


def _ahead(pool: ThreadPoolExecutor, function: Callable[[In], Out], items: Iterable[In], count: int) -> Iterator[Out]:
    """Call a function on the pool for `count` items ahead; results, and errors, come in the order of the items."""
    left = iter(items)
    waiting: deque[Future[Out]] = deque()
    failure: BaseException | None = None
    while True:
        try:
            while failure is None and len(waiting) < count:
                waiting.append(pool.submit(function, next(left)))
        except StopIteration:
            count = 0
        # What came before the fault is not lost with it.
        except BaseException as error:
            failure = error
        if not waiting:
            break
        yield waiting.popleft().result()
    if failure is not None:
        raise failure


class _Producer(Generic[Out]):
    """Goes through an iterator on a thread of its own, a few items ahead; what it raises is raised to the reader.

    Args:
        make: given a pool of reader threads, makes the iterator.
    """

    def __init__(self, make: Callable[[ThreadPoolExecutor], Iterator[Out]]) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix=READER_THREADS)
        self._ready: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=_BATCHES_AHEAD)
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._produce, name=f"{READER_THREADS}-batches", daemon=True)

    def __enter__(self) -> Iterator[Out]:
        self._thread.start()
        return self._items()

    def __exit__(self, *_: object) -> None:
        """Also when the caller stops half way: nothing goes on reading behind its back."""
        self._is_stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        while self._thread.is_alive():
            # The thread may wait for room in the queue.
            self._drain()
            self._thread.join(timeout=0.01)
        self._pool.shutdown(wait=True)

    def _items(self) -> Iterator[Out]:
        while True:
            kind, content = self._ready.get()
            if kind == "item":
                yield content
            elif kind == "error":
                raise content
            else:
                return

    def _produce(self) -> None:
        try:
            for item in self._make(self._pool):
                self._ready.put(("item", item))
                if self._is_stopped.is_set():
                    return
        # Whatever it is, it belongs to the caller, who waits for it.
        except BaseException as error:
            self._ready.put(("error", error))
        else:
            self._ready.put(("end", None))

    def _drain(self) -> None:
        try:
            while True:
                self._ready.get_nowait()
        except queue.Empty:
            pass
