"""Encoders, heads and segmentation networks made by their names (see `parts.py`), or by any import path.

A name stands for a class of networks, or for a function that is annotated to return one. Nothing else is called: names
and settings also come out of files of weights and recipes, and a file must not be able to call whatever it likes.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from coreecho.errors import RecipeError
from coreecho.models.encoder import Encoder
from coreecho.models.parts import ENCODERS, HEADS, SEGMENTERS
from coreecho.models.segmentation_network import SegmentationNetwork

_WRAP = " Any other network is wrapped by coreecho.models.adapters.ModuleEncoder."


def encoder_class(name: str) -> type[Encoder]:
    """The class of what a name stands for, without making one. Raises RecipeError: it stands for no encoder."""
    return _class_of(ENCODERS.get(name), Encoder, f"encoder {name!r}", _WRAP)


def encoders_of(kind: type[Encoder]) -> list[str]:
    """Names of this package's encoders that are of a class."""
    return [name for name in ENCODERS.names() if ENCODERS.ships(name) and issubclass(encoder_class(name), kind)]


def check_head(name: str) -> None:
    """See that a name stands for a network, without making one. Raises RecipeError."""
    _checked(HEADS.get(name), nn.Module, f"head {name!r}")


def fault_of_head(name: str, encoder: str, *, must_learn: bool) -> str | None:
    """Say so where a head that only takes out what an encoder reads itself stands on another, or has to learn.

    Args:
        name: of the head.
        encoder: name of the encoder.
        must_learn: a part of the training is of the head alone.
    """
    if getattr(HEADS.get(name), "learns", True):
        return None
    if encoder_class(encoder).own_head != name:
        return f"head is {name}, which takes out what an encoder reads itself, and {encoder} reads nothing"
    if must_learn:
        return f"head is {name}, in which there is nothing to learn, expected stage2 false and trained all"
    return None


def build_encoder(name: str, /, *, dropout: float | None = None, **settings: Any) -> Encoder:
    """Make an untrained encoder.

    Args:
        name: one of `ENCODERS`, or the import path of a class or a function.
        dropout: instead of its own; an encoder that knows of none is left alone.
        settings: of the encoder; plain values, so that they can be kept with its weights.

    Raises:
        RecipeError: the name is unknown or stands for no encoder, or the settings are not the encoder's.
    """
    make = _checked(ENCODERS.get(name), Encoder, f"encoder {name!r}", _WRAP)
    if dropout is not None and "dropout" in _parameters(make):
        settings = {"dropout": dropout} | settings
    encoder: Encoder = _call(make, f"encoder {name!r}", **settings)
    encoder.built_from = (name, _as_json(f"encoder {name!r}", settings))
    return encoder


def build_head(name: str, embedding_dim: int, *, dropout: float, last_bias: float) -> nn.Module:
    """Make an untrained head.

    Args:
        name: one of `HEADS`, such as `mlp` (CoReEcho) or `linear` (EchoCoTr, EchoNet-Dynamic), or an import path.
        embedding_dim: D.
        dropout: inside the MLP; a linear head has none.
        last_bias: where predictions start.

    Raises:
        RecipeError: the name is unknown, or stands for no network.
    """
    make = _checked(HEADS.get(name), nn.Module, f"head {name!r}")
    offered = {"dropout": dropout, "last_bias": last_bias}
    taken = {key: value for key, value in offered.items() if key in _parameters(make)}
    head: nn.Module = _call(make, f"head {name!r}", embedding_dim, **taken)
    return head


def build_segmentation_network(name: str, /, **settings: Any) -> SegmentationNetwork:
    """Make an untrained network that outlines the left ventricle.

    Args:
        name: one of `SEGMENTERS`, such as `lv_unet` or `deeplab`, or an import path.
        settings: of the network; plain values, so that they can be kept with its weights.

    Raises:
        RecipeError: the name is unknown or stands for no such network, or the settings are not the network's.
    """
    what = f"segmentation network {name!r}"
    network: SegmentationNetwork = _call(_checked(SEGMENTERS.get(name), SegmentationNetwork, what), what, **settings)
    network.built_from = (name, _as_json(what, settings))
    return network


def segmentation_network_class(name: str) -> type[SegmentationNetwork]:
    """The class of what a name stands for, without making one. Raises RecipeError: it stands for no such network."""
    return _class_of(SEGMENTERS.get(name), SegmentationNetwork, f"segmentation network {name!r}")


def _checked(make: Any, kind: type[nn.Module], what: str, hint: str = "") -> Callable[..., Any]:
    """See, before it is called, that something makes networks of a kind."""
    _class_of(make, kind, what, hint)
    checked: Callable[..., Any] = make
    return checked


def _class_of(make: Any, kind: type[nn.Module], what: str, hint: str = "") -> type[Any]:
    """The class of the networks that something makes, which is not called."""
    called = make.func if isinstance(make, partial) else make
    made: Any = called
    if not isinstance(called, type):
        try:
            made = inspect.signature(called, eval_str=True).return_annotation
        except (TypeError, ValueError, NameError):
            made = None
    if not (isinstance(made, type) and issubclass(made, kind)):
        raise RecipeError(
            f"The {what} is {called!r:.80}, expected a class that derives from {kind.__module__}.{kind.__name__}, or a "
            f"function that is annotated to return one.{hint}"
        )
    return made


def _call(make: Callable[..., Any], what: str, *arguments: Any, **settings: Any) -> Any:
    try:
        return make(*arguments, **settings)
    except (TypeError, ValueError) as error:
        told = ", ".join(f"{key}={value!r}" for key, value in settings.items()) or "no settings"
        raise RecipeError(f"The {what} cannot be made from {told}: {error}.") from error


def _parameters(make: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """What a class or a function is told by name; nothing where Python cannot say."""
    try:
        return inspect.signature(make).parameters
    except (TypeError, ValueError):
        return {}


def _as_json(what: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as a file gives them back."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(settings, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"The settings of the {what} cannot be kept with its weights: {error}. Give numbers, texts, and "
            "lists or dictionaries of them."
        ) from error
    return plain
