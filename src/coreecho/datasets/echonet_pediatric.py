"""EchoNet-Pediatric (Reddy et al. 2023): `ROOT/{A4C,PSAX}/{FileList.csv, VolumeTracings.csv, Videos/<name>.avi}`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from coreecho.datasets.echonet_dynamic import FILE_LIST, VIDEOS, find_videos, wrong_name
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.folds import split_by_fold
from coreecho.datasets.layout import Layout
from coreecho.datasets.options import FRAME_RATE, Option
from coreecho.datasets.recording import Recording, View
from coreecho.datasets.survey import Recordings, Survey
from coreecho.datasets.table_rows import NumberedRow, number, read_table_rows, whole_number
from coreecho.datasets.tracings import TABLE, stem
from coreecho.errors import DatasetError
from coreecho.names import counted, readable

VIEWS: tuple[View, ...] = ("A4C", "PSAX")


class EchoNetPediatric(Layout):
    """Children's hearts, in two views."""

    name = "echonet-pediatric"
    title = "EchoNet-Pediatric"
    description = "An EchoNet-Pediatric root holds A4C/ and PSAX/, each with FileList.csv and Videos/<name>.avi"
    options = (
        Option("view", str, "A4C", "The view, or `all` for both, whose ids begin with the view.", (*VIEWS, "all")),
        Option("fold", int, 0, "The fold that is tested, 0 to 9; the next one, after 9 the first, validates."),
        FRAME_RATE,
    )
    survey_options: ClassVar[Mapping[str, Any]] = {"view": "all"}
    num_folds = 10

    def looks_like(self, root: Path) -> bool:
        """A view's folder holds a FileList.csv."""
        return any((root / view / FILE_LIST).is_file() for view in VIEWS)

    def read(self, root: Path, **settings: Any) -> Survey:
        """Read FileList.csv of a view, or of each view that is there."""
        view = settings["view"]
        views = [each for each in VIEWS if (root / each).is_dir()] if view == "all" else [view]
        if not views:
            raise DatasetError(f"{root}: holds neither A4C/ nor PSAX/. {self.description}.")
        survey = Survey(root=root)
        for each in views:
            self._read_view(root, each, f"{each}/" if view == "all" else "", survey)
        return survey

    def arrange(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> Sequence[Recording]:
        """Split by the folds of `Split`."""
        return split_by_fold(recordings, settings["fold"])

    def add_companions(self, survey: Survey) -> None:
        """Look for tracings without a video, and the other way round."""
        for view in VIEWS:
            if not (survey.root / view).is_dir():
                continue
            try:
                rows = read_table_rows(survey.root / view / TABLE, required=("FileName", "Frame")).rows
            except DatasetError as error:
                survey.add_flaw("tables that cannot be used", str(error))
                continue
            traced = {stem(row["FileName"]) for _, row in rows}
            listed = {recording.path.stem for recording in survey.recordings if recording.view == view}
            for name in sorted(traced - listed):
                survey.add_flaw("tracings without a video", f"{view}/{TABLE}: {name}")
            if listed - traced:
                survey.remarks.append(f"{view}: no tracings of {counted(len(listed - traced), 'videos')}.")

    def _read_view(self, root: Path, view: View, prefix: str, survey: Survey) -> None:
        try:
            table = read_table_rows(root / view / FILE_LIST, required=("FileName", "EF", "Split"))
        except FaultyDatasetError:
            raise
        except DatasetError as error:
            raise DatasetError(f"{error} {self.description}.") from error
        videos, empty = find_videos(root / view / VIDEOS, self.description)
        seen: dict[str, NumberedRow] = {}
        for line, row in table.rows:
            where, name = f"{view}/{FILE_LIST} line {line}", stem(row["FileName"])
            about = f"{prefix}{name}" if name else f"line {line}"
            if (wrong := wrong_name(name, line, row, seen)) is not None:
                case = f"{where}: {row['FileName']!r}{wrong.where}"
                survey.add_fault(wrong.kind, case, f"{view} line {line}" if wrong.is_repeated else about)
                continue
            ef_percent, fold = number(row["EF"]), whole_number(row["Split"])
            if not 0 <= ef_percent <= 100:
                kind = "rows with a bad EF (expected a number from 0 to 100)"
                survey.add_fault(kind, f"{where}: {name}: {row['EF']!r}", about)
            if fold is None or not 0 <= fold < self.num_folds:
                kind = "rows with a bad Split (expected a fold from 0 to 9)"
                survey.add_fault(kind, f"{where}: {name}: {row['Split']!r}", about)
            if name not in videos:
                survey.add_fault("missing files", f"{view}/{VIDEOS}/{name}.avi (line {line})", about)
                continue
            if name in empty:
                survey.add_empty("empty videos (0 bytes)", f"{view}/{VIDEOS}/{videos[name].name}", about)
            survey.recordings.append(
                Recording(
                    id=about,
                    path=videos[name],
                    ef_percent=ef_percent if 0 <= ef_percent <= 100 else None,
                    fold=fold,
                    view=view,
                    labels=_facts_of_the_child(row),
                )
            )
        # What file managers leave behind begins with a dot.
        for name in sorted(name for name in videos.keys() - seen.keys() if not name.startswith(".")):
            kind = "files in Videos that FileList.csv does not name"
            survey.add_flaw(kind, f"{view}/{VIDEOS}/{readable(videos[name].name)}")


def _facts_of_the_child(row: Mapping[str, str]) -> dict[str, float]:
    """Age in years, weight in kilograms and height in centimetres, where the row has them."""
    values = {name.casefold(): number(row.get(name, "")) for name in ("Age", "Weight", "Height")}
    return {name: value for name, value in values.items() if math.isfinite(value)}


ECHONET_PEDIATRIC = EchoNetPediatric()


def load_echonet_pediatric(root: str | Path, **options: Any) -> Recordings:
    """Read the recordings of EchoNet-Pediatric; see `EchoNetPediatric.options` and `Layout.load`."""
    return ECHONET_PEDIATRIC.load(root, **options)
