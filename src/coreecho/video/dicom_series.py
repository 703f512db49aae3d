"""One clip in many DICOM files: some archives and viewers write each frame as a file of its own.

The files of a clip share a SeriesInstanceUID, and their InstanceNumber tells their order.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from coreecho.errors import VideoError, log_unforeseen
from coreecho.video.decoded import Decoded
from coreecho.video.dicom import decode_dicom, named_damage, open_dicom, refuse_no_clip
from coreecho.video.dicom_regions import Box
from coreecho.video.dicom_time import UNKNOWN_RATE_NOTE
from coreecho.video.limits import MAX_HELD_BYTES, check_size
from coreecho.video.silence import silent_readers
from coreecho.video.temporal import FrameTimes, find_times

_HEAD_BYTES = 132
_MARK = slice(128, 132)
SERIES_NOTE = "joined from single frames, one a file"
# Not joined unasked: all stills of an examination may share a series, too.
NOT_JOINED = (
    "{} single frames of one DICOM series, one a file. Where they are the frames of one clip, `--series` joins them; "
    "stills have no heartbeat to measure"
)
_GAPS_NOTE = "its frames' numbers have gaps; frames are missing, and their times were kept"
# What all frames of a clip have in common.
_SAME = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored")
_SECONDS = (3600.0, 60.0, 1.0)


@dataclass(frozen=True)
class Series:
    """A clip that lies as single frames, one a file.

    Attributes:
        files: two and more, in the order of their frames.
    """

    files: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.files[0]} and {len(self.files) - 1} more frames"


def find_series(files: Path | Iterable[Path]) -> list[list[Path]]:
    """Find the clips that lie as single frames, one a file.

    Args:
        files: files, or the folder in which they lie; what is no single frame of DICOM is passed over.

    Returns:
        The files of each clip of two frames and more, in the order of their frames; clips in the order of their first
        file's name. Empty where there is none.
    """
    series: dict[tuple[str, ...], list[tuple[int, Path]]] = defaultdict(list)
    for path in _listed(files):
        found = _head(path)
        if found is not None:
            series[found[0]].append((found[1], path))
    clips = [[path for _, path in sorted(frames)] for frames in series.values() if len(frames) > 1]
    return sorted(clips, key=lambda clip: min(clip))


def with_series(files: Iterable[Path]) -> dict[Path, Path | Series]:
    """Put a series in the place of its first file, where single frames of one lie in one folder.

    Args:
        files: in the order wanted.

    Returns:
        By file, itself, or the series that it begins; without the other files of a series.
    """
    listed = list(dict.fromkeys(files))
    folders: dict[Path, list[Path]] = defaultdict(list)
    for file in listed:
        folders[file.parent].append(file)
    kept: dict[Path, Path | Series] = {file: file for file in listed}
    place = {file: number for number, file in enumerate(listed)}
    with silent_readers():
        found = [clip for group in folders.values() if len(group) > 1 for clip in find_series(group)]
    for clip in found:
        first = min(clip, key=place.__getitem__)
        kept[first] = Series(tuple(clip))
        for file in set(clip) - {first}:
            del kept[file]
    return kept


def read_dicom_series(files: Path | Sequence[Path], source: str) -> tuple[Decoded, Box | None]:
    """Read the frames of one clip, one a file.

    Args:
        files: the files, in any order, or the folder in which they lie with nothing else of DICOM.
        source: their name, for messages.

    Returns:
        The clip, and the rows and columns in which its first file says that its tissue lies.

    Raises:
        VideoError: there are none, several clips, two frames with one number, or one cannot be read.
    """
    clips = find_series(files)
    if len(clips) != 1:
        raise VideoError(
            f"{source}: holds {len(clips)} clips that lie as single DICOM frames, one a file; expected one. "
            "Give the files of one series."
        )
    with named_damage(source):
        instances = [open_dicom(path, str(path)) for path in clips[0]]
        for path, instance in zip(clips[0], instances, strict=True):
            refuse_no_clip(instance, str(path))
        first = instances[0]
        check_size(source, len(instances), int(first.Rows), int(first.Columns))
        _refuse_mixture(instances, source)
        numbers = np.array([int(instance.InstanceNumber) for instance in instances], dtype=np.int64)
        decoded, region = decode_dicom(first, instances, source)
    return _timed(decoded, instances, numbers), region


def _listed(files: Path | Iterable[Path]) -> list[Path]:
    if not isinstance(files, Path):
        return [Path(file) for file in files]
    try:
        return sorted(path for path in files.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise VideoError(f"{files}: cannot be opened ({error.strerror}). Give the folder of a series.") from error


def _head(path: Path) -> tuple[tuple[str, ...], int] | None:
    """What tells the clip of a single frame, and the frame's number; None for what is none."""
    try:
        with path.open("rb") as file:
            if file.read(_HEAD_BYTES)[_MARK] != b"DICM":
                return None
        instance = open_dicom(path, str(path), has_pixels=False)
        if int(instance.get("NumberOfFrames") or 1) != 1 or instance.get("InstanceNumber") is None:
            return None
        # A series may hold stills and clips of several sizes.
        size = instance.get("Rows"), instance.get("Columns")
        return (str(instance.get("SeriesInstanceUID", "")), *map(str, size)), int(instance.InstanceNumber)
    # Damaged files are found when they are read; here they are no frames of a series.
    # Of what is no DICOM file, pydicom gives any error.
    except Exception as error:
        log_unforeseen(error, "the head of a file in a folder")
        return None


