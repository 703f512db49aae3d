"""What a plain value has to be: a dataclass says so by its annotations.

    bool, int, float, str, Path, None      that type; an int is a float, too, but a bool is no number
    Literal["a", "b"]                      one of these
    A | B, Optional[A]                     the first that fits
    tuple[A, B], tuple[A, ...], list[A]    a list, of just so many entries where they are counted
    dict[str, A], Mapping[str, A]          an object with any names
    another dataclass                      an object of its fields, checked by its own __post_init__ besides
    Any                                    whatever JSON holds
    Annotated[A, Within(low, high)]        a number, or the length of a text or list, in a range

Every field must be there, also one with a default: what a file does not say is not to be guessed. A field that older
files lack says so by `field(default=..., metadata=MAY_BE_ABSENT)`. Entries that the schema does not know are refused.
"""

import dataclasses
import difflib
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from coreecho.errors import CoReEchoError

# Of a field that older files do not have.
MAY_BE_ABSENT: Mapping[str, bool] = types.MappingProxyType({"coreecho_may_be_absent": True})

_NAMED_AT_MOST = 4
_SHOWN_AT_MOST = 60


@dataclass(frozen=True)
class Within:
    """The range of a number, or of the length of a text, list or object.

    Attributes:
        low: the smallest that is possible.
        high: the largest that is possible.
        or_unknown: NaN is possible, too; JSON has no such number, so it is written as null.
    """

    low: float = -math.inf
    high: float = math.inf
    or_unknown: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a document may cost before it is looked at.

    Attributes:
        max_bytes: of the file.
        max_depth: of lists and objects in each other.
        max_text: characters of one text, where the schema gives no range of its own.
        max_entries: of one list or object, where the schema gives no range of its own.
    """

    max_bytes: int = 64 * 2**20
    max_depth: int = 16
    max_text: int = 10_000
    max_entries: int = 1_000_000


class FaultsError(Exception):
    """Everything that is wrong with a part of a document: where, and what."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        super().__init__(*faults)
        self.faults = faults

    @property
    def words(self) -> str:
        """The first few, for a person."""
        more = len(self.faults) - _NAMED_AT_MOST
        named = "; ".join(f"{at}: {what}" if at else what for at, what in self.faults[:_NAMED_AT_MOST])
        return f"{named}{f'; and {more} more' if more > 0 else ''}"


def read_value(kind: Any, value: Any, at: str, limits: Limits) -> Any:
    """Turn a plain value into what an annotation says.

    Args:
        kind: the annotation.
        value: of a text that holds one, such as JSON.
        at: its place there, for messages; empty of the whole.
        limits: what it may cost.

    Raises:
        FaultsError: it is something else.
    """
    within: Within | None = None
    if get_origin(kind) is Annotated:
        kind, *marks = get_args(kind)
        within = next((mark for mark in marks if isinstance(mark, Within)), None)
    if kind is float and within is not None and within.or_unknown and _is_unknown(value):
        return math.nan
    read = _reader(kind)(kind, value, at, limits)
    _check_range(read, within, at, limits)
    return read


def _reader(kind: Any) -> Callable[[Any, Any, str, Limits], Any]:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _of_union
    if origin is tuple or origin is list or origin is Sequence:
        return _of_list
    if origin is dict or origin is Mapping:
        return _of_mapping
    if dataclasses.is_dataclass(kind):
        return _of_dataclass
    return _of_literal if origin is Literal else _of_plain


def _of_plain(kind: Any, value: Any, at: str, limits: Limits) -> Any:
    if kind is Any:
        _check_any(value, at, limits)
        return value
    if kind is None or kind is types.NoneType:
        is_it = value is None
    elif kind is float:
        is_it = isinstance(value, int | float) and not isinstance(value, bool)
    elif kind is int:
        is_it = isinstance(value, int) and not isinstance(value, bool)
    elif kind is Path:
        is_it = isinstance(value, str) and "\0" not in value
    else:
        is_it = isinstance(value, kind)
    if not is_it:
        raise FaultsError((at, f"{shown(value)}, expected {_named(kind)}"))
    if kind is float:
        return _finite(value, at)
    return Path(value) if kind is Path else value


def _of_literal(kind: Any, value: Any, at: str, limits: Limits) -> Any:
    # `True == 1`, and only one of them is meant.
    if any(value == known and type(value) is type(known) for known in get_args(kind)):
        return value
    raise FaultsError((at, f"{shown(value)}, expected {_named(kind)}"))


def _of_union(kind: Any, value: Any, at: str, limits: Limits) -> Any:
    """The first that fits; where none does, what is wrong with the one that is meant to hold such a value."""
    faults = []
    for one in get_args(kind):
        try:
            return read_value(one, value, at, limits)
        except FaultsError as error:
            faults.append(error)
    # Only one that looked inside has more to say than that it expected something else.
    deeper = [error for error in faults if any(where != at for where, _ in error.faults)]
    if deeper:
        raise deeper[0]
    only = [error for one, error in zip(get_args(kind), faults, strict=True) if one is not types.NoneType]
    raise only[0] if len(only) == 1 else FaultsError((at, f"{shown(value)}, expected {_named(kind)}"))


