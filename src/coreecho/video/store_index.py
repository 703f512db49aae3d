"""The index of a frame store: which frames lie where, and what they were decoded from."""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.video.frame_source import FrameSource

INDEX_NAME = "index.json"
_FORMAT = "coreecho frame store"
_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreEntry:
    """One video of the store.

    Attributes:
        shard: number of the shard that holds its frames.
        offset: bytes before its first frame in the shard.
        num_frames: T.
        fps: frames per second, or None where the source does not say.
        crc32: checksum of the frames' bytes.
        source: the path it was decoded from, absolute.
        source_bytes: size of the source when it was decoded.
        source_mtime_ns: time of the source's last change when it was decoded.
        preparation: what was done to the source's frames, in words; see `FrameSource`.
    """

    shard: int
    offset: int
    num_frames: int
    fps: float | None
    crc32: int
    source: str
    source_bytes: int
    source_mtime_ns: int
    # Stores of before the preparations were written down hold whole videos, as they were read then.
    preparation: str = "whole video"

    def is_fresh(self, source: os.stat_result, preparation: str) -> bool:
        """Tell whether the source is still the file that was decoded, by its size and time, and prepared so."""
        stored = (self.source_bytes, self.source_mtime_ns, self.preparation)
        return stored == (source.st_size, source.st_mtime_ns, preparation)


@dataclass(kw_only=True)
class StoreIndex:
    """What index.json holds.

    Attributes:
        frame_size: S; a frame is S * S bytes.
        entries: the videos by their id.
        completed: when the last build ended with every source in the store (ISO 8601, UTC); None until then.
    """

    frame_size: int
    entries: dict[str, StoreEntry] = field(default_factory=dict)
    completed: str | None = None

    def end_of(self, entry: StoreEntry) -> int:
        """Bytes of its shard up to the end of an entry."""
        return entry.offset + entry.num_frames * self.frame_size**2

    def shard_ends(self) -> dict[int, int]:
        """For each shard in use, the bytes of it that are spoken for."""
        ends: dict[int, int] = {}
        for entry in self.entries.values():
            ends[entry.shard] = max(ends.get(entry.shard, 0), self.end_of(entry))
        return ends

    def drop_lost(self, folder: Path) -> None:
        """Forget entries whose shard is gone or was cut short, so that a build decodes them again."""
        sizes = {shard: _file_size(shard_path(folder, shard)) for shard in self.shard_ends()}
        self.entries = {name: entry for name, entry in self.entries.items() if self.end_of(entry) <= sizes[entry.shard]}

    def stamp(self) -> None:
        """Mark the store as complete, now."""
        self.completed = datetime.now(UTC).isoformat(timespec="seconds")

    def write(self, folder: Path) -> None:
        """Replace index.json as a whole: a crash leaves the old one or the new one. Raises OSError."""
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "frame_size": self.frame_size,
            "completed": self.completed,
            "entries": {name: asdict(entry) for name, entry in self.entries.items()},
        }
        write_whole(folder / INDEX_NAME, json.dumps(content))


def read_index(folder: Path) -> StoreIndex | None:
    """Read index.json, or return None where there is none.

    Raises:
        DatasetError: it is damaged, or of another version of the format.
    """
    path = folder / INDEX_NAME
    remedy = f"Delete the folder {folder} and build the store again."
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT or content["version"] != _VERSION:
            raise DatasetError(
                f"{path}: expected {_FORMAT!r} version {_VERSION}; "
                f"got {content['format']!r} version {content['version']}. {remedy}"
            )
        return StoreIndex(
            frame_size=int(content["frame_size"]),
            entries={str(name): StoreEntry(**entry) for name, entry in content["entries"].items()},
            completed=content["completed"],
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path}: damaged ({error!r}). {remedy}") from error


def is_current(entry: StoreEntry | None, source: FrameSource) -> bool:
    """Tell whether an entry is there and its source is still the file that was decoded, and prepared as is asked."""
    try:
        return entry is not None and entry.is_fresh(source.path.stat(), source.preparation)
    except OSError:
        return False


def shard_path(folder: Path, shard: int) -> Path:
    """Where a shard lies."""
    return folder / f"frames-{shard:05d}.bin"


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
