"""Results that take minutes, kept in a folder and used again while they hold.

A result is a JSON document, and files beside it. The document says what it was made from, as a fingerprint, and what
the files were. A damaged file, another version of coreecho, other weights, data or settings: the result is as good as
missing, and is made anew.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import coreecho
from coreecho.datasets import Recording
from coreecho.datasets.recording import NUMBERS
from coreecho.documents import build_document, read_document
from coreecho.errors import CoReEchoError
from coreecho.evaluation.intervals import Interval
from coreecho.files import sha256_of, write_whole
from coreecho.inference.results import HashedFrames

_KEY = "kept"
_KIND = "kept result"


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """Under `_KEY`: the fingerprint of what a result was made from, and the SHA-256 of each file beside it."""

    fingerprint: str
    files: Mapping[str, str]


def fingerprint_of(**parts: object) -> str:
    """Changes when a part or the version of coreecho does.

    Args:
        **parts: JSON-able; all that a result depends on.
    """
    text = json.dumps({"coreecho": coreecho.__version__, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def data_fingerprint(root: Path, recordings: Sequence[Recording], store: HashedFrames) -> str:
    """Changes when frames, labels or patients of recordings do, or a table of the data; not when the data are copied.

    Args:
        root: of the data set; what lies directly in it are its tables and cards.
        recordings: of it.
        store: their frames.
    """
    digest = hashlib.sha256()
    for recording in recordings:
        parts = (
            recording.id,
            *(recording.number(label) for label in NUMBERS),
            recording.patient,
            recording.beat,
            sorted(recording.labels.items()),
            store.digest(recording.id),
        )
        digest.update(repr(parts).encode("utf-8", "surrogateescape"))
    for table in sorted(root.iterdir() if root.is_dir() else [], key=lambda path: path.name):
        if table.is_file() and table.suffix in (".csv", ".json"):
            digest.update(f"{table.name} {sha256_of(table)}".encode())
    return digest.hexdigest()


def write_kept(path: Path, document: dict[str, Any], *, fingerprint: str, files: Sequence[str]) -> None:
    """Write the document of a result whose files are written already, in one step.

    Args:
        path: the JSON file.
        document: JSON-able, without NaN.
        fingerprint: of what it was made from.
        files: beside it, that belong to it.

    Raises:
        OSError: it cannot be written.
    """
    kept = _Kept(fingerprint=fingerprint, files={name: sha256_of(path.parent / name) for name in files})
    write_whole(path, json.dumps({**document, _KEY: asdict(kept)}, indent=2, allow_nan=False) + "\n")


def find_kept(path: Path, *, fingerprint: str) -> dict[str, Any] | None:
    """Read the document of a result; None where there is none, or it no longer holds.

    Args:
        path: the JSON file.
        fingerprint: of what it would be made from now.
    """
    try:
        document = read_document(path, dict[str, Any], kind=_KIND)
        kept = build_document(document.get(_KEY), _Kept, kind=_KIND)
        if kept.fingerprint != fingerprint:
            return None
        is_whole = all(sha256_of(path.parent / name) == sha256 for name, sha256 in kept.files.items())
    except (OSError, CoReEchoError):
        # Damaged or of another version: it can be made again.
        return None
    return document if is_whole else None


def interval_from(entries: dict[str, Any]) -> Interval:
    """Read an interval from what `Interval.to_dict` gave.

    Raises:
        KeyError: an entry is missing.
    """
    known: dict[str, Any] = {field.name: entries[field.name] for field in fields(Interval)}
    for name, value in known.items():
        known[name] = math.nan if value is None else value
    return Interval(**known)
