"""CAMUS (Leclerc et al. 2019): 500 patients, each a half beat from ED to ES in two apical views, in both its releases.

The NIfTI release: `database_nifti/patientXXXX/patientXXXX_{2CH,4CH}_half_sequence.nii.gz`, and beside it
`Info_{2CH,4CH}.cfg`. The first, MetaImage release: `{training,testing}/patientXXXX/patientXXXX_{2CH,4CH}_sequence.mhd`
and `.raw`, and beside it Info files with other keys. The EF of a patient differs between the two, so every recording
names the release of its EF.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.beat_files import Beat, BeatReader, PreparedFile, SeenAt, read_with_beat
from coreecho.datasets.camus_contours import CamusContours
from coreecho.datasets.folds import (
    HELD_OUT,
    CrossValidation,
    consecutive_blocks,
    split_by_fold,
)
from coreecho.datasets.layout import Layout
from coreecho.datasets.options import VALIDATION, Option, has_validation_fold
from coreecho.datasets.outlines import KnownOutlines
from coreecho.datasets.recording import Recording, View
from coreecho.datasets.survey import Declared, Recordings, Survey
from coreecho.datasets.table_files import decoded_text
from coreecho.datasets.table_rows import number, whole_number
from coreecho.errors import DatasetError, VideoError
from coreecho.names import counted, readable
from coreecho.video.mhd import read_mhd
from coreecho.video.nifti import read_nifti
from coreecho.video.reading import ClipPath
from coreecho.video.resizing import squash_frames
from coreecho.video.screen import CROPPED_NOTE
from coreecho.video.temporal import TimeMethod, resample_time, take_beat
from coreecho.video.video_file import VideoFile

# Its grades, and the columns "G&M qual." and "P qual." of the paper's Table 4.
QUALITY_GROUPS = {"Good": "Good & Medium", "Medium": "Good & Medium", "Poor": "Poor"}
# Pre-processing of Maani et al. 2024, appendix.
CLIP_FRAMES, CLIP_SIZE = 16, 112

_CHAMBERS: dict[View, str] = {"A4C": "4CH", "A2C": "2CH"}


def official_folds() -> dict[str, int]:
    """The fold, 1 to 10, in which each of the 500 patients of CAMUS is tested, as its authors published them."""
    text = files("coreecho.datasets").joinpath("data/camus_folds.csv").read_text(encoding="utf-8")
    return {row["patient"]: int(row["test_fold"]) for row in csv.DictReader(text.splitlines())}


@dataclass(frozen=True, kw_only=True)
class _Release:
    """How one release names things. `ef_key` and the volumes' keys are those of its Info files."""

    ef_source: str
    sequence: str
    suffix: str
    ef_key: str
    patients: dict[str, Path]

    def image(self, patient: str, chamber: str, kind: str) -> Path:
        """A file of a patient, such as the sequence or the contours at ED."""
        return self.patients[patient] / f"{patient}_{chamber}_{kind}{self.suffix}"


