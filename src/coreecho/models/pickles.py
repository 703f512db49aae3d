"""Checkpoints of PyTorch, which are pickles, read without running anything that is in them.

A pickle is a program for a small machine. PyTorch's own, with `weights_only=True`, admits tensors and plain values and
refuses everything else unexecuted. How it refuses is not for users: it advises to switch that off.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coreecho.names import readable

# `best_error` and the like may be NumPy scalars. These make one out of its bytes, and nothing else.
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS_NUMPY: list[Any] = [
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
    (_NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float32)),
    type(np.dtype(np.float64)),
    type(np.dtype(np.int64)),
]
_MAX_LETTERS = 200


def read_pickle(path: Path) -> Any:
    """Read tensors and plain values.

    Args:
        path: of a checkpoint.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is refused or damaged; the message goes on from the file's name and a colon.
    """
    try:
        with torch.serialization.safe_globals(_HARMLESS_NUMPY):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except pickle.UnpicklingError as error:
        if foreign := re.search(r"GLOBAL (\S+)", str(error)):
            raise ValueError(
                f"refused, since it asks for {_short(foreign[1])}, which is neither weights nor a plain value. "
                "Nothing in it was run."
            ) from error
        raise ValueError("damaged, truncated or no PyTorch checkpoint: it holds other things than weights.") from error
    # Other bytes make that machine stumble in any way it can.
    except Exception as error:
        # Some words of PyTorch's own; what follows them is for programmers.
        first = str(error).splitlines()[0].split(". ")[0] if str(error) else "it ends too early"
        reason = f"{type(error).__name__}: {_short(first)}" if isinstance(error, LookupError) else _short(first)
        raise ValueError(f"damaged, truncated or no PyTorch checkpoint ({reason}).") from error


def _short(text: str) -> str:
    """Words that may come from the file, so that they are shown and do nothing."""
    return readable(text if len(text) <= _MAX_LETTERS else f"{text[:_MAX_LETTERS]} ...")
