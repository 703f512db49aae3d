"""EchoNet-Dynamic's traced contours of the left ventricle: VolumeTracings.csv.

Per traced frame the first row is the long axis and the others are chords across it, from the apex to the base. The
contour runs down one end of the chords and back up the other.
"""

import csv
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.table_files import csv_text, find_delimiter
from coreecho.datasets.table_rows import check_columns
from coreecho.errors import DatasetError
from coreecho.names import readable

if TYPE_CHECKING:
    import pandas as pd

TABLE = "VolumeTracings.csv"
_COLUMNS = ("FileName", "X1", "Y1", "X2", "Y2", "Frame")
# A second long axis covers at least this share of the first, at an angle to it of at most 30 degrees.
_AXIS_SHARE, _AXIS_COSINE = 0.5, 0.866
# No clip is longer; the longest of EchoNet-Dynamic has 1,002 frames.
_MAX_FRAME = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Tracings:
    """All contours of a data set.

    Attributes:
        contours: for each video, by its name without `.avi`, and each traced frame, counted from 0: (n, 2) as x, y in
            pixels.
        repeated: frames that are traced more than once, as "name, frame 46"; `contours` has the first tracing.
    """

    contours: dict[str, dict[int, NDArray[np.float64]]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)


def read_tracings(path: str | Path) -> dict[str, dict[int, NDArray[np.float64]]]:
    """Read the traced contours of the left ventricle.

    Args:
        path: the root of the data set, or its VolumeTracings.csv.

    Returns:
        For each video, by its name without `.avi`, and each traced frame, counted from 0: the contour, (n, 2) as x, y
        in pixels. Of a frame that is traced twice, the first contour.

    Raises:
        FaultyDatasetError: rows are wrong; lists them all.
        DatasetError: the file is missing or unreadable, or lacks a column.
    """
    path = Path(path)
    return all_tracings(path / TABLE if path.is_dir() else path).contours


def all_tracings(path: Path) -> Tracings:
    """Read VolumeTracings.csv, and note which frames are traced more than once. See `read_tracings`."""
    table = read_tracing_table(path)
    tracings = Tracings()
    bare: list[str] = []
    names, frames = table["FileName"].to_numpy(), table["Frame"].to_numpy()
    ends = table[["X1", "Y1", "X2", "Y2"]].to_numpy(dtype=np.float64)
    for places in table.groupby(["FileName", "Frame"], sort=False).indices.values():
        rows = np.asarray(places, dtype=np.intp)
        name, frame = str(names[rows[0]]), int(frames[rows[0]])
        first = _first_tracing(rows, ends)
        if len(first) < 2:
            bare.append(f"frame {frame} of {readable(name)}")
            continue
        if len(first) < len(rows):
            tracings.repeated.append(f"{readable(name)}, frame {frame}")
        chords = ends[first[1:]]
        tracings.contours.setdefault(name, {})[frame] = np.concatenate([chords[:, :2], chords[::-1, 2:]])
    if bare:
        raise FaultyDatasetError(str(path), {"frames with a long axis and no chords": bare})
    return tracings


def _first_tracing(rows: NDArray[np.intp], ends: NDArray[np.float64]) -> NDArray[np.intp]:
    """Of the rows of one frame, those of its first tracing.

    Another one begins where the table goes on elsewhere, or with a second long axis: about as long as the first and in
    its direction, which chords across it never are. Where each row stands twice in succession, as in tables that were
    merged, the long axis does, which is no chord.
    """
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    rows = rows[: breaks[0]] if len(breaks) else rows
    is_new = np.append(True, (ends[rows[1:]] != ends[rows[:-1]]).any(axis=1))
    rows = rows[is_new] if not is_new[1:2].all() and is_new.sum() > 1 else rows
    lines = ends[rows, 2:] - ends[rows, :2]
    lengths = np.hypot(lines[:, 0], lines[:, 1])
    # |cos| of the angle to the first axis, times the length relative to it.
    along = np.abs(lines @ lines[0]) / max(lengths[0] ** 2, np.finfo(np.float64).tiny)
    axes = np.flatnonzero((along > _AXIS_SHARE) & (along > _AXIS_COSINE * lengths / max(lengths[0], 1e-9)))
    again = axes[axes > 1]
    return rows[: again[0]] if len(again) else rows


def read_tracing_table(path: Path) -> "pd.DataFrame":
    """VolumeTracings.csv with names without `.avi`, and numbers checked.

    Raises:
        FaultyDatasetError: rows are not a name and finite numbers, or have too many cells; lists them all.
        DatasetError: the file is missing or unreadable, or lacks or repeats a column.
    """
    import pandas as pd

    table = _parse(path)
    numbers: pd.DataFrame = table[list(_COLUMNS[1:])].apply(pd.to_numeric, errors="coerce")
    frames = numbers["Frame"]
    is_frame = (frames >= 0) & (frames <= _MAX_FRAME) & (frames % 1 == 0)
    is_good = np.isfinite(numbers.to_numpy(dtype=np.float64)).all(axis=1) & is_frame & table["FileName"].notna()
    if not is_good.all():
        lines_of = table.index.to_numpy() + 2
        lines = [
            f"line {lines_of[place]}: {readable(','.join(map(str, table.iloc[place])))}"
            for place in np.flatnonzero(~is_good.to_numpy())
        ]
        raise FaultyDatasetError(str(path), {"rows that are not a name and finite numbers": lines})
    numbers = numbers.astype(np.float64)
    numbers["Frame"] = numbers["Frame"].astype(np.int64)
    numbers["FileName"] = table["FileName"].map(stem)
    return numbers


def _parse(path: Path) -> "pd.DataFrame":
    # Who reads one clip waits for no table.
    import pandas as pd

    try:
        text = csv_text(path)
        delimiter, skipped = find_delimiter(text, _COLUMNS)
        header = next(
            csv.reader(text.split("\n", maxsplit=skipped + 1)[skipped : skipped + 1], delimiter=delimiter), []
        )
        columns = [name.strip() for name in header]
        check_columns(path, columns, ())
        absent = [column for column in _COLUMNS if column not in columns]
        if absent:
            raise DatasetError(
                f"{path}: has no column {', '.join(absent)}; expected {', '.join(_COLUMNS)} (EchoNet-Dynamic)."
            )
        with warnings.catch_warnings():
            # Rows with more cells than the header, which pandas would cut off with a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table: pd.DataFrame = pd.read_csv(
                io.StringIO(text),
                sep=delimiter,
                skiprows=skipped + 1,
                header=None,
                names=columns,
                index_col=False,
                dtype={"FileName": str},
                skip_blank_lines=False,
                low_memory=False,
            )
    # pandas raises many kinds of error on damaged text.
    except (ValueError, csv.Error, pd.errors.ParserWarning, OverflowError, RecursionError, MemoryError) as error:
        raise DatasetError(f"{path}: cannot be read as a CSV file ({error}).") from error
    return table.dropna(how="all")


def stem(name: str) -> str:
    """A video's name without `.avi`, which copies of the data set write or leave out."""
    name = name.strip()
    return name[:-4] if name.lower().endswith(".avi") else name


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
