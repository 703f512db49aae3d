"""Answers to command lines that cannot be taken apart, in one line each, as all other answers to mistakes are."""

from types import NoneType
from typing import Any, Literal, get_args, get_origin

from cyclopts import CycloptsError
from cyclopts.exceptions import (
    CoercionError,
    MissingArgumentError,
    RepeatArgumentError,
    UnusedCliTokensError,
    ValidationError,
)

from coreecho.names import readable

_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "no value, or true or false"}

# What limits of numbers are called where cyclopts checks them.
_SIGNS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}


def answer_to(error: CycloptsError) -> str:
    """What is wrong with a command line, and what was expected.

    Args:
        error: of cyclopts, whose own words are of types and tokens.
    """
    command = f"coreecho {' '.join(error.command_chain or ())}".rstrip()
    match error:
        case CoercionError(token=token) if token is not None and error.argument is not None and error.msg is None:
            name = token.keyword or error.argument.name.lstrip("-").upper()
            return f"{name} is {readable(token.value)}, expected {_in_words(error.argument.hint)}."
        case ValidationError(argument=argument) if argument is not None and argument.tokens:
            name = argument.tokens[0].keyword or argument.name.lstrip("-").upper()
            expected = error.exception_message.rstrip(".")
            for sign, words in _SIGNS.items():
                expected = expected.replace(f"Must be {sign} ", f"expected {words} ")
            expected = expected.replace("Must be ", "expected ")
            return f"{name} is {readable(argument.tokens[0].value)}, {expected}."
        case MissingArgumentError():
            return _missing(error, command)
        case RepeatArgumentError():
            return f"{error.token.keyword} is given more than once, expected once."
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            return _unused(first, error, command)
    return str(error)


def _missing(error: MissingArgumentError, command: str) -> str:
    argument = error.argument
    assert argument is not None
    form = f"Its form: `{command} --help`."
    name = error.keyword or next((token.keyword for token in argument.tokens if token.keyword), None)
    if name is None:
        return f"`{command}` needs {argument.name}. {form}"
    count, _ = argument.token_count()
    if count > 1:
        return f"{name} takes {count} values, and {len(error.tokens_so_far)} were given. {form}"
    return f"{name} needs a value. {form}"


def _unused(word: str, error: UnusedCliTokensError, command: str) -> str:
    """Of a word that no argument takes, such as the `false` of `--stage2 false`."""
    tokens = error.root_input_tokens or []
    before = tokens[tokens.index(word) - 1] if word in tokens[1:] else ""
    known = error.app.assemble_argument_collection() if error.app is not None else ()
    flag = next((each for each in known if before in (*each.names, *each.negatives)), None)
    if flag is None or flag.hint is not bool:
        return f"`{command}` has no place for {readable(word)}. Its form: `{command} --help`."
    no = f"`{flag.negatives[0]}`" if flag.negatives else "leaving it out"
    return f"{before} takes no value, and {readable(word)} was given: `{flag.name}` is yes, {no} no."


def _in_words(hint: Any) -> str:
    parts = [part for part in get_args(hint) if part is not NoneType] if get_origin(hint) is not Literal else [hint]
    said = [
        ", ".join(map(str, get_args(part))) if get_origin(part) is Literal else _WORDS.get(part, "")
        for part in parts or [hint]
    ]
    return " or ".join(filter(None, dict.fromkeys(said))) or f"a {getattr(hint, '__name__', hint)}"
