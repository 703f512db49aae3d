"""Whether a folder holds already what a conversion would write: one that was stopped when it was done is not refused.

What tells is a hash of the clips' pixels together and of the settings. Nobody learns a name, a path or a number of a
patient from it; who has all the originals themselves can tell that it was these.
"""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coreecho.datasets.converted_tables import CONVERTED, ConvertedClip, read_clip
from coreecho.datasets.phantom_marks import PHANTOM_CARD
from coreecho.documents import read_document, write_document
from coreecho.errors import CoReEchoError
from coreecho.files import sha256_of
from coreecho.video.dicom_series import Series
from coreecho.video.file_stamp import stamp_of

SEAL = ".converted"


@dataclass(frozen=True, kw_only=True)
class _Seal:
    request: str


def request_of(clips: Iterable[Path | Series | None], labels: Path | None, settings: Sequence[object]) -> str:
    """Hash what a conversion is asked to do.

    Args:
        clips: those given, in order; None for a folder that cannot be opened.
        labels: table of labels.
        settings: all else that changes what is written.
    """
    digest = hashlib.sha256(repr(tuple(settings)).encode())
    for clip in clips:
        for file in clip.files if isinstance(clip, Series) else () if clip is None else (clip,):
            # What cannot be read is refused, and its reason may be another one next time: it is asked for anew.
            with suppress(OSError):
                digest.update(stamp_of(file).content.encode())
        digest.update(b"\n")
    digest.update(b"" if labels is None else sha256_of(labels).encode())
    return digest.hexdigest()


def seal(out: Path, request: str) -> None:
    """Say in a folder what was converted into it. Raises OSError."""
    write_document(out / SEAL, _Seal(request=request))


def read_finished(out: Path, request: str, frame_size: int) -> list[ConvertedClip] | None:
    """Read what a finished conversion of the same request has left; None where there is none."""
    if not (out / SEAL).is_file():
        return None
    try:
        if read_document(out / SEAL, _Seal, kind="mark of a finished conversion").request != request:
            return None
        with (out / CONVERTED).open(newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        is_phantom = (out / PHANTOM_CARD).is_file()
        return [read_clip(row, frame_size, is_phantom) for row in rows]
    except (CoReEchoError, OSError, ValueError, KeyError):
        # Somebody changed it: it is no longer what was asked for.
        return None
