"""The tables of a converted data set; they name nobody."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import coreecho
from coreecho.datasets.convert_labels import Label
from coreecho.datasets.echonet_dynamic import ECHONET_DYNAMIC, FILE_LIST
from coreecho.datasets.folds import patient_splits
from coreecho.datasets.phantom_marks import PHANTOM_CARD
from coreecho.files import write_whole
from coreecho.names import readable
from coreecho.video.dicom_series import Series

CONVERTED = "converted.csv"
TABLES = (FILE_LIST, CONVERTED, PHANTOM_CARD)
ConvertedStatus = Literal["taken", "refused", "failed"]
# EchoNet-Dynamic's.
_FILE_LIST_COLUMNS = ("FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split")


@dataclass(frozen=True, kw_only=True)
class ConvertedClip:
    """What became of one clip that was given.

    Attributes:
        number: of the clip, from 1, in the sorted order of the files.
        note: what was done to it, or why it was refused.
        id: random; None where it was refused.
        num_frames: as written.
        fps: as written.
        frame_size: as written, pixels a side.
        is_phantom: the file says of itself that it is simulated.
        is_failed: it was refused for damage or what nobody foresaw, and not since it is no such clip.
        path: of the clip, for who called and not for any table.
    """

    number: int
    note: str
    id: str | None = None
    num_frames: int | None = None
    fps: float | None = None
    frame_size: int | None = None
    is_phantom: bool = False
    is_failed: bool = False
    path: str = field(default="", repr=False, compare=False)

    @property
    def status(self) -> ConvertedStatus:
        """`taken`, `refused` (a sound file that is no such clip) or `failed` (damaged, or of another kind)."""
        return "taken" if self.id is not None else "failed" if self.is_failed else "refused"


def write_tables(out: Path, clips: Sequence[ConvertedClip], labels: Mapping[int, Label], seed: int) -> None:
    """Write converted.csv; FileList.csv where there are labels; phantom.json where all hearts are simulated.

    Args:
        out: the data set's folder.
        clips: what became of each clip.
        labels: of each clip, by its number; empty where none were given.
        seed: of the splits that are drawn.

    Raises:
        OSError: a file cannot be written.
    """
    taken = [clip for clip in clips if clip.id is not None]
    rows = [(clip.number, clip.status, clip.id, clip.num_frames, _number(clip.fps), clip.note) for clip in clips]
    write_whole(out / CONVERTED, _csv(("source", "status", "id", "num_frames", "fps", "note"), rows))
    if labels and taken:
        # Sorted by the random id: the order of the clips may be that of the patients' names.
        write_whole(out / FILE_LIST, _csv(_FILE_LIST_COLUMNS, sorted(_file_list(taken, labels, seed))))
    if taken and all(clip.is_phantom for clip in taken):
        card = {
            "statement": "Simulated echocardiograms. They show no patient, and no result on them is a result on "
            "patients.",
            "coreecho_version": coreecho.__version__,
            "layout": ECHONET_DYNAMIC.title,
            "written_by": "coreecho convert",
        }
        write_whole(out / PHANTOM_CARD, json.dumps(card, indent=2) + "\n")


def read_clip(row: dict[str, str], frame_size: int, is_phantom: bool) -> ConvertedClip:
    """What became of a clip, by its row of converted.csv. Raises ValueError and KeyError: it is no such row."""
    if row["status"] != "taken":
        return ConvertedClip(number=int(row["source"]), note=row["note"], is_failed=row["status"] == "failed")
    return ConvertedClip(
        number=int(row["source"]),
        note=row["note"],
        id=row["id"],
        num_frames=int(row["num_frames"]),
        fps=float(row["fps"]),
        frame_size=frame_size,
        is_phantom=is_phantom,
    )


def write_mapping(path: Path, clips: Iterable[ConvertedClip], given: Mapping[int, Path | Series]) -> None:
    """Write which file became which id, for the user's eyes only. Raises OSError."""
    rows = [(clip.number, clip.id, readable(str(given.get(clip.number, "")))) for clip in clips]
    write_whole(path, _csv(("source", "id", "path"), rows), is_private=True)


def _file_list(taken: Sequence[ConvertedClip], labels: Mapping[int, Label], seed: int) -> list[tuple[str, ...]]:
    of = {clip.number: labels[clip.number] for clip in taken}
    known = {label.patient: label.split for label in of.values() if label.split is not None}
    splits = patient_splits((label.patient for label in of.values()), seed=seed, known=known)
    return [
        (
            str(clip.id),
            str(of[clip.number].ef_percent),
            _number(of[clip.number].esv_ml),
            _number(of[clip.number].edv_ml),
            str(clip.frame_size),
            str(clip.frame_size),
            _number(clip.fps),
            str(clip.num_frames),
            splits[of[clip.number].patient].upper(),
        )
        for clip in taken
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
