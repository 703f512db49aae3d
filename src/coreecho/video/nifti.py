"""NIfTI-1 files (.nii and .nii.gz) as clips: CAMUS is distributed so."""

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.video.containers import PHANTOM_COMMENT
from coreecho.video.decoded import Decoded
from coreecho.video.limits import check_size

# Typed in part only.
_HEADER: Any = Nifti1Header
_HEADER_BYTES = 348
# The magic of a single-file NIfTI-1, at this offset of the header.
_MAGIC, _MAGIC_OFFSET = b"n+1\x00", 344
_GZIP = b"\x1f\x8b"
# Extensions may lie between the header and the pixels; CAMUS has none.
_MAX_PIXEL_OFFSET = 1024**2
_DAMAGE = (OSError, EOFError, zlib.error, HeaderDataError, ValueError, OverflowError)


def is_nifti(path: Path) -> bool:
    """Tell by its content whether a file is a NIfTI-1 image. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if head.startswith(_GZIP):
        try:
            with gzip.open(path) as unpacked:
                head = unpacked.read(_HEADER_BYTES)
        except _DAMAGE:
            return False
    return head[_MAGIC_OFFSET:_HEADER_BYTES] == _MAGIC


def read_nifti(path: Path, source: str | None = None) -> Decoded:
    """Read a NIfTI-1 image of whole grey levels 0 to 255.

    NIfTI stores columns first: (W, H) or (W, H, T), turned here into (T, H, W); a still has T = 1. The header's frame
    time is not used, since CAMUS does not fill it.

    Args:
        path: the file, compressed by gzip or not.
        source: the path as it was given, for messages.

    Raises:
        VideoError: the file is not NIfTI-1, is damaged or cut off, is beyond the limits, or holds other values.
    """
    source = source or str(path)
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == _GZIP
            raw.seek(0)
            if is_packed:
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    header, pixels = _read(cast(IO[bytes], unpacked), source)
            else:
                header, pixels = _read(raw, source)
    except _DAMAGE as error:
        raise VideoError(
            f"{source}: damaged: it cannot be read as NIfTI ({error}). Copy the file again from its origin."
        ) from error
    description = bytes(header["descrip"].tobytes())
    return Decoded(pixels, None, is_phantom=PHANTOM_COMMENT.encode() in description)


def _read(file: IO[bytes], source: str) -> tuple[Any, NDArray[np.uint8]]:
    """The header and the pixels (T, H, W). Reads what the header says, and one byte more to reach gzip's checksum."""
    head = file.read(_HEADER_BYTES)
    if head[_MAGIC_OFFSET:] != _MAGIC:
        raise VideoError(f"{source}: is not a NIfTI-1 file (its header does not end in 'n+1').")
    header = _HEADER.from_fileobj(io.BytesIO(head + bytes(4)))
    width, height, num_frames = _shape(header, source)
    dtype = header.get_data_dtype()
    if dtype.kind not in "uif":
        raise VideoError(f"{source}: holds pixels of type {dtype}; expected whole grey levels 0 to 255.")
    check_size(source, num_frames * dtype.itemsize, height, width)
    offset = header.get_data_offset()
    if not _HEADER_BYTES <= offset <= _MAX_PIXEL_OFFSET:
        raise VideoError(f"{source}: damaged: its pixels are said to start at byte {offset}.")
    file.read(offset - _HEADER_BYTES)
    expected = num_frames * height * width * dtype.itemsize
    data = file.read(expected + 1)
    if len(data) != expected:
        relation = "more" if len(data) > expected else f"only {len(data)}"
        raise VideoError(
            f"{source}: cut off or damaged: {width} x {height} x {num_frames} pixels of {dtype} are {expected} bytes, "
            f"but it holds {relation}. Copy the file again from its origin."
        )
    values = np.frombuffer(data, dtype=dtype).reshape(num_frames, height, width)
    return header, grey_levels(_scaled(values, header), source)


def _shape(header: Any, source: str) -> tuple[int, int, int]:
    """W, H and T. Axes of length 1 may stand between, as in (W, H, 1, T)."""
    shape = [int(length) for length in header.get_data_shape()]
    if len(shape) < 2 or min(shape) < 1:
        raise VideoError(f"{source}: declares the shape {tuple(shape)}; expected (W, H) or (W, H, T).")
    times = [length for length in shape[2:] if length != 1]
    if len(times) > 1:
        raise VideoError(f"{source}: declares the shape {tuple(shape)}, a volume over time; expected (W, H, T).")
    return shape[0], shape[1], times[0] if times else 1


def _scaled(values: NDArray[np.generic], header: Any) -> NDArray[np.generic]:
    slope, intercept = header.get_slope_inter()
    if slope in (None, 1) and not intercept:
        return values
    return np.asarray(values, dtype=np.float64) * (slope if slope is not None else 1) + (intercept or 0)


def grey_levels(values: NDArray[np.generic], source: str) -> NDArray[np.uint8]:
    """Return pixels of any type as uint8, where that changes none of them.

    Raises:
        VideoError: a value is not a whole number from 0 to 255.
    """
    if values.dtype == np.uint8:
        return np.asarray(values, dtype=np.uint8)
    numbers = np.asarray(values, dtype=np.float64)
    low, high = numbers.min(), numbers.max()
    if not (low >= 0 and high <= 255) or np.any(numbers != np.rint(numbers)):
        raise VideoError(
            f"{source}: its pixels run from {low:g} to {high:g}; expected whole grey levels 0 to 255. "
            "Export the clip with 8 bits a pixel."
        )
    return numbers.astype(np.uint8)
