"""EchoNet-Pediatric (Reddy et al. 2023): `ROOT/{A4C,PSAX}/{FileList.csv, VolumeTracings.csv, Videos/<name>.avi}`."""

import os
from pathlib import Path
from typing import Literal

from coreecho.datasets.folds import split_by_fold
from coreecho.datasets.recording import Recording, View
from coreecho.datasets.survey import Survey
from coreecho.datasets.table_rows import number, read_table_rows, whole_number
from coreecho.errors import DatasetError

VIEWS: tuple[View, ...] = ("A4C", "PSAX")
NUM_FOLDS = 10
_LAYOUT = "An EchoNet-Pediatric root holds A4C/ and PSAX/, each with FileList.csv and Videos/<name>.avi"


def load_echonet_pediatric(root: str | Path, *, view: View | Literal["all"] = "A4C", fold: int = 0) -> list[Recording]:
    """Read the list of recordings of a view, and check all of it.

    Args:
        root: the folder that holds A4C/ and PSAX/.
        view: "A4C", "PSAX", or "all" for both; ids of "all" begin with the view.
        fold: the fold, 0 to 9, that is tested; the next one, after 9 the first, is the validation.

    Returns:
        The recordings, in the order of FileList.csv.

    Raises:
        FaultyDatasetError: videos are missing, or rows are wrong; lists them all.
        DatasetError: a file of the layout is missing or unreadable, or the fold does not exist.
    """
    return split_by_fold(survey_echonet_pediatric(root, view=view).checked(), fold)


def survey_echonet_pediatric(root: str | Path, *, view: View | Literal["all"] = "all") -> Survey:
    """Read FileList.csv of a view, or of each view that is there. See `load_echonet_pediatric`."""
    root = Path(root)
    if view not in (*VIEWS, "all"):
        raise DatasetError(f"{root}: EchoNet-Pediatric has the views A4C and PSAX; got {view!r}.")
    views = [each for each in VIEWS if (root / each).is_dir()] if view == "all" else [view]
    if not views:
        raise DatasetError(f"{root}: holds neither A4C/ nor PSAX/. {_LAYOUT}.")
    survey = Survey(root=root)
    for each in views:
        _survey_view(root, each, f"{each}/" if view == "all" else "", survey)
    return survey


def _survey_view(root: Path, view: View, prefix: str, survey: Survey) -> None:
    try:
        table = read_table_rows(root / view / "FileList.csv", required=("FileName", "EF", "Split"))
    except DatasetError as error:
        raise DatasetError(f"{error} {_LAYOUT}.") from error
    try:
        with os.scandir(root / view / "Videos") as entries:
            videos = {_stem(entry.name): Path(entry.path) for entry in entries if entry.is_file()}
    except OSError as error:
        raise DatasetError(f"{root / view / 'Videos'}: cannot be listed ({error.strerror}). {_LAYOUT}.") from error
    seen: set[str] = set()
    for line, row in table.rows:
        where, stem = f"{view}/FileList.csv line {line}", _stem(row["FileName"])
        if not stem or stem in seen:
            survey.add_fault("rows with no FileName, or one that came before", f"{where}: {row['FileName']!r}")
            continue
        seen.add(stem)
        ef_percent, fold = number(row["EF"]), whole_number(row["Split"])
        if not 0 <= ef_percent <= 100:
            survey.add_fault("rows with a bad EF (expected a number from 0 to 100)", f"{where}: {stem}: {row['EF']!r}")
        if fold is None or not 0 <= fold < NUM_FOLDS:
            kind = "rows with a bad Split (expected a fold from 0 to 9)"
            survey.add_fault(kind, f"{where}: {stem}: {row['Split']!r}")
        if stem not in videos:
            survey.add_fault("missing files", f"{view}/Videos/{stem}.avi (line {line})")
            continue
        recording = Recording(id=f"{prefix}{stem}", path=videos[stem], ef_percent=ef_percent, fold=fold, view=view)
        survey.recordings.append(recording)
    # What file managers leave behind begins with a dot.
    for stem in sorted(name for name in videos.keys() - seen if not name.startswith(".")):
        survey.add_flaw("files in Videos that FileList.csv does not name", f"{view}/Videos/{videos[stem].name}")


def _stem(name: str) -> str:
    name = name.strip()
    return name[:-4] if name.lower().endswith(".avi") else name
