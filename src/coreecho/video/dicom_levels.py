"""From stored DICOM levels to grey levels of 8 bits: which bits are in use, and what the file's window says.

A clip of 16 bits whose pixels use 8 or 12 of them is black if the most significant bits are taken. So levels are looked
at before: a window that fits them is used, and otherwise the bits that they use.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut

from coreecho.errors import VideoError
from coreecho.video.colour import to_grey
from coreecho.video.depth import bits_in_use, black_level, depth_notes, highest_level, spread

WINDOW_NOTE = "its levels are shown by the window that the file gives"
# Frames looked at to find the levels in use.
_MAX_LOOKED_AT = 32
# A window that leaves out more than this of the range is one to be looked at. It is believed if it cuts off no more
# than this share of the pixels that are not black, and leaves some light: a stale one makes a clip white or black.
_NEARLY_WHOLE = 0.02
_MAX_CUT_OFF = 0.05
_MIN_LIGHT = 64.0
_PERCENT_LIGHT = 99.5

ToLevels = Callable[[NDArray[Any]], NDArray[np.uint8]]


def find_levels(
    instance: Dataset, look: Callable[[int], NDArray[Any]], num_frames: int, source: str
) -> tuple[ToLevels, tuple[str, ...]]:
    """Choose how stored levels become grey levels, 0 of which is black, and say what was chosen.

    Args:
        instance: of the clip.
        look: decodes one frame as it is stored.
        num_frames: T.
        source: the file, for messages.

    Raises:
        VideoError: its depth is not read, or nothing in it is lit.
        ValueError: its depth is impossible.
    """
    allocated, stored = int(instance.BitsAllocated), int(instance.BitsStored)
    is_signed = bool(int(instance.get("PixelRepresentation") or 0))
    if allocated not in (8, 16):
        raise VideoError(f"{source}: has {allocated} bits a pixel; 8 or 16 are read.")
    if not 1 <= stored <= allocated:
        raise ValueError(f"BitsStored is {stored}")
    has_colours = int(instance.SamplesPerPixel) != 1
    # A window is of grey levels, and would move the chroma.
    window = None if has_colours else _window(instance)
    inverted = not has_colours and is_inverted(instance)
    high_bit = int(instance.get("HighBit") if instance.get("HighBit") is not None else stored - 1)
    is_plain = allocated == 8 and stored == 8 and not is_signed
    if is_plain and (window is None or _is_whole(window, 0.0, 256.0)):
        return lambda pixels: _turned(pixels.astype(np.uint8, copy=False), inverted), ()
    chosen = sorted({round(place) for place in np.linspace(0, num_frames - 1, min(num_frames, _MAX_LOOKED_AT))})
    unpack = _unpacker(look(chosen[len(chosen) // 2]), stored, high_bit + 1 - stored, is_signed)
    seen = [unpack(look(number)) for number in chosen]
    low, high = min(int(levels.min()) for levels in seen), max(int(levels.max()) for levels in seen)
    if low == high:
        raise VideoError(f"{source}: its pixels all have one level: there is no picture in it. Export the clip again.")
    whole = (-float(1 << (stored - 1)) if is_signed else 0.0), float(1 << stored)
    if window is not None and not _is_whole(window, *whole) and _fits(seen, window):
        return lambda pixels: _turned(spread(unpack(pixels), *window), inverted), (WINDOW_NOTE,)
    # A picture whose least level is white is looked at as it is shown: its own levels may all be high ones.
    black = black_level(seen.__getitem__, range(len(seen)), stored) if inverted and low >= 0 else None
    shown = seen if black is None else [_below(levels, black) for levels in seen]
    first, width, notes = _range(shown, stored, is_signed)
    if black is not None:
        return lambda pixels: spread(_below(unpack(pixels), black), first, width), notes
    return lambda pixels: _turned(spread(unpack(pixels), first, width), inverted), notes


def _turned(levels: NDArray[np.uint8], is_turned: bool) -> NDArray[np.uint8]:
    return 255 - levels if is_turned else levels


def _below(levels: NDArray[np.int32], black: int) -> NDArray[np.int32]:
    """How far levels lie below the one that is black; what is beyond it is black, too."""
    return np.maximum(black - levels, 0)


def _unpacker(
    sample: NDArray[Any], stored: int, shift: int, is_signed: bool
) -> Callable[[NDArray[Any]], NDArray[np.int32]]:
    """How a stored number becomes a level: shifted down where the bits in use are the upper ones, and with a sign."""
    # Where nothing is in the upper bits, the header is wrong and not the picture.
    if not 0 < shift <= 8 * sample.itemsize - stored or not (sample.view(_unsigned(sample)) >> shift).any():
        shift = 0

    def unpack(pixels: NDArray[Any]) -> NDArray[np.int32]:
        numbers = pixels.view(_unsigned(pixels)).astype(np.int32) >> shift
        if not is_signed:
            return numbers
        # Decoders fill up the unused bits or not: of a signed number only those stored count.
        numbers &= (1 << stored) - 1
        return np.where(numbers >> (stored - 1), numbers - (1 << stored), numbers).astype(np.int32)

    return unpack


def _unsigned(pixels: NDArray[Any]) -> np.dtype[Any]:
    """The same bits without a sign, in the same order of bytes: big-endian files are decoded as they lie."""
    return np.dtype(f"u{pixels.itemsize}").newbyteorder(pixels.dtype.byteorder)


def _range(seen: list[NDArray[np.int32]], stored: int, is_signed: bool) -> tuple[float, float, tuple[str, ...]]:
    """The lowest level to show, how many levels from there on, and what is to be said of it."""
    low, high = min(int(levels.min()) for levels in seen), max(int(levels.max()) for levels in seen)
    if not is_signed or low >= 0:
        # A sign that is never used takes a bit, and so do bits beyond those declared.
        num_declared = stored - is_signed
        high, hot_notes = highest_level(seen.__getitem__, range(len(seen)))
        num_used = bits_in_use(high, num_declared)
        if num_used > num_declared or high < (1 << stored) / 4 or is_signed:
            return 0.0, float(1 << num_used), (*hot_notes, *depth_notes(num_used, stored))
        return 0.0, float(1 << stored), ()
    num_used = 1 + max(min(8, stored) - 1, int(max(high, -low - 1)).bit_length())
    return -float(1 << (num_used - 1)), float(1 << num_used), depth_notes(num_used, stored)


def _fits(seen: list[NDArray[np.int32]], window: tuple[float, float]) -> bool:
    """Tell whether a window shows the pixels: few of those that are lit lie above it, and the brightest are bright."""
    pixels = np.concatenate([levels[::4, ::4].reshape(-1) for levels in seen])
    lit = pixels[pixels > pixels.min()]
    if lit.size == 0:
        return False
    is_cut = float(np.mean(lit >= window[0] + window[1]))
    return is_cut <= _MAX_CUT_OFF and float(np.percentile(spread(lit, *window), _PERCENT_LIGHT)) >= _MIN_LIGHT


def _is_whole(window: tuple[float, float], low: float, width: float) -> bool:
    """Tell whether a window is next to the whole range, which then is used exactly."""
    slack = _NEARLY_WHOLE * width
    return abs(window[0] - low) <= slack and abs(window[0] + window[1] - low - width) <= slack


def _window(instance: Dataset) -> tuple[float, float] | None:
    """Lowest stored level that a file's window shows, and how many from there on: c - w/2 and w (PS3.3 C.11.2.1.2).

    The first of several. The window speaks of levels after the rescaling, so that is undone; one that is inverted is
    shown so afterwards.
    """
    numbers = [_first_number(instance.get(keyword)) for keyword in ("WindowCenter", "WindowWidth")]
    slope = _first_number(instance.get("RescaleSlope")) or 1.0
    intercept = _first_number(instance.get("RescaleIntercept")) or 0.0
    centre, width = numbers
    if centre is None or width is None or width <= 1:
        return None
    darkest = centre - width / 2 if slope > 0 else centre + width / 2
    return (darkest - intercept) / slope, width / abs(slope)


def is_inverted(instance: Dataset) -> bool:
    """Tell whether the least level is the brightest: by MONOCHROME1, or by a rescaling that falls; both undo that."""
    falls = (_first_number(instance.get("RescaleSlope")) or 1.0) < 0
    return bool(instance.get("PhotometricInterpretation") == "MONOCHROME1") != falls


def _first_number(value: Any) -> float | None:
    try:
        number = float(value[0] if isinstance(value, (list, tuple)) or hasattr(value, "append") else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def palette(instance: Dataset) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Look colours up once for every possible pixel, in the 8 most significant bits that they use: grey, and RGB."""
    stored = np.arange(1 << int(instance.BitsStored), dtype=np.uint16)
    colours = apply_color_lut(stored, instance)
    # Descriptors often say 16 bits where the values have 8.
    table = (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
    return to_grey(table), table
