"""HMC-QU's sheets, A4C.xlsx and A2C.xlsx, as published and as people pass them on.

As published a sheet has two header rows of merged cells, `ECHO | LABEL (SEG3, ...) | One cardiac-cycle frames
(Reference Frame, End of Cycle) | LV Wall Ground-truth Segmentation Masks`, and Wingdings ticks under the last.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coreecho.datasets.survey import Survey
from coreecho.datasets.table_files import read_sheets
from coreecho.datasets.table_rows import cell_text, whole_number
from coreecho.errors import DatasetError

# In Wingdings these two letters are drawn as a tick and a cross; LibreOffice stores them in its private area.
TICK, CROSS = "ü", "û"
_TICKS = frozenset(
    (TICK, "\uf0fc", "✓", "✔", "√", "🗸", "☑", "🗹", "✅", "þ", "\uf0fe", "yes", "y", "true", "1", "available")
)
_EMPTY_BOXES = frozenset(("☐", "□", "◻", "⬜", "¨", "\uf0a8"))
_CROSSES = _EMPTY_BOXES | frozenset(
    (CROSS, "\uf0fb", "✗", "✘", "✕", "✖", "×", "❌", "no", "n", "false", "0", "not available")
)
# Beside empty boxes it is how Office draws a box that was ticked; beside ticks it is a cross; alone it may be either.
_CROSSED_BOXES = frozenset(("☒", "🗷", "❎", "ý", "\uf0fd"))
# They ask for a drawing in black or in colour, and mean nothing.
_VARIATION_SELECTORS = str.maketrans("", "", "\ufe0e\ufe0f")
# Rows that may stand above the header, such as a title.
_MAX_ABOVE = 20


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One row of the sheet that says what it must of a clip's class.

    Attributes:
        line: as a person counts.
        name: of the clip, under ECHO.
        has_mi: whether a segment is marked so.
        has_masks: whether masks of the wall are available.
        limits: the first and the last frame of the cycle as listed, counted from 1; None where they are wrong.
    """

    line: int
    name: str
    has_mi: bool
    has_masks: bool
    limits: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Where each thing stands in the sheet, counted from 0."""

    name: int
    segments: tuple[int, ...]
    first_frame: int
    last_frame: int
    mask: int


def read_rows(sheet: Path, segments: Sequence[int], survey: Survey) -> tuple[list[SheetRow], set[str]]:
    """Read a view's sheet, wherever in the workbook it stands.

    Args:
        sheet: the workbook.
        segments: numbers of the wall's segments that the view shows.
        survey: takes the faults of rows.

    Returns:
        The rows whose class is known, and the names of all, as `name_key` gives them.

    Raises:
        DatasetError: there is no workbook, or no sheet with these columns.
    """
    columns, rows = _find_table(sheet, segments)
    # The official sheet runs on for hundreds of blank rows.
    filled = [(line, row) for line, row in rows if any(str(cell).strip() for cell in row)]
    ticks = _ticks({_mark(row, columns) for _, row in filled})
    checked = [_check_row(sheet, line, row, columns, ticks, survey) for line, row in filled]
    names = {name_key(cell_text(row[columns.name])) for _, row in filled}
    return [row for row in checked if row is not None], names


def _mark(row: Sequence[Any], columns: _Columns) -> str:
    """What stands in a row under the masks, however it was encoded."""
    text = cell_text(row[columns.mask]).translate(_VARIATION_SELECTORS)
    return unicodedata.normalize("NFC", text).casefold()


def _ticks(marks: Set[str]) -> dict[str, bool]:
    """Whether each mark of a sheet is a tick; those that are in doubt are left out."""
    found = {mark: mark in _TICKS for mark in marks & (_TICKS | _CROSSES)}
    has_ticks, has_empty = bool(marks & _TICKS), bool(marks & _EMPTY_BOXES)
    if has_ticks != has_empty:
        found |= dict.fromkeys(marks & _CROSSED_BOXES, has_empty)
    return found


def name_key(name: str) -> str:
    """A clip's name without its spaces, in which sheet and files differ."""
    return "".join(name.split()).casefold()


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts names by their numbers: `ES0009 _4CH_1` before `ES000010 N_4CH_1`."""
    parts = re.findall(r"\d+|\D+", name_key(name))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _find_table(sheet: Path, segments: Sequence[int]) -> tuple[_Columns, list[tuple[int, list[Any]]]]:
    """The columns, and the rows below the header with their line numbers."""
    nearest: list[str] | None = None
    for _, cells in read_sheets(sheet):
        for place in range(min(len(cells), _MAX_ABOVE)):
            # Two header rows, of which the lower names the parts of the upper's merged cells; or one.
            for height in (2, 1):
                found = _find_columns(sheet, cells[place : place + height], segments)
                if isinstance(found, _Columns):
                    return found, list(enumerate(cells, start=1))[place + height :]
                nearest = found if nearest is None or len(found) < len(nearest) else nearest
    raise DatasetError(
        f"{sheet}: its two header rows name no column {', '.join(nearest or ['ECHO'])}, in any of its sheets. "
        "Was another file copied?"
    )


def _find_columns(sheet: Path, header: Sequence[Sequence[Any]], segments: Sequence[int]) -> _Columns | list[str]:
    """The columns that a header names, or the names that it lacks."""
    upper, lower = header[0], header[-1]
    names = [
        " ".join((str(below).strip() or str(above)).split()).casefold()
        for above, below in zip(upper, lower, strict=True)
    ]
    numbered = [(match[1] if (match := re.fullmatch(r"seg\s*(\d+)", name)) else None) for name in names]
    places = {
        "ECHO": [place for place, name in enumerate(names) if name == "echo"],
        "Reference Frame": [place for place, name in enumerate(names) if name == "reference frame"],
        "End of Cycle": [place for place, name in enumerate(names) if name == "end of cycle"],
        "... Segmentation Masks": [place for place, name in enumerate(names) if "segmentation mask" in name],
    }
    places |= {
        f"SEG{segment}": [place for place, number in enumerate(numbered) if number == str(segment)]
        for segment in segments
    }
    absent = [name for name, found in places.items() if not found]
    if absent:
        return absent
    repeated = [name for name, found in places.items() if len(found) > 1]
    if repeated:
        raise DatasetError(f"{sheet}: has the column {', '.join(repeated)} more than once; keep one of each.")
    found = [first for (first,) in places.values()]
    return _Columns(name=found[0], first_frame=found[1], last_frame=found[2], mask=found[3], segments=tuple(found[4:]))


def _check_row(
    sheet: Path, line: int, row: Sequence[Any], columns: _Columns, ticks: Mapping[str, bool], survey: Survey
) -> SheetRow | None:
    """Turn one row into what it says, or into its faults."""
    name = cell_text(row[columns.name])
    where = f"{sheet.name} row {line} ({name or 'no name'})"
    marks = [cell_text(row[place]).casefold() for place in columns.segments]
    texts = [cell_text(row[place]) for place in (columns.first_frame, columns.last_frame)]
    first, last = map(whole_number, texts)
    tick = _mark(row, columns)
    is_known = bool(name) and all(marks) and tick in ticks
    limits = (first, last) if first is not None and last is not None and 1 <= first < last else None
    problems = [] if name else ["no name under ECHO"]
    if not all(marks):
        problems.append("a segment without a label")
    if limits is None:
        problems.append(
            f"frames {texts[0]!r} to {texts[1]!r}, expected whole numbers from 1 on, the first before the last"
        )
    if tick not in ticks:
        doubt = ", which may mean either here" if tick in _CROSSED_BOXES else ""
        problems.append(
            f"{tick!r} under the masks{doubt}, expected {TICK!r} (available) or {CROSS!r} (not), a tick or a cross, "
            "yes or no"
        )
    if problems:
        survey.add_fault("wrong rows in the sheets", f"{where}: {'; '.join(problems)}", name or f"row {line}")
    if not is_known:
        return None
    return SheetRow(line=line, name=name, has_mi="mi" in marks, has_masks=ticks[tick], limits=limits)
