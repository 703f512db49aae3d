"""JSON of our own: written alike for equal content, and read back only if it is what it should be.

A document's schema is a dataclass, whose annotations are what is checked: see `schemas`. Refused besides are names that
come twice, numbers that are not finite, files beyond a size, and lists too deep in lists.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, cast

from coreecho.errors import CoReEchoError
from coreecho.files import write_whole
from coreecho.schemas import MAY_BE_ABSENT, FaultsError, Limits, Within, read_value, shown

__all__ = [
    "MAY_BE_ABSENT",
    "Limits",
    "Within",
    "build_document",
    "document_text",
    "parse_document",
    "parse_entries",
    "read_document",
    "write_document",
]

T = TypeVar("T")


def read_document(
    path: Path,
    schema: type[T],
    *,
    kind: str,
    error: type[CoReEchoError] = CoReEchoError,
    limits: Limits | None = None,
) -> T:
    """Read a JSON file of ours.

    Args:
        path: the file.
        schema: a dataclass; or a mapping, where whoever asks has to judge what is in it.
        kind: what the file is, for messages: "record of a run".
        error: is raised for whatever is wrong.
        limits: what the file may cost.

    Raises:
        error: the file cannot be read, is damaged, or is not as the schema says; all faults that were found are named.
    """
    limits = limits or Limits()
    try:
        with path.open("rb") as file:
            content = file.read(limits.max_bytes + 1)
    except OSError as reason:
        raise error(f"{path}: this {kind} cannot be read: {reason.strerror or reason}.") from reason
    try:
        return parse_document(content, schema, kind=kind, error=error, limits=limits)
    except CoReEchoError as reason:
        raise error(f"{path}: {reason}") from reason


def parse_document(
    content: str | bytes,
    schema: type[T],
    *,
    kind: str,
    error: type[CoReEchoError] = CoReEchoError,
    limits: Limits | None = None,
) -> T:
    """Read JSON of ours that lies in memory, such as in the header of another file; arguments as for `read_document`.

    Raises:
        error: it is damaged, or not as the schema says.
    """
    advice = " It is damaged, or comes from another version of coreecho."
    return _parsed(content, schema, f"This {kind} cannot be read: {{}}.{advice}", error, limits or Limits())


def build_document(entries: Any, schema: type[T], *, kind: str, error: type[CoReEchoError] = CoReEchoError) -> T:
    """Make what a schema says of plain entries that are no JSON of ours, such as a person's YAML.

    A schema for entries that others write has no `Any`: YAML can hold lists that hold themselves.

    Args:
        entries: lists, mappings and plain values.
        schema: a dataclass.
        kind: what they are, for messages.
        error: is raised for whatever is wrong.

    Raises:
        error: they are not as the schema says.
    """
    try:
        return cast(T, read_value(schema, entries, "", Limits()))
    except FaultsError as reason:
        raise error(f"This {kind} cannot be read: {reason.words}.") from reason


def parse_entries(
    content: str | bytes,
    schema: type[T],
    *,
    kind: str,
    error: type[CoReEchoError] = CoReEchoError,
    limits: Limits | None = None,
) -> T:
    """Read JSON that a person or another program wrote, as strictly as ours; arguments as for `parse_document`.

    Raises:
        error: it is no JSON, or not as the schema says.
    """
    return _parsed(content, schema, f"This {kind} cannot be read: {{}}.", error, limits or Limits())


def _parsed(content: str | bytes, schema: type[T], message: str, error: type[CoReEchoError], limits: Limits) -> T:
    try:
        return cast(T, read_value(schema, _parse(content, limits), "", limits))
    except FaultsError as reason:
        raise error(message.format(reason.words)) from reason


def document_text(document: object, *, indent: int | None = None) -> str:
    """Write a dataclass as JSON: equal documents give equal texts, whatever the order of their mappings.

    Raises:
        ValueError: a number is infinite. NaN is written as null.
        TypeError: the document holds something that JSON does not know.
    """
    if not dataclasses.is_dataclass(document) or isinstance(document, type):
        raise TypeError(f"A document is a dataclass, got {type(document).__name__}.")
    return json.dumps(_plain(dataclasses.asdict(document)), indent=indent, sort_keys=True, allow_nan=False)


def write_document(path: Path, document: object) -> None:
    """Write a dataclass as a JSON file, whole or not at all.

    Raises:
        OSError: as the file system gives it; an older file is as it was.
    """
    write_whole(path, document_text(document, indent=2) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _parse(content: str | bytes, limits: Limits) -> Any:
    """JSON to plain values."""
    if len(content) > limits.max_bytes:
        raise FaultsError(("", f"it has more than {limits.max_bytes:,} bytes"))

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"the name {shown(twice)} comes twice")
        return entries

    try:
        text = content if isinstance(content, str) else content.decode()
        entries = json.loads(text, object_pairs_hook=once)
    except RecursionError as error:
        raise FaultsError(("", f"it is nested more than {limits.max_depth} deep")) from error
    except ValueError as error:
        raise FaultsError(("", f"it is no JSON ({error})" if _is_of_the_text(error) else str(error))) from error
    _check_depth(entries, limits.max_depth)
    return entries


def _is_of_the_text(error: ValueError) -> bool:
    """Whether an error is of the text itself: its encoding, its syntax, or a number of too many digits."""
    return isinstance(error, json.JSONDecodeError | UnicodeDecodeError) or "digits" in str(error)


def _check_depth(entries: Any, max_depth: int) -> None:
    """See that lists and objects do not lie too deep in each other, without a call for each level."""
    level, depth = [entries], 0
    while level:
        within = [
            value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)
        ]
        level = list(chain.from_iterable(within))
        depth += 1
        if depth > max_depth and level:
            raise FaultsError(("", f"it is nested more than {max_depth} deep"))
