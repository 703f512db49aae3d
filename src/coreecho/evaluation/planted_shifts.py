"""Changes of a clip by which a gate is tried: some leave the heart's EF as it was, some leave no heart at all."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coreecho.inference.shifted_frames import Shift
from coreecho.video.affine import transform

# Of a still that is made to move: degrees and shares of the picture's side that a hand sways by.
_SWAY_DEGREES, _SWAY_SHIFT = 3.0, 0.02
_NOISE = 30.0
# Share of the picture's side that a heart lies out of place, and what a shadow leaves of the grey behind it.
_MOVED_SHARE, _SHADOW = 0.3, 0.12
# Frames of a beat of the made-up pictures.
_BEAT = 40


def _gain(factor: float) -> Shift:
    def shift(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        return (frames * np.float32(factor)).clip(0, 255).astype(np.uint8)

    return shift


def _zoom(factor: float) -> Shift:
    def shift(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        return transform(frames, degrees=0.0, scale=factor, shift=(0.0, 0.0))

    return shift


def _noise(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    noisy = frames + rng.normal(0, _NOISE, frames.shape).astype(np.float32)
    # What is around the sector stays black.
    return np.where(frames.max(axis=0) > 0, noisy, 0).clip(0, 255).astype(np.uint8)


def _moved(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """All out of place, as by a probe that is held askew: a part of the heart is cut off by the picture's edge."""
    return transform(frames, degrees=0.0, scale=1.0, shift=(0.0, _MOVED_SHARE * frames.shape[1]))


def _shadow(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A rib or the lung over one side of the picture."""
    columns = np.linspace(-1, 1, frames.shape[2], dtype=np.float32)
    left = _SHADOW + (1 - _SHADOW) / (1 + np.exp(20 * columns))
    return np.asarray(frames * left, dtype=np.uint8)


def _half_rate(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Every other frame shown twice: as a clip of half the frame rate, brought to this one."""
    return frames[2 * (np.arange(len(frames)) // 2)]


def _slow(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The heart at half its speed: a frame rate that was labelled wrong. The second half of the clip is not seen."""
    return frames[np.arange(len(frames)) // 2]


def _still(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One frame, as an unsteady hand holds it."""
    picture, side = frames[len(frames) // 2][None], frames.shape[1]
    phases, rates = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.05, 0.12, 3)
    sway = np.sin(phases + np.outer(np.arange(len(frames)), rates))
    moved = [
        transform(
            picture,
            degrees=float(turn * _SWAY_DEGREES),
            scale=1.0,
            shift=(float(down * _SWAY_SHIFT * side), float(right * _SWAY_SHIFT * side)),
        )
        for turn, down, right in sway
    ]
    return np.concatenate(moved)


def _plane(frames: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns from -1 to 1, (S, S), and the time in beats, (T, 1, 1)."""
    side = np.linspace(-1, 1, frames.shape[1])
    rows, columns = np.meshgrid(side, side, indexing="ij")
    return np.asarray(rows), np.asarray(columns), (np.arange(len(frames)) / _BEAT)[:, None, None]


def _as_grey(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.asarray(levels.clip(0, 255), dtype=np.uint8)


def _circle(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A dark disc that beats in grey noise."""
    rows, columns, time = _plane(frames)
    radius = 0.45 + 0.12 * np.cos(2 * np.pi * time)
    grey = rng.normal(110, 25, frames.shape)
    return _as_grey(np.where(np.hypot(rows, columns) < radius, 10.0, grey))


def _bars(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A test card: upright bars of the greys that colour bars have, which hum a little."""
    _, columns, time = _plane(frames)
    greys = np.array([235.0, 210.0, 170.0, 145.0, 105.0, 80.0, 41.0])
    picture = greys[np.minimum(((columns + 1) * 3.5).astype(int), 6)]
    return _as_grey(picture + 4 * np.sin(2 * np.pi * 5 * time))


def _lung(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """As a lung looks: a bright line that slides with the breath, its echoes below, and shimmer."""
    rows, columns, time = _plane(frames)
    depth = rows + 1 + 0.03 * np.sin(2 * np.pi * time / 4)
    lines = np.zeros_like(depth)
    for number in (1, 2, 3):
        lines += np.exp(-(((depth - 0.5 * number) / 0.03) ** 2)) / number
    sliding = 0.7 + 0.3 * np.sin(20 * columns + 6 * np.sin(2 * np.pi * time / 4))
    shimmer = rng.gamma(2.0, 0.5, frames.shape) * np.exp(-depth)
    return _as_grey(150 * lines * sliding + 60 * shimmer)


# The EF of the heart is what it was.
HARMLESS_TO_EF: Mapping[str, Shift] = {
    "gain x 0.4": _gain(0.4),
    "gain x 1.8": _gain(1.8),
    "zoom x 1.4": _zoom(1.4),
    "zoom x 0.6": _zoom(0.6),
    "noise of 30 grey levels": _noise,
    "the heart at the picture's edge": _moved,
    "a shadow over one side": _shadow,
    "half the frame rate": _half_rate,
    "the heart at half its speed": _slow,
}
# Whatever is predicted of these is wrong.
NO_HEART: Mapping[str, Shift] = {
    "a still made to move": _still,
    "a beating circle": _circle,
    "colour bars": _bars,
    "a lung-like texture": _lung,
}
