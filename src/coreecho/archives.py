"""Arrays of our own on disk: NPZ files, read back only if they are whole and hold what they should."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of all arrays of a file, unpacked: far more than embeddings of every clip of any data set take.
_MAX_BYTES = 2 * 1024**3


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read an NPZ file; nothing in it is run, and no more memory is taken than its length accounts for.

    Args:
        path: the file.
        names: of the arrays that are needed; all that there are when not given.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, holds other things than arrays of numbers and texts, unpacks to more than two
            gigabytes, or lacks one of the arrays.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked <= _MAX_BYTES:
                file.seek(0)
                with np.load(file, allow_pickle=False) as arrays:
                    return {name: np.asarray(arrays[name]) for name in (arrays.files if names is None else names)}
        except KeyError as error:
            raise ValueError(f"it lacks an array: {error}") from error
        # A ZIP is unpacked and an array's head, which is an expression of Python, is read by libraries that end in
        # nearly any exception where it is damaged.
        except Exception as error:
            raise ValueError(f"it is damaged: {type(error).__name__}: {error}") from error
    raise ValueError(f"it unpacks to {unpacked / 1e9:.1f} GB, more than any of these files")
