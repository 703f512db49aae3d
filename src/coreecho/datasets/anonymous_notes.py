"""Reasons for people, without anything that could say whose heart it is."""

import re
from pathlib import Path

# Values from a file stand in messages in quotes or brackets. Greedy: a value may hold brackets of its own.
_QUOTED = re.compile(r"\s*(?:\(.*\)|\[.*\]|'.*'|\".*\")", re.DOTALL)
# A unique identifier of DICOM may stand for a patient, a recording or a hospital.
_IDENTIFIER = re.compile(r"\d+(?:\.\d+){3,}")
# Shorter parts of a path are found in ordinary words.
_MIN_NAME = 3


def anonymous(message: str, path: Path) -> str:
    """Take out of a reader's message all that may come from a file's content, and all parts of its path.

    Args:
        message: as an error of `read_video` says it.
        path: the file's path, as it was given to `read_video`.
    """
    message = message.replace(f" although it is named {path.suffix}", "")
    text = _IDENTIFIER.sub("...", _QUOTED.sub("", message.removeprefix(f"{path}: ")))
    names = {str(path), *path.parts, path.stem, path.suffix, *path.suffixes}
    # Longest first: a name may hold a shorter one.
    for name in sorted(names, key=len, reverse=True):
        if len(name.strip(".")) >= _MIN_NAME:
            text = re.sub(re.escape(name), "...", text, flags=re.IGNORECASE)
    return " ".join(text.split())