def _refuse_mixture(instances: Sequence[Dataset], source: str) -> None:
    numbers = [int(instance.InstanceNumber) for instance in instances]
    if len(set(numbers)) != len(numbers):
        raise VideoError(
            f"{source}: two of its files have the same InstanceNumber, so the order of the frames is not known. "
            "Give the files of one clip."
        )
    for keyword in _SAME:
        if len({str(instance.get(keyword)) for instance in instances}) > 1:
            raise VideoError(f"{source}: its frames differ in {keyword}: they are not of one clip.")
    if sum(len(instance.PixelData) for instance in instances) > MAX_HELD_BYTES:
        raise VideoError(f"{source}: its frames take more than {MAX_HELD_BYTES // 1024**2} MiB. Give fewer of them.")


def _timed(decoded: Decoded, instances: Sequence[Dataset], numbers: NDArray[np.int64]) -> Decoded:
    """Give the frames their times: by their numbers where a rate is given, else by when each was taken."""
    notes = (*decoded.notes, SERIES_NOTE)
    if decoded.fps is not None:
        steps = np.diff(numbers)
        if np.ptp(steps) > 0:
            # The most usual step is that of neighbours.
            times = find_times((numbers - numbers[0]) / np.median(steps) * (1000 / decoded.fps))
            notes = (*notes, _GAPS_NOTE, *times.notes)
            return replace(decoded, fps=times.fps, times_ms=times.uneven_ms, notes=notes)
        return replace(decoded, notes=notes)
    taken = _when_taken(instances)
    times = FrameTimes(None) if taken is None else find_times(taken, 1.0)
    if times.fps is not None:
        notes = tuple(note for note in notes if note != UNKNOWN_RATE_NOTE)
    return replace(decoded, fps=times.fps, times_ms=times.uneven_ms, notes=(*notes, *times.notes))


def _when_taken(instances: Sequence[Dataset]) -> NDArray[np.float64] | None:
    """Milliseconds of the day at which each frame was taken, by ContentTime or AcquisitionTime; None if not known."""
    for keyword in ("ContentTime", "AcquisitionTime"):
        texts = [str(instance.get(keyword) or "") for instance in instances]
        try:
            parts = [(text[0:2], text[2:4], text[4:]) for text in texts]
            times = [
                1000 * sum(float(part) * unit for part, unit in zip(three, _SECONDS, strict=True)) for three in parts
            ]
        except ValueError:
            continue
        if np.all(np.diff(times) > 0):
            return np.array(times)
    return None
