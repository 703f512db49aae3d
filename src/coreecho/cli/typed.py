"""What is looked at of a command line before anything is computed or imported for it.

An answer to a slip of the fingers should not wait for PyTorch: unknown options, fractions for whole numbers, choices in
capitals, and files that are not there.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from cyclopts import App

from coreecho.checking import as_sentence, nearest
from coreecho.cli.whole_numbers import refuse_fractions
from coreecho.datasets.layout_names import LAYOUT_NAMES
from coreecho.errors import CheckpointError, UsageError
from coreecho.experiments.seed_runs import seeds_in
from coreecho.models.device_names import fault_of_device
from coreecho.names import readable
from coreecho.shipped import is_default, meant_default

# Options, and places without a dash, at which something must lie already.
_MUST_EXIST = {"data", "resume", "run", "run2", "other", "others", "file", "model", "start_index", "against"}
# Those of them that take `default`, the model that ships.
_MODELS = {"run", "run2", "other", "others", "model", "against"}
# Of several files one may be missing, which is told with the results of the others.
_ONE_MUST_EXIST = {"files"}
_NAMED_AT_MOST = 5
# A folder that is given for one of these is that of a run; `--against` takes that of a transfer.
_ARE_RUNS = (_MODELS - {"against"}) | {"resume"}
# One of these lies in the folder of a run; the weights alone are enough to predict.
_OF_A_RUN = ("run.json", "best.safetensors")
# What people call an option that has another name, where a command has it.
_ALSO_CALLED = {
    **dict.fromkeys(("n", "num", "count", "number", "patients", "videos", "hearts", "size"), "--recordings"),
}

# By command, options by the names that they had: still taken, and not in the help.
_FORMER_NAMES = {command: {"--studies": "--recordings"} for command in ("demo", "phantom")}


def by_todays_names(tokens: Sequence[str]) -> list[str]:
    """A command line with today's name of every option that had another."""
    former = _FORMER_NAMES.get(tokens[0], {}) if tokens else {}
    named = (token.partition("=") for token in tokens)
    return [former.get(name, name) + equals + value for name, equals, value in named]


def refuse_unknown_commands(app: App, tokens: Sequence[str]) -> None:
    """See that the first word is a command; cyclopts would import all commands to say that it is none.

    Raises:
        UsageError: it is not. The message names the one that was likely meant.
    """
    commands = [name for name in app if not name.startswith("-")]
    if not tokens or tokens[0].startswith("-") or tokens[0] in commands:
        return
    typed = tokens[0]
    meant = [name for name in commands if name == typed.casefold()]
    meant = meant or difflib.get_close_matches(typed.casefold(), commands, n=1, cutoff=0.6)
    way_on = f" Did you mean `{meant[0]}`?" if meant else ""
    if not meant and Path(typed).exists():
        way_on = f" It is a file or folder: `coreecho predict {readable(typed)}` reads its EF."
    raise UsageError(f"`coreecho` has no command {readable(typed)}.{way_on} All of them: `coreecho --help`.")


def refuse_unknown_options(app: App, tokens: Sequence[str]) -> None:
    """See that a command has every option that is given to it.

    Raises:
        UsageError: it has not one of them. The message names the one that was likely meant.
    """
    chain, apps, rest = app.parse_commands(tokens)
    # To cyclopts, `--help` is a command, whose other options do not matter.
    if not chain or chain[-1].startswith("-") or apps[-1].default_command is None:
        return
    own = apps[-1]
    options = own.assemble_argument_collection()
    known = [name for argument in options for name in (*argument.names, *argument.negatives)]
    # Of names that the user chose: `--weights.NAME FILE`.
    of_names = [
        name
        for argument in options
        for name in argument.names
        if any(get_origin(hint) is dict for hint in (argument.hint, *get_args(argument.hint)))
    ]
    known += [*own.help_flags, *own.version_flags]
    for token in rest:
        if token == "--":
            return
        name = token.partition("=")[0]
        # A number may be below zero, and a single dash stands for a stream.
        is_known = name in known or name.replace("_", "-") in known or name.partition(".")[0] in of_names
        if not name.startswith("--") or is_known:
            continue
        command = " ".join([*app.name, *chain])
        if place := _place_of(own, name):
            raise UsageError(
                f"`{command}` has no option {readable(name)}: {place} is given in its place, without a name. "
                f"Its form: `{command} --help`."
            )
        named = [each for each in known if each.startswith("--")]
        meant = _meant(name, named)
        # To know the options of data sets takes a second.
        if not meant and "--option" in known and (of_data := _option_of_data(name)):
            raise UsageError(
                f"`{command}` has no option {readable(name)}: it is one of a data set, `--option {of_data}=VALUE`. "
                f"All of them: `{command} --help`."
            )
        meant = meant or _alike(name, named)
        raise UsageError(
            f"`{command}` has no option {readable(name)}."
            + (f" Did you mean {' or '.join(meant)}?" if meant else "")
            + f" All of them: `{command} --help`."
        )


def _place_of(app: App, option: str) -> str:
    """The argument without a dash that was given as an option, `OUT` of `--out`; empty where there is none."""
    wanted = option.lstrip("-").replace("-", "_").casefold()
    places = [each.field_info for each in app.assemble_argument_collection() if each.field_info.is_positional_only]
    return next((each.name.upper() for each in places if each.name.casefold() == wanted), "")


