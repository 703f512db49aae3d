"""MetaImage files (.mhd beside .raw, or .mha) as clips: the first release of CAMUS is distributed so."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from coreecho.errors import VideoError
from coreecho.video.axes import arrange
from coreecho.video.containers import PHANTOM_COMMENT
from coreecho.video.decoded import Decoded
from coreecho.video.limits import check_size
from coreecho.video.volumes import (
    ShortPixelsError,
    check_volume,
    file_beside,
    known_spacing,
    quoted,
    read_levels,
    spacing_notes,
)

# Longer than any header in use; where the pixels follow in the same file, the header ends before them.
_MAX_HEADER_BYTES = 64 * 1024
_ELEMENT_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_FIRST_KEYS = (b"ObjectType", b"NDims", b"Comment")


def is_mhd(path: Path) -> bool:
    """Tell by its content whether a file is a MetaImage header. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(512)
    return head.lstrip().startswith(_FIRST_KEYS) and b"NDims" in head and b"=" in head


def read_mhd(path: Path, source: str | None = None, axes: str | None = None) -> Decoded:
    """Read a MetaImage of whole grey levels 0 to 255: a clip (T, H, W), or a still with T = 1.

    The pixels lie in the file that `ElementDataFile` names, in the same folder, or behind the header (`LOCAL`), plain
    or compressed by zlib. Their number of bytes must be exactly what the header says.

    Args:
        path: the header (.mhd or .mha).
        source: the path as it was given, for messages.
        axes: which axes the file has, in the order of DimSize, where they are not "WHT".

    Raises:
        VideoError: a part is missing, damaged or cut off, beyond the limits, or holds other values.
    """
    source = source or str(path)
    try:
        with path.open("rb") as file:
            head = file.read(_MAX_HEADER_BYTES)
        fields, header_bytes = _parse_header(head, source)
        shape = _shape(fields, source)
        dtype = _element_type(fields, source)
        check_size(source, *shape)
        with _pixels(path, fields, header_bytes, shape, dtype, source) as (read, name):
            try:
                pixels = read_levels(read, shape, dtype, source)
            except ShortPixelsError as found:
                num_bytes = shape[0] * shape[1] * shape[2] * dtype.itemsize
                raise VideoError(
                    f"{source}: cut off or damaged: DimSize {fields['DimSize']} of {fields['ElementType']} are "
                    f"{num_bytes} bytes, but {name} holds {found}. Copy both files again from their origin."
                ) from found
    except zlib.error as error:
        raise VideoError(f"{source}: damaged: its compressed pixels cannot be unpacked ({error}).") from error
    except OSError as error:
        raise VideoError(f"{source}: cannot be read ({error.strerror}). Check that the file is there.") from error
    is_phantom = PHANTOM_COMMENT in fields.get("Comment", "")
    if axes is not None:
        return Decoded(arrange(pixels, axes[::-1], source), None, is_phantom=is_phantom)
    across, down = _spacing(fields)
    return Decoded(
        pixels,
        None,
        is_phantom=is_phantom,
        pixel_mm=known_spacing(across, down),
        notes=spacing_notes(across, down),
    )


def _spacing(fields: Mapping[str, str]) -> tuple[float, float]:
    """Distance of columns and of rows, in mm; 0 where it is not given."""
    try:
        across, down = (float(text) for text in fields.get("ElementSpacing", "").split()[:2])
    except ValueError:
        return 0.0, 0.0
    return across, down


def _parse_header(head: bytes, source: str) -> tuple[dict[str, str], int]:
    """The fields, and the bytes up to the end of the line `ElementDataFile`, which is the last by definition."""
    fields: dict[str, str] = {}
    position = 0
    for line in head.splitlines(keepends=True):
        position += len(line)
        key, equals, value = line.decode("latin-1").partition("=")
        if not key.strip():
            continue
        if not equals:
            break
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            return fields, position
    raise VideoError(f"{source}: its header has no ElementDataFile. The file is damaged, or not a MetaImage.")


def _shape(fields: Mapping[str, str], source: str) -> tuple[int, int, int]:
    """(T, H, W) from DimSize, which counts columns first."""
    try:
        sizes = [int(text) for text in fields["DimSize"].split()]
        num_axes = int(fields["NDims"])
    except (KeyError, ValueError) as error:
        raise VideoError(f"{source}: its header has no whole numbers for NDims and DimSize.") from error
    if fields.get("ObjectType", "Image") != "Image" or num_axes not in (2, 3) or len(sizes) != num_axes:
        raise VideoError(
            f"{source}: declares ObjectType {quoted(fields.get('ObjectType', 'Image'))}, NDims {num_axes} and "
            f"{len(sizes)} sizes; expected an Image of 2 or 3 axes."
        )
    if _whole_number(fields, "ElementNumberOfChannels", 1, source) != 1 or min(sizes) < 1:
        raise VideoError(f"{source}: expected one channel and at least one pixel along each axis; got DimSize {sizes}.")
    width, height = sizes[:2]
    return (sizes[2] if num_axes == 3 else 1), height, width


def _element_type(fields: Mapping[str, str], source: str) -> np.dtype[np.generic]:
    name = fields.get("ElementType", "")
    if name not in _ELEMENT_TYPES:
        raise VideoError(f"{source}: has ElementType {quoted(name)}; known are {', '.join(_ELEMENT_TYPES)}.")
    is_big_endian = _is_true(fields.get("ElementByteOrderMSB", fields.get("BinaryDataByteOrderMSB", "False")))
    return np.dtype((">" if is_big_endian else "<") + _ELEMENT_TYPES[name])


def _whole_number(fields: Mapping[str, str], key: str, default: int, source: str) -> int:
    try:
        return int(fields.get(key, default))
    except ValueError as error:
        raise VideoError(f"{source}: its header has {key} = {quoted(fields[key])}; expected a whole number.") from error


def _is_true(text: str) -> bool:
    return text.lower() in ("true", "1")


@contextmanager
def _pixels(
    path: Path,
    fields: Mapping[str, str],
    header_bytes: int,
    shape: tuple[int, int, int],
    dtype: np.dtype[np.generic],
    source: str,
) -> Iterator[tuple[Callable[[int], bytes], str]]:
    """Open the pixels, unpacked as they are read, and the name of their file."""
    name = fields["ElementDataFile"]
    if name == "LOCAL":
        data_path, skip = path, header_bytes
    else:
        data_path = file_beside(path, name, source, "ElementDataFile")
        skip = _whole_number(fields, "HeaderSize", 0, source)
    stored_bytes = data_path.stat().st_size
    check_volume(source, shape, dtype.itemsize, stored_bytes)
    if skip == -1:
        # By definition: whatever comes before the pixels, which end with the file.
        skip = max(0, stored_bytes - shape[0] * shape[1] * shape[2] * dtype.itemsize)
    with data_path.open("rb") as file:
        file.seek(max(skip, 0))
        is_packed = _is_true(fields.get("CompressedData", "False"))
        yield (Inflater(file).read if is_packed else file.read), data_path.name


class Inflater:
    """Unpacks what zlib has packed, as much at a time as is asked for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._unpacker = zlib.decompressobj()

    def read(self, num_bytes: int) -> bytes:
        """Give up to `num_bytes` of the next bytes; none at the end. Raises zlib.error."""
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._file.read(64 * 1024)
            data = self._unpacker.decompress(packed, num_bytes)
            if data or not packed:
                return data
        return b""