class Camus(Layout):
    """Both releases of CAMUS."""

    name = "camus"
    title = "CAMUS"
    description = (
        "A CAMUS root holds database_nifti/patientXXXX/ (the NIfTI release), or training/patientXXXX/ and "
        "testing/patientXXXX/ (the MetaImage release)"
    )
    options = (
        Option("view", str, "A4C", "The view, or `all` for both of each patient.", (*_CHAMBERS, "all")),
        Option(
            "folds",
            str,
            "official",
            "As CAMUS's authors published them, or blocks of the sorted patients, as CoReEcho's code has them.",
            ("official", "blocks"),
        ),
        Option("fold", int, 1, "The fold that is tested, 1 to 10; the next one validates."),
        VALIDATION,
        Option("only_with_ef", bool, True, "Leave out patients without EF: the 50 in testing/ of the first release."),
    )
    survey_options: ClassVar[Mapping[str, Any]] = {"view": "all"}
    is_single_cycle = True
    learned_from = "It was trained on CAMUS: from end-diastole (ED) to end-systole (ES)."
    # The authors of CoReEcho have 40.94405 and 54.723774 of 255.
    pixels = (0.1606, 0.2146)
    num_folds = 10
    cross_validations: ClassVar[Mapping[str, CrossValidation]] = {
        "held-out": HELD_OUT,
        "published": CrossValidation(
            words=(
                "as published: nine folds train, and the tested one also chooses the best epoch, which flatters it; "
                "metrics of all folds' predictions pooled"
            ),
            has_validation=False,
            options={"validation": "none"},
            settings={"select": "best", "select_on": "test"},
        ),
    }
    quality_groups = QUALITY_GROUPS
    phantoms = "coreecho.phantom.camus_layout:STAND_IN"
    recipes: ClassVar[Mapping[str, str]] = {"probe": "camus-probe", "fine-tune": "camus-fine-tune"}

    def looks_like(self, root: Path) -> bool:
        """Folders of patients lie there."""
        folders = (root / "database_nifti", root / "training", root / "testing", root)
        return any(next(folder.glob("patient[0-9]*"), None) is not None for folder in folders)

    def read(self, root: Path, **settings: Any) -> Survey:
        """Read all Info files of either release, and look for all clips.

        `beat` of the recordings runs from ED to ES, backwards through the files in which ES comes first.
        """
        release = self._find_release(root)
        survey = Survey(root=root)
        patient_folds = _folds(release, settings["folds"], survey)
        view = settings["view"]
        chambers = _CHAMBERS if view == "all" else {view: _CHAMBERS[view]}
        for patient in release.patients:
            for name, chamber in chambers.items():
                _survey_recording(release, patient, name, chamber, patient_folds.get(patient), survey)
        survey.published = {"all": 500 * len(chambers)}
        _remark(survey)
        return survey

    def arrange(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> Sequence[Recording]:
        """Leave out patients without EF, where that is asked for, and split by folds."""
        if settings["only_with_ef"]:
            recordings = [recording for recording in recordings if recording.ef_percent is not None]
        return split_by_fold(recordings, settings["fold"], has_validation=has_validation_fold(settings))

    def video_file(self, recording: Recording) -> VideoFile:
        """From ED to ES, squashed to squares, as published."""
        # The beat comes from a table, which can change while the clip's file does not.
        preparation = f"{self.name} {recording.view}, beat {recording.beat}"
        return VideoFile(recording.path, preparation, BeatReader(camus_beat, recording))

    def prepare_file(self, path: ClipPath, beat: Beat, model_input: SeenAt, *, axes: str | None = None) -> PreparedFile:
        """Squash one beat to squares, whatever its aspect."""
        video, (first, last) = read_with_beat(path, beat, axes)
        frames = take_beat(video.frames, first, last)
        # Arrays are taken as they are, as in training. A screen's sector was padded to a square, and CAMUS's are not.
        frames = squash_frames(_lit(frames) if CROPPED_NOTE in video.notes else frames, model_input.frame_size)
        notes = (*video.notes, "squashed to squares, as CAMUS's clips")
        return PreparedFile(replace(video, frames=frames, notes=notes), (first, last), video.num_frames)

    def check_companion(self, path: Path) -> str | None:
        """Read a still or a contour."""
        if not path.is_file():
            return "missing"
        try:
            (read_mhd if path.suffix == ".mhd" else read_nifti)(path)
        except VideoError as error:
            return str(error).removeprefix(f"{path}: ")
        return None

    def outlines(self, root: str | Path, *, traced_alone: bool = False) -> KnownOutlines:
        """The contours at ED and ES; of the whole half beat where they are there, as in the NIfTI release."""
        return CamusContours(traced_alone=traced_alone)

    def _find_release(self, root: Path) -> _Release:
        """Tell the release by its folders. Raises DatasetError."""
        nifti = root / "database_nifti" if (root / "database_nifti").is_dir() else root
        patients = _patients(nifti)
        if any(any(folder.glob("*.nii.gz")) for folder in patients.values()):
            return _Release(
                ef_source="CAMUS NIfTI release",
                sequence="half_sequence",
                suffix=".nii.gz",
                ef_key="EF",
                patients=patients,
            )
        patients = _patients(root / "training") | _patients(root / "testing")
        if not patients:
            raise DatasetError(f"{root}: holds no patients of CAMUS. {self.description}.")
        return _Release(
            ef_source="CAMUS MetaImage release",
            sequence="sequence",
            suffix=".mhd",
            ef_key="LVef",
            patients=dict(sorted(patients.items())),
        )


CAMUS = Camus()


def load_camus(root: str | Path, **options: Any) -> Recordings:
    """Read the recordings of CAMUS; see `Camus.options` and `Layout.load`."""
    return CAMUS.load(root, **options)


def camus_clip(
    recording: Recording, *, num_frames: int = CLIP_FRAMES, frame_size: int = CLIP_SIZE, method: TimeMethod = "spline"
) -> NDArray[np.uint8]:
    """Pre-process a recording as the paper does: ED to ES, 112 x 112 whatever the aspect, 16 frames by spline in time.

    Training reads the same through `camus_beat`, a frame store and a `ClipSampling` whose `time` is `method`.

    Returns:
        (num_frames, frame_size, frame_size) uint8; the first frame is ED and the last ES.

    Raises:
        VideoError: the file is damaged, or shorter than the recording's beat.
    """
    return resample_time(camus_beat(recording, frame_size), num_frames, method)


def camus_beat(recording: Recording, frame_size: int) -> NDArray[np.uint8]:
    """Read a recording from ED to ES, squashed to squares whatever its aspect.

    Returns:
        (T, frame_size, frame_size) uint8, in the file's own frames; the first is ED and the last ES.

    Raises:
        VideoError: the file is damaged, or shorter than the recording's beat.
    """
    reader = read_mhd if recording.path.suffix == ".mhd" else read_nifti
    frames = reader(recording.path).frames
    first, last = recording.beat or (0, len(frames) - 1)
    return squash_frames(take_beat(frames, first, last), frame_size)


def _patients(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.glob("patient[0-9]*")) if path.is_dir()}