def _option_of_data(typed: str) -> str:
    """The option of some data set of that name, `end_frame` of `--end-frame`; empty where there is none."""
    from coreecho.datasets.layout import LAYOUTS

    wanted = typed.lstrip("-").replace("-", "_").casefold()
    options = (option.name for name in LAYOUTS.names() for option in LAYOUTS.get(name).options)
    return next((option for option in options if option == wanted), "")


def _meant(name: str, known: Sequence[str]) -> list[str]:
    """The options that were likely meant: by their initials (--lr) or a part (--epochs)."""
    short = _without_dashes(name)
    called = [_ALSO_CALLED[short]] if _ALSO_CALLED.get(short) in known else []
    by_initials = [each for each in known if "".join(word[:1] for word in each.strip("-").split("-")) == short]
    by_part = [each for each in known if len(short) > 2 and short in each]
    return next((found[:3] for found in (called, by_initials, by_part) if found), [])


def _alike(name: str, known: Sequence[str]) -> list[str]:
    """The option that was likely meant, by its letters."""
    close = difflib.get_close_matches(_without_dashes(name), [each.strip("-") for each in known], n=1, cutoff=0.6)
    return [f"--{each}" for each in close]


def _without_dashes(name: str) -> str:
    return name.lstrip("-").replace("_", "-").casefold()


def any_case(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """Take a choice of the command in whatever capitals: `--split TEST`; a `config` of cyclopts' apps."""
    for argument in arguments:
        # Settings that are kept, such as a recipe's, have one spelling, in Python, in YAML and here.
        choices = [] if argument.keys else _choices(argument.hint)
        for token in argument.tokens:
            fits = [choice for choice in choices if choice.casefold() == token.value.casefold()]
            if len(fits) == 1:
                argument.tokens[argument.tokens.index(token)] = token.evolve(value=fits[0])


def refuse_unknown_choices(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """See that what takes one of a few words is given one of them; a `config` of cyclopts' apps.

    Raises:
        UsageError: it is not. The message names the one that was likely meant.
    """
    for argument in arguments:
        parts = [part for part in get_args(argument.hint) if part is not NoneType]
        takes_others = get_origin(argument.hint) is not Literal and any(
            get_origin(part) is not Literal for part in parts
        )
        choices = _choices(argument.hint)
        if takes_others or not choices:
            continue
        for token in argument.tokens:
            if token.source == "cli" and token.value not in choices:
                close = nearest(token.value, choices)
                raise UsageError(
                    f"{argument.name} has no '{readable(token.value)}'."
                    + (f" Did you mean {close}?" if close else "")
                    + f" It takes {', '.join(choices)}."
                )


def _choices(hint: Any) -> list[str]:
    """The words that a type takes; none where it takes others as well."""
    parts = [part for part in get_args(hint) if part is not NoneType] if get_origin(hint) is not Literal else [hint]
    return [str(word) for part in parts if get_origin(part) is Literal for word in get_args(part)]


def refuse_missing_files(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """See that what is to be read is there; a `config` of cyclopts' apps.

    Raises:
        UsageError: it is not.
    """
    for argument in arguments:
        name = argument.field_info.name
        if name not in _MUST_EXIST | _ONE_MUST_EXIST or Path not in (argument.hint, *get_args(argument.hint)):
            continue
        paths = [token.value for token in argument.tokens if token.source == "cli" and not is_default(token.value)]
        missing = [path for path in paths if not Path(path).exists()]
        if missing and (name in _MUST_EXIST or len(missing) == len(paths)):
            names = ", ".join(map(readable, missing[:_NAMED_AT_MOST]))
            way_on = meant_default(missing[0]) if name in _MODELS else ""
            raise UsageError(
                f"{names}: there is no such file or folder ({argument.name}).{way_on or ' Check the path.'}"
            )


def refuse_no_runs(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """See that a folder that is given for a model is that of a run; a `config` of cyclopts' apps.

    Raises:
        CheckpointError: it is not.
    """
    for argument in arguments:
        if argument.field_info.name not in _ARE_RUNS:
            continue
        for folder in (Path(token.value) for token in argument.tokens if token.source == "cli"):
            if is_default(folder) or not folder.is_dir() or any((folder / name).exists() for name in _OF_A_RUN):
                continue
            if not (seeds := seeds_in(folder)):
                raise CheckpointError(
                    f"{readable(folder)} is not the folder of a run: it holds no run.json. Give the folder that "
                    "`coreecho train --out` wrote."
                )
            if app.name != ("compare",):
                one = readable(next(iter(seeds.values())))
                raise CheckpointError(f"{readable(folder)} holds the runs of several seeds. Give one, such as {one}.")


def refuse_unknown_devices(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """See that `--device` may be one of some machine; whether this one has it is seen later. Raises UsageError."""
    for argument in arguments:
        if argument.field_info.name == "device":
            for token in argument.tokens:
                if fault := fault_of_device(token.value):
                    raise UsageError(
                        f"Cannot compute on the device {token.value!r} ({argument.name}): {as_sentence(fault)}"
                    )


def refuse_unknown_layouts(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """See that `--dataset` names a layout that there is; a `config` of cyclopts' apps. Raises RecipeError."""
    for argument in arguments:
        if argument.field_info.name == "dataset":
            for token in argument.tokens:
                LAYOUT_NAMES.check(token.value)


# In this order for every command.
CONFIG = (
    refuse_fractions,
    any_case,
    refuse_unknown_choices,
    refuse_unknown_devices,
    refuse_missing_files,
    refuse_no_runs,
    refuse_unknown_layouts,
)
