"""The index of a frame store: which frames lie where, and what they were decoded from."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from coreecho.documents import MAY_BE_ABSENT, Limits, Within, document_text, read_document
from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.video.file_stamp import FileStamp, stamp_of
from coreecho.video.limits import MAX_DECODED_BYTES
from coreecho.video.video_file import VideoFile

INDEX_NAME = "index.json"
_KIND = "index of a frame store"
# An entry takes half a kilobyte.
_LIMITS = Limits(max_bytes=1024**3)
_MAX_SHARDS = 1_000_000
_MAX_OFFSET = 2**31
_MAX_BYTES = 2**50
# Nanoseconds from 1970 that a file system may give, in both directions.
_MAX_TIME_NS = 2**63


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreEntry:
    """One video of the store.

    Attributes:
        shard: number of the shard that holds its frames.
        offset: bytes before its first frame in the shard.
        num_frames: T.
        fps: frames per second, or None where the file does not say.
        crc32: checksum of the frames' bytes, which finds what a disk has damaged.
        frames_hash: hash of the frames, by which they are known; see `hash_frames`. Empty in a store of before.
        source: the path it was decoded from, absolute, links followed.
        source_bytes: size of that file when it was decoded.
        source_mtime_ns: time of its last change when it was decoded.
        source_content: hash of its head, middle and tail then; see `FileStamp`.
        preparation: what was done to the file's frames, in words; see `VideoFile`.
        coloured: share of the sector that is coloured in some frame; None where it was not looked at.
    """

    shard: Annotated[int, Within(0, _MAX_SHARDS)]
    offset: Annotated[int, Within(0, _MAX_OFFSET)]
    num_frames: Annotated[int, Within(1, MAX_DECODED_BYTES)]
    fps: Annotated[float, Within(0, 1e6)] | None
    crc32: Annotated[int, Within(0, 2**32 - 1)]
    source: str
    source_bytes: Annotated[int, Within(0, _MAX_BYTES)]
    source_mtime_ns: Annotated[int, Within(-_MAX_TIME_NS, _MAX_TIME_NS)]
    # Stores of before the content was looked at: what lies in them is decoded anew, once.
    source_content: str = field(default="", metadata=MAY_BE_ABSENT)
    # Stores of before hold checksums alone; a build hashes their frames where they lie.
    frames_hash: str = field(default="", metadata=MAY_BE_ABSENT)
    # Stores of before the preparations were written down hold whole videos, as they were read then.
    preparation: str = field(default="whole video", metadata=MAY_BE_ABSENT)
    coloured: Annotated[float, Within(0, 1)] | None = field(default=None, metadata=MAY_BE_ABSENT)

    def is_fresh(self, file: FileStamp, preparation: str) -> bool:
        """Tell whether the file is still what was decoded, by size, time and content, and prepared so.

        Its path may be another: a data set may be moved together with its store.
        """
        stored = (self.source_bytes, self.source_mtime_ns, self.source_content, self.preparation)
        return stored == (file.num_bytes, file.mtime_ns, file.content, preparation)


@dataclass(kw_only=True)
class StoreIndex:
    """What index.json holds.

    Attributes:
        frame_size: S; a frame is S * S bytes.
        entries: the videos by their id.
        completed: when the last build ended with every file in the store (ISO 8601, UTC); None until then.
        shards: numbers of the files that the store made, and may write over and delete; no other file is touched.
        format: tells it from other programs' files of the same name.
        version: of the format.
    """

    frame_size: Annotated[int, Within(1, 4096)]
    entries: dict[str, StoreEntry] = field(default_factory=dict)
    completed: str | None = None
    shards: tuple[Annotated[int, Within(0, _MAX_SHARDS)], ...] = field(default=(), metadata=MAY_BE_ABSENT)
    format: Literal["coreecho frame store"] = "coreecho frame store"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        # Older stores do not list their shards; what their videos lie in is theirs.
        self.shards = tuple(sorted({*self.shards, *self.shard_ends()}))

    def end_of(self, entry: StoreEntry) -> int:
        """Bytes of its shard up to the end of an entry."""
        return entry.offset + entry.num_frames * self.frame_size**2

    def shard_ends(self) -> dict[int, int]:
        """For each shard in use, the bytes of it that are spoken for."""
        ends: dict[int, int] = {}
        for entry in self.entries.values():
            ends[entry.shard] = max(ends.get(entry.shard, 0), self.end_of(entry))
        return ends

    @property
    def is_hashed(self) -> bool:
        """Whether the hash of every video's frames is known."""
        return all(entry.frames_hash for entry in self.entries.values())

    def drop_lost(self, folder: Path) -> None:
        """Forget entries whose shard is gone or was cut short, so that a build decodes them again."""
        sizes = {shard: _file_size(shard_path(folder, shard)) for shard in self.shard_ends()}
        self.entries = {name: entry for name, entry in self.entries.items() if self.end_of(entry) <= sizes[entry.shard]}

    def stamp(self) -> None:
        """Mark the store as complete, now."""
        self.completed = datetime.now(UTC).isoformat(timespec="seconds")

    def write(self, folder: Path) -> None:
        """Replace index.json as a whole: a crash leaves the old one or the new one. Raises OSError."""
        write_whole(folder / INDEX_NAME, document_text(self))


def read_index(folder: Path) -> StoreIndex | None:
    """Read index.json, or return None where there is none.

    Raises:
        DatasetError: it is damaged, another program's, or of another version of the format.
    """
    path = folder / INDEX_NAME
    try:
        if not path.exists():
            return None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    try:
        return read_document(path, StoreIndex, kind=_KIND, error=DatasetError, limits=_LIMITS)
    except DatasetError as error:
        raise DatasetError(
            f"{error} If {INDEX_NAME} is of another program, give another folder by `--store`; if it is of a frame "
            f"store that was damaged, move {INDEX_NAME} and the files frames-*.bin of that store away, and build again."
        ) from error


def is_current(entry: StoreEntry | None, file: VideoFile) -> bool:
    """Tell whether an entry is there and its file is still the one that was decoded, and prepared as is asked."""
    try:
        return entry is not None and entry.is_fresh(stamp_of(file.path), file.preparation)
    except OSError:
        return False


def shard_path(folder: Path, shard: int) -> Path:
    """Where a shard lies."""
    return folder / f"frames-{shard:05d}.bin"


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
