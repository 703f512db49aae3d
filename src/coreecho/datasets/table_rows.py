"""Rows of a CSV, XLSX or Parquet file as text, whatever wrote it."""

import csv
import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook

from coreecho.errors import DatasetError

SUFFIXES = (".csv", ".xlsx", ".parquet")


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """A table: every value stripped text, empty where there is none.

    Attributes:
        path: its file.
        columns: names in order.
        rows: each row with its line in the file, as a person counts (of Parquet: the row, from 1).
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]]


def read_table_rows(path: Path, required: Iterable[str] = ()) -> TableRows:
    """Read a table by its suffix; blank rows are left out.

    Args:
        path: a .csv, .xlsx (its first sheet) or .parquet file.
        required: columns that must be there.

    Raises:
        DatasetError: the file is missing, unreadable, empty, of another kind, or lacks or repeats a column.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DatasetError(f"{path}: is not a table; expected a file ending in {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise DatasetError(f"{path}: not found. Check the path of the table.")
    if suffix == ".csv":
        lines = _csv_lines(path)
    elif suffix == ".xlsx":
        lines = list(enumerate(read_sheet(path), start=1))
    else:
        lines = _parquet_lines(path)
    filled = [(line, [cell_text(value) for value in values]) for line, values in lines]
    filled = [(line, values) for line, values in filled if any(values)]
    if len(filled) < 2:
        raise DatasetError(f"{path}: has no rows below its header.")
    columns = tuple(filled[0][1])
    _check_columns(path, columns, required)
    rows = [(line, dict(zip(columns, values + [""] * len(columns), strict=False))) for line, values in filled[1:]]
    return TableRows(path=path, columns=columns, rows=rows)


def read_sheet(path: Path) -> list[list[Any]]:
    """All cells of the first sheet of an XLSX file; of merged cells the first holds the value, the others are empty.

    Raises:
        DatasetError: the file is missing or not a workbook.
    """
    try:
        with path.open("rb") as file:
            workbook = CalamineWorkbook.from_filelike(file)
            return workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: not found. Check that the data set was copied as a whole.") from error
    except (OSError, CalamineError) as error:
        raise DatasetError(f"{path}: cannot be read as an XLSX workbook ({error}). Copy it again.") from error


def number(text: str) -> float:
    """The number that a cell holds, or NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def whole_number(text: str) -> int | None:
    """The whole number that a cell holds ("12" or "12.0"), or None."""
    value = number(text)
    return int(value) if math.isfinite(value) and value == int(value) else None


def _csv_lines(path: Path) -> list[tuple[int, list[Any]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, list(values)) for values in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a CSV file ({error}). Save it as CSV in UTF-8.") from error


def _parquet_lines(path: Path) -> list[tuple[int, list[Any]]]:
    try:
        table = pd.read_parquet(path)
    except ImportError as error:
        raise DatasetError(f"{path}: reading Parquet takes pyarrow: pip install pyarrow.") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as a Parquet file ({error}). Copy it again.") from error
    header: tuple[int, list[Any]] = (0, [str(name) for name in table.columns])
    return [header, *((line, list(values)) for line, values in enumerate(table.itertuples(index=False), start=1))]


def _check_columns(path: Path, columns: tuple[str, ...], required: Iterable[str]) -> None:
    absent = [name for name in required if name not in columns]
    if absent:
        raise DatasetError(f"{path}: has no column {', '.join(absent)}; its columns are {', '.join(columns)}.")
    repeated = sorted({name for name in columns if name and columns.count(name) > 1})
    if repeated:
        raise DatasetError(f"{path}: has the column {', '.join(repeated)} more than once; keep one of each.")


def cell_text(value: object) -> str:
    """Return a cell as stripped text: whole floats without a point, since spreadsheets have no integers."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value).strip()
