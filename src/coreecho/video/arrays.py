"""GIF and NPY files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coreecho.errors import VideoError
from coreecho.video.colour import ColourTally, to_grey
from coreecho.video.decoded import Decoded, is_screen
from coreecho.video.limits import check_size

_AGAIN = "Copy the file again from its origin."


def read_npy(path: Path, source: str) -> Decoded:
    """Read an array of frames, (T, H, W) or (T, H, W, 3) of uint8. Pickled objects are never read.

    Raises:
        VideoError: it is damaged, cut off, of another shape or kind of number, or beyond the limits.
    """
    try:
        # Mapped first: the header is checked before any memory is taken, and the file's length against the header.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    # A header is a Python expression, and a damaged one may fail in any part of the reading of those.
    except Exception as error:
        raise VideoError(f"{source}: damaged, cut off, or not an array of numbers ({error}). {_AGAIN}") from error
    if array.dtype != np.uint8 or not (array.ndim == 3 or (array.ndim == 4 and array.shape[-1] == 3)):
        raise VideoError(
            f"{source}: holds an array of shape {array.shape} of {array.dtype}; expected (T, H, W), or (T, H, W, 3) "
            "for RGB, of uint8, 0 black to 255 white."
        )
    num_frames, height, width = array.shape[:3]
    if num_frames == 0:
        raise VideoError(f"{source}: holds no frames (shape {array.shape}).")
    check_size(source, num_frames, height, width)
    if array.offset + array.nbytes != path.stat().st_size:
        raise VideoError(f"{source}: longer than its header says. {_AGAIN}")
    if array.ndim == 3:
        return Decoded(np.array(array, order="C"), None)
    frames = np.empty((num_frames, height, width), dtype=np.uint8)
    for frame, rgb in zip(frames, array, strict=True):
        frame[:] = to_grey(np.asarray(rgb))
    return Decoded(frames, None)


def read_gif(path: Path, source: str) -> Decoded:
    """Read an animated GIF. Whole screens are also looked through for colour.

    Raises:
        VideoError: it is damaged, cut off, or beyond the limits.
    """
    try:
        num_frames = _count_gif_frames(path.read_bytes())
        with Image.open(path, formats=["GIF"]) as picture:
            width, height = picture.size
            check_size(source, num_frames, height, width)
            return _decode_gif(picture, num_frames)
    except (OSError, ValueError, EOFError, IndexError, SyntaxError, Image.DecompressionBombError) as error:
        raise VideoError(f"{source}: this GIF is damaged or cut off ({error}). {_AGAIN}") from error


def _decode_gif(picture: Image.Image, num_frames: int) -> Decoded:
    frames = np.empty((num_frames, picture.height, picture.width), dtype=np.uint8)
    tally = ColourTally(picture.height, picture.width)
    duration_ms = 0.0
    for index in range(num_frames):
        picture.seek(index)
        rgb: NDArray[np.uint8] = np.asarray(picture.convert("RGB"))
        frames[index] = to_grey(rgb)
        if is_screen(picture.height, picture.width):
            tally.add(rgb)
        duration_ms += picture.info.get("duration", 0)
    fps = 1000 * num_frames / duration_ms if duration_ms > 0 else None
    return Decoded(frames, fps, tally.mask)


def _count_gif_frames(content: bytes) -> int:
    """Walk the blocks of a GIF up to its end mark. Pillow takes a file that stops between two frames as complete.

    Raises:
        ValueError: the blocks do not lead to the end mark.
        IndexError: the file ends within a block.
    """
    position = 13 + _colour_table_bytes(content[10])
    num_frames = 0
    while (mark := content[position]) != 0x3B:
        if mark == 0x2C:  # a picture: its place, its colour table, the size of a code, then the data
            num_frames += 1
            position += 11 + _colour_table_bytes(content[position + 9])
        elif mark == 0x21:  # an extension: its kind, then the data
            position += 2
        else:
            raise ValueError(f"no block begins at byte {position}")
        while content[position]:
            position += 1 + content[position]
        position += 1
    return num_frames


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
