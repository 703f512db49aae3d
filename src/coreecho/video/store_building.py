"""Builds a frame store: decodes in parallel, writes in order, and can be stopped at any moment.

Frames are only ever appended, and the index is replaced after the frames that it speaks of are safe on disk. So what
the index says is true at every instant: a build that is killed loses at most the work since its last checkpoint, and a
process that reads the store while it grows sees only finished videos. The layout does not depend on the number of
workers: videos are written in the order of the files.

Workers are threads: FFmpeg lets go of the interpreter lock while it decodes, four fifths of the work, and threads need
neither a second to start nor a guard around the caller's script, without which processes would build again and again.
"""

import errno
import os
import time
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from coreecho.errors import DatasetError, UnreadableVideosError, VideoError
from coreecho.files import LOCK_NAME, alone_in
from coreecho.names import counted
from coreecho.progress import track
from coreecho.video.file_stamp import FileStamp, stamp_of
from coreecho.video.frame_hash import hash_frames
from coreecho.video.store_index import INDEX_NAME, StoreEntry, StoreIndex, read_index, shard_path
from coreecho.video.video import Video
from coreecho.video.video_file import PreparedFrames, VideoFile

MAX_SHARD_BYTES = 1024**3
# Work that a killed build may lose at most.
_CHECKPOINT_BYTES = 256 * 1024**2
_CHECKPOINT_SECONDS = 10.0
# Videos decoded ahead for each worker: keeps them busy, and bounds the frames waiting in memory.
_AHEAD = 3


@dataclass(frozen=True)
class _Job:
    video_id: str
    file: VideoFile
    stamp: FileStamp


def build_store(
    folder: Path, files: Mapping[str, VideoFile], *, frame_size: int, workers: int | None, show_progress: bool
) -> StoreIndex:
    """Bring the store up to date with its files. See `FrameStore.build`."""
    index = _matching_index(folder, frame_size)
    if index is not None and index.completed is not None and index.is_hashed and not any(_pending(index, files)):
        return index
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            # Another process may have built it while this one waited.
            index = _matching_index(folder, frame_size) or StoreIndex(frame_size=frame_size)
            _hash_what_is_stored(folder, index, show_progress)
            faults = _build_locked(folder, index, files, workers, show_progress)
    except OSError as error:
        raise _disk_error(folder, error) from error
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults.values())
        raise UnreadableVideosError(
            f"{len(faults)} of {counted(len(files), 'videos')} cannot be read; the others are in the store at "
            f"{folder}. Mend or leave out these, then build again:\n{listed}",
            faults,
        )
    return index


def _matching_index(folder: Path, frame_size: int) -> StoreIndex | None:
    index = read_index(folder)
    if index is None:
        return None
    if index.frame_size != frame_size:
        raise DatasetError(
            f"{folder}: holds a frame store of {index.frame_size} x {index.frame_size} pixels; {frame_size} x "
            f"{frame_size} were asked for. Give another folder by `--store`."
        )
    index.drop_lost(folder)
    return index


def _pending(index: StoreIndex, files: Mapping[str, VideoFile]) -> Iterator[_Job | tuple[str, str]]:
    """Yield what has to be decoded, or why it cannot be."""
    for video_id, file in files.items():
        try:
            stamp = stamp_of(file.path)
        except OSError as error:
            yield video_id, f"{file.path}: {error.strerror}"
            continue
        entry = index.entries.get(video_id)
        if entry is None or not entry.is_fresh(stamp, file.preparation):
            yield _Job(video_id, file, stamp)


def _hash_what_is_stored(folder: Path, index: StoreIndex, show_progress: bool) -> None:
    """Hash the frames of a store of before, which has checksums alone; what is damaged is forgotten, and decoded anew.

    The index is written with the build that follows.
    """
    unhashed = [video_id for video_id, entry in index.entries.items() if not entry.frames_hash]
    for video_id in track(unhashed, "hashing stored videos", disable=not (show_progress and unhashed)):
        entry = index.entries[video_id]
        shape = (entry.num_frames, index.frame_size, index.frame_size)
        frames = np.memmap(shard_path(folder, entry.shard), np.uint8, "r", offset=entry.offset, shape=shape)
        if zlib.crc32(frames.data) == entry.crc32:
            index.entries[video_id] = replace(entry, frames_hash=hash_frames(frames))
        else:
            del index.entries[video_id]


def _build_locked(
    folder: Path, index: StoreIndex, files: Mapping[str, VideoFile], workers: int | None, show_progress: bool
) -> dict[str, str]:
    """Decode and write all that is pending; return why videos could not be read, by their ids."""
    pending = list(_pending(index, files))
    faults = dict(item for item in pending if not isinstance(item, _Job))
    jobs = [item for item in pending if isinstance(item, _Job)]
    index.completed = None
    with _Writer(folder, index) as writer:
        results = _decode_all(jobs, index.frame_size, workers)
        for job, decoded in track(results, "decoding videos", len(jobs), disable=not (show_progress and jobs)):
            if isinstance(decoded, str):
                faults[job.video_id] = decoded
                # A file that changed and no longer reads must not go on under its old frames.
                index.entries.pop(job.video_id, None)
            else:
                writer.append(job, decoded)
    if not faults:
        index.stamp()
        index.write(folder)
    _remove_unused_shards(folder, index)
    return faults


