"""Where the left ventricle is in the frames of recordings: what segmentation learns from.

`KnownOutlines` say in which frames the outlines of a recording are known, and give their masks on the grid and in the
frames of the frame store. Which of them a data set has, its layout says (`Layout.outlines`).
"""

import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.archives import read_arrays
from coreecho.datasets.lv_targets import NUM_POINTS, TRACED_SIZE, traced_mask, traced_points
from coreecho.datasets.recording import Recording
from coreecho.datasets.tracings import ed_es
from coreecho.errors import DatasetError
from coreecho.names import readable
from coreecho.video.resizing import resize_frames

Masks = NDArray[np.bool_]

CAVITY, MYOCARDIUM = "cavity", "myocardium"
# Labels of masks, as in CAMUS.
LABELS: Mapping[str, int] = {CAVITY: 1, MYOCARDIUM: 2}
# Beside the tables of an EchoNet-Dynamic layout: NPZ files with the labels (T, H, W) of every frame.
MASK_FOLDER = "Masks"
_HALF = 128


class KnownOutlines(ABC):
    """Outlines of the recordings of a data set.

    Attributes:
        outlines: those that are known, such as `cavity`.
    """

    outlines: tuple[str, ...]

    @abstractmethod
    def knows(self, recording: Recording) -> bool:
        """Whether outlines of the recording are there; no file is opened."""

    @abstractmethod
    def frames(self, recording: Recording, num_frames: int) -> Sequence[int]:
        """Frames whose outlines are known, counted from 0 in the frame store, in the order of time.

        Args:
            recording: one that it knows.
            num_frames: that the store has of it.
        """

    @abstractmethod
    def masks(self, recording: Recording, frames: Sequence[int], num_frames: int, size: int) -> Masks:
        """Masks of some frames.

        Args:
            recording: one that it knows.
            frames: n of those that `frames` gives.
            num_frames: that the store has of it.
            size: S, pixels a side of the store's frames.

        Returns:
            (n, K, S, S), in the order of `outlines`.

        Raises:
            DatasetError: they cannot be read, or do not fit the recording.
        """

    @abstractmethod
    def digest(self, recording: Recording) -> str:
        """Changes when the outlines of a recording do; empty where there are none."""

    def ends(self, recording: Recording) -> tuple[int, int] | None:
        """The frames of end-diastole and end-systole, where both are known and their outlines too."""
        return None

    def points(self, recording: Recording) -> NDArray[np.float32] | None:
        """The outlines at ED and ES as 40 points each, (2, 40, 2), fractions of the frame; None where they are none."""
        return None


