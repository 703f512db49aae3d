"""HMC-QU (Degerli et al. 2021): apical clips of one cardiac cycle, and which segments of the wall an infarction moved.

`ROOT/{A4C,A2C}/<ECHO>.avi`, `ROOT/{A4C,A2C}.xlsx` with two header rows of merged cells, and
`ROOT/LV Ground-truth Segmentation Masks/Mask_<ECHO>.mat`. Names hold spaces. A Wingdings tick in the sheet says which
clips come with masks of the wall; the paper's 109 A4C clips are those.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.folds import split_by_fold, stratified_in_order
from coreecho.datasets.recording import Recording, View
from coreecho.datasets.survey import Survey
from coreecho.datasets.table_rows import cell_text, read_sheet, whole_number
from coreecho.errors import DatasetError
from coreecho.video.containers import read_container
from coreecho.video.resizing import squash_frames
from coreecho.video.temporal import TimeMethod, resample_time, take_beat

NUM_FOLDS = 5
MASK_FOLDER = "LV Ground-truth Segmentation Masks"
# Segments of the 17-segment model that each view shows, as its sheet lists them.
SEGMENTS: dict[View, tuple[int, ...]] = {"A4C": (3, 9, 14, 16, 12, 6), "A2C": (4, 10, 15, 13, 7, 1)}
# Published pre-processing: squash to 224 x 224, cut out the centre without texts and ECG, back to 224 x 224, 12 frames.
CLIP_FRAMES, CLIP_SIZE = 12, 224
CENTRE_CROP: dict[View, int] = {"A4C": 170, "A2C": 185}

# In Wingdings these two letters are drawn as a tick and a cross.
_TICK, _CROSS = "ü", "û"
_LAYOUT = "An HMC-QU root holds A4C.xlsx and A4C/<name>.avi, and the same for A2C"


def load_hmc_qu(
    root: str | Path, *, view: View = "A4C", only_with_masks: bool = True, fold: int = 1
) -> list[Recording]:
    """Read the list of recordings of one view, and check all of it.

    Args:
        root: the folder that holds A4C.xlsx and A4C/.
        view: "A4C" or "A2C".
        only_with_masks: the clips with masks of the wall alone, the paper's 109 of A4C; else all 162.
        fold: the fold, 1 to 5, that is tested; the next one is the validation. Folds are dealt out within each class,
            in the sheet's order.

    Returns:
        The recordings in the sheet's order. `beat` runs over one cardiac cycle.

    Raises:
        FaultyDatasetError: files are missing, or cells are wrong; lists them all.
        DatasetError: the sheet is missing or has other columns, or the fold does not exist.
    """
    return split_by_fold(survey_hmc_qu(root, view=view, only_with_masks=only_with_masks).checked(), fold)


def hmc_qu_clip(
    recording: Recording, *, num_frames: int = CLIP_FRAMES, frame_size: int = CLIP_SIZE, method: TimeMethod = "spline"
) -> NDArray[np.uint8]:
    """Pre-process a recording as published: its cycle, squashed to 224 x 224, cropped, resized, interpolated in time.

    Training reads the same through `hmc_qu_beat`, a frame store and a `ClipSampling` whose `time` is `method`.

    Args:
        recording: of this data set.
        num_frames: of the result.
        frame_size: S.
        method: in time; "spline" in the paper, "trilinear" in the code that it follows.

    Returns:
        (num_frames, frame_size, frame_size) uint8.

    Raises:
        VideoError: the file is damaged, or shorter than the recording's cycle.
    """
    return resample_time(hmc_qu_beat(recording, frame_size), num_frames, method)


def hmc_qu_beat(recording: Recording, frame_size: int) -> NDArray[np.uint8]:
    """Read the cycle of a recording: squashed to 224 x 224, its centre cut out, and that resized.

    The centre crop (170 pixels for A4C, 185 for A2C) leaves out the burned-in texts and the ECG.

    Returns:
        (T, frame_size, frame_size) uint8, in the file's own frames.

    Raises:
        VideoError: the file is damaged, or shorter than the recording's cycle.
    """
    # The file as it is: `read_video` would look for the sector of a whole screen, and so change the published geometry.
    frames = read_container(recording.path, "avi", str(recording.path)).frames
    first, last = recording.beat or (0, len(frames) - 1)
    squashed = squash_frames(take_beat(frames, first, last), CLIP_SIZE)
    crop = CENTRE_CROP[recording.view or "A4C"]
    corner = (CLIP_SIZE - crop) // 2
    centre = squashed[:, corner : corner + crop, corner : corner + crop]
    return squash_frames(centre, frame_size)


def survey_hmc_qu(root: str | Path, *, view: View | Literal["all"] = "A4C", only_with_masks: bool = False) -> Survey:
    """Read the sheet of a view, or of each view that is there, and look for the clips. See `load_hmc_qu`.

    Raises:
        DatasetError: the sheet is missing or has other columns.
    """
    root = Path(root)
    if view not in (*SEGMENTS, "all"):
        raise DatasetError(f"{root}: HMC-QU has the views A4C and A2C; got {view!r}.")
    views = [each for each in SEGMENTS if (root / f"{each}.xlsx").is_file()] if view == "all" else [view]
    if not views:
        raise DatasetError(f"{root}: holds neither A4C.xlsx nor A2C.xlsx. {_LAYOUT}.")
    survey = Survey(root=root)
    for each in views:
        _survey_view(root, each, only_with_masks, survey)
    return survey


def _survey_view(root: Path, view: View, only_with_masks: bool, survey: Survey) -> None:
    sheet = root / f"{view}.xlsx"
    columns, rows = _read_rows(sheet, view)
    clips = _clips(root / view, survey)
    checked = [_check_row(sheet, line, row, columns, survey) for line, row in rows]
    listed = [row for row in checked if row is not None]
    names = {_key(cell_text(row[columns.name])) for _, row in rows}
    _check_names(view, listed, names, clips, survey)
    chosen = [row for row in listed if row.has_masks or not only_with_masks]
    if only_with_masks and not chosen:
        raise DatasetError(f"{sheet}: ticks no clip with masks; ask for all clips with only_with_masks=False.")
    for row, fold in zip(chosen, stratified_in_order([row.has_mi for row in chosen], NUM_FOLDS), strict=True):
        if row.has_masks:
            survey.companions.append(root / MASK_FOLDER / f"Mask_{row.name}.mat")
        path = clips.get(_key(row.name))
        if path is None:
            continue
        survey.recordings.append(
            Recording(
                id=row.name,
                path=path,
                fold=fold,
                patient=_patient(row.name),
                has_mi=row.has_mi,
                view=view,
                beat=row.beat,
            )
        )
    if view == "A4C":
        expected = {"A4C with masks": 109} if only_with_masks else {"A4C": 162}
        survey.published = {**survey.published, **expected}


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Where each thing stands in the sheet, counted from 0."""

    name: int
    segments: tuple[int, ...]
    first_frame: int
    last_frame: int
    mask: int


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One good row of the sheet."""

    line: int
    name: str
    has_mi: bool
    has_masks: bool
    beat: tuple[int, int]


def _read_rows(sheet: Path, view: View) -> tuple[_Columns, list[tuple[int, Sequence[Any]]]]:
    """The columns, and the rows below the two header rows that are not blank, with their line numbers."""
    try:
        cells = read_sheet(sheet)
    except DatasetError as error:
        raise DatasetError(f"{error} {_LAYOUT}.") from error
    if len(cells) < 3:
        raise DatasetError(f"{sheet}: has {len(cells)} rows; expected two header rows and one row for each clip.")
    columns = _find_columns(sheet, view, cells[0], cells[1])
    rows = [(line, row) for line, row in enumerate(cells, start=1) if line > 2]
    # The official sheet runs on for hundreds of blank rows.
    return columns, [(line, row) for line, row in rows if any(str(cell).strip() for cell in row)]


def _find_columns(sheet: Path, view: View, upper: Sequence[Any], lower: Sequence[Any]) -> _Columns:
    """Find the columns by their names; the lower row names the parts of the upper row's merged cells."""
    names = [
        " ".join((str(below).strip() or str(above)).split()).casefold()
        for above, below in zip(upper, lower, strict=True)
    ]
    segments = {match[1]: place for place, name in enumerate(names) if (match := re.fullmatch(r"seg\s*(\d+)", name))}
    found = {
        "ECHO": next((place for place, name in enumerate(names) if name == "echo"), None),
        "Reference Frame": next((place for place, name in enumerate(names) if name == "reference frame"), None),
        "End of Cycle": next((place for place, name in enumerate(names) if name == "end of cycle"), None),
        "... Segmentation Masks": next(
            (place for place, name in enumerate(names) if "segmentation mask" in name), None
        ),
    }
    found |= {f"SEG{number}": segments.get(str(number)) for number in SEGMENTS[view]}
    absent = [name for name, place in found.items() if place is None]
    if absent:
        raise DatasetError(f"{sheet}: its two header rows name no column {', '.join(absent)}. Was another file copied?")
    places = [place for place in found.values() if place is not None]
    return _Columns(
        name=places[0], first_frame=places[1], last_frame=places[2], mask=places[3], segments=tuple(places[4:])
    )


