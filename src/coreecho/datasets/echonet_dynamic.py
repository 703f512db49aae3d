"""EchoNet-Dynamic (Ouyang et al. 2020) as it lies on disk, and phantoms that are written in the same layout.

`ROOT/{FileList.csv, VolumeTracings.csv, Videos/<name>.avi}`. The official CSVs write names without `.avi` in the list
and with it in the tracings; copies of the data set differ, so names compare without it everywhere.
"""

import csv
import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.recording import Recording, Split
from coreecho.datasets.survey import Declared, Survey
from coreecho.errors import DatasetError

_SPLITS: dict[str, Split] = {"TRAIN": "train", "VAL": "val", "TEST": "test"}
# Ouyang et al. 2020.
PUBLISHED_COUNTS = {"train": 7465, "val": 1288, "test": 1277}
_LAYOUT = "An EchoNet-Dynamic root holds FileList.csv, VolumeTracings.csv and Videos/<name>.avi"
_TRACING_COLUMNS = ["FileName", "X1", "Y1", "X2", "Y2", "Frame"]


def load_echonet_dynamic(root: str | Path, *, require_two_traced_frames: bool = False) -> list[Recording]:
    """Read the list of recordings, and check all of it.

    The sizes and frame counts in FileList.csv are not used: six rows declare sizes that their videos do not have.

    Args:
        root: the folder that holds FileList.csv.
        require_two_traced_frames: leave out videos with fewer than two traced frames in VolumeTracings.csv, as the
            authors of CoReEcho do (6 of 10,030).

    Returns:
        The recordings, in the order of FileList.csv.

    Raises:
        FaultyDatasetError: videos are missing, or rows are wrong; lists them all.
        DatasetError: a file of the layout is missing or unreadable; also where tracings are asked for and there are
            none, as in what `coreecho convert` writes.
    """
    root = Path(root)
    recordings = survey_echonet_dynamic(root).checked()
    if not require_two_traced_frames:
        return recordings
    path = root / "VolumeTracings.csv"
    if not path.is_file():
        origin = " (`coreecho convert` writes none)" if is_converted_root(root) else ""
        raise DatasetError(
            f"{path}: not found{origin}, and the recipe leaves out videos with fewer than two traced frames "
            "(require_two_traced_frames), as the published codes do with EchoNet-Dynamic. Without tracings, take all "
            "videos: `--no-require-two-traced-frames`, or `require_two_traced_frames: false` in the recipe."
        )
    num_traced = _num_traced_frames(_read_tracing_table(path))
    return [recording for recording in recordings if num_traced.get(recording.id, 0) >= 2]


def is_converted_root(root: Path) -> bool:
    """Tell whether `coreecho convert` made a data set: its table of what it took lies there."""
    return (root / "converted.csv").is_file()


def survey_echonet_dynamic(root: str | Path) -> Survey:
    """Read FileList.csv and look for the videos. See `load_echonet_dynamic`.

    Raises:
        DatasetError: a file of the layout is missing or unreadable.
    """
    root = Path(root)
    if is_converted_root(root) and not (root / "FileList.csv").exists():
        raise DatasetError(
            f"{root}: `coreecho convert` made this without labels, so it has no FileList.csv: no EF to learn or to "
            "compare with. `coreecho predict` reads its Videos; or convert the clips again with `--labels`."
        )
    rows = _read_file_list(root / "FileList.csv")
    videos = _find_videos(root / "Videos")
    survey = Survey(root=root, published=PUBLISHED_COUNTS)
    seen: set[str] = set()
    for line, row in rows:
        _check_row(line, row, videos, seen, survey)
    for recording_id in _unlisted(videos, seen):
        survey.add_flaw("files in Videos that FileList.csv does not name", videos[recording_id].name)
    return survey


def _check_row(line: int, row: Mapping[str, str], videos: Mapping[str, Path], seen: set[str], survey: Survey) -> None:
    """Turn one row into a Recording, or into its faults."""
    recording_id = _stem(row["FileName"])
    if not recording_id or recording_id in seen:
        survey.add_fault("rows with no FileName, or one that came before", f"line {line}: {row['FileName']!r}")
    elif recording_id not in videos:
        survey.add_fault("missing videos", f"Videos/{recording_id}.avi (line {line})")
    is_new = recording_id in videos and recording_id not in seen
    seen.add(recording_id)
    ef_percent = _number(row["EF"])
    if not 0 <= ef_percent <= 100:
        kind = "rows with a bad EF (expected a number from 0 to 100)"
        survey.add_fault(kind, f"line {line}: {row['FileName']} has EF {row['EF']!r}")
    volumes = {column: _number(row[column]) if row.get(column) else None for column in ("ESV", "EDV")}
    if not all(volume is None or 0 <= volume < math.inf for volume in volumes.values()):
        kind = "rows with a bad ESV or EDV (expected a volume in mL, at least 0, or nothing)"
        survey.add_fault(kind, f"line {line}: {row['FileName']} has ESV {row.get('ESV')!r}, EDV {row.get('EDV')!r}")
    split = _SPLITS.get(row["Split"].upper())
    if split is None:
        kind = "rows with a bad Split (expected TRAIN, VAL or TEST)"
        survey.add_fault(kind, f"line {line}: {row['FileName']} has Split {row['Split']!r}")
    if is_new:
        survey.declared[recording_id] = _declared(row)
        recording = Recording(
            id=recording_id,
            path=videos[recording_id],
            ef_percent=ef_percent,
            split=split,
            esv_ml=volumes["ESV"],
            edv_ml=volumes["EDV"],
        )
        survey.recordings.append(recording)


