"""Files by the paths that people write into tables."""

import os
import re
from pathlib import Path

# How `readable` and `backslashreplace` write a byte that is not UTF-8.
_ESCAPED_BYTE = re.compile(r"\\x([0-9a-f]{2})|\\udc([89a-f][0-9a-f])")


def find_clip(folder: Path, text: str) -> Path:
    r"""The file that a cell means: as it is written, or with Windows' backslashes, or with escaped bytes.

    Another reading is taken only where no file has the name as written and one has the other.

    Args:
        folder: of the table.
        text: relative to the folder, or absolute: `clips/1.avi`, `clips\1.avi`, `M\xfcller.avi`.

    Returns:
        The file, or where it should be.
    """
    # No name holds a null byte; another file's name without one is not it.
    text = text.replace("\0", "\\0")
    try:
        written = folder / text
        if written.is_file() or "\\" not in text:
            return written
        unescaped = _ESCAPED_BYTE.sub(lambda match: os.fsdecode(bytes.fromhex(match[1] or match[2])), text)
        for other in (unescaped, text.replace("\\", "/"), unescaped.replace("\\", "/")):
            if (folder / other).is_file():
                return folder / other
    # What no name on this system may hold.
    except (OSError, ValueError):
        pass
    return folder / text