class _Writer:
    """Appends videos to the last shard; writes the index now and then, and at the end, whatever happened."""

    def __init__(self, folder: Path, index: StoreIndex) -> None:
        self._folder = folder
        self._index = index
        ends = index.shard_ends()
        self._shard = max(ends, default=0)
        self._end = ends.get(self._shard, 0)
        self._file: IO[bytes] | None = None
        # Entries whose frames are written but not yet known to be safe on disk.
        self._unsaved: dict[str, StoreEntry] = {}
        self._unsaved_bytes = 0
        self._saved_at = time.monotonic()

    def __enter__(self) -> "_Writer":
        self._index.write(self._folder)
        return self

    def append(self, job: _Job, decoded: PreparedFrames) -> None:
        """Write one video's frames."""
        frames = np.ascontiguousarray(decoded.frames)
        if self._end and self._end + frames.nbytes > MAX_SHARD_BYTES:
            self.save()
            self._close()
            self._shard, self._end = self._shard + 1, 0
        self._open().write(frames.data)
        self._unsaved[job.video_id] = StoreEntry(
            shard=self._shard,
            offset=self._end,
            num_frames=len(frames),
            fps=decoded.fps,
            crc32=zlib.crc32(frames.data),
            frames_hash=hash_frames(frames),
            source=job.stamp.path,
            source_bytes=job.stamp.num_bytes,
            source_mtime_ns=job.stamp.mtime_ns,
            source_content=job.stamp.content,
            preparation=job.file.preparation,
            coloured=decoded.coloured,
        )
        self._end += frames.nbytes
        self._unsaved_bytes += frames.nbytes
        if self._unsaved_bytes >= _CHECKPOINT_BYTES or time.monotonic() - self._saved_at >= _CHECKPOINT_SECONDS:
            self.save()

    def save(self) -> None:
        """Bring the frames to the disk, then the index that speaks of them."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._index.entries.update(self._unsaved)
        self._unsaved, self._unsaved_bytes = {}, 0
        self._index.write(self._folder)
        self._saved_at = time.monotonic()

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._claim()
            path = shard_path(self._folder, self._shard)
            # Bytes past the end of the last indexed video are of a build that was killed: they are written over.
            self._file = path.open("r+b") if path.exists() else path.open("wb")
            self._file.truncate(self._end)
            self._file.seek(self._end)
        return self._file

    def _claim(self) -> None:
        """Take a shard that is the store's, or a number that is free; the index says so before the file is there."""
        while self._shard not in self._index.shards and shard_path(self._folder, self._shard).exists():
            self._shard, self._end = self._shard + 1, 0
        if self._shard not in self._index.shards:
            self._index.shards = (*self._index.shards, self._shard)
            self._index.write(self._folder)

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # After a failed write the shard may end in half a video, which the next build writes over.
            if not isinstance(error, OSError):
                self.save()
        finally:
            self._close()


def _decode(file: VideoFile, frame_size: int) -> PreparedFrames | str:
    """Read one file, in a thread; a text says why it cannot be read."""
    try:
        prepared = file.prepare(file.path, frame_size)
        Video(prepared.frames, prepared.fps, str(file.path)).refuse_black()
        return prepared
    except VideoError as error:
        return str(error)


def _decode_all(jobs: list[_Job], frame_size: int, workers: int | None) -> Iterator[tuple[_Job, PreparedFrames | str]]:
    """Decode in order, some videos ahead of the one that is written."""
    num_workers = max(1, min(workers or _num_cores(), len(jobs)))
    pool = ThreadPoolExecutor(num_workers, thread_name_prefix="decode")
    try:
        waiting: deque[tuple[_Job, Future[PreparedFrames | str]]] = deque()
        for job in jobs:
            waiting.append((job, pool.submit(_decode, job.file, frame_size)))
            if len(waiting) > _AHEAD * num_workers:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def clear_store(folder: Path) -> int:
    """Delete a store and return the bytes freed. See `FrameStore.clear`."""
    index = read_index(folder)
    if index is None:
        raise DatasetError(f"{folder}: holds no frame store ({INDEX_NAME} is missing); nothing is deleted.")
    freed = 0
    try:
        with _alone(folder):
            # The index goes last: until then a clearing that is stopped can be done again.
            index = read_index(folder) or index
            shards = [path for path in (shard_path(folder, shard) for shard in index.shards) if path.is_file()]
            for path in (*shards, folder / INDEX_NAME):
                freed += path.stat().st_size
                path.unlink()
            # Windows deletes no file that is open: there it stays, and the folder with it.
            with suppress(OSError):
                (folder / LOCK_NAME).unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise DatasetError(f"{folder}: the frame store cannot be deleted ({error.strerror}).") from error
    return freed


def _alone(folder: Path) -> AbstractContextManager[None]:
    """Let one process at a time build; the others wait for it. The lock goes with the process, however that ends."""
    return alone_in(folder, doing="decoding videos", waits=True)


def _remove_unused_shards(folder: Path, index: StoreIndex) -> None:
    """Delete the store's shards of which no video is left: those of files that changed."""
    in_use = index.shard_ends()
    unused = [shard for shard in index.shards if shard not in in_use]
    if not unused:
        return
    for shard in unused:
        shard_path(folder, shard).unlink(missing_ok=True)
    index.shards = tuple(in_use)
    index.write(folder)


def _disk_error(folder: Path, error: OSError) -> DatasetError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DatasetError(
            f"{folder}: the disk is full. What was stored is safe; free some space and start the build again, "
            "it goes on where it stopped."
        )
    return DatasetError(
        f"{folder}: the frame store cannot be written ({error}). Give another folder for the decoded frames, `--store`."
    )
