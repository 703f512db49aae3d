"""The outline of the left ventricle as a gate asks for it: in some frames of a clip, and kept once it is measured.

A gate compares a clip with hundreds of others, whose ventricles have to be outlined, too. So it looks at some frames a
second and at the first seconds alone: of a calibration as of a clip that comes later.
"""

import hashlib
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.documents import Within, document_text, read_document
from coreecho.errors import CoReEchoError
from coreecho.files import write_whole, writing_into
from coreecho.inference.appraising import sector_or_none
from coreecho.models.segmenter import THRESHOLD, Segmenter
from coreecho.trust import OutlineValues, outline_values
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.timed_beats import find_timed_beats
from coreecho.ventricle.volume import ventricle_curves
from coreecho.video.parts import in_one_part
from coreecho.video.resizing import resize_frames

# End-systole lasts for about 70 ms: of 20 frames a second one falls into it. 48 of them are two beats or more.
_LEAST_FPS = 20.0
_MOST_FRAMES = 48
# Of clips that do not say theirs; nearly all of EchoNet-Dynamic has it.
_USUAL_FPS = 50.0
# Measurements that are lost when a computer goes down.
_SAVED_AFTER = 20
_Number = Annotated[float, Within(or_unknown=True)]


def gauged_frames(num_frames: int, fps: float | None) -> slice:
    """Which frames of a clip are looked at."""
    step = max(1, int((fps or _USUAL_FPS) / _LEAST_FPS))
    return slice(0, min(num_frames, step * _MOST_FRAMES), step)


def gauge_segmentation(found: Segmentation) -> OutlineValues:
    """Measure for a gate what is outlined already."""
    frames = resize_frames(found.video.frames, found.shares.shape[-1])
    return _gauged(frames, found.shares, found.fps)


def _gauged(frames: NDArray[np.uint8], shares: NDArray[np.float32], fps: float | None) -> OutlineValues:
    """Of frames (T, S, S) and how sure a model is of the cavity in each."""
    part = gauged_frames(len(frames), fps)
    masks = in_one_part(shares[part]) > THRESHOLD
    curve = ventricle_curves(masks, methods=("discs",))["discs"]
    rate = None if fps is None else fps / part.step
    beats = find_timed_beats(curve, fps=rate, times_ms=None)
    return outline_values(
        masks,
        sector_or_none(frames[part]),
        num_beats=len(beats.es_frames),
        ef_percent=beats.ef_percent,
        fps=rate,
    )


@dataclass(kw_only=True)
class _Kept:
    """What was measured with some weights: values of `OutlineValues` by the hash of the frames."""

    values: dict[str, tuple[_Number, _Number, _Number, _Number, _Number, _Number]] = field(default_factory=dict)
    weights_sha256: str
    format: Literal["coreecho outlines"] = "coreecho outlines"
    version: Literal[2] = 2


class OutlineGauge:
    """Outlines the ventricles of recordings for a gate.

    Args:
        segmenter: on the device that shall compute.
        folder: where measurements are kept, so that none is made twice; None keeps none.
    """

    def __init__(self, segmenter: Segmenter, folder: Path | None = None) -> None:
        self._segmenter = segmenter
        self.weights_sha256 = segmenter.weights_sha256
        self._path = None if folder is None else folder / f"outlines-{self.weights_sha256[:16]}.json"
        self._kept = self._read()
        self._num_unsaved = 0

    @property
    def frame_size(self) -> int:
        """S of the frames that it outlines."""
        return self._segmenter.frame_size

    def __call__(self, frames: NDArray[np.uint8], fps: float | None) -> OutlineValues:
        """Measure a clip.

        Args:
            frames: (T, S, S) uint8.
            fps: frames per second; None where they are not known.
        """
        content = np.ascontiguousarray(frames)
        key = hashlib.sha256(content.tobytes() + f"{content.shape} {fps}".encode()).hexdigest()
        if key in self._kept.values:
            return OutlineValues(**dict(zip(_names(), self._kept.values[key], strict=True)))
        part = gauged_frames(len(content), fps)
        shares = np.zeros(content.shape, dtype=np.float32)
        if self._segmenter.network.frame_offsets == (0,):
            shares[part] = self._segmenter.probabilities(content[part])
        else:
            # A network that looks at the frames beside looks at those of the clip.
            shares[: part.stop] = self._segmenter.probabilities(content[: part.stop])
        found = _gauged(content, shares, fps)
        self._kept.values[key] = astuple(found)
        self._num_unsaved += 1
        if self._num_unsaved >= _SAVED_AFTER:
            self.save()
        return found

    def save(self) -> None:
        """Keep what was measured. Raises CoReEchoError: the folder cannot be written."""
        if self._path is not None and self._num_unsaved:
            with writing_into(self._path.parent):
                write_whole(self._path, document_text(self._kept))
            self._num_unsaved = 0

    def _read(self) -> _Kept:
        """What is kept; nothing where it is damaged or of others, since it can be measured again."""
        if self._path is not None and self._path.is_file():
            try:
                kept = read_document(self._path, _Kept, kind="table of outlines")
            except CoReEchoError:
                kept = _Kept(weights_sha256="")
            if kept.weights_sha256 == self.weights_sha256:
                return kept
        return _Kept(weights_sha256=self.weights_sha256)


def _names() -> tuple[str, ...]:
    return tuple(OutlineValues.__dataclass_fields__)
