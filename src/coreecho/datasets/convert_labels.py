"""The labels that a person gives with a folder of clips: a CSV of paths, EF, and who is the same patient."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coreecho.datasets.clip_paths import find_clip
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.labels import LOW_EF_FAULT
from coreecho.datasets.recording import Split
from coreecho.datasets.table_rows import number, read_table_rows
from coreecho.errors import DatasetError
from coreecho.files import is_file
from coreecho.tasks import EF

_SPLITS: dict[str, Split] = {"train": "train", "val": "val", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class Label:
    """What is known of one clip.

    Attributes:
        ef_percent: ejection fraction, 0 to 100.
        esv_ml: end-systolic volume, mL.
        edv_ml: end-diastolic volume, mL.
        split: where its patient belongs; None where that is to be drawn.
        patient: any name; clips with the same one never lie in two splits. It is not written anywhere.
    """

    ef_percent: float
    esv_ml: float | None
    edv_ml: float | None
    split: Split | None
    patient: str


def read_labels(path: Path, folder: Path, scale: float = 1.0) -> dict[Path, Label]:
    """Read the labels of the clips in a folder, and check all of them.

    Messages name lines and never paths or patients, so that they may stand in a log.

    Args:
        path: a CSV (XLSX, Parquet) with the columns `path` (relative to `folder`, or absolute) and `ef_percent`, and
            `patient` or `split` or both. Optional: `esv_ml`, `edv_ml`.
        folder: where the clips lie.
        scale: by which every EF is multiplied: 100 for fractions.

    Returns:
        The label of each file, by its resolved path.

    Raises:
        FaultyDatasetError: cells are wrong, a patient is in two splits, or fractions are among percents; lists all.
        DatasetError: the table cannot be read, lacks a column, or has EF in another unit than percent.
    """
    table = read_table_rows(path, required=("path", "ef_percent"))
    if not {"patient", "split"} & set(table.columns):
        raise DatasetError(
            f"{path}: has neither a column patient nor split; without one, clips of one patient might be trained on "
            "and tested on. Add patient (any name, which is not carried over), or split (train, val or test)."
        )
    labels: dict[Path, Label] = {}
    faults: dict[str, list[str]] = {}
    split_of: dict[str, Split] = {}
    for line, row in table.rows:
        file = find_clip(folder, row["path"]).resolve()
        label = _label(row, file, scale)
        for kind in _faults(row, file, label, labels, split_of):
            faults.setdefault(kind, []).append(f"line {line}")
        labels[file] = label
        if label.split is not None:
            split_of.setdefault(label.patient, label.split)
    if faults:
        raise FaultyDatasetError(str(path), faults)
    task = EF()
    low = [
        f"line {line}"
        for (line, _), label in zip(table.rows, labels.values(), strict=True)
        if task.is_doubtful(label.ef_percent)
    ]
    # Where all of several are fractions, it is said of all, with what to do.
    if 0 < len(low) < max(2, len(labels)):
        raise FaultyDatasetError(str(path), {LOW_EF_FAULT: low})
    unit = task.fault_of_labels([label.ef_percent for label in labels.values()])
    if unit is not None:
        raise DatasetError(f"{path}: the labels cannot be right: {unit}.")
    return labels


def _label(row: Mapping[str, str], file: Path, scale: float) -> Label:
    volumes = {name: number(text) if (text := row.get(name, "")) else None for name in ("esv_ml", "edv_ml")}
    return Label(
        # Binary fractions: 0.55 times 100 is 55.000000000000007.
        ef_percent=float(f"{number(row['ef_percent']) * scale:.12g}"),
        esv_ml=volumes["esv_ml"],
        edv_ml=volumes["edv_ml"],
        split=_SPLITS.get(row.get("split", "").casefold()),
        # A clip without a patient counts as a patient of its own.
        patient=row.get("patient") or str(file),
    )


def _faults(
    row: Mapping[str, str], file: Path, label: Label, labels: Mapping[Path, Label], split_of: Mapping[str, Split]
) -> list[str]:
    """Kinds of faults that a row has."""
    volumes = (label.esv_ml, label.edv_ml)
    found = {
        "rows with no path, or one that came before": not row["path"] or file in labels,
        "rows whose file is not in the folder": bool(row["path"]) and not is_file(file),
        "rows with a bad ef_percent (expected a number from 0 to 100)": not 0 <= label.ef_percent <= 100,
        "rows with a bad esv_ml or edv_ml (expected a volume in mL, or nothing)": not all(
            volume is None or 0 <= volume < math.inf for volume in volumes
        ),
        "rows with a bad split (expected train, val, test, or nothing)": bool(row.get("split")) and label.split is None,
        "rows whose patient is in another split above": label.split is not None
        and split_of.get(label.patient, label.split) != label.split,
    }
    return [kind for kind, is_found in found.items() if is_found]
