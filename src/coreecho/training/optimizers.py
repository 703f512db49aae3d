"""Optimisers by name."""

from collections.abc import Sequence

import torch
from torch import nn

from coreecho.training.madgrad import MADGRAD
from coreecho.training.recipe import Recipe


def build_optimizer(recipe: Recipe, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Make the recipe's optimiser: AdamW (CoReEcho), SGD (EchoNet-Dynamic) or MADGRAD (its HMC-QU experiment)."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay)
    return MADGRAD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay)
