"""How simulated hearts are known: by the card of their folder, or by the mark in each of their files."""

import gzip
import zlib
from pathlib import Path

from coreecho.video.containers import PHANTOM_COMMENT

PHANTOM_CARD = "phantom.json"
_MARK_BYTES = 64 * 1024


def is_phantom_root(root: str | Path) -> bool:
    """Tell whether a folder, or that of a table, holds simulated hearts: their card, phantom.json, lies in it."""
    folder = Path(root)
    return ((folder.parent if folder.is_file() else folder) / PHANTOM_CARD).is_file()


def has_phantom_mark(path: Path) -> bool:
    """Tell whether a file says of itself that it is simulated, without decoding it; False where it cannot be read."""
    mark = PHANTOM_COMMENT.encode()
    try:
        with path.open("rb") as file:
            head = file.read(_MARK_BYTES)
            file.seek(max(0, path.stat().st_size - _MARK_BYTES))
            tail = file.read(_MARK_BYTES)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked:
                head = unpacked.read(_MARK_BYTES)
    except (OSError, EOFError, ValueError, zlib.error):
        return False
    return mark in head or mark in tail
