"""EchoNet-Dynamic (Ouyang et al. 2020) as it lies on disk, and phantoms that are written in the same layout.

`ROOT/{FileList.csv, VolumeTracings.csv, Videos/<name>.avi}`. The official CSVs write names without `.avi` in the list
and with it in the tracings; copies of the data set differ, so names compare without it everywhere.
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.layout import Layout
from coreecho.datasets.options import FRAME_RATE, Option
from coreecho.datasets.outlines import MASK_FOLDER, KnownOutlines, MaskFolder, TracedOutlines
from coreecho.datasets.recording import Recording, Split
from coreecho.datasets.survey import Declared, Recordings, Survey
from coreecho.datasets.table_rows import NumberedRow, number, read_table_rows
from coreecho.datasets.tracings import TABLE, all_tracings, ed_es, polygon_area, read_tracing_table, read_tracings, stem
from coreecho.errors import DatasetError
from coreecho.names import counted, readable

__all__ = ["ECHONET_DYNAMIC", "EchoNetDynamic", "ed_es", "load_echonet_dynamic", "polygon_area", "read_tracings"]

FILE_LIST, VIDEOS = "FileList.csv", "Videos"
_SPLITS: dict[str, Split] = {"TRAIN": "train", "VAL": "val", "TEST": "test"}
# Videos of the published data set with fewer than two traced frames.
_PUBLISHED_UNTRACED = 6


class EchoNetDynamic(Layout):
    """The data set on which CoReEcho is trained."""

    name = "echonet"
    title = "EchoNet-Dynamic"
    description = "An EchoNet-Dynamic root holds FileList.csv, VolumeTracings.csv and Videos/<name>.avi"
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            "require_two_traced_frames",
            bool,
            False,
            "Leave out videos with fewer than two traced frames, as the published codes do (6 of 10,030).",
        ),
        FRAME_RATE,
    )
    # Of the TRAIN split.
    pixels = (0.127, 0.196)
    frame_size = 112
    phantoms = "coreecho.phantom.layouts:STAND_IN"
    recipes: ClassVar[Mapping[str, str]] = {"train": "echonet"}
    # Ouyang et al. 2020.
    published: ClassVar[Mapping[str, int]] = {"train": 7465, "val": 1288, "test": 1277}

    def looks_like(self, root: Path) -> bool:
        """FileList.csv and Videos lie there."""
        return (root / FILE_LIST).is_file() and (root / VIDEOS).is_dir()

    def read(self, root: Path, **settings: Any) -> Survey:
        """Read FileList.csv and look for the videos.

        The sizes and frame counts in FileList.csv are not used: six rows declare sizes that their videos do not have.
        """
        if is_converted_root(root) and not (root / FILE_LIST).exists():
            raise DatasetError(
                f"{root}: `coreecho convert` made this without labels, so it has no FileList.csv: no EF to learn or to "
                "compare with. `coreecho predict` reads its Videos; or convert the clips again with `--labels`."
            )
        try:
            table = read_table_rows(root / FILE_LIST, required=("FileName", "EF", "Split"))
        except FaultyDatasetError:
            raise
        except DatasetError as error:
            raise DatasetError(f"{error} {self.description}; give the folder that holds FileList.csv.") from error
        videos, empty = find_videos(root / VIDEOS, self.description)
        survey = Survey(root=root, published=self.published, is_own_data=is_converted_root(root))
        seen: dict[str, NumberedRow] = {}
        for line, row in table.rows:
            _check_row(line, row, videos, seen, survey, is_short=line in table.short)
        for recording_id in sorted(empty & seen.keys()):
            survey.add_empty("empty videos (0 bytes)", f"{VIDEOS}/{videos[recording_id].name}", recording_id)
        # What file managers leave behind, such as .DS_Store, begins with a dot.
        for name in sorted(name for name in videos.keys() - seen.keys() if not name.startswith(".")):
            survey.add_flaw("files in Videos that FileList.csv does not name", readable(videos[name].name))
        return survey

    def arrange(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> Sequence[Recording]:
        """Leave out videos without tracings, where that is asked for."""
        if not settings["require_two_traced_frames"]:
            return recordings
        path = root / TABLE
        if not path.is_file():
            origin = " (`coreecho convert` writes none)" if is_converted_root(root) else ""
            raise DatasetError(
                f"{path}: not found{origin}, and the recipe leaves out videos with fewer than two traced frames "
                "(require_two_traced_frames), as the published codes do with EchoNet-Dynamic. Without tracings, take "
                "all videos: `--no-require-two-traced-frames`, or `require_two_traced_frames: false` in the recipe."
            )
        pairs = read_tracing_table(path)[["FileName", "Frame"]].drop_duplicates()
        num_traced = pairs["FileName"].value_counts().to_dict()
        return [recording for recording in recordings if num_traced.get(recording.id, 0) >= 2]

    def add_companions(self, survey: Survey) -> None:
        """Look at the tracings."""
        if survey.is_own_data and not (survey.root / TABLE).exists():
            survey.remarks.append(
                "`coreecho convert` made this data set, which has no tracings: train with "
                "`--no-require-two-traced-frames`."
            )
            return
        try:
            tracings = all_tracings(survey.root / TABLE)
        except FaultyDatasetError as error:
            for kind, cases in error.faults.items():
                survey.flaws.setdefault(f"{TABLE}: {kind}", []).extend(cases)
            return
        except DatasetError as error:
            survey.add_flaw("tables that cannot be used", str(error))
            return
        _compare_tracings(tracings.contours, survey)
        if tracings.repeated:
            survey.remarks.append(
                f"Traced more than once in {TABLE}: {counted(len(tracings.repeated), 'frames')}; the first counts: "
                f"{'; '.join(tracings.repeated)}."
            )

    def has_tracings(self, root: str | Path) -> bool:
        """VolumeTracings.csv lies there."""
        return (Path(root) / TABLE).is_file()

    def read_tracings(self, root: str | Path) -> dict[str, dict[int, NDArray[np.float64]]]:
        """See `coreecho.datasets.read_tracings`."""
        return read_tracings(root)

    def outlines(self, root: str | Path, *, traced_alone: bool = False) -> KnownOutlines:
        """The masks of every frame where they lie there, as of phantoms; else the traced frames."""
        folder = Path(root) / MASK_FOLDER
        if folder.is_dir() and not traced_alone:
            return MaskFolder(folder)
        return TracedOutlines(read_tracings(root))


ECHONET_DYNAMIC = EchoNetDynamic()


def load_echonet_dynamic(root: str | Path, **options: Any) -> Recordings:
    """Read the recordings of EchoNet-Dynamic; see `EchoNetDynamic.options` and `Layout.load`."""
    return ECHONET_DYNAMIC.load(root, **options)


def is_converted_root(root: Path) -> bool:
    """Tell whether `coreecho convert` made a data set: its table of what it took lies there."""
    return (root / "converted.csv").is_file()


def find_videos(folder: Path, description: str) -> tuple[dict[str, Path], set[str]]:
    """Every file of a folder by its name without `.avi`, and the names of those that are empty.

    One listing is far cheaper than 10,030 look-ups on NFS.
    """
    try:
        with os.scandir(folder) as entries:
            files = [entry for entry in entries if entry.is_file()]
            videos = {stem(entry.name): Path(entry.path) for entry in files}
            return videos, {stem(entry.name) for entry in files if entry.stat().st_size == 0}
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be listed ({error.strerror}). {description}.") from error


class WrongName(NamedTuple):
    """What is wrong with the name of a row.

    Attributes:
        kind: of fault.
        where: how the case goes on after the name.
        is_repeated: the row says what another says, which is sound without it.
    """

    kind: str
    where: str = ""
    is_repeated: bool = False


def wrong_name(name: str, line: int, row: dict[str, str], seen: dict[str, NumberedRow]) -> WrongName | None:
    """Look at the name of a row.

    Args:
        name: of the row's video.
        line: of the table.
        row: the cells.
        seen: the first row of each name so far, by it; this one is added.
    """
    if not name:
        return WrongName("rows without a FileName")
    if name not in seen:
        seen[name] = (line, row)
        return None
    first, before = seen[name]
    others = ", ".join(column for column in row if row[column] != before[column] and column != "FileName")
    if not others:
        return WrongName("rows that are there already", f" (as line {first})", is_repeated=True)
    return WrongName("rows whose FileName came before, with other values", f" (line {first} has another {others})")


def _check_row(
    line: int,
    row: dict[str, str],
    videos: Mapping[str, Path],
    seen: dict[str, NumberedRow],
    survey: Survey,
    *,
    is_short: bool,
) -> None:
    """Turn one row into a Recording, or into its faults."""
    recording_id = stem(row["FileName"])
    name = recording_id or f"line {line}"
    is_new = recording_id in videos and recording_id not in seen
    if (wrong := wrong_name(recording_id, line, row, seen)) is not None:
        case = f"line {line}: {row['FileName']!r}{wrong.where}"
        # A repeated row is at fault itself; one that says another thing makes both doubtful.
        survey.add_fault(wrong.kind, case, f"line {line}" if wrong.is_repeated else name)
        if wrong.is_repeated:
            return
    elif recording_id not in videos:
        survey.add_fault("missing videos", f"{VIDEOS}/{recording_id}.avi (line {line})", name)
    ef_percent = number(row["EF"])
    if not 0 <= ef_percent <= 100:
        kind = "rows with a bad EF (expected a number from 0 to 100)"
        survey.add_fault(kind, f"line {line}: {row['FileName']} has EF {row['EF']!r}", name)
    volumes = {column: number(row[column]) if row.get(column) else None for column in ("ESV", "EDV")}
    if not all(volume is None or 0 <= volume < math.inf for volume in volumes.values()):
        kind = "rows with a bad ESV or EDV (expected a volume in mL, at least 0, or nothing)"
        case = f"line {line}: {row['FileName']} has ESV {row.get('ESV')!r}, EDV {row.get('EDV')!r}"
        survey.add_fault(kind, case, name)
    if row.get("FPS") and not 0 < number(row["FPS"]) < math.inf:
        kind = "rows with a bad FPS (expected frames per second, above 0, or nothing)"
        survey.add_fault(kind, f"line {line}: {row['FileName']} has FPS {row['FPS']!r}", name)
    split = _SPLITS.get(row["Split"].upper())
    if split is None and is_short:
        case = f"line {line}: {row['FileName']}, whose Split is not there"
        survey.add_fault("rows with fewer cells than the header", case, name)
    elif split is None:
        kind = "rows with a bad Split (expected TRAIN, VAL or TEST)"
        survey.add_fault(kind, f"line {line}: {row['FileName']} has Split {row['Split']!r}", name)
    if is_new:
        survey.declared[recording_id] = _declared(row)
        recording = Recording(
            id=recording_id,
            path=videos[recording_id],
            ef_percent=ef_percent if 0 <= ef_percent <= 100 else None,
            split=split,
            esv_ml=volumes["ESV"],
            edv_ml=volumes["EDV"],
        )
        survey.recordings.append(recording)


def _declared(row: Mapping[str, str]) -> Declared:
    """What a row says of its video; columns that are not there, or hold no number, say nothing."""
    columns = ("NumberOfFrames", "FrameHeight", "FrameWidth", "FPS")
    values = [number(row.get(column, "")) for column in columns]
    num_frames, height, width = (int(value) if math.isfinite(value) else None for value in values[:3])
    fps = values[3] if 0 < values[3] < math.inf else None
    return Declared(num_frames=num_frames, height=height, width=width, fps=fps)


def _compare_tracings(contours: Mapping[str, Mapping[int, Any]], survey: Survey) -> None:
    listed = {recording.id for recording in survey.recordings}
    for name in sorted(contours.keys() - listed):
        survey.add_flaw("tracings without a video", f"{TABLE}: {readable(name)}")
    untraced = sorted(name for name in listed if len(contours.get(name, ())) < 2)
    if 0 < len(untraced) <= _PUBLISHED_UNTRACED:
        survey.remarks.append(
            f"Fewer than two traced frames in {counted(len(untraced), 'videos')} (6 in the published data set): "
            f"{', '.join(untraced)}."
        )
    elif untraced:
        survey.flaws["videos with fewer than two traced frames"] = untraced
    survey.traced_frames = {name: tuple(frames) for name, frames in contours.items() if name in listed}
