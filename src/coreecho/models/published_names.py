"""Loads published checkpoints of networks whose parameters have the published names here, too.

    publication                                the state dict lies in      prefix of its names
    EchoNet-Dynamic, segmentation (2020)       "state_dict"                `module.`
    UVT (Reynaud et al. 2021)                  "state_dict"                `module.`
    EchoGraphs (Thomas et al. 2022)            "model_state_dict"          none

What comes in here has been read already, and as tensors and plain values only.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from coreecho.errors import CheckpointError
from coreecho.models.fitting import check_finite, misfits, shapes_of

_STATES = ("state_dict", "model_state_dict", "model")
_PREFIX = "module."
_COUNTER = ".num_batches_tracked"


def load_published(module: nn.Module, content: Any, source: str) -> tuple[str, ...]:
    """Fill a network with what a published checkpoint holds: all of it, or nothing.

    Args:
        module: the network.
        content: of the file, as `torch.load(..., weights_only=True)` gave it: a state dict, or what holds one.
        source: the file's name, for errors.

    Returns:
        Names in the file that were taken, in the file's order.

    Raises:
        CheckpointError: there is no state dict, it does not fit the network, or holds values that are not finite.
    """
    entries = _state_of(content, source)
    state = {name.removeprefix(_PREFIX): value for name, value in entries.items()}
    expected = shapes_of(module.state_dict())
    # PyTorch before 0.4.1 counted no batches. The count matters to a batch norm without momentum only.
    counters = {name: torch.tensor(0) for name in expected if name.endswith(_COUNTER) and name not in state}
    faults = misfits(state | counters, expected)
    if faults:
        raise CheckpointError(f"{source}: it does not fit {type(module).__name__}: " + "; ".join(faults) + ".")
    check_finite(state, source)
    module.load_state_dict(state | counters)
    return tuple(entries)


def _state_of(content: Any, source: str) -> dict[str, Tensor]:
    """The tensors of the state dict that a file is, or holds."""
    if isinstance(content, Mapping):
        held = next((content[key] for key in _STATES if isinstance(content.get(key), Mapping)), content)
        state = {str(name): value for name, value in held.items() if isinstance(value, Tensor)}
        if state:
            return state
    raise CheckpointError(
        f"{source}: holds no weights. Expected a state dict, or one under {', '.join(_STATES)}, as published "
        "checkpoints have it."
    )