def _clips(folder: Path, survey: Survey) -> dict[str, Path]:
    """The AVI files of a view, by their names without spaces, since the sheet and the files differ in them."""
    clips: dict[str, Path] = {}
    # What file managers leave behind begins with a dot.
    for path in sorted(folder.glob("[!.]*.[aA][vV][iI]")):
        key = _key(path.stem)
        if key in clips:
            survey.add_fault("clips whose names differ in spaces alone", f"{path.name} and {clips[key].name}")
        clips[key] = path
    return clips


def _key(name: str) -> str:
    return "".join(name.split()).casefold()


def _patient(name: str) -> str:
    """The name up to the view: `ES0001 _4CH_1` is of patient ES0001."""
    return " ".join(re.split(r"_?\dCH", name, maxsplit=1)[0].split()) or name


def _check_row(sheet: Path, line: int, row: Sequence[Any], columns: _Columns, survey: Survey) -> _Row | None:
    """Turn one row into what it says, or into its faults."""
    name = cell_text(row[columns.name])
    where = f"{sheet.name} row {line} ({name or 'no name'})"
    marks = [cell_text(row[place]).casefold() for place in columns.segments]
    limits = [cell_text(row[place]) for place in (columns.first_frame, columns.last_frame)]
    first, last = map(whole_number, limits)
    tick = cell_text(row[columns.mask])
    problems = [] if name else ["no name under ECHO"]
    if not all(marks):
        problems.append("a segment without a label")
    if first is None or last is None or not 1 <= first < last:
        problems.append(
            f"frames {limits[0]!r} to {limits[1]!r}, expected whole numbers from 1 on, the first before the last"
        )
    if tick not in (_TICK, _CROSS):
        problems.append(f"{tick!r} under the masks, expected {_TICK!r} (available) or {_CROSS!r} (not)")
    if problems or first is None or last is None:
        survey.add_fault("wrong rows in the sheets", f"{where}: {'; '.join(problems)}")
        return None
    return _Row(line=line, name=name, has_mi="mi" in marks, has_masks=tick == _TICK, beat=(first - 1, last - 1))


def _check_names(view: View, rows: Sequence[_Row], listed: set[str], clips: dict[str, Path], survey: Survey) -> None:
    """Compare the sheet with the folder of clips."""
    lines: dict[str, int] = {}
    for row in rows:
        key = _key(row.name)
        if key in lines:
            survey.add_fault("clips listed twice", f"{view}.xlsx rows {lines[key]} and {row.line}: {row.name}")
        lines[key] = row.line
        if key not in clips:
            survey.add_fault("missing files", f"{view}/{row.name}.avi ({view}.xlsx row {row.line})")
    for key in sorted(clips.keys() - listed):
        survey.add_flaw(f"clips that {view}.xlsx does not name", f"{view}/{clips[key].name}")
