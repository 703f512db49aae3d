"""Files that are written whole or not at all: a killed process or a full disk never leaves half a file."""

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from coreecho.errors import CoReEchoError

# Of files that nobody but their owner may read.
_PRIVATE = 0o600


def readable(text: str | Path) -> str:
    r"""Write out bytes of a name that are not UTF-8, `M\xfcller.avi`, and those that would steer a terminal, `\x1b`.

    Python holds the first as lone surrogates, which no UTF-8 file and no terminal takes.
    """
    try:
        encoded = str(text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Another lone surrogate, such as a damaged JSON file may hold.
        encoded = str(text).encode("utf-8", "backslashreplace")
    decoded = encoded.decode("utf-8", "backslashreplace")
    return "".join(f"\\x{ord(letter):02x}" if unicodedata.category(letter) == "Cc" else letter for letter in decoded)


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


def write_whole(path: Path, content: bytes | str, *, is_private: bool = False) -> None:
    r"""Write `content` to `path` in one step; text is UTF-8, and what cannot be UTF-8 is written out, as `\udcfc`.

    Args:
        path: the file to write.
        content: all of it.
        is_private: nobody but the owner may read it, from its first byte on.

    Raises:
        OSError: as the file system gives it.
    """
    with replacing(path) as temporary:
        if is_private:
            temporary.unlink(missing_ok=True)
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)


@contextmanager
def alone_in(folder: Path, purpose: str) -> Iterator[None]:
    """Keep every other process out of a folder for as long as this one works in it.

    The system holds the lock for the life of the process, so a process that was killed leaves none behind. Its file,
    `.NAME.lock`, lies beside the folder, which may be moved, emptied or given away meanwhile.

    Args:
        folder: that one process is to work in; it need not exist.
        purpose: what this process does there, for messages: "convert".

    Raises:
        CoReEchoError: another process works there, or the lock cannot be made.
    """
    whole = folder.absolute()
    lock = FileLock(whole.parent / f".{whole.name}.lock", timeout=0)
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise CoReEchoError(
            f"{folder}: another process is at work in it ({purpose}). Wait until it has ended, or use another folder."
        ) from error
    except OSError as error:
        raise CoReEchoError(f"{folder}: its lock cannot be made ({error.strerror}). Choose another folder.") from error
    try:
        yield
    finally:
        lock.release()
