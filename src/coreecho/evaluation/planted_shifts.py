"""Changes of a clip by which a gate is tried: some leave the EF as it was, some hide it, some leave no heart."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coreecho.inference.shifted_frames import Change, Shift
from coreecho.video.affine import transform

# Of a still that is made to move: degrees and shares of the picture's side that a hand sways by.
_SWAY_DEGREES, _SWAY_SHIFT = 3.0, 0.02
_NOISE = 30.0
# Share of the picture's side that a heart lies out of place, and what a shadow leaves of the grey behind it.
_MOVED_SHARE, _SHADOW = 0.3, 0.12
# Share of its distance from the picture's centre that a heart is left in which is filmed from too deep.
_DEEP = 0.45
# Frames that are a quarter of a second at the usual 50.
_QUARTER = 12
# Of a colour box: its place in the picture (rows, columns), the size of its patches in its height, and its grey levels.
_BOX = ((0.3, 0.75), (0.3, 0.7))
_PATCH, _BOX_GREY = 0.12, (60.0, 190.0)
# Frames of a beat of the made-up pictures.
_BEAT = 40


def _gain(factor: float) -> Change:
    def shift(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        return (frames * np.float32(factor)).clip(0, 255).astype(np.uint8)

    return shift


def _zoom(factor: float) -> Change:
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


def _flat(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grey levels drawn together, as by a screen whose contrast was turned down."""
    lit = frames.max(axis=0) > 0
    mean = frames[:, lit].mean() if lit.any() else 0.0
    return np.where(lit, mean + 0.2 * (frames - np.float32(mean)), 0).clip(0, 255).astype(np.uint8)


def _upside_down(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The apex below, as some laboratories show it."""
    return frames[:, ::-1]


def _deep(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same sector over a heart that is small in it, as from a depth that was set too large."""
    side = frames.shape[1]
    place = (np.arange(side) - (side - 1) / 2) / _DEEP + (side - 1) / 2
    rows = place + 0.2 * side / _DEEP
    small = np.stack(
        [ndimage.map_coordinates(frame, np.meshgrid(rows, place, indexing="ij"), order=1) for frame in frames]
    )
    # Around the heart lies what is dim and moves with nothing.
    around = ndimage.gaussian_filter(rng.gamma(2.0, 12.0, frames.shape[1:]), 0.7)
    shimmer = around + rng.normal(0, 4, frames.shape)
    return np.where(frames.max(axis=0) > 0, np.maximum(small, shimmer), 0).clip(0, 255).astype(np.uint8)


def _colour_box(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Colour Doppler over the ventricles, in grey: patches of flow that come and go over the tissue."""
    side, count = frames.shape[1], len(frames)
    box = tuple(slice(round(first * side), round(last * side)) for first, last in _BOX)
    shape = frames[(slice(None), *box)].shape
    size = _PATCH * shape[1]
    flow = ndimage.gaussian_filter(rng.normal(0, 1, shape), (2.0, size / 2, size / 2), mode="wrap")
    flow /= flow.std()
    low, high = _BOX_GREY
    coloured = (low + (high - low) * (0.5 + 0.25 * flow)).clip(low, high)
    boxed = frames.copy()
    part = boxed[(slice(None), *box)]
    is_flow = (np.abs(flow) > 0.5) & (frames[(slice(None), *box)].max(axis=0) > 0)
    part[...] = np.where(is_flow[:count], coloured, part)
    return boxed


def _lifted(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """In the second half the probe has no contact: reverberations near it, and noise."""
    rows = np.linspace(0, 1, frames.shape[1], dtype=np.float32)[:, None]
    near = 140 * np.exp(-rows / 0.08) * (0.6 + 0.4 * np.cos(2 * np.pi * rows / 0.05))
    count = len(frames) - len(frames) // 2
    lost = near + rng.gamma(1.5, 5.0, (count, *frames.shape[1:]))
    lost = np.where(frames.max(axis=0) > 0, lost, 0).clip(0, 255).astype(np.uint8)
    return np.concatenate([frames[: len(frames) // 2], lost])


def _frozen(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One frame, for as long."""
    return np.repeat(frames[len(frames) // 2][None], len(frames), axis=0)


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


# The EF of the heart is what it was, and is to be seen.
HARMLESS_TO_EF: Mapping[str, Shift] = {
    "gain x 0.4": Shift(change=_gain(0.4)),
    "gain x 1.8": Shift(change=_gain(1.8)),
    "zoom x 1.4": Shift(change=_zoom(1.4)),
    "zoom x 0.6": Shift(change=_zoom(0.6)),
    "noise of 30 grey levels": Shift(change=_noise),
    "the heart at the picture's edge": Shift(change=_moved),
    "a shadow over one side": Shift(change=_shadow),
    "half the frame rate": Shift(change=_half_rate),
    "the heart at half its speed": Shift(change=_slow),
    "every other frame, and its rate halved": Shift(part=slice(None, None, 2)),
    "flat grey levels": Shift(change=_flat),
    "the apex below": Shift(change=_upside_down),
    "the heart deep and small in its sector": Shift(change=_deep),
}
# The heart has its EF, and the clip hardly shows it or not at all.
HIDING_EF: Mapping[str, Shift] = {
    "a quarter of a second": Shift(part=slice(0, _QUARTER)),
    "one frame for the whole clip": Shift(change=_frozen),
    "a still made to move": Shift(change=_still),
    "a colour box over the heart": Shift(change=_colour_box, coloured=0.2),
    "no contact in the second half": Shift(change=_lifted),
}
# Whatever is predicted of these is wrong: there is no heart, and no EF to be off from.
NO_HEART: Mapping[str, Shift] = {
    "a beating circle": Shift(change=_circle),
    "colour bars": Shift(change=_bars),
    "a lung-like texture": Shift(change=_lung),
}
PLANTED: Mapping[str, Shift] = {**HARMLESS_TO_EF, **HIDING_EF, **NO_HEART}
