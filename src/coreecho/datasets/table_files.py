"""The cells of a CSV, XLSX or Parquet file, within bounds, whatever wrote it.

What is in doubt is named, never guessed.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

from coreecho.errors import DatasetError, is_foreign_panic

# A line's number, as a person counts, and its cells.
Lines = list[tuple[int, list[Any]]]

# EchoNet-Dynamic's VolumeTracings.csv, the largest table of the published sets, has 1.3 million lines and 60 MB.
_MAX_BYTES = 512 * 1024**2
_MAX_CELLS = 1_000_000
_MAX_PARQUET_CELLS = 50_000_000
_DELIMITERS = ",;\t|"
_SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+")
# 1,234 may be a thousand and more, or one and a bit.
_PERHAPS_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def csv_text(path: Path) -> str:
    """Decode a CSV file; see `decoded_text`. Raises DatasetError."""
    return decoded_text(path, "a CSV file", "CSV in UTF-8")


def decoded_text(path: Path, kind: str, remedy: str = "UTF-8") -> str:
    """Decode a text: UTF-8, or UTF-16 and UTF-32 as Excel and others write them, with or without a mark of order.

    Args:
        path: the file.
        kind: what it is, for messages: "a CSV file".
        remedy: as what it is to be saved.

    Raises:
        DatasetError: the file is missing, too large, or in another encoding.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DatasetError(f"{path}: is larger than {_MAX_BYTES // 1024**2} MiB, so not {kind} of clips.")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: not found. Check the path of the table.") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read as {kind} ({error.strerror}).") from error
    encoding = _encoding_of(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DatasetError(
            f"{path}: cannot be read as {kind}: line {line} is not {encoding.upper().removesuffix('-SIG')} "
            f"(byte 0x{content[error.start]:02x}), so its letters are in doubt. Save it as {remedy}."
        ) from error


def _encoding_of(content: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return encoding
    # Without the mark, every second byte of a Western text in UTF-16 is null.
    head = content[:64]
    for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) >= 4 and not any(head[place::2]) and all(head[1 - place :: 2]):
            return encoding
    return "utf-8-sig"


def csv_lines(path: Path, required: Iterable[str] = ()) -> Lines:
    """The cells of a CSV file, separated by what its `sep=` line or its header shows.

    Args:
        path: the file.
        required: columns that the header should name; they decide where it holds several separators.

    Raises:
        DatasetError: the file cannot be read.
    """
    text = csv_text(path)
    delimiter, skipped = find_delimiter(text, required)
    body = io.StringIO("".join(text.splitlines(keepends=True)[skipped:]) if skipped else text, newline="")
    reader = csv.reader(body, delimiter=delimiter, strict=True)
    try:
        lines: Lines = [(reader.line_num + skipped, list(values)) for values in reader]
    except csv.Error as error:
        where = reader.line_num + skipped
        raise DatasetError(f"{path}: cannot be read as a CSV file: line {where}: {error}. Save it again.") from error
    return lines if delimiter == "," else _with_points(lines)


def find_delimiter(text: str, required: Iterable[str] = ()) -> tuple[str, int]:
    """The separator of a CSV file's cells, and how many lines stand before its header."""
    first = text.split("\n", maxsplit=1)[0].rstrip("\r")
    sep = _SEP_LINE.fullmatch(first)
    if sep is not None:
        return sep[1], 1
    wanted = {name.casefold() for name in required}
    names = {delimiter: _header(first, delimiter) for delimiter in _DELIMITERS}
    split = [delimiter for delimiter in _DELIMITERS if len(names[delimiter]) > 1]
    fitting = [delimiter for delimiter in split if wanted and wanted <= set(names[delimiter])]
    if fitting:
        return fitting[0], 0
    return (split[0] if len(split) == 1 else ","), 0


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip().casefold() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _with_points(lines: Lines) -> Lines:
    """Write decimal commas as points, where cells are not separated by commas and every number has one.

    Where some numbers have points, or all could be thousands, the cells stay as they are, and are faults if read.
    """
    cells = [str(cell).strip() for _, values in lines for cell in values]
    has_commas = any(_DECIMAL_COMMA.fullmatch(cell) and not _PERHAPS_THOUSANDS.fullmatch(cell) for cell in cells)
    if not has_commas or any(_DECIMAL_POINT.fullmatch(cell) for cell in cells):
        return lines
    return [(line, [_with_point(cell) for cell in values]) for line, values in lines]


def _with_point(cell: Any) -> Any:
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(str(cell).strip()) else cell


def read_sheets(path: Path) -> Iterator[tuple[str, list[list[Any]]]]:
    """Every sheet of an XLSX file, by name; of merged cells the first holds the value, the others are empty.

    Raises:
        DatasetError: the file is missing, no workbook, or has cells where no table has them.
    """
    try:
        with path.open("rb") as file:
            _check_bounds(path, file)
            file.seek(0)
            workbook = CalamineWorkbook.from_filelike(file)
            for sheet in workbook.sheets_metadata:
                # Not a chart on a sheet of its own.
                if sheet.typ == SheetTypeEnum.WorkSheet:
                    yield sheet.name, workbook.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: not found. Check that the data set was copied as a whole.") from error
    except (OSError, CalamineError, zipfile.BadZipFile, zlib.error, expat.ExpatError) as error:
        raise _no_workbook(path, error) from error
    # A workbook of unknown compression, or with a password.
    except (NotImplementedError, RuntimeError, EOFError, ValueError, KeyError, OverflowError) as error:
        raise _no_workbook(path, error) from error
    except BaseException as error:
        if not is_foreign_panic(error):
            raise
        raise _no_workbook(path, error) from error


def _no_workbook(path: Path, error: BaseException) -> DatasetError:
    return DatasetError(f"{path}: cannot be read as an XLSX workbook ({error}). Copy it again.")


def _check_bounds(path: Path, file: IO[bytes]) -> None:
    """See, without unpacking it into memory, that a workbook holds no more than tables do.

    Readers of workbooks make a full grid up to the last cell, and one stray cell at XFD1048576 makes 17 billion.
    """
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > _MAX_BYTES:
            raise DatasetError(f"{path}: unpacks to more than {_MAX_BYTES // 1024**2} MiB, so not a table of clips.")
        for part in parts:
            with archive.open(part) as content:
                # A sheet may have any name, and is XML.
                if not content.read(16).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
                    continue
            with archive.open(part) as content:
                try:
                    _Extent(path).scan(content)
                except expat.ExpatError:
                    if part.filename.startswith("xl/worksheets/"):
                        raise


class _Extent:
    """Where the last cells of a sheet lie that hold anything."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._row = self._column = self._last_row = self._last_column = self._num_cells = 0

    def scan(self, content: IO[bytes]) -> None:
        """Read a sheet's XML in pieces. Raises DatasetError where it goes too far."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EntityDeclHandler = self._refuse_entity
        while piece := content.read(1024**2):
            parser.Parse(piece, False)
        parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "row":
            number = attributes.get("r", "")
            self._row = int(number) if number.isdecimal() else self._row + 1
            self._column = 0
        elif name == "c":
            reference = re.fullmatch(r"([A-Z]{1,3})(\d{1,7})", attributes.get("r", ""))
            self._column = _column_number(reference[1]) if reference else self._column + 1
            self._row = int(reference[2]) if reference else self._row
        elif name in ("v", "is"):
            self._num_cells += 1
            self._last_row = max(self._last_row, self._row)
            self._last_column = max(self._last_column, self._column)
            if self._num_cells > _MAX_CELLS or self._last_row * self._last_column > _MAX_CELLS:
                raise DatasetError(
                    f"{self._path}: a sheet has cells as far as row {self._last_row:,}, column {self._last_column:,}; "
                    f"at most {_MAX_CELLS:,} cells are read. Is there a stray cell? Delete what lies beside and below "
                    "the table, or save the table as CSV."
                )

    def _refuse_entity(self, *_: object) -> None:
        raise DatasetError(f"{self._path}: its sheets declare XML entities, which no workbook needs. Save it again.")


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def parquet_lines(path: Path) -> Lines:
    """The cells of a Parquet file, its columns' names as line 0.

    Raises:
        DatasetError: the file is damaged or too large, or pyarrow is not installed.
    """
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise DatasetError(f"{path}: reading Parquet takes pyarrow: pip install pyarrow.") from error
    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows * file.metadata.num_columns > _MAX_PARQUET_CELLS:
                raise DatasetError(f"{path}: has {file.metadata.num_rows:,} rows, so not a table of clips.")
            table = file.read()
        # pandas keeps an index of its own as a column.
        places = [place for place, name in enumerate(table.column_names) if not name.startswith("__index_level_")]
        columns: list[Sequence[Any]] = [table.column(place).to_pylist() for place in places]
        header: tuple[int, list[Any]] = (0, [table.column_names[place] for place in places])
    except DatasetError:
        raise
    # pyarrow's own errors, and of damaged files any others.
    except Exception as error:
        raise DatasetError(f"{path}: cannot be read as a Parquet file ({error}). Copy it again.") from error
    return [header, *((line, list(values)) for line, values in enumerate(zip(*columns, strict=True), start=1))]
