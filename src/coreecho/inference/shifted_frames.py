"""A frame store seen through a change of its pictures: mirrored, darker, with noise.

What a model says of changed pictures is kept in the same table of results as all else: the change is in the hash of
the frames.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.inference.results import HashedFrames

Shift = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]


@dataclass(frozen=True)
class ShiftedFrames:
    """The frames of a store, each video changed in the same way.

    Attributes:
        store: of the frames as they are.
        name: of the change, with whatever it depends on: another change has another name.
        shift: gives the changed frames, as many and of the same size; its randomness is a function of the recording.
    """

    store: HashedFrames
    name: str
    shift: Shift

    def frames(self, video_id: str) -> NDArray[np.uint8]:
        """The changed frames of a video, (T, S, S) uint8."""
        return shift_frames(np.asarray(self.store.frames(video_id)), self.name, self.shift, video_id)

    def num_frames(self, video_id: str) -> int:
        """As many as there are."""
        return self.store.num_frames(video_id)

    def digest(self, video_id: str) -> str:
        """Hash of the frames and of the change."""
        return f"{self.store.digest(video_id)} {self.name}"


def shift_frames(frames: NDArray[np.uint8], name: str, shift: Shift, video_id: str) -> NDArray[np.uint8]:
    """Change the frames of one video, (T, S, S); by chance, if at all, that depends on the change and the video."""
    seed = hashlib.sha256(f"{name} {video_id}".encode("utf-8", "surrogateescape")).digest()
    return np.ascontiguousarray(shift(frames, np.random.default_rng(list(seed))), dtype=np.uint8)
