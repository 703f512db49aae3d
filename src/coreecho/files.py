"""Files that are written whole or not at all: a killed process or a full disk never leaves half a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is flushed to disk and renamed to `path`, else removed.

    Args:
        path: the file to write. Its folder must exist. An older file of that name is replaced in one step.

    Raises:
        OSError: as the file system gives it (a full disk, a read-only folder); `path` is then as it was before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `content` to `path` in one step; text is UTF-8, in which a name that is not is escaped."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
