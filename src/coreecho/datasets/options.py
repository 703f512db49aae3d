"""What a data set may be told besides its folder, and how people type it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coreecho.errors import DatasetError

_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Option:
    """What a layout may be told besides its folder.

    Attributes:
        name: of the keyword.
        kind: type of its values: `bool`, `int` or `str`.
        default: when it is not given.
        help: one line for people.
        choices: the values there are; empty where any of the kind will do.
    """

    name: str
    kind: type
    default: bool | int | str | None
    help: str
    choices: tuple[str, ...] = ()

    def checked(self, value: object, title: str) -> Any:
        """Return a value in the option's own kind; a text, as the command line gives it, is read; None is the default.

        Raises:
            DatasetError: it is of another kind, or none of the choices.
        """
        if value is None:
            return self.default
        if isinstance(value, str) and self.kind is bool and value.casefold() in (*_TRUE, *_FALSE):
            value = value.casefold() in _TRUE
        if isinstance(value, str) and self.kind is int and value.strip().removeprefix("-").isdecimal():
            value = int(value)
        # True is an int to Python, and no number of a fold to people.
        is_kind = isinstance(value, self.kind) and not (self.kind is int and isinstance(value, bool))
        if not is_kind or (self.choices and value not in self.choices):
            kinds = {bool: "true or false", int: "a whole number", str: "a text"}
            expected = " or ".join(self.choices) or kinds.get(self.kind, self.kind.__name__)
            raise DatasetError(f"{title}: the option {self.name} is {value!r}, expected {expected}.")
        return value


# Of layouts whose recordings run at the rates of many machines.
FRAME_RATE = Option(
    "fps",
    int,
    None,
    "Frames a second to which all recordings are brought, so that a clip's stride is the same time in each.",
)
# Of layouts with folds whose published protocol does without a validation.
VALIDATION = Option(
    "validation",
    str,
    "fold",
    "Whether the fold after the tested one validates, or `none`, so that it trains as well.",
    ("fold", "none"),
)


def has_validation_fold(settings: Mapping[str, Any]) -> bool:
    """Whether a fold validates, by what a layout with the option `VALIDATION` was told."""
    return bool(settings[VALIDATION.name] == "fold")


def names_a_fold(options: Mapping[str, Any]) -> bool:
    """Whether options say which fold is tested."""
    return "fold" in options


def parse_options(texts: Iterable[str]) -> dict[str, str]:
    """Read options as people type them, NAME=VALUE. What a value may be, the layout says.

    Raises:
        DatasetError: one is no such pair, or is given twice.
    """
    options: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier() or name in options:
            raise DatasetError(f"An option of a data set is NAME=VALUE, each once; got {text!r}.")
        options[name] = value
    return options
