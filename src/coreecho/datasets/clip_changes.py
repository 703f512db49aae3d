"""What is changed in a clip at random, and how what is to be learned of its frames moves along."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.randomness import Purpose

# Called with a clip (T, H, W) and `rng=`, a generator; gives another clip of that shape.
Augmentation = Callable[..., NDArray[np.uint8]]
# Called with `strength=` as well, from 0 to 1.
Distortion = Callable[..., NDArray[np.uint8]]

# Distortions that move what is seen; the others change its grey levels alone.
_MOVING = frozenset({Purpose.CAMERA})
_INSIDE, _HALF = 255, 128


class Draw(Protocol):
    """Makes the generator of a purpose, the same one each time that it is asked."""

    def __call__(self, purpose: Purpose, *, view: int = 0) -> np.random.Generator:
        """See `generator_for`."""


@dataclass(frozen=True, kw_only=True)
class ClipChanges:
    """What is changed in a clip at random.

    Attributes:
        augment: changes a clip (T, H, W), moving it; None leaves clips as they are.
        distortions: what else changes it, one after the other, each by random numbers of its own purpose.
        ramp_epochs: epochs over which distortions grow to full strength, evenly.
    """

    augment: Augmentation | None = None
    distortions: Mapping[Purpose, Distortion] = field(default_factory=dict)
    ramp_epochs: int = 0

    def strength(self, epoch: int) -> float:
        """Of distortions in an epoch, counted from 0."""
        return min(1.0, (epoch + 1) / self.ramp_epochs) if self.ramp_epochs else 1.0

    def change(self, clip: NDArray[np.uint8], draw: Draw, *, epoch: int, view: int = 0) -> NDArray[np.uint8]:
        """Change a clip (T, H, W)."""
        return self._applied(clip, draw, epoch, view, self.distortions.keys())

    def move(self, masks: NDArray[np.bool_], draw: Draw, *, epoch: int, view: int = 0) -> NDArray[np.bool_]:
        """Move masks (T, H, W) as `change` moves the clip of the same frames, draw and epoch."""
        shares = masks.astype(np.uint8) * np.uint8(_INSIDE)
        return np.asarray(self._applied(shares, draw, epoch, view, self.distortions.keys() & _MOVING) >= _HALF)

    def _applied(
        self, clip: NDArray[np.uint8], draw: Draw, epoch: int, view: int, purposes: Container[Purpose]
    ) -> NDArray[np.uint8]:
        if self.augment is not None:
            clip = self.augment(clip, rng=draw(Purpose.AUGMENTATION, view=view))
        for purpose, distort in self.distortions.items():
            if purpose in purposes:
                clip = distort(clip, rng=draw(purpose, view=view), strength=self.strength(epoch))
        return clip
