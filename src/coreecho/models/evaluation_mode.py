"""A network in evaluation mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Evaluate meanwhile, then give each module its own mode back: in stage 2 only the head trains.

    Of a network that evaluates already nothing is written, so that several threads may share one.
    """
    was_training = [module for module in network.modules() if module.training]
    if was_training:
        network.eval()
    try:
        yield
    finally:
        for module in was_training:
            module.training = True
