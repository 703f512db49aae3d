"""The networks of timm as encoders, where timm is installed. They are for pictures, and see each frame by itself.

`--encoder coreecho.models.adapters.timm:convnext_tiny` is `timm.create_model("convnext_tiny")`, untrained.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from torch import nn

from coreecho.errors import RecipeError
from coreecho.models.adapters.module_encoder import ModuleEncoder

# The submodules of residual networks that show where things are. Others of timm lay their grids out in several ways.
_LEVELS = ("layer1", "layer2", "layer3", "layer4")


def timm_encoder(network: str) -> ModuleEncoder:
    """Make an untrained network of timm, without its classifier.

    Args:
        network: as `timm.list_models()` names it.

    Raises:
        RecipeError: timm is not installed, or has no such network.
    """
    try:
        timm: Any = import_module("timm")
    except ImportError as error:
        raise RecipeError(f"The encoder {network} is timm's, which is not installed: `pip install timm`.") from error
    if not timm.is_model(network):
        raise RecipeError(f"timm has no network {network!r}; `timm.list_models()` lists them.")
    backbone: nn.Module = timm.create_model(network, pretrained=False, num_classes=0)
    levels = _LEVELS if all(hasattr(backbone, level) for level in _LEVELS) else ()
    return ModuleEncoder(backbone, levels=levels, axes="BCHW", sees_frames=True)


def __getattr__(name: str) -> Callable[[], ModuleEncoder]:
    """Each network under its own name, so that an import path tells which one is meant."""
    if name.startswith("_"):
        raise AttributeError(name)
    return partial(timm_encoder, name)
