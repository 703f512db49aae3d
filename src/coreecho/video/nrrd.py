"""NRRD files (.nrrd, or .nhdr beside its pixels) as clips: 3D Slicer and other tools of research write them.

Implements what a clip needs of https://teem.sourceforge.net/nrrd/format.html: three axes, or four with RGB, plain or
packed by gzip.
"""

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.video.axes import arrange
from coreecho.video.colour import to_grey
from coreecho.video.containers import PHANTOM_COMMENT
from coreecho.video.decoded import Decoded
from coreecho.video.limits import check_size
from coreecho.video.volumes import (
    ShortPixelsError,
    check_volume,
    file_beside,
    known_spacing,
    read_levels,
    spacing_notes,
)

_MAGIC = b"NRRD000"
# Longer than any header in use; the pixels may follow.
_MAX_HEADER_BYTES = 64 * 1024
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: code for code, names in _TYPES.items() for name in names}
_COLOURS = 3
_MM = {"mm": 1.0, "millimeters": 1.0, "millimetres": 1.0, "cm": 10.0, "um": 0.001, "m": 1000.0}
_MS = {"ms": 1.0, "msec": 1.0, "milliseconds": 1.0, "s": 1000.0, "sec": 1000.0, "seconds": 1000.0}


def is_nrrd(head: bytes) -> bool:
    """Tell an NRRD file by its first bytes."""
    return head.startswith(_MAGIC)


def is_detached(path: Path) -> bool:
    """Tell whether an NRRD header says that its pixels lie in another file. Raises OSError; VideoError: damaged."""
    with path.open("rb") as file:
        fields, _ = _parse_header(file.read(_MAX_HEADER_BYTES), str(path))
    return _data_file(fields) is not None


def _data_file(fields: Mapping[str, str]) -> str | None:
    return fields.get("data file", fields.get("datafile"))


def read_nrrd(path: Path, source: str | None = None, axes: str | None = None) -> Decoded:
    """Read an NRRD file of whole grey levels 0 to 255: a clip (T, H, W), or a still with T = 1.

    The pixels follow the header, or lie in the file that it names, in the same folder.

    Args:
        path: the file.
        source: the path as it was given, for messages.
        axes: which axes the file has, in the order of its sizes, where they are not "WHT" ("CWHT" with colours).

    Raises:
        VideoError: it is damaged, cut off, beyond the limits, of a kind that is not read, or holds other values.
    """
    source = source or str(path)
    try:
        with path.open("rb") as file:
            head = file.read(_MAX_HEADER_BYTES)
        fields, header_bytes = _parse_header(head, source)
        sizes = _sizes(fields, source)
        letters = _axes(fields, sizes) if axes is None else axes
        pixels = _read_pixels(path, fields, header_bytes, sizes, source)
    except OSError as error:
        raise VideoError(f"{source}: cannot be read ({error.strerror or error}). Check that it is whole.") from error
    frames = arrange(pixels, letters[::-1], source)
    if frames.ndim == 4:
        frames = np.stack([to_grey(frame) for frame in frames])
    rows, columns, time = (letters.upper().index(letter) for letter in "HWT")
    spacings = _numbers(fields.get("spacings", ""))
    notes = spacing_notes(spacings[columns], spacings[rows]) if len(spacings) == len(letters) else ()
    is_phantom = PHANTOM_COMMENT.encode() in head[:header_bytes]
    return Decoded(
        frames,
        _frame_rate(fields, spacings, time),
        is_phantom=is_phantom,
        pixel_mm=_pixel_mm(fields, spacings, rows, columns),
        notes=notes,
    )


def _parse_header(head: bytes, source: str) -> tuple[dict[str, str], int]:
    """The fields by their names in lower case, and the bytes up to the pixels; all bytes where they lie elsewhere."""
    fields: dict[str, str] = {}
    position = 0
    for number, line in enumerate(head.splitlines(keepends=True)):
        position += len(line)
        text = line.decode("latin-1").strip()
        if not text:
            break
        if number == 0 or text.startswith("#"):
            continue
        name, colon, value = text.partition(":")
        if colon and not value.startswith("="):  # "key:=value" is free text
            fields[name.strip().lower()] = value.strip()
    if not {"sizes", "type", "encoding"} <= fields.keys():
        raise VideoError(f"{source}: its header lacks the type, the sizes or the encoding. The file is damaged.")
    return fields, position


