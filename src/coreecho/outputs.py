"""Files that a person asks a command to write: seen to before anything is computed for them.

A name that was forgotten makes the shell hand over a clip where a table was meant (`--csv *.dcm`). So a command writes
over nothing that it reads, over nothing of another kind, and to no file twice.
"""

import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coreecho.errors import CoReEchoError
from coreecho.files import fault_of_writing
from coreecho.names import readable

_BEGINNING = 4096
# The first line of a table of ours: names of columns, such as `file,status`.
_COLUMNS = re.compile(rb"[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)+\r?(\n|$)")
# What spreadsheets and data frames keep in forms of their own.
_NO_CSV = frozenset({".xlsx", ".xls", ".xlsm", ".ods", ".numbers", ".parquet", ".json", ".html", ".htm"})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a file that is written will be.

    Attributes:
        words: what it is, for a person.
        example: a name for one.
        suffixes: a file with one of these may be written over, whatever it holds; with none of them named, that is
            left to whoever writes it.
        others: suffixes that mislead whoever opens the file, with which none is made.
        needs_suffix: a new file has one of `suffixes`, too.
        first_line: by which a file of ours is known that has another suffix.
        is_added_to: an older file is not replaced, but goes on.
    """

    words: str
    example: str
    suffixes: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    needs_suffix: bool = False
    first_line: re.Pattern[bytes] | None = None
    is_added_to: bool = False


TABLE = Kind(
    words="a table, as CSV text",
    example="ef.csv",
    suffixes=frozenset({".csv", ".tsv", ".txt"}),
    others=_NO_CSV,
    first_line=_COLUMNS,
)
PAGE = Kind(words="an HTML page", example="page.html", suffixes=frozenset({".html", ".htm"}), needs_suffix=True)
DOCUMENT = Kind(
    words="a JSON document",
    example="ef.json",
    suffixes=frozenset({".json"}),
    others=_NO_CSV - {".json"},
    first_line=re.compile(rb'\{[\s"}]'),
)
LOG = Kind(
    words="a log of numbers",
    example="monitor.log",
    # After what a program that died while writing may have left.
    first_line=re.compile(rb'(?:[^\x00]*\n)?\{"[a-z][a-z0-9_]*": -?[0-9][^\x00]*\}\r?\n'),
    is_added_to=True,
)
# Of a form that its command sees to.
ARRAYS = Kind(words="a file of arrays", example="out.npz", suffixes=frozenset({".npz", ".parquet"}))


@dataclass(frozen=True)
class Output:
    """A file that a command is asked to write.

    Attributes:
        option: by which it was given: "--csv".
        path: of the file; None where nothing is to be written.
        kind: what it will be.
    """

    option: str
    path: Path | None
    kind: Kind


def check_outputs(*outputs: Output, inputs: Iterable[Path] = ()) -> None:
    """See that files can be written, and that none is lost by it, before the minutes or hours of computing for them.

    Args:
        *outputs: all that the command will write.
        inputs: files, and folders, that it reads.

    Raises:
        CoReEchoError: one is a folder, or lies in none that can be written to; is one of the inputs, or of another
            kind; or is given twice.
    """
    read = [path for path in inputs if path.exists()]
    seen: dict[Path, str] = {}
    for output in outputs:
        if output.path is None:
            continue
        path, shown = output.path, readable(output.path)
        _check_place(output, path)
        for given in read:
            if path.exists() and path.samefile(given):
                raise CoReEchoError(
                    f"{shown} is one of the files to read, and `{output.option}` would write over it. Give "
                    f"`{output.option}` a name of its own, such as {output.kind.example}."
                )
        place = path.resolve()
        if place in seen:
            raise CoReEchoError(
                f"{shown} would be written twice, by `{seen[place]}` and by `{output.option}`, and one of them would "
                "be lost. Give each a name of its own."
            )
        seen[place] = output.option
        _check_kind(output, path)
        fault = fault_of_writing(path, is_added_to=output.kind.is_added_to)
        if fault:
            raise CoReEchoError(
                f"The folder of {shown} cannot be written to ({fault}): give another file to `{output.option}`."
            )


def _check_place(output: Output, path: Path) -> None:
    shown = readable(path)
    if path.is_dir():
        raise CoReEchoError(f"{shown} is a folder: give `{output.option}` the name of a file in it, or another.")
    if not path.absolute().parent.is_dir():
        raise CoReEchoError(
            f"The folder of {shown} does not exist: make it first, or give another file to `{output.option}`."
        )
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise CoReEchoError(f"{shown} is no regular file: give `{output.option}` the name of one.")


def _check_kind(output: Output, path: Path) -> None:
    kind, suffix, shown = output.kind, path.suffix.lower(), readable(path)
    if suffix in kind.others or (kind.needs_suffix and suffix not in kind.suffixes):
        # A name of one clip would be a bad proposal: its end is not what is meant to be kept.
        raise CoReEchoError(
            f"`{output.option}` writes {kind.words}, and {shown} does not end as such. Give it a name such as "
            f"{kind.example}{'; spreadsheets open that' if kind is TABLE else ''}."
        )
    if suffix in kind.suffixes or not path.is_file() or not path.stat().st_size:
        return
    if kind.first_line is None or not kind.first_line.match(_beginning(path)):
        loss = "add to it" if kind.is_added_to else "write over it"
        raise CoReEchoError(
            f"{shown} exists and is not {kind.words}; `{output.option}` would {loss}. Was the name of the file to "
            f"write forgotten? Give it as `{output.option} {kind.example}`; or delete {shown} first."
        )


def _beginning(path: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read, and then nobody knows what it is."""
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING)
    except OSError:
        return b""
