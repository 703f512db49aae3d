"""Files and folders as the operating system gives them; nothing else here asks which system it is.

Files are written whole or not at all: a killed process or a full disk never leaves half a file. A folder that a long
command works in belongs to it alone.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from coreecho.errors import BusyError, CoReEchoError

LOCK_NAME = ".lock"
# Of files that nobody but their owner may read.
_PRIVATE = 0o600


def sha256_of(path: Path) -> str:
    """Fingerprint of a file's content, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is flushed to disk and renamed to `path`, else removed.

    Args:
        path: the file to write. Its folder must exist. An older file of that name is replaced in one step.

    Raises:
        OSError: as the file system gives it (a full disk, a read-only folder); `path` is then as it was before.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")


def is_file(path: Path) -> bool:
    """Whether a path that somebody wrote down is a file; a name that no file can have is not, however long it is."""
    try:
        return path.is_file()
    except OSError:
        return False


def fault_of_writing(path: Path, *, is_added_to: bool = False) -> str:
    """Try whether a file can be written, and leave nothing behind.

    What a system says of its permissions is not enough: a folder of the kernel's or a full drive takes no file all the
    same.

    Args:
        path: of the file; its folder exists.
        is_added_to: an older file will not be replaced in one step, but added to.

    Returns:
        Why it cannot, in the system's words; empty where it can.
    """
    try:
        if is_added_to and path.exists():
            with path.open("ab"):
                return ""
        temporary = _temporary(path)
        with temporary.open("xb"):
            pass
        temporary.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def make_folder(folder: Path) -> None:
    """Make a folder that a person asked for, before the minutes of computing what shall lie in it.

    Raises:
        CoReEchoError: it cannot be made or written to.
    """
    with writing_into(folder):
        fault = fault_of_writing(folder / "out")
        if fault:
            raise CoReEchoError(f"{folder} cannot be written to: {fault}. Give another `--out`.")


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


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk, which syncing a file does not: after a power cut a rename may be undone.

    Windows opens no folders, and some network drives sync none; there the file system does what it does.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def alone_in(folder: Path, *, doing: str, name: str = LOCK_NAME, waits: bool = False) -> Iterator[None]:
    """Keep every other process, and thread, that asks likewise out of a folder while the body runs.

    The operating system lets go of the lock however this process ends. The file of the lock stays.

    Args:
        folder: exists.
        doing: in words, for the other one's message: "training".
        name: of the lock's file, where it stands for less than the whole folder.
        waits: for the other one to end, whose work then is done. In the body, its file may be deleted.

    Raises:
        BusyError: another one is at it, and this one does not wait.
        OSError: the folder cannot be written.
    """
    # A thread of this process is another one, too: the lock counts for its holder, not for the process.
    lock = FileLock(folder / name, blocking=waits, thread_local=False)
    try:
        lock.acquire()
        while waits and not (folder / name).exists():
            # Whoever had it has deleted its file, and the next one would make another.
            lock.release()
            lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"Another process is {doing} in {folder}. Wait until it has ended, or give another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()