def _sizes(fields: Mapping[str, str], source: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(text) for text in fields["sizes"].split())
    except ValueError as error:
        raise VideoError(f"{source}: the sizes in its header are no whole numbers. The file is damaged.") from error
    sizes = (*sizes, 1) if len(sizes) == 2 else sizes
    if len(sizes) not in (3, 4) or min(sizes) < 1 or (len(sizes) == 4 and _COLOURS not in sizes):
        raise VideoError(
            f"{source}: has the sizes {' x '.join(map(str, sizes))}; expected columns, rows and frames, or those of "
            "RGB pictures."
        )
    return sizes


def _axes(fields: Mapping[str, str], sizes: tuple[int, ...]) -> str:
    """Name the axes by their kinds where one of them is time or a list; fastest first, as the sizes come."""
    if len(sizes) == 4:
        return "CWHT" if sizes[0] == _COLOURS else "WHTC"
    kinds = fields.get("kinds", "").lower().split()
    times = [number for number, kind in enumerate(kinds) if kind in ("time", "list")]
    if len(kinds) == 3 and len(times) == 1:
        letters = ["W", "H"]
        letters.insert(times[0], "T")
        return "".join(letters)
    return "WHT"


def _read_pixels(
    path: Path, fields: Mapping[str, str], header_bytes: int, sizes: tuple[int, ...], source: str
) -> NDArray[np.uint8]:
    """Pixels with the axes of the file, slowest first."""
    type_name = fields["type"].lower()
    if type_name not in _DTYPES:
        raise VideoError(f"{source}: holds pixels of another type than whole numbers of 1 to 4 bytes, float or double.")
    order = ">" if fields.get("endian", "little").lower() == "big" else "<"
    dtype: np.dtype[np.generic] = np.dtype(order + _DTYPES[type_name])
    encoding = fields["encoding"].lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise VideoError(f"{source}: its encoding is not read; raw and gzip are. Save it again as one of them.")
    name = _data_file(fields)
    data_path = path if name is None else file_beside(path, name, source, "data file")
    shape = sizes[::-1]
    check_size(source, int(np.prod(shape[:-2], dtype=object)), shape[-2], shape[-1])
    stored_bytes = data_path.stat().st_size
    check_volume(source, shape, dtype.itemsize, stored_bytes)
    num_bytes = int(np.prod(shape)) * dtype.itemsize
    skip = _byte_skip(fields, source)
    with data_path.open("rb") as file:
        start = header_bytes if name is None else 0
        file.seek(start + skip if skip >= 0 else max(start, stored_bytes - num_bytes))
        stream = file if encoding == "raw" else cast(IO[bytes], gzip.GzipFile(fileobj=file))
        try:
            return read_levels(stream.read, shape, dtype, source)
        except ShortPixelsError as found:
            raise VideoError(
                f"{source}: cut off or damaged: its sizes and its type make {num_bytes} bytes, but there are {found}. "
                "Copy it again from its origin."
            ) from found
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise VideoError(f"{source}: damaged: its packed pixels cannot be unpacked ({error}).") from error


def _byte_skip(fields: Mapping[str, str], source: str) -> int:
    try:
        lines, skip = (int(fields.get(f"{unit} skip", fields.get(f"{unit}skip", 0))) for unit in ("line", "byte"))
    except ValueError as error:
        raise VideoError(f"{source}: the line or byte skip in its header is no whole number.") from error
    if lines != 0 or skip < -1:
        raise VideoError(f"{source}: its pixels begin after skipped lines, which is not read. Save it again.")
    return skip


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in text.split()]
    except ValueError:
        return []


def _units(fields: Mapping[str, str]) -> list[str]:
    return fields.get("space units", fields.get("units", "")).replace('"', " ").lower().split()


def _pixel_mm(fields: Mapping[str, str], spacings: list[float], rows: int, columns: int) -> tuple[float, float] | None:
    """Height and width of a pixel, where both axes have a unit of length."""
    units = _units(fields)
    if len(units) != len(spacings) or max(rows, columns) >= len(spacings):
        return None
    down, across = (spacings[axis] * _MM.get(units[axis], float("nan")) for axis in (rows, columns))
    return known_spacing(across, down)


def _frame_rate(fields: Mapping[str, str], spacings: list[float], time: int) -> float | None:
    """Frames per second, where the spacing of the axis of time has a unit of time."""
    units = _units(fields)
    if len(units) != len(spacings) or not 0 <= time < len(spacings):
        return None
    step_ms = spacings[time] * _MS.get(units[time], float("nan"))
    return 1000 / step_ms if 0 < step_ms < float("inf") else None
