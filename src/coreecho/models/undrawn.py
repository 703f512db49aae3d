"""Networks whose values come from elsewhere: for most of them, drawing initial ones takes longer than loading."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode, handle_torch_function, has_torch_function_variadic


def draw(initialiser: Callable[..., Tensor], tensor: Tensor, **settings: Any) -> Tensor:
    """Fill a tensor by one of `torch.nn.init`'s functions, but where it is to be loaded.

    Linear layers, convolutions and embeddings as PyTorch makes them need no such care.
    """
    if has_torch_function_variadic(tensor):
        filled: Tensor = handle_torch_function(draw, (tensor,), initialiser, tensor, **settings)
        return filled
    return initialiser(tensor, **settings)


# What PyTorch's layers draw by, which it lets others answer as a whole. No method of a tensor is among them: they are
# also asked by those who draw until they like what they see.
_DRAWS = (draw, init.uniform_, init.normal_, init.kaiming_uniform_)


class _Undrawn(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        # A generator of its own: what a network draws from it may be meant to be the same each time.
        if func in _DRAWS and given.get("generator") is None:
            return args[1] if func is draw else given["tensor"]
        return func(*args, **given)


@contextmanager
def undrawn() -> Iterator[None]:
    """Make networks in memory as it is found, in this thread: all values of theirs have to be loaded afterwards."""
    with _Undrawn():
        yield


@contextmanager
def without_memory() -> Iterator[None]:
    """Make networks for their shapes alone, in this thread: on the device `meta`."""
    with torch.device("meta"), _Undrawn():
        yield