class MaskFolder(KnownOutlines):
    """Masks of every frame, as NPZ files with `labels` (T, H, W): 1 in the cavity, 2 in the myocardium.

    Args:
        folder: holds `<id>.npz`.
    """

    outlines = (CAVITY, MYOCARDIUM)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known = {path.stem for path in folder.glob("*.npz")}

    def knows(self, recording: Recording) -> bool:
        """Whether there is such a file."""
        return recording.id in self._known

    def frames(self, recording: Recording, num_frames: int) -> Sequence[int]:
        """All of them."""
        return range(num_frames)

    def masks(self, recording: Recording, frames: Sequence[int], num_frames: int, size: int) -> Masks:
        """Read the file; see `KnownOutlines.masks`."""
        labels = self._labels(recording)
        if len(labels) != num_frames:
            raise DatasetError(
                f"{self._path(recording)}: has the masks of {len(labels)} frames, and the video has {num_frames}. "
                "Were they made from another version of it?"
            )
        return label_masks(labels[list(frames)], self.outlines, size)

    def ends(self, recording: Recording) -> tuple[int, int] | None:
        """The frames that the file names, as those of phantoms do."""
        path = self._path(recording)
        try:
            arrays = read_arrays(path)
            if "ed_frame" not in arrays or "es_frame" not in arrays:
                return None
            return int(arrays["ed_frame"]), int(arrays["es_frame"])
        except (OSError, ValueError, TypeError) as error:
            raise self._unreadable(recording, error) from error

    def digest(self, recording: Recording) -> str:
        """The checksum that the file keeps of its labels."""
        if not self.knows(recording):
            return ""
        try:
            with zipfile.ZipFile(self._path(recording)) as archive:
                return f"{archive.getinfo('labels.npy').CRC:08x}"
        except (OSError, KeyError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            raise self._unreadable(recording, error) from error

    def _labels(self, recording: Recording) -> NDArray[np.uint8]:
        path = self._path(recording)
        try:
            labels = read_arrays(path, ["labels"])["labels"]
        except (OSError, ValueError) as error:
            raise self._unreadable(recording, error) from error
        if labels.ndim != 3 or labels.dtype != np.uint8:
            raise DatasetError(f"{path}: expected labels (T, H, W) of uint8, got {labels.shape} of {labels.dtype}.")
        return np.asarray(labels)

    def _path(self, recording: Recording) -> Path:
        return self.folder / f"{recording.id}.npz"

    def _unreadable(self, recording: Recording, error: Exception) -> DatasetError:
        return DatasetError(
            f"{self._path(recording)}: is not a file of masks ({error}). Get it again, or write the phantoms anew."
        )


class TracedOutlines(KnownOutlines):
    """The cavity in the few frames that readers traced.

    Args:
        tracings: contours (n, 2) in pixels of 112 x 112, by recording and frame, as `read_tracings` gives them.
    """

    outlines = (CAVITY,)

    def __init__(self, tracings: Mapping[str, Mapping[int, NDArray[np.float64]]]) -> None:
        self.tracings = tracings

    def knows(self, recording: Recording) -> bool:
        """Whether two frames are traced: with fewer, ED and ES are not both there."""
        return len(self.tracings.get(recording.id, ())) >= 2

    def frames(self, recording: Recording, num_frames: int) -> Sequence[int]:
        """The traced frames; one past the video's end is an error, as it then is another video's."""
        frames = sorted(self.tracings[recording.id])
        if frames[-1] >= num_frames:
            raise DatasetError(
                f"{readable(recording.id)}: frame {frames[-1]} is traced, and the video has {num_frames}. "
                "`coreecho doctor` lists all tracings that do not fit."
            )
        return frames

    def masks(self, recording: Recording, frames: Sequence[int], num_frames: int, size: int) -> Masks:
        """Fill the contours; see `KnownOutlines.masks`."""
        contours = self.tracings[recording.id]
        filled = np.stack([traced_mask(contours[frame], TRACED_SIZE, TRACED_SIZE) for frame in frames])
        return _on_grid(filled, size)[:, None]

    def digest(self, recording: Recording) -> str:
        """A checksum of the contours."""
        contours = self.tracings.get(recording.id, {})
        return (
            f"{zlib.crc32(b''.join(contours[frame].tobytes() for frame in sorted(contours))):08x}" if contours else ""
        )

    def ends(self, recording: Recording) -> tuple[int, int] | None:
        """The largest and the smallest contour."""
        return ed_es(self.tracings[recording.id]) if self.knows(recording) else None

    def points(self, recording: Recording) -> NDArray[np.float32] | None:
        """Where both frames are traced with 20 chords, as most are."""
        ends = self.ends(recording)
        if ends is None:
            return None
        contours = [self.tracings[recording.id][frame] for frame in ends]
        if any(contour.shape != (NUM_POINTS, 2) for contour in contours):
            return None
        return np.stack([traced_points(contour) for contour in contours])


def label_masks(labels: NDArray[np.uint8], outlines: Sequence[str], size: int) -> Masks:
    """Masks (n, K, size, size) of labels (n, H, W); pixels of another grid are in where half of them is."""
    return np.stack([_on_grid(labels == LABELS[outline], size) for outline in outlines], axis=1)


def _on_grid(masks: Masks, size: int) -> Masks:
    """Masks (n, H, W) on a grid of `size` pixels a side."""
    if masks.shape[1:] == (size, size):
        return masks
    shares: NDArray[Any] = resize_frames(masks.astype(np.uint8) * np.uint8(255), size)
    return np.asarray(shares >= _HALF)
