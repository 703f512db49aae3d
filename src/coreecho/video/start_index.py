"""Reads the authors' file of fixed test starts without running anything that is in it.

The file is a pickle of `{"<name>.avi": int64 array of 3}`. A pickle may name any function of the machine to be called,
so this unpickler knows none: the names with which NumPy writes arrays lead to small recorders below, every other name
is refused, and the arrays are put together from what the recorders hold.
"""

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from coreecho.documents import Limits, parse_entries
from coreecho.errors import DatasetError

# The authors' file has 1,277 names and is under 1 MB; far beyond that it is something else.
_MAX_BYTES = 16 * 1024**2
_LIMITS = Limits(max_bytes=_MAX_BYTES)
# Its pickle takes about 40 steps a name. Each step makes at most some hundred bytes.
_MAX_STEPS = 500_000


def read_start_index(path: str | Path) -> dict[str, NDArray[np.int64]]:
    """Read which starts each test video is to be evaluated at.

    Args:
        path: the authors' pickle, or a JSON file `{"<name>.avi": [3, 10, 25]}`; told apart by content.

    Returns:
        For each name, as it is written in the file, its starts: (k,) int64.

    Raises:
        DatasetError: the file is missing, is neither form, asks for anything but numbers in arrays, or holds starts
            that are negative or not whole numbers.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DatasetError(f"{path}: too large for a start-index file ({path.stat().st_size} bytes).")
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}). Give the start-index file's path.") from error
    table = _load_json(content, path) if content.lstrip()[:1] == b"{" else _load_pickle(content, path)
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table):
        raise DatasetError(f"{path}: expected a dictionary from video names to starts; got {type(table).__name__}.")
    return {name: _starts(name, value, path) for name, value in table.items()}


def _load_json(content: bytes, path: Path) -> Any:
    try:
        return parse_entries(content, dict[str, Any], kind="start-index file", error=DatasetError, limits=_LIMITS)
    except DatasetError as error:
        raise DatasetError(f"{path}: begins like JSON but is not as expected. {error}") from error


def _load_pickle(content: bytes, path: Path) -> Any:
    try:
        _refuse_bomb(content)
        return _ArrayUnpickler(content).load()
    except _RefusedError as error:
        raise DatasetError(
            f"{path}: refused, nothing was run: this pickle asks for {error}, and a start-index file holds only "
            "names and NumPy arrays of whole numbers."
        ) from error
    # A damaged or hostile pickle can end in nearly any exception of the pickle machine.
    except Exception as error:
        raise DatasetError(
            f"{path}: not a start-index file. Expected a pickle or a JSON file of {{name: starts}} ({error})."
        ) from error


def _refuse_bomb(content: bytes) -> None:
    """Walk a pickle's steps without taking them: nine bytes may ask for the memory of a billion numbered objects.

    Raises:
        ValueError: a step is unknown or cut off, an object's number is beyond any of this file, or there are too many
            steps.
    """
    for number, (operation, argument, _) in enumerate(pickletools.genops(content)):
        if number >= _MAX_STEPS:
            raise ValueError("it takes more steps than any start-index file")
        if operation.name in _NUMBERED and not 0 <= int(str(argument)) <= _MAX_STEPS:
            raise ValueError("it numbers more objects than it can hold")


class _RefusedError(Exception):
    """Names what a pickle asked for and does not get."""


class _Recorder:
    """Stands for an array or a dtype while the pickle is read; keeps what it is told and does nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Reconstruct(_Recorder):
    """Written by NumPy up to protocol 4: state (version, shape, dtype, is_fortran, data)."""


class _FromBuffer(_Recorder):
    """Written by NumPy at protocol 5: arguments (data, dtype, shape, order)."""


class _Scalar(_Recorder):
    """A NumPy number: arguments (dtype, data)."""


class _DType(_Recorder):
    """Arguments (code, align, copy), state (version, byte order, ...)."""


class _Encode(_Recorder):
    """How protocols 0 to 2 write bytes: arguments (text, "latin1")."""


class _NDArray(_Recorder):
    """The class `numpy.ndarray`, which is only ever named."""


# Steps that file an object under a number, for which the machine makes room up to twice that number.
_NUMBERED = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})

_KNOWN_NAMES: dict[tuple[str, str], type[_Recorder]] = {
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _NDArray,
    ("_codecs", "encode"): _Encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _FromBuffer for core in ("core", "_core")},
}


class _ArrayUnpickler(pickle.Unpickler):
    def __init__(self, content: bytes) -> None:
        # latin1: what Python 2 wrote as bytes arrives as text that is turned back into the same bytes.
        super().__init__(io.BytesIO(content), encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN_NAMES[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _RefusedError("a persistent object")


def _starts(name: str, value: Any, path: Path) -> NDArray[np.int64]:
    """Turn one value of the file into checked starts."""
    try:
        numbers = _rebuild(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DatasetError(f"{path}: the starts of {name!r} are not an array of whole numbers ({error}).") from error
    if numbers.ndim > 1 or numbers.size == 0 or numbers.dtype.kind not in "iu":
        raise DatasetError(
            f"{path}: the starts of {name!r} must be a list of whole numbers; "
            f"got shape {numbers.shape} of {numbers.dtype}."
        )
    if numbers.min() < 0 or numbers.max() > np.iinfo(np.int64).max:
        raise DatasetError(f"{path}: the starts of {name!r} must be at least 0; got {numbers.min()}.")
    return numbers.reshape(-1).astype(np.int64)


def _rebuild(value: Any) -> NDArray[Any]:
    """Put an array together from plain Python values and recorders."""
    match value:
        case _Reconstruct(state=(_, tuple() as shape, _DType() as dtype, _, data)):
            return np.frombuffer(_rebuild_bytes(data), dtype=_rebuild_dtype(dtype)).reshape(shape)
        case _FromBuffer(arguments=(data, _DType() as dtype, tuple() as shape, *_)):
            return np.frombuffer(_rebuild_bytes(data), dtype=_rebuild_dtype(dtype)).reshape(shape)
        case _Scalar(arguments=(_DType() as dtype, data)):
            return np.frombuffer(_rebuild_bytes(data), dtype=_rebuild_dtype(dtype), count=1)
        case list() | tuple():
            numbers = [item if type(item) is int else int(_rebuild(item).item()) for item in value]
            return np.array(numbers, dtype=np.int64)
        case int() if type(value) is int:
            return np.array([value], dtype=np.int64)
    raise TypeError(f"got {type(value).__name__.lstrip('_')}")


def _rebuild_bytes(data: Any) -> bytes:
    match data:
        case bytes() | bytearray():
            return bytes(data)
        case _Encode(arguments=(str() as text, "latin1")) | (str() as text):
            return text.encode("latin1")
    raise TypeError(f"array data is {type(data).__name__}")


def _rebuild_dtype(dtype: _DType) -> np.dtype[Any]:
    code = dtype.arguments[0] if dtype.arguments else None
    if code not in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
        raise ValueError(f"numbers of kind {code!r}")
    byte_order = dtype.state[1] if isinstance(dtype.state, tuple) else "|"
    if byte_order not in ("<", ">", "|", "="):
        raise ValueError(f"byte order {byte_order!r}")
    return np.dtype(f"{byte_order}{code}")
