"""HMC-QU (Degerli et al. 2021): apical clips of one cardiac cycle, and which segments of the wall an infarction moved.

`ROOT/{A4C,A2C}/<ECHO>.avi`, `ROOT/{A4C,A2C}.xlsx` (see `hmc_qu_sheet`), and
`ROOT/LV Ground-truth Segmentation Masks/Mask_<ECHO>.mat`. Names hold spaces. A tick in the sheet says which clips come
with masks of the wall; the paper's 109 A4C clips are those.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.io
from numpy.typing import NDArray

from coreecho.datasets.beat_files import Beat, BeatReader, PreparedFile, SeenAt, read_with_beat
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.folds import HELD_OUT, CrossValidation, split_by_fold, stratified_in_order
from coreecho.datasets.hmc_qu_sheet import SheetRow, name_key, natural_key, read_rows
from coreecho.datasets.layout import Layout
from coreecho.datasets.options import VALIDATION, Option, has_validation_fold
from coreecho.datasets.outlines import MYOCARDIUM, KnownOutlines
from coreecho.datasets.recording import Recording, View
from coreecho.datasets.survey import Recordings, Survey
from coreecho.errors import DatasetError, log_unforeseen
from coreecho.files import is_file
from coreecho.names import readable
from coreecho.video.containers import read_container
from coreecho.video.dicom_series import Series
from coreecho.video.reading import ClipPath, is_retimed
from coreecho.video.resizing import squash_frames
from coreecho.video.screen import CROPPED_NOTE
from coreecho.video.temporal import TimeMethod, resample_time, take_beat
from coreecho.video.video import Video
from coreecho.video.video_file import VideoFile

MASK_FOLDER = "LV Ground-truth Segmentation Masks"
# Segments of the 17-segment model that each view shows, as its sheet lists them.
SEGMENTS: dict[View, tuple[int, ...]] = {"A4C": (3, 9, 14, 16, 12, 6), "A2C": (4, 10, 15, 13, 7, 1)}
# Published pre-processing: squash to 224 x 224, cut out the centre without texts and ECG, back to 224 x 224, 12 frames.
CLIP_FRAMES, CLIP_SIZE = 12, 224
# How many clips there are of a view, with masks alone or in all; of A2C nothing is published.
_PUBLISHED: dict[tuple[View, bool], dict[str, int]] = {
    ("A4C", True): {"A4C with masks": 109},
    ("A4C", False): {"A4C": 162},
}
CENTRE_CROP: dict[View, int] = {"A4C": 170, "A2C": 185}
# The code that the paper follows takes every second frame of this patient alone, and ends one frame earlier.
_EVERY_SECOND = re.compile(r"ES00071(?!\d)")

_AVI = b"RIFF"
_AS_HMC_QU = "squashed, and its centre cut out, as HMC-QU's clips"


class HmcQu(Layout):
    """Clips of one cardiac cycle, with and without infarctions."""

    name = "hmc-qu"
    title = "HMC-QU"
    description = "An HMC-QU root holds A4C.xlsx and A4C/<name>.avi, and the same for A2C"
    options = (
        Option("view", str, "A4C", "The view; `all`, for `coreecho doctor`, looks at both.", (*SEGMENTS, "all")),
        Option("only_with_masks", bool, True, "The clips with masks of the wall alone, the paper's 109 of A4C's 162."),
        Option("fold", int, 1, "The fold that is tested, 1 to 5; the next one validates."),
        VALIDATION,
        Option(
            "folds",
            str,
            "sheet",
            "Deal folds out within each class in the sheet's order, as published; or in the order of the names.",
            ("sheet", "names"),
        ),
        Option(
            "end_frame",
            str,
            "inclusive",
            "A cycle ends with the listed end frame, or with the one before, as in the code that the paper follows "
            "(which also takes every second frame of ES00071).",
            ("inclusive", "exclusive"),
        ),
    )
    all_clips: ClassVar[Mapping[str, Any]] = {"only_with_masks": False}
    survey_options: ClassVar[Mapping[str, Any]] = {"view": "all", **all_clips}
    is_single_cycle = True
    learned_from = "It was trained on HMC-QU: one cardiac cycle, from its reference frame to its end."
    num_folds = 5
    # The paper "strictly" follows the code of Saeed & Yaqub (2022), so theirs is the usual one.
    cross_validations: ClassVar[Mapping[str, CrossValidation]] = {
        "published": CrossValidation(
            words=(
                "as published: four folds train, without a validation; incomplete batches are kept and the last epoch "
                "is tested; a cycle ends before its listed end frame; the mean of the folds' metrics"
            ),
            has_validation=False,
            is_mean_over_folds=True,
            options={"validation": "none", "end_frame": "exclusive"},
            settings={"select": "last", "select_on": "val", "keep_last_batch": True},
        ),
        "held-out": HELD_OUT,
    }
    phantoms = "coreecho.phantom.hmc_qu_layout:STAND_IN"
    recipes: ClassVar[Mapping[str, str]] = {"probe": "hmc-qu-probe", "fine-tune": "hmc-qu-fine-tune"}

    def looks_like(self, root: Path) -> bool:
        """A view's sheet lies there."""
        return any((root / f"{view}.xlsx").is_file() for view in SEGMENTS)

    def read(self, root: Path, **settings: Any) -> Survey:
        """Read the sheet of a view, or of each view that is there, and look for the clips."""
        view = settings["view"]
        views = [each for each in SEGMENTS if (root / f"{each}.xlsx").is_file()] if view == "all" else [view]
        if not views:
            raise DatasetError(f"{root}: holds neither A4C.xlsx nor A2C.xlsx. {self.description}.")
        survey = Survey(root=root)
        for each in views:
            self._read_view(root, each, settings, survey)
        return survey

    def arrange(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> Sequence[Recording]:
        """Split by folds."""
        if settings["view"] == "all":
            raise DatasetError(
                f"{root}: HMC-QU is loaded one view at a time: its folds part each view's patients anew."
            )
        return split_by_fold(recordings, settings["fold"], has_validation=has_validation_fold(settings))

    def video_file(self, recording: Recording) -> VideoFile:
        """The cycle, squashed and its centre cut out, as published."""
        # The beat comes from a table, which can change while the clip's file does not.
        preparation = f"{self.name} {recording.view}, beat {recording.beat}"
        if recording.beat_step != 1:
            preparation += f", step {recording.beat_step}"
        return VideoFile(recording.path, preparation, BeatReader(hmc_qu_beat, recording))

    def read_clip(self, path: Path) -> Video:
        """The whole screen, as the published pre-processing takes it."""
        decoded = read_container(path, "avi", str(path))
        return Video(decoded.frames, decoded.fps, str(path), decoded.is_phantom)

    def prepare_file(self, path: ClipPath, beat: Beat, model_input: SeenAt, *, axes: str | None = None) -> PreparedFile:
        """Whole screens as AVI are squashed and their centre is cut out; all else is read as any clip is."""
        video, (first, last) = read_with_beat(path, beat, axes)
        is_screen = not isinstance(path, Series) and _is_avi(path) and CROPPED_NOTE in video.notes
        if isinstance(path, Series) or not is_screen or is_retimed(video):
            return super().prepare_file(path, beat, model_input, axes=axes)
        # HMC-QU's files say their view by their name, and the two views differ in what is cut out.
        view: View = "A2C" if "2CH" in Path(path).name else "A4C"
        recording = Recording(id=str(path), path=Path(path), view=view, beat=(first, last))
        frames = hmc_qu_beat(recording, model_input.frame_size)
        notes = (f"{_AS_HMC_QU} of {view}",)
        return PreparedFile(replace(video, frames=frames, notes=notes), (first, last), video.num_frames)

    def cautions_of_file(self, video: Video) -> list[str]:
        """Say where a file was no whole screen as AVI."""
        if any(note.startswith(_AS_HMC_QU) for note in video.notes):
            return []
        return ["the model's clips were squashed and cut as HMC-QU's AVI files are, and this one was not"]

    def outlines(self, root: str | Path, *, traced_alone: bool = False) -> KnownOutlines:
        """The wall in every frame of the cycle, where the sheet ticks masks."""
        return HmcQuWalls(Path(root) / MASK_FOLDER)

    def check_companion(self, path: Path) -> str | None:
        """Masks: `predicted`, (F, H, W) of 0 and 1."""
        if not path.is_file():
            return "missing"
        try:
            content = scipy.io.loadmat(str(path), variable_names=["predicted"])
        # A damaged file of this old format makes SciPy raise almost anything.
        except Exception as error:
            log_unforeseen(error, "a file of masks")
            return f"cannot be read as a MATLAB file ({error})"
        mask = content.get("predicted")
        if not isinstance(mask, np.ndarray) or mask.ndim != 3:
            shape = mask.shape if isinstance(mask, np.ndarray) else "none"
            return f"holds no masks (F, H, W) under 'predicted' (shape: {shape})"
        return None if np.isin(mask, (0, 1)).all() else "its masks hold other values than 0 and 1"

    def _read_view(self, root: Path, view: View, settings: dict[str, Any], survey: Survey) -> None:
        sheet, only_with_masks = root / f"{view}.xlsx", settings["only_with_masks"]
        try:
            rows, names = read_rows(sheet, SEGMENTS[view], survey)
        except FaultyDatasetError:
            raise
        except DatasetError as error:
            raise DatasetError(f"{error} {self.description}.") from error
        clips = _clips(root / view, survey)
        _check_names(view, rows, names, clips, survey)
        chosen = [row for row in rows if row.has_masks or not only_with_masks]
        # Where ticks could not be read, those are the fault.
        if only_with_masks and not chosen and not survey.faults:
            raise DatasetError(f"{sheet}: ticks no clip with masks; ask for all clips with only_with_masks=False.")
        folds = self._folds(sheet, chosen, settings["folds"], survey)
        for row in chosen:
            if row.has_masks:
                survey.companions.append(root / MASK_FOLDER / f"Mask_{row.name}.mat")
            path = clips.get(name_key(row.name))
            if path is not None:
                recording = _recording(row, path, view, is_exclusive=settings["end_frame"] == "exclusive")
                survey.recordings.append(replace(recording, fold=folds[row.line]))
        survey.published = {**survey.published, **_PUBLISHED.get((view, only_with_masks), {})}

    def _folds(self, sheet: Path, rows: Sequence[SheetRow], order: str, survey: Survey) -> dict[int, int]:
        """The fold of each row, by its line."""
        by_name = sorted(rows, key=lambda row: natural_key(row.name))
        if order == "sheet" and by_name != list(rows):
            survey.remarks.append(
                f"The rows of {sheet.name} are not in the order of the clips' names, and folds are dealt out in the "
                "sheet's order: if it was sorted since it was published, they are not the published folds. "
                "Sort it by ECHO, or take the order of the names by the option folds=names."
            )
        ordered = by_name if order == "names" else rows
        folds = stratified_in_order([row.has_mi for row in ordered], self.num_folds)
        return {row.line: fold for row, fold in zip(ordered, folds, strict=True)}


class HmcQuWalls(KnownOutlines):
    """HMC-QU's masks of the wall, one file a clip: `predicted`, (F, 224, 224) of 0 and 1, frames of the cycle.

    Args:
        folder: holds `Mask_<ECHO>.mat`.
    """

    outlines = (MYOCARDIUM,)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def knows(self, recording: Recording) -> bool:
        """Whether there is such a file."""
        return is_file(self._path(recording))

    def frames(self, recording: Recording, num_frames: int) -> Sequence[int]:
        """All of the cycle."""
        return range(num_frames)

    def masks(self, recording: Recording, frames: Sequence[int], num_frames: int, size: int) -> NDArray[np.bool_]:
        """Read the file, and cut it as the clips are cut; see `KnownOutlines.masks`."""
        path = self._path(recording)
        if (fault := HMC_QU.check_companion(path)) is not None:
            raise DatasetError(f"{readable(path.name)}: {fault}.")
        walls = np.asarray(scipy.io.loadmat(str(path), variable_names=["predicted"])["predicted"])
        # A cycle that leaves out its listed end has one frame less.
        walls = walls[:: recording.beat_step]
        if len(walls) < num_frames:
            raise DatasetError(f"{readable(path.name)}: has {len(walls)} masks, and the cycle has {num_frames} frames.")
        shares = hmc_qu_centre(walls[list(frames)].astype(np.uint8) * np.uint8(255), recording.view, size)
        return np.asarray(shares >= 128)[:, None]

    def digest(self, recording: Recording) -> str:
        """Size of the file, which is compressed."""
        return str(self._path(recording).stat().st_size) if self.knows(recording) else ""

    def _path(self, recording: Recording) -> Path:
        return self.folder / f"Mask_{recording.id}.mat"


HMC_QU = HmcQu()


def load_hmc_qu(root: str | Path, **options: Any) -> Recordings:
    """Read the recordings of one view of HMC-QU; see `HmcQu.options` and `Layout.load`."""
    return HMC_QU.load(root, **options)


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
    return hmc_qu_centre(take_beat(frames, first, last)[:: recording.beat_step], recording.view, frame_size)


def hmc_qu_centre(frames: NDArray[np.uint8], view: View | None, frame_size: int) -> NDArray[np.uint8]:
    """Frames (T, H, W), squashed to 224 x 224, their centre cut out, and that resized: (T, frame_size, frame_size)."""
    squashed = squash_frames(frames, CLIP_SIZE)
    crop = CENTRE_CROP[view or "A4C"]
    corner = (CLIP_SIZE - crop) // 2
    centre = squashed[:, corner : corner + crop, corner : corner + crop]
    return squash_frames(centre, frame_size)


def _recording(row: SheetRow, path: Path, view: View, *, is_exclusive: bool) -> Recording:
    beat, step = None, 1
    if row.limits is not None:
        first, last = row.limits[0] - 1, row.limits[1] - 1
        is_halved = is_exclusive and _EVERY_SECOND.match(row.name) is not None
        step = 2 if is_halved else 1
        # A cycle keeps two frames at least.
        beat = (first, max(first + 1, last - is_exclusive - is_halved))
    return Recording(
        id=row.name, path=path, patient=_patient(row.name), has_mi=row.has_mi, view=view, beat=beat, beat_step=step
    )


def _clips(folder: Path, survey: Survey) -> dict[str, Path]:
    """The AVI files of a view, by their names without spaces, since the sheet and the files differ in them."""
    clips: dict[str, Path] = {}
    # What file managers leave behind begins with a dot.
    for path in sorted(folder.glob("[!.]*.[aA][vV][iI]")):
        key = name_key(path.stem)
        if key in clips:
            case = f"{readable(path.name)} and {readable(clips[key].name)}"
            survey.add_fault("clips whose names differ in spaces alone", case)
        clips[key] = path
    return clips


def _patient(name: str) -> str:
    """The name up to the view: `ES0001 _4CH_1` is of patient ES0001."""
    return " ".join(re.split(r"_?\dCH", name, maxsplit=1)[0].split()) or name


def _check_names(
    view: View, rows: Sequence[SheetRow], listed: set[str], clips: dict[str, Path], survey: Survey
) -> None:
    """Compare the sheet with the folder of clips."""
    lines: dict[str, int] = {}
    for row in rows:
        key = name_key(row.name)
        if key in lines:
            case = f"{view}.xlsx rows {lines[key]} and {row.line}: {row.name}"
            survey.add_fault("clips listed twice", case, row.name)
        lines[key] = row.line
        if key not in clips:
            survey.add_fault("missing files", f"{view}/{row.name}.avi ({view}.xlsx row {row.line})", row.name)
        elif clips[key].stat().st_size == 0:
            survey.add_empty("empty files (0 bytes)", f"{view}/{readable(clips[key].name)}", row.name)
    for key in sorted(clips.keys() - listed):
        survey.add_flaw(f"clips that {view}.xlsx does not name", f"{view}/{readable(clips[key].name)}")


def _is_avi(path: str | Path) -> bool:
    with Path(path).open("rb") as file:
        return file.read(4) == _AVI
