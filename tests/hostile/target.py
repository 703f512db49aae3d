"""A kind of hostile file: what it is made from and what reads it; and the clips that most kinds hold."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Ids without which no cohort would do, and no id of a person.
NUM_FRAMES, SIDE = 12, 32


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of file.

    Attributes:
        name: of the kind.
        write: makes a sound folder of it, and returns the files to damage.
        read: reads the folder; `damaged` is the file in it that was damaged.
    """

    name: str
    write: Callable[[Path], list[Path]]
    read: Callable[[Path, Path], object]


def moving_disc(seed: int = 0) -> np.ndarray:
    """A bright disc that moves in the dark, (T, H, W) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    places = 12 + 4 * np.sin(np.arange(NUM_FRAMES) / 2 + seed)
    discs = [(np.hypot(x - place, y - 16) < 9) * rng.integers(40, 250, (SIDE, SIDE)) for place in places]
    return np.array(discs, dtype=np.uint8)


def write_clips(folder: Path, names: list[str]) -> None:
    """Write clips that differ as arrays, under names that end in `.npy`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        np.save(folder / name, moving_disc(number))