def _of_list(kind: Any, value: Any, at: str, limits: Limits) -> Any:
    if not isinstance(value, list | tuple):
        raise FaultsError((at, f"{shown(value)}, expected a list"))
    origin, inner = get_origin(kind), get_args(kind)
    is_counted = origin is tuple and Ellipsis not in inner
    if is_counted and len(value) != len(inner):
        raise FaultsError((at, f"a list of {len(value)}, expected {len(inner)} entries"))
    _check_length(len(value), limits.max_entries, at)
    kinds = inner if is_counted else (inner[0],) * len(value)
    read = _read_all(
        [(kind, one, f"{at}[{i}]") for i, (kind, one) in enumerate(zip(kinds, value, strict=True))], limits
    )
    return read if origin is list else tuple(read)


def _of_mapping(kind: Any, value: Any, at: str, limits: Limits) -> Any:
    if not isinstance(value, Mapping):
        raise FaultsError((at, f"{shown(value)}, expected an object"))
    _check_length(len(value), limits.max_entries, at)
    key, inner = get_args(kind)
    if key is not str:
        raise TypeError(f"Names in JSON are texts, and a schema has {key}")
    # YAML has others.
    if others := [name for name in value if not isinstance(name, str)]:
        raise FaultsError((at, f"the name {shown(others[0])}, expected a text"))
    read = _read_all([(inner, one, _below(at, name)) for name, one in value.items()], limits)
    return dict(zip(value, read, strict=True))


def _of_dataclass(kind: Any, value: Any, at: str, limits: Limits) -> Any:
    if not isinstance(value, Mapping):
        raise FaultsError((at, f"{shown(value)}, expected an object of {', '.join(_hints(kind))}"))
    fields = {each.name: each for each in dataclasses.fields(kind) if each.init}
    optional = {name for name, each in fields.items() if "coreecho_may_be_absent" in each.metadata}
    missing = [name for name in fields if name not in value and name not in optional]
    faults = [(at, f"it lacks {', '.join(missing)}")] if missing else []
    for name in (name for name in value if name not in fields):
        close = difflib.get_close_matches(str(name), fields, n=1)
        hint = f"; did you mean {close[0]}" if close else ""
        faults.append((_below(at, name), f"is not known here{hint}"))
    known = [name for name in fields if name in value]
    try:
        read = _read_all([(_hints(kind)[name], value[name], _below(at, name)) for name in known], limits)
    except FaultsError as error:
        raise FaultsError(*faults, *error.faults) from error
    if faults:
        raise FaultsError(*faults)
    try:
        return kind(**dict(zip(known, read, strict=True)))
    except (CoReEchoError, ValueError) as error:
        raise FaultsError((at, str(error).rstrip("."))) from error


def _read_all(parts: Sequence[tuple[Any, Any, str]], limits: Limits) -> list[Any]:
    """Read parts, each by its annotation, value and place, and report the faults of all."""
    read: list[Any] = []
    faults: list[tuple[str, str]] = []
    for kind, value, at in parts:
        try:
            read.append(read_value(kind, value, at, limits))
        except FaultsError as error:
            faults.extend(error.faults)
            if len(faults) > _NAMED_AT_MOST:
                break
    if faults:
        raise FaultsError(*faults)
    return read


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind) if each.init}


def _check_range(value: Any, within: Within | None, at: str, limits: Limits) -> None:
    is_sized = isinstance(value, str | list | tuple | dict)
    if within is None:
        if isinstance(value, str):
            _check_length(len(value), limits.max_text, at)
        return
    measured = len(value) if is_sized else value
    if not isinstance(measured, int | float) or isinstance(measured, bool):
        return
    if not within.low <= measured <= within.high:
        what = f"{measured} entries or characters" if is_sized else shown(value)
        raise FaultsError((at, f"{what}, expected {_interval(within)}"))


def _interval(within: Within) -> str:
    if math.isinf(within.high):
        return f"at least {within.low:g}"
    return f"at most {within.high:g}" if math.isinf(within.low) else f"{within.low:g} to {within.high:g}"


def _check_any(value: Any, at: str, limits: Limits) -> None:
    """Of what has no schema: finite numbers, and texts and lists of a sensible length."""
    if isinstance(value, Mapping):
        _check_length(len(value), limits.max_entries, at)
        for name, entry in value.items():
            _check_length(len(name), limits.max_text, at)
            _check_any(entry, _below(at, name), limits)
    elif isinstance(value, list):
        _check_length(len(value), limits.max_entries, at)
        for place, entry in enumerate(value):
            _check_any(entry, f"{at}[{place}]", limits)
    elif isinstance(value, str):
        _check_length(len(value), limits.max_text, at)
    elif isinstance(value, float):
        _finite(value, at)


def _check_length(length: int, most: int, at: str) -> None:
    if length > most:
        raise FaultsError((at, f"{length:,} entries or characters, expected at most {most:,}"))


def _finite(value: float, at: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FaultsError((at, f"{shown(value)}, expected a finite number"))
    return number


def _is_unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _below(at: str, name: object) -> str:
    shown = str(name) if len(str(name)) <= _SHOWN_AT_MOST else f"{str(name)[:_SHOWN_AT_MOST]}..."
    return f"{at}.{shown}" if at else shown


def shown(value: Any) -> str:
    """The value, where it is short; a damaged file may hold a novel."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= _SHOWN_AT_MOST else f"{text[:_SHOWN_AT_MOST]}..."


def _named(kind: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}
    if get_origin(kind) is Annotated:
        return _named(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return " or ".join(repr(known) for known in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_named(one) for one in get_args(kind))
    if kind is None or kind is types.NoneType:
        return "null"
    if get_origin(kind) in (tuple, list, Sequence):
        return "a list"
    return words.get(kind, "an object")
