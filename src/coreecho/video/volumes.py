"""What NIfTI, MetaImage, NRRD and NumPy files share: pixels of many types, read piece by piece into grey levels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.files import is_file
from coreecho.video.limits import check_density, check_held

# Pixels converted at a time: bounds the copies in float64 to a few MiB, whatever a file holds.
_PIXELS_AT_ONCE = 512 * 1024

# Letters of a file's name that a message shows.
_NAMED = 80


class ShortPixelsError(Exception):
    """The file ends before its pixels do. Its text is what was found."""


def check_volume(source: str, shape: tuple[int, ...], item_bytes: int, stored_bytes: int) -> None:
    """Refuse pixels that cannot be held, or that no file of this size can hold. Raises VideoError."""
    num_frames = int(np.prod(shape[:-2], dtype=object))
    check_held(source, num_frames, shape[-2], shape[-1])
    check_density(source, int(np.prod(shape, dtype=object)) * item_bytes, stored_bytes)


def read_levels(
    read: Callable[[int], bytes],
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
    source: str,
    scale: tuple[float, float] = (1.0, 0.0),
) -> NDArray[np.uint8]:
    """Read pixels of any type as uint8, where that changes none of them.

    Args:
        read: gives up to so many of the next bytes; fewer only at the end.
        shape: of the array.
        dtype: of the stored pixels.
        source: the file, for messages.
        scale: slope and intercept by which the stored pixels are to be scaled.

    Returns:
        (*shape) uint8.

    Raises:
        VideoError: a value is not a whole number from 0 to 255.
        ShortPixelsError: there are fewer bytes, or more.
    """
    num_pixels = int(np.prod(shape))
    levels = np.empty(num_pixels, dtype=np.uint8)
    low, high, is_whole = np.inf, -np.inf, True
    for first in range(0, num_pixels, _PIXELS_AT_ONCE):
        wanted = min(_PIXELS_AT_ONCE, num_pixels - first)
        data = _read_all(read, wanted * dtype.itemsize)
        if len(data) < wanted * dtype.itemsize:
            raise ShortPixelsError(f"only {first * dtype.itemsize + len(data)}")
        part: NDArray[np.generic] = np.frombuffer(data, dtype=dtype)
        if dtype != np.uint8 or scale != (1.0, 0.0):
            numbers = part.astype(np.float64) * scale[0] + scale[1]
            low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
            is_whole &= bool((numbers == np.rint(numbers)).all())
            part = np.where((numbers >= 0) & (numbers <= 255), numbers, 0)
        levels[first : first + wanted] = part.astype(np.uint8)
    if low != np.inf and not (low >= 0 and high <= 255 and is_whole):
        raise VideoError(
            f"{source}: its pixels run from {low:g} to {high:g}; expected whole grey levels 0 to 255. "
            "Export the clip with 8 bits a pixel."
        )
    # One byte more reaches the checksum of what is compressed, too.
    if read(1):
        raise ShortPixelsError("more")
    return levels.reshape(shape)


def _read_all(read: Callable[[int], bytes], num_bytes: int) -> bytes:
    """Read until all is there or nothing comes any more."""
    data = read(num_bytes)
    while 0 < len(data) < num_bytes and (more := read(num_bytes - len(data))):
        data += more
    return data


def quoted(text: str, most: int = 24) -> str:
    """A header's text for a message: its begin alone, since a header may hold anything, such as a patient's data."""
    return repr(text if len(text) <= most else f"{text[:most]}...")


def file_beside(path: Path, name: str, source: str, field: str) -> Path:
    """Find the file of the pixels that a header names: a plain file in the same folder, and nowhere else.

    A name with folders, or a link, could reach any file of this computer.

    Raises:
        VideoError: it is elsewhere, or missing.
    """
    if Path(name).name != name or name in ("LIST", "", "..") or "\\" in name or "%" in name:
        raise VideoError(f"{source}: its {field} is {quoted(name, _NAMED)}; expected a file in the same folder.")
    data_path = path.with_name(name)
    is_there = is_file(data_path)
    if is_there and data_path.is_symlink() and data_path.resolve().parent != path.resolve().parent:
        raise VideoError(
            f"{source}: its {field}, {quoted(name, _NAMED)}, is a link to another folder. Copy the file itself."
        )
    if not is_there:
        raise VideoError(
            f"{source}: its pixels should lie in {quoted(name, _NAMED)}, which is missing. Copy both files."
        )
    return data_path


def known_spacing(across: float, down: float, unit_mm: float = 1.0) -> tuple[float, float] | None:
    """Height and width of a pixel in mm as a header has them; None where it gives none.

    Exactly 1 by 1 is what programs write that do not know it.

    Args:
        across: distance between columns; 0 where it is not known.
        down: distance between rows.
        unit_mm: of both, in mm.
    """
    if not (0 < across < np.inf and 0 < down < np.inf and 0 < unit_mm < np.inf) or across == down == 1:
        return None
    return down * unit_mm, across * unit_mm


def spacing_notes(across: float, down: float) -> tuple[str, ...]:
    """Say of an array, which is taken as it is, that its pixels are not square.

    Args:
        across: distance between columns, in any unit; 0 where it is not known.
        down: distance between rows.
    """
    if not (0 < across < np.inf and 0 < down < np.inf) or abs(across / down - 1) <= 0.02:
        return ()
    return (f"its pixels are {across / down:.3g} times as wide as high, and were taken as if they were square",)
