"""Networks whose values come from elsewhere: for most of them, drawing initial ones takes longer than loading."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

# By these PyTorch's layers draw their initial values; its other initialisers end in one of the first two. The last is
# asked before what it ends in, and answered without it.
_DRAWS = (Tensor.uniform_, Tensor.normal_, init.uniform_, init.normal_, init.kaiming_uniform_)


class _Undrawn(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        # A generator of its own: what a network draws from it may be meant to be the same each time.
        if func in _DRAWS and given.get("generator") is None:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


@contextmanager
def undrawn() -> Iterator[None]:
    """Make networks in memory as it is found, in this thread: all values of theirs have to be loaded afterwards.

    The global random state stays as it is.
    """
    with _Undrawn():
        yield


@contextmanager
def without_memory() -> Iterator[None]:
    """Make networks for their shapes alone, in this thread: on the device `meta`."""
    with torch.device("meta"), _Undrawn():
        yield