def _unlisted(videos: Mapping[str, Path], seen: set[str]) -> list[str]:
    """Names of files that no row has, but not what file managers leave behind, such as .DS_Store."""
    return sorted(name for name in videos.keys() - seen if not name.startswith("."))


def _declared(row: Mapping[str, str]) -> Declared:
    """What a row says of its video; columns that are not there, or hold no number, say nothing."""
    columns = ("NumberOfFrames", "FrameHeight", "FrameWidth", "FPS")
    values = [_number(row.get(column, "")) for column in columns]
    num_frames, height, width = (int(value) if math.isfinite(value) else None for value in values[:3])
    fps = values[3] if math.isfinite(values[3]) else None
    return Declared(num_frames=num_frames, height=height, width=width, fps=fps)


def _read_file_list(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows of FileList.csv with their line numbers; every value stripped, columns of a short row empty."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            columns = [(column or "").strip() for column in reader.fieldnames or []]
            absent = [column for column in ("FileName", "EF", "Split") if column not in columns]
            if absent:
                raise DatasetError(f"{path}: has no column {', '.join(absent)}; its columns are {', '.join(columns)}.")
            reader.fieldnames = columns
            rows = [
                (reader.line_num, {column: (row[column] or "").strip() for column in columns}) for row in reader if row
            ]
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: not found. {_LAYOUT}; give the folder that holds FileList.csv.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a CSV file ({error}).") from error
    if not rows:
        raise DatasetError(f"{path}: lists no videos.")
    return rows


def _find_videos(folder: Path) -> dict[str, Path]:
    """Every file of the folder by its name without `.avi`. One listing is far cheaper than 10,030 look-ups on NFS."""
    try:
        with os.scandir(folder) as entries:
            return {_stem(entry.name): Path(entry.path) for entry in entries if entry.is_file()}
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be listed ({error.strerror}). {_LAYOUT}.") from error


def _stem(name: str) -> str:
    name = name.strip()
    return name[:-4] if name.lower().endswith(".avi") else name


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def read_tracings(path: str | Path) -> dict[str, dict[int, NDArray[np.float64]]]:
    """Read the traced contours of the left ventricle.

    Per traced frame the first row is the long axis and the others are chords across it, from the apex to the base.
    The contour runs down one end of the chords and back up the other.

    Args:
        path: the root of the data set, or its VolumeTracings.csv.

    Returns:
        For each video, by its name without `.avi`, and each traced frame, counted from 0: the contour, (n, 2) as x, y
        in pixels.

    Raises:
        DatasetError: the file is missing, lacks a column, or has rows that are not numbers.
    """
    path = Path(path)
    table = _read_tracing_table(path / "VolumeTracings.csv" if path.is_dir() else path)
    tracings: dict[str, dict[int, NDArray[np.float64]]] = {}
    names, frames = table["FileName"].to_numpy(), table["Frame"].to_numpy()
    ends = table[["X1", "Y1", "X2", "Y2"]].to_numpy(dtype=np.float64)
    for key, rows in table.groupby(["FileName", "Frame"], sort=False).indices.items():
        chords = ends[rows[1:]]
        name, frame = names[rows[0]], int(frames[rows[0]])
        if len(chords) == 0:
            raise DatasetError(f"{path}: frame {frame} of {name} has a long axis and no chords ({key}).")
        tracings.setdefault(name, {})[frame] = np.concatenate([chords[:, :2], chords[::-1, 2:]])
    return tracings


def _read_tracing_table(path: Path) -> pd.DataFrame:
    """VolumeTracings.csv with names without `.avi`, and numbers checked."""
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", dtype={"FileName": str})
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: not found. {_LAYOUT}.") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as a CSV file ({error}).") from error
    absent = [column for column in _TRACING_COLUMNS if column not in table.columns]
    if absent:
        raise DatasetError(
            f"{path}: has no column {', '.join(absent)}; expected {', '.join(_TRACING_COLUMNS)} (EchoNet-Dynamic)."
        )
    numbers: pd.DataFrame = table[_TRACING_COLUMNS[1:]].apply(pd.to_numeric, errors="coerce")
    is_good = np.isfinite(numbers.to_numpy()).all(axis=1) & (numbers["Frame"] >= 0) & table["FileName"].notna()
    if not is_good.all():
        lines = [f"line {index + 2}: {','.join(map(str, table.loc[index]))}" for index in np.flatnonzero(~is_good)]
        raise FaultyDatasetError(str(path), {"rows that are not a name and finite numbers": lines})
    numbers["Frame"] = numbers["Frame"].astype(np.int64)
    numbers["FileName"] = table["FileName"].map(_stem)
    return numbers


def _num_traced_frames(table: pd.DataFrame) -> dict[str, int]:
    pairs = table[["FileName", "Frame"]].drop_duplicates()
    return {str(name): int(count) for name, count in pairs["FileName"].value_counts().items()}


def polygon_area(polygon: NDArray[np.float64]) -> float:
    """Area enclosed by a polygon, (n, 2), by the shoelace formula, in pixels squared."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def ed_es(polygons: Mapping[int, NDArray[np.float64]]) -> tuple[int, int]:
    """Tell the end-diastolic from the end-systolic frame: the largest and the smallest contour, of one video's.

    Args:
        polygons: contours by frame, as `read_tracings` gives them for one video.

    Returns:
        The ED frame and the ES frame.

    Raises:
        DatasetError: fewer than two frames are traced.
    """
    if len(polygons) < 2:
        raise DatasetError(f"ED and ES need two traced frames; got {len(polygons)}.")
    areas = {frame: polygon_area(polygon) for frame, polygon in polygons.items()}
    return max(areas, key=areas.__getitem__), min(areas, key=areas.__getitem__)
