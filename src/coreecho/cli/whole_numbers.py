"""Whole numbers on the command line are whole: cyclopts rounds `--seed 1.5` to 2 without a word."""

import re
from types import NoneType
from typing import Any, get_args

from cyclopts import App

from coreecho.errors import RecipeError
from coreecho.names import readable

_A_FRACTION = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][+-]?\d+)")


def refuse_fractions(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """See that no flag for a whole number is given a fraction; a `config` of cyclopts' apps.

    Raises:
        RecipeError: one is.
    """
    for argument in arguments:
        kinds = set(get_args(argument.hint) or (argument.hint,)) - {NoneType}
        if int not in kinds or float in kinds or str in kinds:
            continue
        for token in argument.tokens:
            if _A_FRACTION.fullmatch(token.value):
                raise RecipeError(f"{argument.name} is {readable(token.value)}, expected a whole number.")
