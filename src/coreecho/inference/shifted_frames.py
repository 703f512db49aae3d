"""A frame store seen through a change of its pictures: mirrored, darker, with noise, cut short.

What a model says of changed pictures is kept in the same table of results as all else: the change is in the hash of
the frames.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coreecho.inference.results import HashedFrames

Change = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]


def _as_it_is(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    return frames


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A change of a clip.

    Attributes:
        change: of the pictures: gives as many frames of the same size.
        part: of the frames that is left, before they are changed; with a step, as many times fewer a second.
        coloured: share of the sector that has colour afterwards, which grey frames do not show; None as before.
    """

    change: Change = _as_it_is
    part: slice = field(default_factory=lambda: slice(None))
    coloured: float | None = None

    def __call__(self, frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Change (T, S, S) frames; by chance, if at all, of this generator."""
        return self.change(frames[self.part], rng)

    def num_frames(self, before: int) -> int:
        """How many of so many frames are left."""
        return len(range(before)[self.part])

    def fps(self, before: float | None) -> float | None:
        """Frames a second afterwards."""
        return None if before is None else before / (self.part.step or 1)


@dataclass(frozen=True)
class ShiftedFrames:
    """The frames of a store, each video changed in the same way.

    Attributes:
        store: of the frames as they are.
        name: of the change, with whatever it depends on: another change has another name.
        shift: the change; its randomness is a function of the recording.
    """

    store: HashedFrames
    name: str
    shift: Shift

    def frames(self, video_id: str) -> NDArray[np.uint8]:
        """The changed frames of a video, (T, S, S) uint8."""
        return shift_frames(np.asarray(self.store.frames(video_id)), self.name, self.shift, video_id)

    def num_frames(self, video_id: str) -> int:
        """How many are left."""
        return self.shift.num_frames(self.store.num_frames(video_id))

    def digest(self, video_id: str) -> str:
        """Hash of the frames and of the change."""
        return f"{self.store.digest(video_id)} {self.name}"


def shift_frames(frames: NDArray[np.uint8], name: str, shift: Shift, video_id: str) -> NDArray[np.uint8]:
    """Change the frames of one video, (T, S, S); by chance, if at all, that depends on the change and the video."""
    seed = hashlib.sha256(f"{name} {video_id}".encode("utf-8", "surrogateescape")).digest()
    return np.ascontiguousarray(shift(frames, np.random.default_rng(list(seed))), dtype=np.uint8)
