"""Any lab's own data: a CSV, XLSX or Parquet table of clips and labels.

Columns: `path` (relative to the table's folder, or absolute), and one label: `ef_percent` (or `label`), or `has_mi`.
Optional: `split` (train, val, test), `fold`, `patient`, `id`, `quality`, `view`. Where neither split nor fold is given,
whole patients are put into splits once, and their list is kept beside the table, so that every later run has the same.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from coreecho.datasets.folds import divided_patients, patient_splits, split_by_fold
from coreecho.datasets.recording import Recording, Split, View
from coreecho.datasets.survey import Survey
from coreecho.datasets.table_rows import SUFFIXES, TableRows, number, read_table_rows, whole_number
from coreecho.errors import DatasetError
from coreecho.files import write_whole

_SPLITS_SUFFIX = ".splits.csv"
_LABELS = ("ef_percent", "label", "ef", "has_mi")
_TRUTH = {"1": True, "true": True, "yes": True, "mi": True, "0": False, "false": False, "no": False, "non-mi": False}
_SPLIT_NAMES: dict[str, Split] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def load_table(root: str | Path, *, seed: int = 0, fold: int | None = None) -> list[Recording]:
    """Read a table of clips, and check all of it.

    Args:
        root: the table, or a folder that holds it: `recordings.csv` (.xlsx, .parquet), or the only table there.
        seed: of the splits, where they are made. Those on disk are kept, whatever their seed.
        fold: the fold that is tested; it goes before a column `split`. By default that column, or else the first fold.

    Returns:
        The recordings, in the table's order, each with a split.

    Raises:
        FaultyDatasetError: files are missing, cells are wrong, or a patient is in two splits or folds; lists them all.
        DatasetError: there is no table, it lacks a column, there is no such fold, or the splits cannot be stored.
    """
    survey = survey_table(root)
    recordings = survey.checked()
    if fold is None and all(recording.split is not None for recording in recordings):
        return recordings
    folds = [recording.fold for recording in recordings if recording.fold is not None]
    if len(folds) == len(recordings):
        return split_by_fold(recordings, min(folds) if fold is None else fold)
    if fold is not None:
        raise DatasetError(
            f"{root}: fold {fold} is asked for, and {len(recordings) - len(folds)} of {len(recordings)} recordings "
            f"have none. "
            "Fill the column `fold`, or leave `--fold` out."
        )
    return _split_by_patient(find_table(Path(root)), recordings, seed)


def find_table(root: Path) -> Path:
    """Return the table of a folder, or the table itself.

    Raises:
        DatasetError: there is none, or more than one.
    """
    if not root.is_dir():
        return root
    tables = sorted(path for path in root.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    tables = [
        path for path in tables if not path.name.endswith(_SPLITS_SUFFIX) and not path.name.startswith((".", "~"))
    ]
    named = [path for path in tables if path.stem == "recordings"]
    found = named or tables
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DatasetError(f"{root}: expected one table named recordings.csv, .xlsx or .parquet; found {names}.")
    return found[0]


def survey_table(root: str | Path) -> Survey:
    """Read a table and look for its clips; makes no splits. See `load_table`."""
    path = find_table(Path(root))
    table = read_table_rows(path)
    table = TableRows(
        path=path,
        columns=tuple(name.casefold() for name in table.columns),
        rows=[(line, {name.casefold(): value for name, value in row.items()}) for line, row in table.rows],
    )
    label = next((name for name in _LABELS if name in table.columns), None)
    if "path" not in table.columns or label is None:
        raise DatasetError(
            f"{path}: expected the columns path and ef_percent (or label, or has_mi); "
            f"its columns are {', '.join(table.columns)}."
        )
    survey = Survey(root=path.parent)
    ids: dict[str, int] = {}
    for line, row in table.rows:
        _survey_row(path, line, row, label, ids, survey)
    for case in divided_patients(survey.recordings):
        survey.add_fault("patients in two splits or folds", case)
    for column in ("split", "fold"):
        values = [getattr(recording, column) for recording in survey.recordings]
        if any(value is None for value in values) and any(value is not None for value in values):
            blank = [recording.id for recording in survey.recordings if getattr(recording, column) is None]
            survey.add_fault(f"rows without a {column}, where others have one", ", ".join(blank))
    return survey


def _survey_row(path: Path, line: int, row: Mapping[str, str], label: str, ids: dict[str, int], survey: Survey) -> None:
    """Turn one row into a Recording, or into its faults."""
    where = f"{path.name} line {line}"
    recording_id = row.get("id") or row["path"]
    if not recording_id or not row["path"] or recording_id in ids:
        before = f" (as in line {ids[recording_id]})" if recording_id in ids else ""
        survey.add_fault("rows with no path, or a path or id that came before", f"{where}: {recording_id!r}{before}")
        return
    ids[recording_id] = line
    clip = path.parent / row["path"]
    if not clip.is_file():
        survey.add_fault("missing files", f"{row['path']} ({where})")
    recording = Recording(
        id=recording_id,
        path=clip,
        ef_percent=None if label == "has_mi" else _ef(row[label], where, survey),
        has_mi=_truth(row[label], where, survey) if label == "has_mi" else None,
        split=_split(row.get("split", ""), where, survey),
        fold=_fold(row.get("fold", ""), where, survey),
        patient=row.get("patient") or None,
        quality=row.get("quality") or None,
        view=_view(row.get("view", ""), where, survey),
    )
    if clip.is_file():
        survey.recordings.append(recording)


def _ef(text: str, where: str, survey: Survey) -> float | None:
    value = number(text)
    if 0 <= value <= 100:
        return value
    survey.add_fault("rows with a bad EF (expected a number from 0 to 100, in percent)", f"{where}: {text!r}")
    return None


def _truth(text: str, where: str, survey: Survey) -> bool | None:
    if text.casefold() not in _TRUTH:
        survey.add_fault("rows with a bad has_mi (expected 1 or 0, true or false)", f"{where}: {text!r}")
    return _TRUTH.get(text.casefold())


def _split(text: str, where: str, survey: Survey) -> Split | None:
    if text and text.casefold() not in _SPLIT_NAMES:
        survey.add_fault("rows with a bad split (expected train, val or test)", f"{where}: {text!r}")
    return _SPLIT_NAMES.get(text.casefold())


def _fold(text: str, where: str, survey: Survey) -> int | None:
    value = whole_number(text)
    if text and value is None:
        survey.add_fault("rows with a bad fold (expected a whole number)", f"{where}: {text!r}")
    return value


def _view(text: str, where: str, survey: Survey) -> View | None:
    known = {str(name).casefold(): cast(View, name) for name in get_args(View)}
    if text and text.casefold() not in known:
        survey.add_fault(f"rows with a bad view (expected {', '.join(get_args(View))})", f"{where}: {text!r}")
    return known.get(text.casefold())


def _split_by_patient(table: Path, recordings: list[Recording], seed: int) -> list[Recording]:
    """Give each patient the split on disk, and those that have none yet a new one, which is stored.

    Clips without a patient count as patients of their own.
    """
    path = table.with_name(table.stem + _SPLITS_SUFFIX)
    known = _read_splits(path)
    patients = [recording.patient or recording.id for recording in recordings]
    splits = patient_splits(patients, seed=seed, known=known)
    if not set(splits) <= set(known):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["patient", "split"])
        # Patients that are no longer in the table keep their split, in case they return.
        writer.writerows(sorted((known | splits).items()))
        try:
            write_whole(path, text.getvalue())
        except OSError as error:
            raise DatasetError(
                f"{path}: the splits cannot be stored ({error.strerror}). Give the table a column 'split', or put it "
                "in a folder that can be written."
            ) from error
    return [replace(recording, split=splits[patient]) for recording, patient in zip(recordings, patients, strict=True)]


def _read_splits(path: Path) -> dict[str, Split]:
    if not path.exists():
        return {}
    splits: dict[str, Split] = {}
    for line, row in read_table_rows(path, required=("patient", "split")).rows:
        if row["split"] not in get_args(Split) or row["patient"] in splits:
            raise DatasetError(
                f"{path}: line {line} is wrong ({row['patient']!r}, {row['split']!r}); expected each patient once, "
                "with train, val or test. Mend it, or delete the file to have new splits made."
            )
        splits[row["patient"]] = cast(Split, row["split"])
    return splits
