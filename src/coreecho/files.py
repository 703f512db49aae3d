"""Files that are written whole or not at all: a killed process or a full disk never leaves half a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coreecho.errors import CoReEchoError


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


@contextmanager
def writing_into(folder: Path) -> Iterator[Path]:
    """Make a folder that a person asked for, and write into it while the body runs.

    Raises:
        CoReEchoError: it cannot be made or written to; says so once for all files in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        raise CoReEchoError(
            f"{folder} cannot be written to: {error.strerror or error}. Give another `--out`."
        ) from error


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `content` to `path` in one step; text is UTF-8, in which a name that is not is escaped."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
