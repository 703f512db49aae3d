"""Rows of a table as text, by the names of its columns."""

import datetime
import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.table_files import Lines, csv_lines, csv_text, find_delimiter, parquet_lines, read_sheets
from coreecho.errors import DatasetError
from coreecho.names import readable

SUFFIXES = (".csv", ".xlsx", ".parquet")
_TOO_LONG = (
    "rows with more cells than the header has columns (a number with a decimal comma, 62,4? write 62.4, or separate "
    "the cells by semicolons)"
)

_SHIFTED = (
    "rows that fit their columns if two cells are one number with a decimal comma (62,4: write 62.4; if they are two "
    "numbers, write the first with a point: 62.0)"
)
NumberedRow = tuple[int, dict[str, str]]

# Share of a column's cells that are numbers, or are none, from which on the others look out of place.
_USUAL = 2 / 3


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """A table: every value stripped text, empty where there is none.

    Attributes:
        path: its file.
        columns: names in order.
        rows: each row with its line in the file, as a person counts (of Parquet: the row, from 1).
        short: lines with fewer cells than the header.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[NumberedRow]
    short: frozenset[int] = frozenset()


def read_table_rows(path: Path, required: Iterable[str] = (), *, ignores_case: bool = False) -> TableRows:
    """Read a table by its suffix; blank rows are left out.

    Args:
        path: a .csv, .xlsx (the first sheet with the required columns) or .parquet file.
        required: columns that must be there.
        ignores_case: of the columns' names: they are given in small letters, and so are `required`.

    Raises:
        FaultyDatasetError: rows have more cells than the header, or numbers cut by a decimal comma; lists them all.
        DatasetError: the file is missing, unreadable, empty, of another kind, or lacks or repeats a column.
    """
    suffix, required = path.suffix.lower(), tuple(required)
    if suffix not in SUFFIXES:
        raise DatasetError(f"{path}: is not a table; expected a file ending in {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise DatasetError(f"{path}: not found. Check the path of the table.")
    lines = csv_lines(path, required) if suffix == ".csv" else None
    if lines is None:
        lines = _sheet_lines(path, required) if suffix == ".xlsx" else parquet_lines(path)
    filled = _filled(lines)
    names = filled[0][1] if filled else []
    header = [name.casefold() for name in names] if ignores_case else names
    # What spreadsheets leave to the right of the table.
    columns = tuple(header[: len(header) - _num_blank_at_end(header)])
    check_columns(path, columns, required, written=names)
    if len(filled) < 2:
        raise DatasetError(f"{path}: has no rows below its header.")
    long = [(line, values) for line, values in filled[1:] if any(values[len(columns) :])]
    if long:
        cases = [f"line {line}: {readable(','.join(values))}" for line, values in long]
        raise FaultyDatasetError(str(path), {_TOO_LONG: cases})
    if suffix == ".csv":
        _refuse_shifted(path, filled[1:], len(columns), required)
    rows = [(line, dict(zip(columns, values + [""] * len(columns), strict=False))) for line, values in filled[1:]]
    short = frozenset(line for line, values in filled[1:] if len(values) < len(columns))
    return TableRows(path=path, columns=columns, rows=rows, short=short)


def _refuse_shifted(
    path: Path, rows: Sequence[tuple[int, list[str]]], num_columns: int, required: Sequence[str]
) -> None:
    """Refuse rows in which a number with a decimal comma took two cells, and a cell is missing, so that the count fits.

    A row is doubtful where a text stands among numbers, or a number among texts, and none does once two neighbouring
    whole numbers are one. Where cells are not separated by commas, a comma takes none.

    Raises:
        FaultyDatasetError: there are such; lists them all.
    """
    kinds = []
    for column in range(num_columns):
        cells = [values[column] for _, values in rows if column < len(values) and values[column]]
        share = sum(map(_is_number, cells)) / len(cells) if cells else 0.5
        kinds.append(True if share >= _USUAL else False if share <= 1 - _USUAL else None)

    def fits(values: Sequence[str]) -> bool:
        return all(
            not value or kind is None or kind == _is_number(value) for value, kind in zip(values, kinds, strict=False)
        )

    cases = []
    for line, values in rows:
        if fits(values):
            continue
        joined = [
            [*values[:place], f"{values[place]}.{values[place + 1]}", *values[place + 2 :]]
            for place in range(len(values) - 1)
            if values[place].removeprefix("-").isdecimal() and values[place + 1].isdecimal()
        ]
        if any(map(fits, joined)):
            cases.append(f"line {line}: {readable(','.join(values))}")
    if cases and find_delimiter(csv_text(path), required)[0] == ",":
        raise FaultyDatasetError(str(path), {_SHIFTED: cases})


def _is_number(text: str) -> bool:
    return math.isfinite(number(text))


def _filled(lines: Lines) -> list[tuple[int, list[str]]]:
    texts = [(line, [cell_text(value) for value in values]) for line, values in lines]
    return [(line, values) for line, values in texts if any(values)]


def _sheet_lines(path: Path, required: Sequence[str]) -> Lines:
    """The first sheet whose header has the required columns, or else the first: notes may stand before the table."""
    first: Lines | None = None
    wanted = {name.casefold() for name in required}
    for _, cells in read_sheets(path):
        lines: Lines = list(enumerate(cells, start=1))
        header = next((values for _, values in _filled(lines)), [])
        if wanted <= {name.casefold() for name in header}:
            return lines
        first = lines if first is None else first
    return first or []


def _num_blank_at_end(names: Sequence[str]) -> int:
    return next((place for place, name in enumerate(reversed(names)) if name), len(names))


class MissingColumnsError(DatasetError):
    """A table lacks columns that it must have.

    Attributes:
        columns: that it has.
    """

    columns: Sequence[str] = ()


def check_columns(
    path: Path, columns: Sequence[str], required: Iterable[str], *, written: Sequence[str] | None = None
) -> None:
    """See that a header names what it must, and nothing twice. Raises DatasetError.

    Args:
        path: of the table.
        columns: names in its header.
        required: that must be there.
        written: the names as the file has them, where `columns` are in small letters.
    """
    absent = [name for name in required if name not in columns]
    if absent:
        shown = [written[place] if written else name for place, name in enumerate(columns)]
        close = [near[0] for name in absent if (near := difflib.get_close_matches(name, columns, n=1))]
        hint = f" Did you mean {', '.join(shown[columns.index(name)] for name in close)}?" if close else ""
        error = MissingColumnsError(
            f"{path}: has no column {', '.join(absent)}; its columns are {', '.join(shown)}.{hint}"
        )
        error.columns = shown
        raise error
    repeated = sorted({name for name in columns if name and columns.count(name) > 1})
    if repeated:
        raise DatasetError(f"{path}: has the column {', '.join(repeated)} more than once; keep one of each.")


def number(text: str) -> float:
    """The number that a cell holds, or NaN."""
    # Python would read 6_2 as 62.
    if "_" in text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return math.nan


def whole_number(text: str) -> int | None:
    """The whole number that a cell holds ("12" or "12.0"), or None."""
    value = number(text)
    return int(value) if math.isfinite(value) and value == int(value) else None


def cell_text(value: object) -> str:
    """Return a cell as stripped text: whole floats without a point, since spreadsheets have no integers."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value).strip()
