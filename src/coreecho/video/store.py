"""Decoded frames on disk, memory-mapped: decoding is done once, and training reads at the speed of the page cache.

A store is a folder of flat shards of grey uint8 frames, `frames-00000.bin` and so on, of at most 1 GiB each, and an
index (see `store_index.py`). `FrameStore.build` makes and mends it (see `store_building.py`).
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import DatasetError
from coreecho.progress import track
from coreecho.video.frame_hash import hash_frames
from coreecho.video.store_building import build_store, clear_store
from coreecho.video.store_index import StoreEntry, StoreIndex, is_current, read_index, shard_path
from coreecho.video.video_file import VideoFile, as_video_files


class FrameStore:
    """Read-only view of a store. Cheap to open and to pickle: shards are mapped on first use, in each process anew.

    Args:
        folder: where the store lies.
        index: its index, as read.
    """

    def __init__(self, folder: Path, index: StoreIndex) -> None:
        self.folder = folder
        self._index = index
        self._shards: dict[int, np.memmap[Any, np.dtype[np.uint8]]] = {}

    @classmethod
    def build(
        cls,
        folder: str | Path,
        files: Mapping[str, Path | VideoFile],
        *,
        frame_size: int,
        workers: int | None = None,
        show_progress: bool = False,
    ) -> "FrameStore":
        """Open a store that holds all files as they are now, decoding what is missing or has changed.

        A build that was interrupted goes on where it stopped. Two processes that build the same store wait for each
        other, and the second finds the work done. Videos of earlier builds that are not among `files` stay.

        Args:
            folder: where the store lies or is to lie.
            files: a video file for each id, or a file with its own way to be decoded.
            frame_size: S; frames of other sizes are resized.
            workers: threads that decode; None takes one for each core.
            show_progress: draw a progress bar on stderr.

        Raises:
            DatasetError: files cannot be read (the others are stored, the message lists every one that is not); the
                disk is full; or the folder holds a store of another frame size.
        """
        folder = Path(folder)
        index = build_store(
            folder, as_video_files(files), frame_size=frame_size, workers=workers, show_progress=show_progress
        )
        return cls(folder, index)

    @classmethod
    def open(cls, folder: str | Path) -> "FrameStore":
        """Open a complete store.

        Raises:
            DatasetError: there is none, its build did not end, or its shards are missing or cut short.
        """
        folder = Path(folder)
        index = read_index(folder)
        if index is None:
            raise DatasetError(f"{folder}: holds no frame store. Build one with FrameStore.build.")
        if index.completed is None:
            raise DatasetError(f"{folder}: half built: the build did not end. Start the build again; it goes on.")
        num_entries = len(index.entries)
        index.drop_lost(folder)
        if len(index.entries) != num_entries:
            lost = num_entries - len(index.entries)
            raise DatasetError(
                f"{folder}: the frames of {lost} of {num_entries} videos are missing from its shards. "
                "Start the build again; it decodes them anew."
            )
        return cls(folder, index)

    @staticmethod
    def clear(folder: str | Path) -> int:
        """Delete a store, complete or not, and its folder unless something else lies there; wait for a build to end.

        Returns:
            The bytes that were freed.

        Raises:
            DatasetError: the folder holds no frame store, a damaged one, or cannot be written.
        """
        return clear_store(Path(folder))

    @property
    def frame_size(self) -> int:
        """S, pixels a side of every frame."""
        return self._index.frame_size

    @property
    def ids(self) -> list[str]:
        """The ids of all videos in the store, in the order in which they were written."""
        entries = self._index.entries
        return sorted(entries, key=lambda video_id: (entries[video_id].shard, entries[video_id].offset))

    def __len__(self) -> int:
        return len(self._index.entries)

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._index.entries

    def frames(self, video_id: str) -> NDArray[np.uint8]:
        """Return all frames of a video, (T, S, S) uint8: a read-only view of the disk, read where it is touched.

        Raises:
            DatasetError: the store does not hold the id, or its shard is gone.
        """
        entry = self._entry(video_id)
        shard = self._shards.get(entry.shard)
        if shard is None:
            shard = self._shards[entry.shard] = self._map_shard(entry.shard)
        shape = (entry.num_frames, self.frame_size, self.frame_size)
        return shard[entry.offset : self._index.end_of(entry)].reshape(shape)

    def fps(self, video_id: str) -> float | None:
        """Frames per second of a video, or None where its file did not say. Raises DatasetError."""
        return self._entry(video_id).fps

    def coloured(self, video_id: str) -> float | None:
        """Share of a video's sector that is coloured in some frame; None where it was not looked at.

        Raises:
            DatasetError: the store does not hold the id.
        """
        return self._entry(video_id).coloured

    def num_frames(self, video_id: str) -> int:
        """Frames of a video. Raises DatasetError."""
        return self._entry(video_id).num_frames

    def digest(self, video_id: str) -> str:
        """Hash of a video's frames as they are stored; see `hash_frames`. Raises DatasetError."""
        # A store of before that nobody has built since has no hashes.
        return self._entry(video_id).frames_hash or hash_frames(self.frames(video_id))

    def checksum(self, video_id: str) -> str:
        """By what runs of before frames were hashed know a video: its frames' CRC32 and number. Raises DatasetError."""
        entry = self._entry(video_id)
        return f"{entry.crc32:08x}-{entry.num_frames}"

    def stale(self, files: Mapping[str, Path | VideoFile]) -> list[str]:
        """Return the ids whose file is not in the store, has changed since, or is gone."""
        wanted = as_video_files(files).items()
        return [name for name, file in wanted if not is_current(self._index.entries.get(name), file)]

    def verify(self, *, show_progress: bool = False) -> list[str]:
        """Read every frame, and return the ids of the videos whose checksum is not what was written."""
        entries = self._index.entries.items()
        return [
            video_id
            for video_id, entry in track(entries, "Reading frames", disable=not show_progress)
            if zlib.crc32(self.frames(video_id).data) != entry.crc32
        ]

    def _entry(self, video_id: str) -> StoreEntry:
        try:
            return self._index.entries[video_id]
        except KeyError:
            raise DatasetError(
                f"{self.folder}: the frame store has no video {video_id!r}. Build it again with this video among its "
                "files."
            ) from None

    def _map_shard(self, shard: int) -> "np.memmap[Any, np.dtype[np.uint8]]":
        path = shard_path(self.folder, shard)
        try:
            return np.memmap(path, dtype=np.uint8, mode="r")
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path}: cannot be mapped ({error}). Start the build of the store again.") from error

    def __getstate__(self) -> dict[str, Any]:
        # A memory map pickles as a copy of its bytes, which would send the whole store to every loader process.
        return {"folder": self.folder, "_index": self._index, "_shards": {}}
