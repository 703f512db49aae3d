"""What a model says, clip by clip: one table, from which predictions, embeddings, metrics and reports are read.

A row is a clip: of which recording and which frames (by a hash of their content), the frame at which it starts, the
network's output and the embedding. It depends on nothing but the weights (whose card says how clips are cut and
normalised), the frames, the start, the precision and the version of coreecho; all of these are in its key. So a row
never gets stale: other weights, or other frames under the same name, have other keys. Which split a recording is in,
and what its label is, are no part of it.

A table is a folder of parts, `part-<hash of content>.npz`. Parts are written whole and never changed, so that several
processes may add to one table; a damaged part is removed, and its clips are predicted anew.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

import coreecho
from coreecho.archives import read_arrays
from coreecho.files import write_whole
from coreecho.inference.engine import Frames, Precision, VideoPrediction, predict_videos, requests_from_store
from coreecho.models.echo_model import EchoModel
from coreecho.progress import tell, track

# A recording's id, and the frames at which its clips start.
Wanted = tuple[str, Sequence[int]]
_FORMAT = 1
# So many clips are written at once: what is lost when a computer goes down.
_CLIPS_IN_A_PART = 4096
_COLUMNS = ("frames", "recording", "start", "output", "embedding")


class HashedFrames(Frames, Protocol):
    """What is asked of a frame store."""

    def digest(self, video_id: str, /) -> str:
        """Hash of the content of a video's frames."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """Clips of one part.

    Attributes:
        frames: (R,) recordings with their frames, as `_name_of` names them.
        recording: (N,) which of `frames`.
        start: (N,).
        output: (N,) float32.
        embedding: (N, D) float32.
    """

    frames: NDArray[np.str_]
    recording: NDArray[np.int64]
    start: NDArray[np.int64]
    output: NDArray[np.float32]
    embedding: NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.start)
        is_fitting = (
            self.recording.shape == self.start.shape == self.output.shape == (count,)
            and self.embedding.ndim == 2
            and len(self.embedding) == count
            and (count == 0 or (self.recording.min() >= 0 and self.recording.max() < len(self.frames)))
        )
        if not is_fitting:
            raise ValueError("columns of different lengths")

    def clips(self) -> list[tuple[str, int]]:
        """The clip of each row."""
        names = self.frames.tolist()
        return [
            (names[recording], start)
            for recording, start in zip(self.recording.tolist(), self.start.tolist(), strict=True)
        ]


class Results:
    """The table of what one file of weights says.

    Args:
        folder: of the tables of all weights and precisions; made when there is something to keep.
        weights_sha256: fingerprint of the weights.
        precision: in which they compute.

    Attributes:
        key: of the table: weights, precision and version.
    """

    def __init__(self, folder: Path, *, weights_sha256: str, precision: Precision = "fp32") -> None:
        self.precision: Precision = precision
        parts = f"results {_FORMAT}, coreecho {coreecho.__version__}, weights {weights_sha256}, {precision}"
        self.key = hashlib.sha256(parts.encode()).hexdigest()
        self.folder = folder / self.key[:16]

    def predict(
        self,
        model: Callable[[], EchoModel],
        store: HashedFrames,
        wanted: Sequence[Wanted],
        *,
        batch_size: int = 8,
        description: str = "Recordings",
        show_progress: bool = False,
    ) -> list[VideoPrediction]:
        """Read what the weights say of clips; those that are not in the table are predicted, and added.

        A run that is stopped half way keeps what it has predicted.

        Args:
            model: gives the model of these weights, on the device that shall compute; called when a clip is missing.
            store: prepared frames of the recordings.
            wanted: recordings and the starts of their clips, at least one each.
            batch_size: clips at once.
            description: of the bar.
            show_progress: show a bar with the time left, on stderr.

        Returns:
            One for each of `wanted`, in order.

        Raises:
            DatasetError: the store lacks a recording.
            As `predict_clips`.
        """
        names = {recording: _name_of(store, recording) for recording, _ in wanted}
        parts = self._read_parts()
        table = {clip: (part, row) for part in parts for row, clip in enumerate(part.clips())}
        missing: dict[str, list[int]] = {}
        seen: set[tuple[str, int]] = set()
        for recording, starts in wanted:
            for start in starts:
                clip = (names[recording], start)
                if clip not in table and clip not in seen:
                    seen.add(clip)
                    missing.setdefault(recording, []).append(start)
        if missing:
            predicted = self._predicted(model(), store, missing, batch_size, description, show_progress)
            for part in self._kept(predicted, names):
                table |= {clip: (part, row) for row, clip in enumerate(part.clips())}
        return [_view([table[names[recording], start] for start in starts], starts) for recording, starts in wanted]

    def _predicted(
        self,
        model: EchoModel,
        store: Frames,
        missing: dict[str, list[int]],
        batch_size: int,
        description: str,
        show_progress: bool,
    ) -> Iterator[tuple[str, VideoPrediction]]:
        requests = requests_from_store(store, missing.items())
        videos = predict_videos(model, requests, batch_size=batch_size, precision=self.precision)
        yield from track(
            videos,
            total=len(missing),
            description=description,
            disable=not show_progress,
            transient=True,
        )

    def _kept(self, predicted: Iterator[tuple[str, VideoPrediction]], names: dict[str, str]) -> Iterator[_Rows]:
        """Gather predictions into parts and write them, also where the rest does not come."""
        waiting: list[tuple[str, VideoPrediction]] = []
        try:
            for recording, prediction in predicted:
                waiting.append((names[recording], prediction))
                if sum(len(each.starts) for _, each in waiting) >= _CLIPS_IN_A_PART:
                    yield self._keep(waiting)
                    waiting = []
        except BaseException:
            if waiting:
                self._keep(waiting)
            raise
        if waiting:
            yield self._keep(waiting)

    def _keep(self, predictions: list[tuple[str, VideoPrediction]]) -> _Rows:
        counts = [len(prediction.starts) for _, prediction in predictions]
        rows = _Rows(
            frames=np.array([frames for frames, _ in predictions]),
            recording=np.repeat(np.arange(len(predictions)), counts),
            start=np.concatenate([np.array(prediction.starts, dtype=np.int64) for _, prediction in predictions]),
            output=np.concatenate([prediction.clip_values for _, prediction in predictions]),
            embedding=np.concatenate([prediction.embeddings for _, prediction in predictions]),
        )
        buffer = io.BytesIO()
        np.savez(buffer, **{name: getattr(rows, name) for name in _COLUMNS})
        content = buffer.getvalue()
        path = self.folder / f"part-{hashlib.sha256(content).hexdigest()[:16]}.npz"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except OSError as error:
            # The hours of prediction are not lost for it: the caller has the rows.
            tell(f"What was predicted is not kept in {self.folder}: {error.strerror or error}.")
        return rows

    def _read_parts(self) -> list[_Rows]:
        parts = []
        for path in sorted(self.folder.glob("part-*.npz")):
            try:
                parts.append(_Rows(**read_arrays(path, _COLUMNS)))
            except OSError:
                # It may be read the next time; until then it can be made again.
                continue
            except (ValueError, TypeError):
                # As good as missing: it can be made again. Where nothing can be removed, nothing can be added either.
                with suppress(OSError):
                    path.unlink()
        return parts


def _name_of(store: HashedFrames, recording: str) -> str:
    """Name a recording with its frames, in as many letters whatever it is called."""
    return hashlib.sha256(f"{store.digest(recording)} {recording}".encode("utf-8", "surrogateescape")).hexdigest()


def _view(rows: list[tuple[_Rows, int]], starts: Sequence[int]) -> VideoPrediction:
    return VideoPrediction(
        clip_values=np.array([part.output[row] for part, row in rows], dtype=np.float32),
        embeddings=np.stack([part.embedding[row] for part, row in rows]),
        starts=tuple(starts),
    )
