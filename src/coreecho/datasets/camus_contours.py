"""Contours of CAMUS's readers: cavity and wall of the left ventricle, at the ends of a half beat or in all of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.outlines import CAVITY, LABELS, MYOCARDIUM, KnownOutlines
from coreecho.datasets.recording import Recording
from coreecho.errors import DatasetError, VideoError
from coreecho.video.mhd import read_mhd
from coreecho.video.nifti import read_nifti
from coreecho.video.resizing import squash_frames
from coreecho.video.temporal import take_beat


class CamusContours(KnownOutlines):
    """Contours of CAMUS's readers, beside each clip.

    Args:
        traced_alone: those at ED and ES, also where those of the frames between lie beside them.
    """

    outlines = (CAVITY, MYOCARDIUM)

    def __init__(self, *, traced_alone: bool) -> None:
        self.traced_alone = traced_alone

    def knows(self, recording: Recording) -> bool:
        """Whether the beat is known, and the contours at both of its ends."""
        return recording.beat is not None and all(path.is_file() for path in self._ends(recording))

    def frames(self, recording: Recording, num_frames: int) -> Sequence[int]:
        """All of the half beat, or its ends."""
        return range(num_frames) if self._sequence(recording) else (0, num_frames - 1)

    def masks(self, recording: Recording, frames: Sequence[int], num_frames: int, size: int) -> NDArray[np.bool_]:
        """Read the contours; see `KnownOutlines.masks`."""
        path = self._sequence(recording)
        if path is not None and recording.beat is not None:
            labels = take_beat(_read_image(path), *recording.beat)
            return self._squashed(labels[list(frames)], size)
        ends = {0: self._ends(recording)[0], num_frames - 1: self._ends(recording)[1]}
        return np.concatenate([self._squashed(_read_image(ends[frame])[:1], size) for frame in frames])

    def digest(self, recording: Recording) -> str:
        """Sizes of the files: they are compressed, so that equal sizes of other contours are unlikely."""
        if not self.knows(recording):
            return ""
        path = self._sequence(recording)
        return "-".join(str(each.stat().st_size) for each in ([path] if path else self._ends(recording)))

    def ends(self, recording: Recording) -> tuple[int, int] | None:
        """ED is the first stored frame, and ES the last."""
        if recording.beat is None:
            return None
        return 0, abs(recording.beat[1] - recording.beat[0])

    def _squashed(self, labels: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
        """As the clips are: squares whatever their aspect."""
        masks = [squash_frames((labels == LABELS[name]) * np.uint8(255), size) >= 128 for name in self.outlines]
        return np.stack(masks, axis=1)

    def _ends(self, recording: Recording) -> tuple[Path, Path]:
        ed, es = (self._beside(recording, f"{end}_gt") for end in ("ED", "ES"))
        return ed, es

    def _sequence(self, recording: Recording) -> Path | None:
        """Contours of all frames, where they are there and wanted."""
        path = self._beside(recording, "half_sequence_gt")
        return path if not self.traced_alone and path.is_file() else None

    def _beside(self, recording: Recording, kind: str) -> Path:
        folder, name = recording.path.parent, recording.path.name
        suffix = ".mhd" if name.endswith(".mhd") else ".nii.gz"
        return folder / f"{recording.id}_{kind}{suffix}"


def _read_image(path: Path) -> NDArray[np.uint8]:
    """Frames of an image, (T, H, W). Raises DatasetError."""
    try:
        return (read_mhd if path.suffix == ".mhd" else read_nifti)(path).frames
    except VideoError as error:
        raise DatasetError(f"{error}") from error
