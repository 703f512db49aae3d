"""A command whose disk fills up: `python -m tests.hostile.short_of_space OUT HOW N ARGUMENT...`.

HOW is `open`: from the N-th file or folder that is opened for writing, made or renamed below OUT, all of these fail
with the error of a full, an over-quota or a read-only disk in turn; or `bytes`: no file grows beyond N bytes. With
`open` and N = 0 nothing fails, and how often something was opened is told on the last line of stderr.
"""

import errno
import os
import sys
from pathlib import Path
from typing import Any

_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
_CHANGES = ("os.mkdir", "os.rename", "os.truncate", "os.link", "os.symlink")


class Disk:
    """Counts what is written below a folder, and fails from the N-th time on."""

    def __init__(self, folder: str, last: int) -> None:
        self.folder = os.path.realpath(folder)
        self.last = last
        self.count = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook of the interpreter: whatever Python code opens passes here, pandas and torch alike."""
        if event == "open":
            path, mode, flags = arguments
            if not (isinstance(flags, int) and flags & _WRITES) and not (
                isinstance(mode, str) and set(mode) & set("wxa+")
            ):
                return
        elif event in _CHANGES:
            path = arguments[0]
        else:
            return
        if not isinstance(path, str | bytes | os.PathLike) or not self._holds(os.fsdecode(path)):
            return
        self.count += 1
        if 0 < self.last <= self.count:
            number = _ERRORS[self.last % len(_ERRORS)]
            raise OSError(number, os.strerror(number), os.fsdecode(path))

    def _holds(self, path: str) -> bool:
        # Links are not followed: this runs at every file that is opened.
        return path.startswith(self.folder) or str(Path(path).absolute()).startswith(self.folder)


def main() -> None:
    """Run the command."""
    folder, how, number, *arguments = sys.argv[1:]
    disk = Disk(folder, int(number) if how == "open" else 0)
    if how == "bytes":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), hard))
    sys.argv = ["coreecho", *arguments]
    from coreecho.__main__ import main as run

    sys.addaudithook(disk)
    try:
        run()
    finally:
        if how == "open" and int(number) == 0:
            print(f"\nopened {disk.count}", file=sys.stderr)


if __name__ == "__main__":
    main()
