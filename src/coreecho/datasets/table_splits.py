"""Which split each patient of a table is in that says it nowhere: dealt out once, and kept in a table beside it."""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from coreecho.datasets.folds import patient_splits
from coreecho.datasets.recording import Recording, Split
from coreecho.datasets.table_rows import read_table_rows
from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.names import readable

log = logging.getLogger(__name__)

SPLITS_SUFFIX = ".splits.csv"


def splits_path(table: Path) -> Path:
    """Where the splits of a table are kept."""
    return table.with_name(table.stem + SPLITS_SUFFIX)


def split_by_patient(table: Path, recordings: Sequence[Recording], seed: int) -> list[Recording]:
    """Give each patient the split on disk, and those that have none yet a new one, which is stored.

    Clips without a patient count as patients of their own.

    Args:
        table: whose recordings they are.
        recordings: all of the table.
        seed: of new splits.

    Raises:
        DatasetError: the splits on disk are damaged, or new ones cannot be stored.
    """
    path = splits_path(table)
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
    divided = [
        replace(recording, split=splits[patient]) for recording, patient in zip(recordings, patients, strict=True)
    ]
    counts = ", ".join(f"{split} {sum(one.split == split for one in divided)}" for split in get_args(Split))
    log.warning(
        "%s has no column split: its recordings are divided by patient, as %s says: %s.",
        readable(table.name),
        readable(path.name),
        counts,
    )
    return divided


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