def _folds(release: _Release, scheme: str, survey: Survey) -> Mapping[str, int]:
    if scheme == "blocks":
        return consecutive_blocks(release.patients)
    official = official_folds()
    for patient in release.patients:
        if patient not in official:
            kind = "patients without an official fold (expected patient0001 to patient0500)"
            survey.add_fault(kind, patient, *(f"{patient}_{chamber}" for chamber in _CHAMBERS.values()))
    return official


def _survey_recording(
    release: _Release, patient: str, view: View, chamber: str, fold: int | None, survey: Survey
) -> None:
    """Turn one view of one patient into a Recording, or into its faults."""
    info_path = release.patients[patient] / f"Info_{chamber}.cfg"
    path = release.image(patient, chamber, release.sequence)
    kinds = ("ED", "ES") if release.patients[patient].parent.name == "testing" else ("ED", "ED_gt", "ES", "ES_gt")
    survey.companions += [release.image(patient, chamber, kind) for kind in kinds]
    missing = [each for each in (path, info_path) if not each.is_file()]
    recording_id = f"{patient}_{chamber}"
    for each in missing:
        survey.add_fault("missing files", readable(each.relative_to(survey.root)), recording_id)
    if path not in missing and path.stat().st_size == 0:
        survey.add_empty("empty files (0 bytes)", readable(path.relative_to(survey.root)), recording_id)
    if info_path in missing:
        return
    info = _Info(info_path, recording_id, survey)
    num_frames = info.whole("NbFrame", 1, None)
    ed, es = info.whole("ED", 1, num_frames), info.whole("ES", 1, num_frames)
    if ed is not None and ed == es:
        survey.add_fault("Info files whose ED is their ES", info.name, recording_id)
    is_ef_needed = release.patients[patient].parent.name != "testing"
    ef_percent = info.number(release.ef_key, high=100, is_needed=is_ef_needed)
    quality = info.choice("ImageQuality", tuple(QUALITY_GROUPS))
    survey.declared[recording_id] = Declared(num_frames=num_frames)
    if path in missing:
        return
    survey.recordings.append(
        Recording(
            id=recording_id,
            path=path,
            ef_percent=ef_percent,
            fold=fold,
            quality=quality,
            patient=patient,
            esv_ml=info.number("LVesv"),
            edv_ml=info.number("LVedv"),
            view=view,
            beat=(ed - 1, es - 1) if ed is not None and es is not None else None,
            fps=info.frame_rate(),
            ef_source=release.ef_source if ef_percent is not None else None,
        )
    )


