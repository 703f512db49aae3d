"""Whether a state dict fits a model, and if not, in what."""

from collections.abc import Mapping

import torch
from torch import Tensor

from coreecho.errors import CheckpointError

_NAMED_AT_MOST = 6

Shapes = Mapping[str, tuple[int, ...]]


def shapes_of(state: Mapping[str, Tensor]) -> Shapes:
    """Name and shape of every entry."""
    return {name: tuple(value.shape) for name, value in state.items()}


def misfits(state: Mapping[str, Tensor], expected: Shapes) -> list[str]:
    """Say in what a state dict differs from what a model expects: one line each for missing, unexpected, misshapen."""
    found = shapes_of(state)
    misshapen = [
        f"{name} {found[name]} instead of {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    kinds = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": misshapen,
    }
    return [f"{len(names)} {kind}: {_some(names)}" for kind, names in kinds.items() if names]


def agreement(state: Mapping[str, Tensor], expected: Shapes) -> int:
    """How many entries a state dict has in common with what a model expects, less those that it lacks."""
    found, wanted = set(shapes_of(state).items()), set(expected.items())
    return len(found & wanted) - len(wanted - found)


def check_finite(state: Mapping[str, Tensor], source: str) -> None:
    """Refuse weights that are not numbers.

    Raises:
        CheckpointError: some are infinite or NaN.
    """
    bad = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    if bad:
        raise CheckpointError(f"{source}: {len(bad)} entries hold values that are not finite: {_some(bad)}.")


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
