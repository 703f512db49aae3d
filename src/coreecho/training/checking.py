"""Whether the values of typed settings are what their annotations say. Python does not look; a recipe must."""

import difflib
import sys
from collections.abc import Sequence
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from coreecho.registry import Registry

_WORDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text", NoneType: "nothing"}


def faults_of_types(settings: Any, *, leave_out: Sequence[str] = ()) -> list[str]:
    """Say which values of a dataclass are of another type than is written there, or no finite numbers.

    Args:
        settings: an instance.
        leave_out: names of fields that are checked elsewhere.
    """
    hints = get_type_hints(type(settings))
    names = [field.name for field in fields(settings) if field.name not in leave_out]
    return [
        fault_of(name, getattr(settings, name), hints[name])
        for name in names
        if not _fits(getattr(settings, name), hints[name])
    ]


def fault_of(name: str, value: object, expected: Any) -> str:
    """Say that a value is not what is expected, and of names which one was likely meant."""
    return f"{name} is {value!r}, expected {_in_words(expected)}{_hint(value, _choices(expected))}"


def fault_of_name(setting: str, value: str, known: Registry[Any] | Sequence[str]) -> str | None:
    """Say that a name is not among the known ones, and which is nearest; None where it is."""
    if value in known:
        return None
    names, further = (
        (known, "") if not isinstance(known, Registry) else (known.names(), " or `package.module:attribute`")
    )
    return f"{setting} is {value!r}, expected {', '.join(names)}{further}{_hint(value, names)}"


def nearest(name: object, known: Sequence[str]) -> str | None:
    """The known name that was likely meant; None where none is near."""
    close = difflib.get_close_matches(str(name).casefold(), known, n=1, cutoff=0.5)
    return close[0] if close else None


def _fits(value: object, expected: Any) -> bool:
    if get_origin(expected) is Literal:
        # By type as well: 1 is equal to True.
        return any(value == choice and type(value) is type(choice) for choice in get_args(expected))
    if get_origin(expected) in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(expected))
    if get_origin(expected) is tuple:
        parts = get_args(expected)
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(_fits, value, parts))
    if expected in (int, float):
        is_number = isinstance(value, (int, float) if expected is float else int) and not isinstance(value, bool)
        # Compared rather than asked `math.isfinite`: a whole number may have more digits than a float can hold.
        return is_number and abs(value) <= sys.float_info.max  # type: ignore[arg-type]
    return isinstance(value, expected)


def _in_words(expected: Any) -> str:
    if get_origin(expected) is Literal:
        return ", ".join(map(str, get_args(expected)))
    if get_origin(expected) in (Union, UnionType):
        return " or ".join(map(_in_words, get_args(expected)))
    if get_origin(expected) is tuple:
        return f"{len(get_args(expected))} values, each {_in_words(get_args(expected)[0])}"
    return _WORDS.get(expected, getattr(expected, "__name__", str(expected)))


def _choices(expected: Any) -> Sequence[str]:
    return [str(choice) for choice in get_args(expected)] if get_origin(expected) is Literal else []


def _hint(value: object, known: Sequence[str]) -> str:
    close = nearest(value, known)
    return "" if close is None else f"; did you mean {close}?"


def from_plain(value: Any, expected: Any) -> Any:
    """What a plain value of YAML stands for. YAML has no tuples, and reads 1e-4, without a point, as a text."""
    if isinstance(value, list):
        # No setting is a list of lists, and an alias in YAML can make a list hold itself.
        return tuple(part if isinstance(part, list) else from_plain(part, float) for part in value)
    if isinstance(value, str) and (expected is float or float in get_args(expected)):
        try:
            return float(value)
        except ValueError:
            return value
    return value
