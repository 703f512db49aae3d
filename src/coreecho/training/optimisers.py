"""Optimisers by name: classes of PyTorch's kind, made with the recipe's settings."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from coreecho.errors import RecipeError
from coreecho.training.parts import OPTIMISERS

if TYPE_CHECKING:
    from coreecho.training.recipe import Recipe


def optimiser_class(name: str) -> type[torch.optim.Optimizer]:
    """Find an optimiser.

    Raises:
        RecipeError: the name is unknown, or what it stands for is no optimiser.
    """
    found = OPTIMISERS.get(name)
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
        raise RecipeError(f"optimizer is {name!r}, expected a class derived from torch.optim.Optimizer.")
    closure = inspect.signature(found.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise RecipeError(
            f"optimizer is {name!r}, which computes the loss several times in a step, expected one that takes its "
            "gradient once, such as adamw or sgd."
        )
    return found


def build_optimiser(recipe: "Recipe", parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Make the recipe's optimiser: it is given the rate, and of weight decay and momentum what it knows."""
    kind = optimiser_class(recipe.optimizer)
    known = inspect.signature(kind).parameters
    settings = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "momentum": recipe.momentum}
    taken: dict[str, Any] = {name: value for name, value in settings.items() if name in known}
    return kind(parameters, **taken)
