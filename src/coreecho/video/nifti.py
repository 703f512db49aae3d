"""NIfTI-1 and NIfTI-2 files (.nii and .nii.gz) as clips: CAMUS is distributed so."""

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.video.axes import arrange
from coreecho.video.containers import PHANTOM_COMMENT
from coreecho.video.decoded import Decoded
from coreecho.video.limits import check_size
from coreecho.video.volumes import ShortPixelsError, check_volume, known_spacing, read_levels, spacing_notes

# Typed in part only.
_HEADER_1: Any = Nifti1Header
_HEADER_2: Any = Nifti2Header
# The magic of a single-file NIfTI-1 and NIfTI-2, at its offset of the header.
_MAGIC_1, _MAGIC_1_OFFSET = b"n+1\x00", 344
_MAGIC_2, _MAGIC_2_OFFSET = b"n+2\x00\r\n\x1a\n", 4
_HEADER_1_BYTES, _HEADER_2_BYTES = 348, 540
_GZIP = b"\x1f\x8b"
# Extensions may lie between the header and the pixels; CAMUS has none.
_MAX_PIXEL_OFFSET = 1024**2
# Of xyzt_units: the bits of the unit of space, and what its codes mean.
_OF_SPACE = 0x07
_UNITS_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
_DAMAGE = (OSError, EOFError, zlib.error, HeaderDataError, ValueError, OverflowError)


def is_nifti(path: Path) -> bool:
    """Tell by its content whether a file is a single-file NIfTI image. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_HEADER_1_BYTES)
    if head.startswith(_GZIP):
        try:
            with gzip.open(path) as unpacked:
                head = unpacked.read(_HEADER_1_BYTES)
        except _DAMAGE:
            return False
    return head[_MAGIC_1_OFFSET:] == _MAGIC_1 or _is_second(head)


def _is_second(head: bytes) -> bool:
    return head[_MAGIC_2_OFFSET : _MAGIC_2_OFFSET + len(_MAGIC_2)] == _MAGIC_2


def read_nifti(path: Path, source: str | None = None, axes: str | None = None) -> Decoded:
    """Read a NIfTI image of whole grey levels 0 to 255.

    NIfTI stores columns first: (W, H) or (W, H, T), turned here into (T, H, W); a still has T = 1. The header's frame
    time is not used, since CAMUS does not fill it.

    Args:
        path: the file, compressed by gzip or not.
        source: the path as it was given, for messages.
        axes: which axes the file has, in the order of its header, where they are not "WHT".

    Raises:
        VideoError: the file is not NIfTI, is damaged or cut off, is beyond the limits, or holds other values.
    """
    source = source or str(path)
    try:
        stored_bytes = path.stat().st_size
        with path.open("rb") as raw:
            is_packed = raw.read(2) == _GZIP
            raw.seek(0)
            if is_packed:
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    header, pixels = _read(cast(IO[bytes], unpacked), stored_bytes, source, axes)
            else:
                header, pixels = _read(raw, stored_bytes, source, axes)
    except _DAMAGE as error:
        raise VideoError(
            f"{source}: damaged: it cannot be read as NIfTI ({error}). Copy the file again from its origin."
        ) from error
    description = bytes(header["descrip"].tobytes())
    across, down = (float(header["pixdim"][axis]) for axis in (1, 2))
    is_usual = axes is None
    unit_mm = _UNITS_MM.get(int(header["xyzt_units"]) & _OF_SPACE, float("nan"))
    return Decoded(
        pixels,
        None,
        is_phantom=PHANTOM_COMMENT.encode() in description,
        pixel_mm=known_spacing(across, down, unit_mm) if is_usual else None,
        notes=spacing_notes(across, down) if is_usual else (),
    )


def _read(file: IO[bytes], stored_bytes: int, source: str, axes: str | None) -> tuple[Any, NDArray[np.uint8]]:
    """The header and the pixels (T, H, W). Reads what the header says, and one byte more to reach gzip's checksum."""
    head = file.read(_HEADER_1_BYTES)
    header_bytes = _HEADER_1_BYTES
    if _is_second(head):
        header_bytes = _HEADER_2_BYTES
        head += file.read(header_bytes - len(head))
        if len(head) < header_bytes:
            raise VideoError(f"{source}: cut off within its header. Copy the file again from its origin.")
        header = _HEADER_2.from_fileobj(io.BytesIO(head))
    elif head[_MAGIC_1_OFFSET:] == _MAGIC_1:
        header = _HEADER_1.from_fileobj(io.BytesIO(head + bytes(4)))
    else:
        raise VideoError(f"{source}: is not a NIfTI file (its header has neither 'n+1' nor 'n+2').")
    width, height, num_frames = _shape(header, source)
    dtype = header.get_data_dtype()
    if dtype.kind not in "uif":
        raise VideoError(f"{source}: holds pixels of type {dtype}; expected whole grey levels 0 to 255.")
    check_size(source, num_frames, height, width)
    check_volume(source, (num_frames, height, width), dtype.itemsize, stored_bytes)
    offset = header.get_data_offset()
    if not header_bytes <= offset <= _MAX_PIXEL_OFFSET:
        raise VideoError(f"{source}: damaged: its pixels are said to start at byte {offset}.")
    file.read(offset - header_bytes)
    try:
        pixels = read_levels(file.read, (num_frames, height, width), dtype, source, _scale(header))
    except ShortPixelsError as found:
        raise VideoError(
            f"{source}: cut off or damaged: {width} x {height} x {num_frames} pixels of {dtype} are "
            f"{num_frames * height * width * dtype.itemsize} bytes, but it holds {found}. "
            "Copy the file again from its origin."
        ) from found
    return header, pixels if axes is None else arrange(pixels, axes[::-1], source)


def _shape(header: Any, source: str) -> tuple[int, int, int]:
    """W, H and T. Axes of length 1 may stand between, as in (W, H, 1, T)."""
    shape = [int(length) for length in header.get_data_shape()]
    if len(shape) < 2 or min(shape) < 1:
        raise VideoError(f"{source}: declares the shape {tuple(shape)}; expected (W, H) or (W, H, T).")
    times = [length for length in shape[2:] if length != 1]
    if len(times) > 1:
        raise VideoError(f"{source}: declares the shape {tuple(shape)}, a volume over time; expected (W, H, T).")
    return shape[0], shape[1], times[0] if times else 1


def _scale(header: Any) -> tuple[float, float]:
    slope, intercept = header.get_slope_inter()
    return float(1 if slope is None else slope), float(intercept or 0)
