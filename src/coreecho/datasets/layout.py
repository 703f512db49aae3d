"""What a data set is: one object that knows its files, its clips, its folds and its published figures.

To add a data set is to write one `Layout` and to register it, in `layout_names.py` or by an entry point in
`coreecho.layouts`. Nobody else asks which data set it is: they ask the object.
"""

import difflib
import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.beat_files import Beat, PreparedFile, SeenAt, read_with_beat
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.folds import HELD_OUT, CrossValidation
from coreecho.datasets.labels import odd_among, odd_labels
from coreecho.datasets.layout_names import ENTRY_POINTS, KIND, LAYOUT_PLACES
from coreecho.datasets.options import FRAME_RATE, Option
from coreecho.datasets.outlines import KnownOutlines
from coreecho.datasets.phantom_marks import has_phantom_mark, is_phantom_root
from coreecho.datasets.recording import Recording
from coreecho.datasets.survey import Recordings, Survey
from coreecho.errors import CoReEchoError, DatasetError, RecipeError
from coreecho.files import is_file
from coreecho.names import readable
from coreecho.registry import Registry
from coreecho.video import read_video, resize_frames, take_beat
from coreecho.video.reading import ClipPath
from coreecho.video.video import Video
from coreecho.video.video_file import AtFrameRate, VideoFile

log = logging.getLogger(__name__)

# Files that are looked at for the mark of simulated hearts.
_MARK_SAMPLE = 8
# Folders in a folder that are looked at, where the data set may lie one level below.
_MAX_CHILDREN = 50