class _Info:
    """The `Key: value` lines of an Info file. A value that is wrong becomes a fault of the survey, and None."""

    def __init__(self, path: Path, recording_id: str, survey: Survey) -> None:
        self.name = readable(path.relative_to(survey.root))
        self._recording_id = recording_id
        self._survey = survey
        self._is_read = True
        try:
            lines = decoded_text(path, "an Info file").splitlines()
        except DatasetError as error:
            case = str(error).removeprefix(str(path))
            survey.add_fault("Info files that cannot be read", f"{self.name}{case}", recording_id)
            lines, self._is_read = [], False
        pairs = [(key.strip(), value.strip()) for key, colon, value in (line.partition(":") for line in lines) if colon]
        self._values = dict(pairs)
        repeated = sorted({key for key, _ in pairs if len({value for other, value in pairs if other == key}) > 1})
        if repeated:
            kind = "Info files that say a thing twice, and differently"
            survey.add_fault(kind, f"{self.name}: {', '.join(repeated)}", recording_id)

    def whole(self, key: str, low: int, high: int | None) -> int | None:
        """A whole number that must be there."""
        value = whole_number(self._values.get(key, ""))
        if value is None or value < low or (high is not None and value > high):
            expected = f"a whole number from {low}" + (f" to {high}" if high is not None else "")
            self._fault(key, expected)
            return None
        return value

    def number(self, key: str, *, high: float = np.inf, is_needed: bool = False) -> float | None:
        """A number of at least 0, or None where the key is not there and need not be."""
        text = self._values.get(key, "")
        if text in ("", "N/A", "n/a") and not is_needed:
            return None
        value = number(text)
        if not (0 <= value <= high and np.isfinite(value)):
            self._fault(key, "a number from 0" + (f" to {high:g}" if np.isfinite(high) else ""))
            return None
        return value

    def frame_rate(self) -> float | None:
        """Frames per second, or None where it is not there."""
        value = self.number("FrameRate")
        if value == 0:
            self._fault("FrameRate", "frames per second, above 0")
            return None
        return value

    def choice(self, key: str, known: tuple[str, ...]) -> str | None:
        """One of the known words, in any case."""
        text = self._values.get(key, "").capitalize()
        if text not in known:
            self._fault(key, " or ".join(known))
            return None
        return text

    def _fault(self, key: str, expected: str) -> None:
        # Of what could not be read nothing is wrong, or known.
        if not self._is_read:
            return
        got = repr(self._values[key]) if key in self._values else "nothing"
        case = f"{self.name}: {key} is {got}, expected {expected}"
        self._survey.add_fault("wrong values in Info files", case, self._recording_id)


def _remark(survey: Survey) -> None:
    """Say which release's EF is used, and what was mended or left out."""
    sources = sorted({recording.ef_source for recording in survey.recordings if recording.ef_source is not None})
    survey.remarks += [f"The EF is that of the {source}; the releases differ." for source in sources]
    backward = [
        recording.id
        for recording in survey.recordings
        if recording.beat is not None and recording.beat[0] > recording.beat[1]
    ]
    if backward:
        survey.remarks.append(
            f"In {counted(len(backward), 'clips')} ES comes before ED, and frames are turned round: "
            f"{', '.join(backward)}."
        )
    unlabelled = sum(recording.ef_percent is None for recording in survey.recordings)
    if unlabelled:
        survey.remarks.append(f"{unlabelled} clips have no EF (testing/ of the MetaImage release) and are left out.")


def _lit(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without the black rows and columns at the edges: a sector that was padded to a square has its box again."""
    rows, columns = (np.flatnonzero(frames.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if len(rows) == 0:
        return frames
    return frames[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
