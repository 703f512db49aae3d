"""NumPy's files: NPY, and NPZ with one clip in it. Pickled objects are never read."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.video.axes import arrange
from coreecho.video.colour import colour_label
from coreecho.video.decoded import Decoded
from coreecho.video.limits import check_density, check_held, check_size
from coreecho.video.volumes import ShortPixelsError, read_levels

_AGAIN = "Copy the file again from its origin."
_COLOURS = 3
# Names that people give to the clip, where an NPZ file holds several arrays.
_CLIP_NAMES = ("frames", "video", "clip", "arr_0")
_RATE_NAMES = ("fps", "frame_rate", "frames_per_second")
_MAX_MEMBERS = 1000
_MAX_RATE_BYTES = 1024
_ATTEMPTS = 20
_Read = TypeVar("_Read")
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)


def read_npy(path: Path, source: str, axes: str | None = None) -> Decoded:
    """Read an array of frames, (T, H, W) or (T, H, W, 3) of uint8.

    Args:
        path: the file.
        source: the path as it was given, for messages.
        axes: which axes the array has, in its order, where they are others.

    Raises:
        VideoError: it is damaged, cut off, of another shape or kind of number, or beyond the limits.
    """
    try:
        # Mapped first: the header is checked before any memory is taken, and the file's length against the header.
        array = _steadily(lambda: np.load(path, mmap_mode="r", allow_pickle=False))
    # A header is a Python expression, and a damaged one may fail in any part of the reading of those.
    except Exception as error:
        raise VideoError(f"{source}: damaged, cut off, or not an array of numbers ({error}). {_AGAIN}") from error
    _check_kind(array.shape, array.dtype, source, axes)
    if array.offset + array.nbytes != path.stat().st_size:
        raise VideoError(f"{source}: longer than its header says. {_AGAIN}")
    return _as_frames(array, source, axes, None)


def is_npz(path: Path) -> bool:
    """Tell whether a ZIP file holds NumPy arrays. Raises OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def read_npz(path: Path, source: str, axes: str | None = None) -> Decoded:
    """Read the one clip that an NPZ file holds, and its frame rate where a number named `fps` lies beside it.

    Raises:
        VideoError: it is damaged, holds no clip or several, or is beyond the limits.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")][:_MAX_MEMBERS]
            shapes = {member.filename.removesuffix(".npy"): _shape_of(archive, member) for member in members}
            name = _clip_name(shapes, source)
            member = archive.getinfo(f"{name}.npy")
            shape, is_fortran, dtype = shapes[name]
            _check_kind(shape, dtype, source, axes)
            check_density(source, int(np.prod(shape, dtype=object)), member.compress_size)
            with archive.open(member) as file:
                _read_header(file)
                stored = read_levels(file.read, shape[::-1] if is_fortran else shape, dtype, source)
            fps = next((rate for key in _RATE_NAMES if (rate := _rate(archive, shapes, key))), None)
    except ShortPixelsError as found:
        raise VideoError(f"{source}: cut off or damaged: its clip holds {found} bytes. {_AGAIN}") from found
    except _DAMAGE as error:
        raise VideoError(f"{source}: damaged, or no archive of arrays ({type(error).__name__}). {_AGAIN}") from error
    return _as_frames(stored.transpose() if is_fortran else stored, source, axes, fps)


_Header = tuple[tuple[int, ...], bool, np.dtype[Any]]


def _read_header(file: IO[bytes]) -> _Header:
    version = npy_format.read_magic(file)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    start = file.tell()

    def read_from_start() -> _Header:
        file.seek(start)
        shape, is_fortran, dtype = read(file)
        return tuple(shape), bool(is_fortran), dtype

    return _steadily(read_from_start)


def _steadily(read: Callable[[], _Read]) -> _Read:
    """Read a header, which NumPy takes for a Python expression, also while other threads read theirs.

    Python 3.11 counts the depth of the expressions that it takes apart once for all threads, and now and then finds a
    miscount (https://github.com/python/cpython/issues/106905): a whole file would be called damaged.
    """
    for _ in range(_ATTEMPTS):
        try:
            return read()
        except SystemError:
            continue
    return read()


def _shape_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Header:
    with archive.open(member) as file:
        try:
            return _read_header(file)
        # A header is a Python expression, and a damaged one may fail in any part of the reading of those.
        except Exception as error:
            raise ValueError("a header") from error


def _clip_name(headers: dict[str, _Header], source: str) -> str:
    clips = [name for name, (shape, _, dtype) in headers.items() if len(shape) in (3, 4) and dtype == np.uint8]
    named = [name for name in _CLIP_NAMES if name in clips]
    if len(clips) != 1 and len(named) != 1:
        raise VideoError(
            f"{source}: holds {len(clips)} arrays of uint8 with three or four axes; expected one, or one named frames."
        )
    return clips[0] if len(clips) == 1 else named[0]


def _rate(archive: zipfile.ZipFile, headers: dict[str, _Header], name: str) -> float | None:
    """A frame rate stored as a single number."""
    if name not in headers:
        return None
    shape, _, dtype = headers[name]
    if int(np.prod(shape, dtype=object)) != 1 or dtype.kind not in "iuf" or dtype.itemsize > _MAX_RATE_BYTES:
        return None
    with archive.open(f"{name}.npy") as file:
        _read_header(file)
        rate = float(np.frombuffer(file.read(dtype.itemsize), dtype=dtype)[0])
    return rate if 0 < rate < float("inf") else None


def _check_kind(shape: tuple[int, ...], dtype: np.dtype[Any], source: str, axes: str | None) -> None:
    has_frames = len(shape) == 3 or (len(shape) == 4 and (axes is not None or shape[-1] == _COLOURS))
    if dtype != np.uint8 or not has_frames:
        raise VideoError(
            f"{source}: holds an array of shape {shape} of {dtype}; expected (T, H, W), or (T, H, W, 3) "
            f"for RGB, of uint8, 0 black to 255 white.{_likely_axes(shape)}"
        )
    if 0 in shape[:1]:
        raise VideoError(f"{source}: holds no frames (shape {shape}).")
    check_held(source, int(np.prod(shape, dtype=object)) // (_COLOURS if len(shape) == 4 else 1), 1, 1)


def _likely_axes(shape: tuple[int, ...]) -> str:
    """Say which axes an array of four seems to have: PyTorch keeps channels before rows, or before time."""
    likely = {0: "CTHW", 1: "TCHW"}.get(shape.index(_COLOURS) if _COLOURS in shape else -1)
    return f" If its axes are {likely}, say axes={likely!r} (`--axes {likely}`)." if len(shape) == 4 and likely else ""


def _as_frames(array: NDArray[np.uint8], source: str, axes: str | None, fps: float | None) -> Decoded:
    """Turn an array of checked kind into grey frames, (T, H, W)."""
    letters = axes if axes is not None else ("THW" if array.ndim == 3 else "THWC")
    # Channels at the end, where all know them to be, are often not named.
    if array.ndim == 4 and len(letters) == 3 and array.shape[-1] in (1, _COLOURS) and "C" not in letters.upper():
        letters += "C"
    shape = [array.shape[letters.upper().find(letter)] for letter in "THW"] if len(letters) == array.ndim else [1, 1, 1]
    check_size(source, shape[0], shape[1], shape[2])
    if array.ndim == 3:
        return Decoded(np.array(arrange(array, letters, source), dtype=np.uint8, order="C"), fps)
    ordered = arrange(array, letters, source) if letters != "THWC" else array
    if ordered.shape[-1] not in (1, _COLOURS):
        raise VideoError(f"{source}: has {ordered.shape[-1]} channels; expected 3, RGB, or 1.")
    if ordered.shape[-1] == 1:
        return Decoded(np.ascontiguousarray(ordered[..., 0]), fps)
    label = colour_label([np.asarray(ordered[number]) for number in {0, len(ordered) // 2, len(ordered) - 1}], "RGB")
    frames = np.empty(ordered.shape[:3], dtype=np.uint8)
    for frame, colours in zip(frames, ordered, strict=True):
        frame[:] = label.to_grey(np.asarray(colours))
    return Decoded(frames, fps, notes=label.notes)