class Layout(ABC):
    """A data set: where its files lie, and what is known of it.

    Attributes:
        name: by which it is asked for: "echonet".
        title: for people: "EchoNet-Dynamic".
        description: what lies in its folder, in one sentence without a full stop.
        options: what it may be told.
        all_clips: options by which no clip of a view is left out unasked; none where none is.
        survey_options: those by which the doctor sees all of it, such as every view.
        is_single_cycle: every clip is one beat, or the same part of one; None where the layout does not say.
        learned_from: what a clip of it runs over, for people who give a file to a model that learned from it.
        pixels: mean and standard deviation that its recipes normalise with, as fractions of full scale.
        frame_size: pixels a side of its clips as published, where they are prepared already.
        num_folds: as its authors published them; 0 where they published splits.
        cross_validations: protocols by which it is cross-validated, by name; the first is the usual one.
        recipes: names of shipped recipes, or paths of others, by what is done: "train", "probe" (on frozen embeddings)
            or "fine-tune".
        quality_groups: in which metrics are told, by the grades of image quality; none where it gives no grades.
        phantoms: import path of the simulated hearts that stand in for it, a `coreecho.phantom.stand_in.StandIn`;
            empty where nobody simulates it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    options: ClassVar[tuple[Option, ...]] = ()
    survey_options: ClassVar[Mapping[str, Any]] = {}
    all_clips: ClassVar[Mapping[str, Any]] = {}
    is_single_cycle: ClassVar[bool | None] = False
    learned_from: ClassVar[str] = "It was trained on clips of one beat each."
    pixels: ClassVar[tuple[float, float] | None] = None
    frame_size: ClassVar[int | None] = None
    num_folds: ClassVar[int] = 0
    cross_validations: ClassVar[Mapping[str, CrossValidation]] = {"held-out": HELD_OUT}
    recipes: ClassVar[Mapping[str, str]] = {}
    quality_groups: ClassVar[Mapping[str, str]] = {}
    phantoms: ClassVar[str] = ""

    @abstractmethod
    def read(self, root: Path, **settings: Any) -> Survey:
        """Read the tables and look for the clips: what every use of the data set needs.

        Args:
            root: the folder.
            **settings: a value of every option.

        Raises:
            DatasetError: the folder does not have this layout.
        """

    @abstractmethod
    def looks_like(self, root: Path) -> bool:
        """Tell by a few names whether a folder may have this layout; reads no table."""

    def arrange(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> Sequence[Recording]:
        """Choose among the recordings, and put them into splits. `settings` has a value of every option."""
        return recordings

    def is_undivided(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> bool:
        """Whether nothing says which split a recording is of, so that `arrange` would have to draw splits."""
        return False

    def options_of(self, recipe: str) -> Mapping[str, Any]:
        """What a shipped recipe of it needs of its loader: the options of its usual protocol; of other recipes nothing.

        Args:
            recipe: its name.
        """
        usual = next(iter(self.cross_validations.values()))
        return usual.options if recipe in self.recipes.values() else {}

    def add_companions(self, survey: Survey) -> None:  # noqa: B027 - most layouts have nothing to add
        """Add to a survey what only the doctor asks for and is cheap to know, such as faults of the tracings."""

    def load(
        self,
        root: str | Path,
        *,
        leave_out_faulty: bool = False,
        leave_out: Collection[str] = (),
        draws_splits: bool = True,
        **options: Any,
    ) -> Recordings:
        """Read the recordings, and check all of them.

        Args:
            root: the data set's folder.
            leave_out_faulty: take the recordings without faults, and list the others as `left_out`.
            leave_out: ids of recordings that are not taken, such as those whose video cannot be decoded.
            draws_splits: put recordings into splits where nothing says of which they are; else they are of none, as
                whoever only tests on them wants it.
            **options: see `options`.

        Raises:
            FaultyDatasetError: something is wrong with the data set; lists all of it.
            DatasetError: the folder does not have this layout, or an option is wrong.
        """
        settings = self.settings(options)
        survey = self._read(Path(root), settings)
        if leave_out_faulty or survey.faults:
            _look_for_cut_files(survey)
        if survey.faults and not leave_out_faulty:
            # All at once: what alone would not refuse the data set is mended in the same go.
            self.add_companions(survey)
            for odd in odd_labels(survey.recordings):
                survey.add_flaw(odd.kind, odd.case)
        elif leave_out_faulty:
            for odd in odd_among(survey.recordings):
                survey.add_flaw(odd.kind, odd.case, str(odd.about))
        checked = survey.without_faulty() if leave_out_faulty else survey.checked()
        without = set(leave_out)
        # Of those that are left out by name it was told why when they were found.
        for name, reasons in checked.left_out.items():
            if name in without:
                continue
            log.warning("%s is left out: %s", readable(name), readable("; ".join(reasons)))
        for remark in checked.remarks:
            log.info("%s", readable(remark))
        taken = [recording for recording in checked if recording.id not in without]
        is_left_whole = not draws_splits and self.is_undivided(taken, Path(root), **settings)
        arranged = taken if is_left_whole else self.arrange(taken, Path(root), **settings)
        if (fps := settings.get(FRAME_RATE.name)) is not None:
            if fps < 1:
                raise DatasetError(f"{self.title}: the option fps is {fps}, expected at least 1 frame a second.")
            arranged = [replace(recording, target_fps=float(fps)) for recording in arranged]
        return Recordings(arranged, checked.left_out, checked.remarks)

    def survey(self, root: str | Path, **options: Any) -> Survey:
        """Read everything but the pixels, for the doctor: every view, and the tables beside.

        Raises:
            DatasetError: the folder does not have this layout, or an option is wrong.
        """
        survey = self._read(Path(root), self.settings({**self.survey_options, **options}))
        self.add_companions(survey)
        return survey

    def settings(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value of every option: those given, checked, and the defaults of the others.

        Raises:
            DatasetError: there is no such option, or its value is wrong.
        """
        known = {option.name: option for option in self.options}
        unknown = sorted(options.keys() - known.keys())
        if unknown:
            names = ", ".join(known) or "none"
            others = [name for name in LAYOUTS.names() if all(map(LAYOUTS.get(name).has_option, unknown))]
            meant = f" Those that have it: {', '.join(f'`--dataset {name}`' for name in others)}." if others else ""
            raise DatasetError(f"{self.name} has no option {', '.join(unknown)}; its options are: {names}.{meant}")
        return {name: option.checked(options.get(name, option.default), self.title) for name, option in known.items()}

    def checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that are given, each in its own kind. Raises DatasetError: as `settings`."""
        settings = self.settings(options)
        return {name: settings[name] for name in options}

    def has_option(self, name: str) -> bool:
        """Whether it may be told this."""
        return any(option.name == name for option in self.options)

    def video_file(self, recording: Recording) -> VideoFile:
        """Say how a frame store decodes a recording: as it lies, but for its rate where one was asked for."""
        if recording.target_fps is None:
            return VideoFile(recording.path)
        timed = AtFrameRate(recording.target_fps, recording.fps)
        return VideoFile(recording.path, timed.preparation, timed)

    def read_clip(self, path: Path) -> Video:
        """Read a clip as the doctor looks at it. Raises VideoError."""
        return read_video(path)

    def check_companion(self, path: Path) -> str | None:
        """Read a file beside the clips, such as contours; return what is wrong with it, or None."""
        return None if is_file(path) else "missing"

    def prepare_file(self, path: ClipPath, beat: Beat, model_input: SeenAt, *, axes: str | None = None) -> PreparedFile:
        """Read one beat of a file from outside as this data set's clips are, at the size that a model sees.

        Every file is read by `read_video` first, which refuses what is no grey clip of one sector.

        Raises:
            VideoError: the file is refused, or is shorter than the beat.
        """
        video, (first, last) = read_with_beat(path, beat, axes)
        frames = resize_frames(take_beat(video.frames, first, last), model_input.frame_size)
        return PreparedFile(replace(video, frames=frames), (first, last), video.num_frames)

    def cautions_of_file(self, video: Video) -> list[str]:
        """Say where what `prepare_file` gave was not prepared as the clips of the data set."""
        return []

    def has_tracings(self, root: str | Path) -> bool:
        """Whether `read_tracings` would find contours of the left ventricle."""
        return False

    def read_tracings(self, root: str | Path) -> dict[str, dict[int, NDArray[np.float64]]]:
        """Read the contours of the left ventricle.

        Returns:
            By recording id and frame, counted from 0: the contour, (n, 2) as x, y in pixels.

        Raises:
            DatasetError: there are none, or they are damaged.
        """
        raise DatasetError(f"{root}: {self.title} has no tracings that are read.")

    def outlines(self, root: str | Path, *, traced_alone: bool = False) -> KnownOutlines:
        """Say where the outlines of the left ventricle are known, to learn them.

        Args:
            root: the data set's folder.
            traced_alone: take the frames that readers traced, also where those of all frames lie beside them.

        Raises:
            DatasetError: nothing of this layout says where they are, or it is damaged.
        """
        raise DatasetError(
            f"{root}: {self.title} has no outlines of the left ventricle that are read, so segmentation cannot be "
            "learned from it."
        )

    def is_phantom(
        self, root: str | Path, *, leave_out_faulty: bool = False, leave_out: Collection[str] = (), **options: Any
    ) -> bool:
        """Whether the hearts are simulated: their card, phantom.json, says so, or a file among a sample does.

        Takes what `load` takes. A folder that cannot be read is no phantom; whoever loads it will say what is wrong.
        """
        if is_phantom_root(root):
            return True
        try:
            recordings = self._read(Path(root), self.settings(options)).recordings
        except CoReEchoError:
            return False
        step = max(1, len(recordings) // _MARK_SAMPLE)
        return any(has_phantom_mark(recording.path) for recording in recordings[::step])

    def _read(self, root: Path, settings: Mapping[str, Any]) -> Survey:
        try:
            return self.read(root, **settings)
        except FaultyDatasetError:
            raise
        except DatasetError as error:
            hint = "" if self.looks_like(root) else resemblance(root, self)
            if not hint:
                raise
            raise DatasetError(f"{error} {hint}") from error


# What a layout's methods were called, which a layout from outside may still have.
_FORMER_NAMES = {"frame_source": "video_file"}


class _Layouts(Registry[Layout]):
    """Layouts by name; what a plug-in registers is an object, or a class that makes one without being told more."""

    def get(self, name: str) -> Layout:
        """Return the layout of a name. Raises RecipeError: there is none, or it is something else."""
        found: object = super().get(name)
        layout = found() if isinstance(found, type) and issubclass(found, Layout) else found
        if not isinstance(layout, Layout):
            raise RecipeError(f"The {self.kind} {name!r} is a {type(layout).__name__}, expected a `Layout`.")
        if misnamed := _misnamed(type(layout)):
            raise RecipeError(f"The {self.kind} {name!r} {misnamed}")
        return layout


LAYOUTS = _Layouts(KIND, ENTRY_POINTS, LAYOUT_PLACES)


def _misnamed(kind: type[Layout]) -> str:
    """Say which name of a layout nobody asks for, where another was likely meant; empty where there is none."""
    known = [name for name in {*dir(Layout), *Layout.__annotations__} if not name.startswith("_")]
    for name in dir(kind):
        if not name.startswith("_") and name not in known:
            for meant in difflib.get_close_matches(_FORMER_NAMES.get(name, name), known, n=1, cutoff=0.85):
                return f"has {name}, for which nobody asks: did you mean {meant}? Else call it _{name}."
    return ""


def load_recordings(dataset: str, root: str | Path, **options: Any) -> Recordings:
    """Read the recordings of a data set.

    Args:
        dataset: a name in `LAYOUTS`.
        root: the data set's folder; of "table" also the table itself.
        **options: the layout's own, such as `view` and `fold` of "camus"; and `leave_out_faulty`.

    Raises:
        RecipeError: there is no such data set.
        DatasetError: an option is wrong, or the folder is not as its layout says.
    """
    return LAYOUTS.get(dataset).load(root, **options)


def video_files(dataset: str, recordings: Iterable[Recording]) -> dict[str, VideoFile]:
    """Say how a frame store decodes each recording of a data set, by its id."""
    layout = LAYOUTS.get(dataset)
    return {recording.id: layout.video_file(recording) for recording in recordings}


def _look_for_cut_files(survey: Survey) -> None:
    """Add faults of AVI files that hold less than their first bytes say, such as downloads that were stopped."""
    for recording in survey.recordings:
        try:
            with recording.path.open("rb") as file:
                head, num_bytes = file.read(8), recording.path.stat().st_size
        except OSError as error:
            survey.add_fault("files that cannot be opened", f"{recording.id}: {error.strerror}", recording.id)
            continue
        declared = 8 + int.from_bytes(head[4:8], "little")
        if head[:4] == b"RIFF" and num_bytes < declared:
            case = f"{recording.id}: {num_bytes:,} bytes, of {declared:,} that it declares"
            survey.add_fault("files that are cut off", case, recording.id)


def resemblance(root: Path, layout: Layout) -> str:
    """Say which layout a folder seems to have instead, or where below it this one lies; empty where nothing is seen."""
    others = [
        other for name in LAYOUTS.names() if (other := _importable(name)) is not None and other.name != layout.name
    ]
    for other in others:
        if other.looks_like(root):
            return f"This looks like {other.title}; use --dataset {other.name}."
    if root.is_file():
        if layout.looks_like(root.parent):
            return f"{layout.title} seems to lie in {root.parent}; give that folder."
        # A table of a published data set, given as if it were one of one's own.
        whole = next((other for other in others if other.looks_like(root.parent)), None)
        return "" if whole is None else f"This is of {whole.title}; use --dataset {whole.name} --data {root.parent}."
    try:
        children = sorted(child for child in root.iterdir() if child.is_dir())[:_MAX_CHILDREN]
    except OSError:
        return ""
    for child in children:
        if layout.looks_like(child):
            return f"{layout.title} seems to lie in {child}; give that folder."
    return ""


def _importable(name: str) -> Layout | None:
    try:
        return LAYOUTS.get(name)
    except RecipeError:
        return None
