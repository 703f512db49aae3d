"""What tells whether a file is still the one that it was, without reading all of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

# Where the content is looked at, as parts of what lies before the last block: the head, the tail, and between them
# places that do not fall between two frames, where the picture is black around the sector.
_PLACES = (0.0, 0.236, 0.528, 0.764, 1.0)
_BLOCK_BYTES = 16 * 1024
# The other file of an array whose header lies apart from its pixels.
_PIXELS_BESIDE = (".raw", ".zraw", ".raw.gz")
_HEADERS = frozenset({".mhd", ".nhdr"})


@dataclass(frozen=True, kw_only=True)
class FileStamp:
    """A file at one moment.

    Attributes:
        path: absolute, links followed.
        num_bytes: its size.
        mtime_ns: when it was last changed.
        content: hash of its size, head, middle and tail; of small files, of everything.
    """

    path: str
    num_bytes: int
    mtime_ns: int
    content: str


def stamp_of(path: Path) -> FileStamp:
    """Look at a file; where its pixels lie in a file beside it, at that, too. Raises OSError."""
    stat = path.stat()
    digest = hashlib.sha256()
    for part in (path, *_pixels_beside(path)):
        _add(digest, part)
    return FileStamp(
        path=str(path.resolve()), num_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, content=digest.hexdigest()[:32]
    )


def _pixels_beside(path: Path) -> list[Path]:
    if path.suffix.lower() not in _HEADERS:
        return []
    return [beside for suffix in _PIXELS_BESIDE if (beside := path.with_suffix(suffix)).is_file()]


def _add(digest: "hashlib._Hash", path: Path) -> None:
    with path.open("rb") as file:
        num_bytes = path.stat().st_size
        digest.update(b"%d\n" % num_bytes)
        if num_bytes <= len(_PLACES) * _BLOCK_BYTES:
            digest.update(file.read())
            return
        for place in _PLACES:
            file.seek(int(place * (num_bytes - _BLOCK_BYTES)))
            digest.update(file.read(_BLOCK_BYTES))
