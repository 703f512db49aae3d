"""Any lab's own data: a CSV, XLSX or Parquet table of clips and labels.

Columns, in any case of letters: `path` (relative to the table's folder, or absolute), and at least one label:
`ef_percent` (or `ef`, or `label`), `has_mi`, `esv_ml`, `edv_ml`, or any other column of numbers, which is learned by
its name. Optional: `split` (train, val, test), `fold`, `patient`, `id`, `quality`, `view`, `scanner`. Where neither
split nor fold is given, a training puts whole patients into splits once, and their list is kept beside the table, so
that every later run has the same; who only tests on such a table takes all of it.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast, get_args

from coreecho.datasets.camus import QUALITY_GROUPS
from coreecho.datasets.clip_paths import find_clip
from coreecho.datasets.folds import divided_patients, split_by_fold
from coreecho.datasets.layout import Layout
from coreecho.datasets.options import FRAME_RATE, Option
from coreecho.datasets.recording import Recording, Split, View
from coreecho.datasets.survey import Recordings, Survey
from coreecho.datasets.table_rows import SUFFIXES, MissingColumnsError, TableRows, number, read_table_rows, whole_number
from coreecho.datasets.table_splits import SPLITS_SUFFIX, split_by_patient, splits_path
from coreecho.errors import DatasetError
from coreecho.files import is_file

_EF = "ef_percent"
_EF_COLUMNS = (_EF, "label", "ef")
_OTHER_FIELDS = ("path", "id", "has_mi", "esv_ml", "edv_ml", "split", "fold", "patient", "quality", "view", "scanner")
_FIELDS = (_EF, *_OTHER_FIELDS)
_TRUTH = {"1": True, "true": True, "yes": True, "mi": True, "0": False, "false": False, "no": False, "non-mi": False}
_SPLIT_NAMES: dict[str, Split] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
# Share of a column's filled cells from which on it is one of numbers, and its other cells are slips.
_NUMERIC_SHARE = 0.5
_HEADER_BYTES = 4096
_OTHER_NAMES = "Columns by other names: `--columns path=file,ef_percent=LVEF`."
# What others call the columns, in small letters.
_OFTEN_CALLED = {
    "path": ("filename", "file_name", "filepath", "file_path", "file", "video", "clip", "dicom"),
    _EF: ("lvef", "lvef_percent", "ejection_fraction", "ejectionfraction"),
}


class Table(Layout):
    """A table of clips of one's own."""

    name = "table"
    title = "a table of clips"
    description = (
        "A table is a .csv, .xlsx or .parquet file, or a folder with one, with the columns path and a label: "
        "ef_percent, has_mi, esv_ml, edv_ml, or any column of numbers; optional are split, fold, patient, id, quality, "
        "view and scanner"
    )
    options = (
        Option("seed", int, 0, "Of the splits, where they are made. Those on disk are kept, whatever their seed."),
        Option("fold", int, None, "The fold that is tested; it goes before a column split [default: that column]."),
        Option(
            "columns",
            str,
            None,
            "Columns by other names than path, ef_percent (or has_mi, esv_ml, edv_ml), split, fold, patient, id, "
            "quality, view and scanner: `path=file,ef_percent=LVEF`.",
        ),
        FRAME_RATE,
    )
    is_single_cycle = None
    # As the recipes, CAMUS's.
    quality_groups = QUALITY_GROUPS
    recipes: ClassVar[Mapping[str, str]] = {"probe": "camus-probe", "fine-tune": "camus-fine-tune"}

    def looks_like(self, root: Path) -> bool:
        """A table lies there whose header may name paths."""
        try:
            path = find_table(root)
            if path.suffix.lower() != ".csv":
                return path.is_file() and path.suffix.lower() in SUFFIXES and path.stem == "recordings"
            with path.open("rb") as file:
                return b"path" in file.read(_HEADER_BYTES).split(b"\n", maxsplit=1)[0].replace(b"\0", b"").lower()
        except (DatasetError, OSError):
            return False

    def read(self, root: Path, **settings: Any) -> Survey:
        """Read a table and look for its clips; makes no splits."""
        path = find_table(root)
        renamed = _renamed_columns(settings["columns"])
        try:
            table = read_table_rows(path, required=sorted(renamed.values()) or ("path",), ignores_case=True)
        except MissingColumnsError as error:
            raise MissingColumnsError(f"{error} {_other_names(error.columns)}") from error
        columns = _find_columns(table, renamed)
        survey = Survey(root=path.parent, is_own_data=True)
        ids: dict[str, int] = {}
        for line, row in table.rows:
            _survey_row(path, line, row, columns, ids, survey)
        for case in divided_patients(survey.recordings):
            survey.add_fault("patients in two splits or folds", case)
        for column in ("split", "fold"):
            values = [getattr(recording, column) for recording in survey.recordings]
            if any(value is None for value in values) and any(value is not None for value in values):
                blank = [recording.id for recording in survey.recordings if getattr(recording, column) is None]
                survey.add_fault(f"rows without a {column}, where others have one", ", ".join(blank), *blank)
        return survey

    def is_undivided(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> bool:
        """Neither splits nor folds are in the table, and none were drawn before."""
        says_nothing = settings["fold"] is None and all(one.split is None and one.fold is None for one in recordings)
        return says_nothing and not splits_path(find_table(root)).exists()

    def arrange(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> Sequence[Recording]:
        """Give each recording a split: its own, its fold's, or its patient's."""
        fold = settings["fold"]
        if fold is None and all(recording.split is not None for recording in recordings):
            return recordings
        folds = [recording.fold for recording in recordings if recording.fold is not None]
        if len(folds) == len(recordings):
            return split_by_fold(recordings, min(folds) if fold is None else fold)
        if fold is not None:
            raise DatasetError(
                f"{root}: fold {fold} is asked for, and {len(recordings) - len(folds)} of {len(recordings)} recordings "
                "have none. Fill the column `fold`, or leave `--fold` out."
            )
        return split_by_patient(find_table(root), recordings, settings["seed"])


TABLE = Table()


def load_table(root: str | Path, **options: Any) -> Recordings:
    """Read the recordings of a table; see `Table.options` and `Layout.load`."""
    return TABLE.load(root, **options)


def find_table(root: Path) -> Path:
    """Return the table of a folder, or the table itself.

    Raises:
        DatasetError: there is none, or more than one.
    """
    if not root.is_dir():
        return root
    tables = sorted(path for path in root.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    tables = [path for path in tables if not path.name.endswith(SPLITS_SUFFIX) and not path.name.startswith((".", "~"))]
    named = [path for path in tables if path.stem == "recordings"]
    found = named or tables
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DatasetError(f"{root}: expected one table named recordings.csv, .xlsx or .parquet; found {names}.")
    return found[0]


def _other_names(columns: Sequence[str]) -> str:
    """How to name columns, with those of this table where they are known by what others call them."""
    named = {
        meant: next((column for column in columns if column.casefold() in (meant, *names)), None)
        for meant, names in _OFTEN_CALLED.items()
    }
    pairs = ",".join(
        f"{meant}={name}" for meant, name in named.items() if name is not None and name.casefold() != meant
    )
    return f"Columns by other names, such as here: `--columns {pairs}`." if pairs else _OTHER_NAMES


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Which column holds what.

    Attributes:
        fields: columns by what they hold, such as `ef_percent`.
        numbers: further columns of numbers, by the label that they become.
    """

    fields: Mapping[str, str]
    numbers: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_path(self) -> bool:
        """Whether it is told where the clips lie."""
        return "path" in self.fields

    @property
    def has_ef(self) -> bool:
        """Whether there is a column of EFs."""
        return _EF in self.fields

    @property
    def has_other_labels(self) -> bool:
        """Whether a row may go without an EF."""
        return bool(self.numbers or {"has_mi", "esv_ml", "edv_ml"} & self.fields.keys())


def _renamed_columns(text: str | None) -> dict[str, str]:
    """Read `path=file,ef_percent=LVEF`: columns, in small letters, by what they hold."""
    renamed: dict[str, str] = {}
    for part in text.split(",") if text else ():
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column or not name.isidentifier() or name in renamed:
            raise DatasetError(f"columns: expected NAME=COLUMN pairs such as path=file,ef_percent=LVEF; got {part!r}.")
        renamed[name] = column.casefold()
    return renamed


def _find_columns(table: TableRows, renamed: Mapping[str, str]) -> _Columns:
    """Tell which column holds what. Raises DatasetError: there is no path, or no label."""
    fields = {name: name for name in _OTHER_FIELDS if name in table.columns and name not in renamed.values()}
    ef = next((name for name in _EF_COLUMNS if name in table.columns and name not in renamed.values()), None)
    fields |= {_EF: ef} if ef is not None else {}
    known = {name: column for name, column in renamed.items() if name in _FIELDS}
    fields |= known
    others = [column for column in table.columns if column and column not in (*fields.values(), *renamed.values())]
    numbers = {name: column for name, column in renamed.items() if name not in known}
    for column in others:
        label = re.sub(r"\W+", "_", column).strip("_")
        is_free = label.isidentifier() and label not in (*numbers, *fields, *_FIELDS)
        if _is_numeric([row[column] for _, row in table.rows]):
            numbers[label if is_free else column] = column
    columns = _Columns(fields=fields, numbers=numbers)
    if not columns.has_path or not (columns.has_ef or columns.has_other_labels):
        raise DatasetError(
            f"{table.path}: expected the columns path and ef_percent (or label, or has_mi, or any column of numbers); "
            f"its columns are {', '.join(table.columns)}. {_OTHER_NAMES}"
        )
    return columns


def _is_numeric(texts: Sequence[str]) -> bool:
    filled = [text for text in texts if text]
    return bool(filled) and sum(math.isfinite(number(text)) for text in filled) >= _NUMERIC_SHARE * len(filled)


def _survey_row(
    path: Path, line: int, row: Mapping[str, str], columns: _Columns, ids: dict[str, int], survey: Survey
) -> None:
    """Turn one row into a Recording, or into its faults."""
    values = {name: row[column] for name, column in columns.fields.items()}
    cells = _Cells(values=values, where=f"{path.name} line {line}", survey=survey)
    if not cells.id or not values["path"] or cells.id in ids:
        before = f" (as in line {ids[cells.id]})" if cells.id in ids else ""
        kind = "rows with no path, or a path or id that came before"
        survey.add_fault(kind, f"{cells.where}: {cells.id!r}{before}", cells.id or f"line {line}")
        return
    ids[cells.id] = line
    clip = find_clip(path.parent, values["path"])
    if not is_file(clip):
        survey.add_fault("missing files", f"{values['path']} ({cells.where})", cells.id)
    elif clip.stat().st_size == 0:
        survey.add_empty("empty files (0 bytes)", f"{values['path']} ({cells.where})", cells.id)
    labels = {name: number(row[column]) for name, column in columns.numbers.items() if row[column]}
    for name, value in labels.items():
        if not math.isfinite(value):
            kind = "cells that are no number, in a column of numbers"
            survey.add_flaw(kind, f"{cells.where}: {row[columns.numbers[name]]!r} under {columns.numbers[name]}")
    recording = Recording(
        id=cells.id,
        path=clip,
        ef_percent=cells.ef(is_needed=not columns.has_other_labels),
        has_mi=cells.truth("has_mi"),
        split=cells.split(),
        fold=cells.fold(),
        patient=values.get("patient") or None,
        quality=values.get("quality") or None,
        view=cells.view(),
        scanner=values.get("scanner") or None,
        esv_ml=cells.volume("esv_ml"),
        edv_ml=cells.volume("edv_ml"),
        labels={name: value for name, value in labels.items() if math.isfinite(value)},
    )
    if is_file(clip):
        survey.recordings.append(recording)


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """The known cells of a row. What is wrong with one becomes a fault of the survey, and None."""

    values: Mapping[str, str]
    where: str
    survey: Survey

    @property
    def id(self) -> str:
        """By which the recording is known."""
        return self.values.get("id") or self.values["path"]

    def ef(self, *, is_needed: bool) -> float | None:
        """EF in percent."""
        text = self.values.get("ef_percent", "")
        value = number(text)
        if 0 <= value <= 100:
            return value
        if text or is_needed:
            self._fault("rows with a bad EF (expected a number from 0 to 100, in percent)", text)
        return None

    def volume(self, name: str) -> float | None:
        """A volume in mL."""
        text = self.values.get(name, "")
        value = number(text)
        if 0 <= value < math.inf:
            return value
        if text:
            self._fault(f"rows with a bad {name} (expected a volume in mL, at least 0, or nothing)", text)
        return None

    def truth(self, name: str) -> bool | None:
        """Yes or no."""
        if name not in self.values:
            return None
        text = self.values[name]
        # A table may give the EF of some clips and the finding of others.
        if text.casefold() not in _TRUTH and (text or _EF not in self.values):
            self._fault(f"rows with a bad {name} (expected 1 or 0, true or false)", text)
        return _TRUTH.get(text.casefold())

    def split(self) -> Split | None:
        """Train, val or test."""
        text = self.values.get("split", "")
        if text and text.casefold() not in _SPLIT_NAMES:
            self._fault("rows with a bad split (expected train, val or test)", text)
        return _SPLIT_NAMES.get(text.casefold())

    def fold(self) -> int | None:
        """The number of a fold."""
        text = self.values.get("fold", "")
        value = whole_number(text)
        if text and value is None:
            self._fault("rows with a bad fold (expected a whole number)", text)
        return value

    def view(self) -> View | None:
        """A view of the heart."""
        text = self.values.get("view", "")
        known = {str(name).casefold(): cast(View, name) for name in get_args(View)}
        if text and text.casefold() not in known:
            self._fault(f"rows with a bad view (expected {', '.join(get_args(View))})", text)
        return known.get(text.casefold())

    def _fault(self, kind: str, text: str) -> None:
        self.survey.add_fault(kind, f"{self.where}: {text!r}", self.id)
