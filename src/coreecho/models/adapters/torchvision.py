"""The networks of torchvision as encoders, where torchvision is installed: those for videos, and those for pictures.

`--encoder coreecho.models.adapters.torchvision:swin3d_t` is `torchvision.models.get_model("swin3d_t")`, untrained; a
checkpoint that torchvision has published is given by `--init`.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from torch import nn

from coreecho.errors import RecipeError
from coreecho.models.adapters.module_encoder import Axes, ModuleEncoder, without_classifier

# What the names of networks begin with, and their submodules that show where things are.
_LEVELS: dict[str, tuple[tuple[str, ...], Axes]] = {
    "swin3d": (("features.0", "features.2", "features.4", "features.6"), "BTHWC"),
    "s3d": (("features",), "BCTHW"),
}
_OF_RESNETS = ("layer1", "layer2", "layer3", "layer4")


def torchvision_encoder(network: str) -> ModuleEncoder:
    """Make an untrained network of torchvision, without its classifier.

    Args:
        network: as `torchvision.models.list_models()` names it.

    Raises:
        RecipeError: torchvision is not installed, or has no such network.
    """
    try:
        models: Any = import_module("torchvision.models")
    except ImportError as error:
        raise RecipeError(
            f"The encoder {network} is torchvision's, which is not installed: `pip install torchvision`."
        ) from error
    if network not in models.list_models():
        raise RecipeError(f"torchvision has no network {network!r}; `torchvision.models.list_models()` lists them.")
    is_for_videos = network in models.list_models(module=import_module("torchvision.models.video"))
    backbone: nn.Module = models.get_model(network, weights=None)
    classifier = without_classifier(backbone)
    levels, axes = _levels(network, backbone, is_for_videos=is_for_videos)
    return ModuleEncoder(
        backbone,
        levels=levels,
        axes=axes,
        sees_frames=not is_for_videos,
        classifier=() if classifier is None else (f"{classifier}.",),
    )


def _levels(network: str, backbone: nn.Module, *, is_for_videos: bool) -> tuple[tuple[str, ...], Axes]:
    for start, levels in _LEVELS.items():
        if network.startswith(start) and is_for_videos:
            return levels
    is_residual = all(hasattr(backbone, layer) for layer in _OF_RESNETS)
    return _OF_RESNETS if is_residual else (), "BCTHW" if is_for_videos else "BCHW"


def __getattr__(name: str) -> Callable[[], ModuleEncoder]:
    """Each network under its own name, so that an import path tells which one is meant."""
    if name.startswith("_"):
        raise AttributeError(name)
    return partial(torchvision_encoder, name)
