"""Whether the values of typed settings are what their annotations say. Python does not look; a recipe must."""

import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from coreecho.errors import RecipeError
from coreecho.registry import Registry

_WORDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text", NoneType: "nothing"}


def take_lists(settings: Any) -> None:
    """Let a list stand for a tuple in a frozen dataclass that is being made, as it does in YAML."""
    hints = get_type_hints(type(settings))
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, list) and get_origin(hints[field.name]) is tuple:
            object.__setattr__(settings, field.name, tuple(value))


def faults_of_types(settings: Any, *, leave_out: Sequence[str] = ()) -> list[str]:
    """Say which values of a dataclass are of another type than is written there, or no finite numbers.

    Args:
        settings: an instance.
        leave_out: names of fields that are checked elsewhere.
    """
    names = [field.name for field in fields(settings) if field.name not in leave_out]
    return faults_of_values({name: getattr(settings, name) for name in names}, get_type_hints(type(settings)))


def faults_of_values(values: Mapping[str, object], expected: Mapping[str, Any]) -> list[str]:
    """Say which values are not of the type that is expected under their name, and of choices which was likely meant."""
    return [
        f"{name} is {value!r}, expected {_in_words(expected[name])}{_hint(value, _choices(expected[name]))}"
        for name, value in values.items()
        if not _fits(value, expected[name])
    ]


def refuse(what: str, faults: Sequence[str]) -> None:
    """Refuse settings that have faults, all of them at once.

    Args:
        what: they are, for the message: "The recipe 'mine'".
        faults: each a part of a sentence.

    Raises:
        RecipeError: there are any.
    """
    if faults:
        raise RecipeError(as_sentence(f"{what} does not hold together: {'; '.join(faults)}"))


def as_sentence(fault: str) -> str:
    """End what is said; a question of what was meant has its own mark at the end."""
    return fault if fault.endswith("?") else f"{fault}."


def fault_of_name(setting: str, value: str, known: Registry[Any] | Sequence[str]) -> str | None:
    """Say that a name is not among the known ones, and which is nearest; None where it is."""
    if value in known:
        return None
    names, further = (
        (known, "") if not isinstance(known, Registry) else (known.names(), " or `package.module:attribute`")
    )
    return f"{setting} is {value!r}, expected {', '.join(names)}{further}{_hint(value, names)}"


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that was likely meant; None where none is near."""
    close = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
    return close[0] if close else None


def _fits(value: object, expected: Any) -> bool:
    if get_origin(expected) is Literal:
        # By type as well: 1 is equal to True.
        return any(value == choice and type(value) is type(choice) for choice in get_args(expected))
    if get_origin(expected) in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(expected))
    if get_origin(expected) is tuple:
        parts = get_args(expected)
        if not isinstance(value, tuple):
            return False
        if Ellipsis in parts:
            parts = parts[:1] * len(value)
        return len(value) == len(parts) and all(map(_fits, value, parts))
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
        parts = get_args(expected)
        count = "" if Ellipsis in parts else f"{len(parts)} "
        return f"{count}values, each {_in_words(parts[0])}"
    return _WORDS.get(expected, getattr(expected, "__name__", str(expected)))


def _choices(expected: Any) -> Sequence[str]:
    return [str(choice) for choice in get_args(expected)] if get_origin(expected) is Literal else []


def _hint(value: object, known: Sequence[str]) -> str:
    close = nearest(value, known) if isinstance(value, str) else None
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
