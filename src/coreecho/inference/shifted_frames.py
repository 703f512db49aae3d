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
        seed = hashlib.sha256(f"{self.name} {video_id}".encode("utf-8", "surrogateescape")).digest()
        changed = self.shift(np.asarray(self.store.frames(video_id)), np.random.default_rng(list(seed)))
        return np.ascontiguousarray(changed, dtype=np.uint8)

    def num_frames(self, video_id: str) -> int:
        """As many as there are."""
        return self.store.num_frames(video_id)

    def digest(self, video_id: str) -> str:
        """Hash of the frames and of the change."""
        return f"{self.store.digest(video_id)} {self.name}"
