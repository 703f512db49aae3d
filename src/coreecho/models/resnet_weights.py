"""Recognises the published checkpoints of video ResNets, and says exactly what was taken from them.

    publication                                layout of the file                           its last layer, `fc`
    torchvision, Kinetics (Tran et al. 2018)   a bare state dict                            400 classes
    EchoNet-Dynamic (Ouyang et al. 2020)       {"state_dict": names with the prefix         EF in percent
                                               `module.`, "epoch", "opt_dict", ...}

What comes in here has been read already, by `published_weights`, which admits tensors and plain values only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from coreecho.errors import CheckpointError
from coreecho.models.fitting import Shapes, check_finite, misfits, shapes_of
from coreecho.models.video_resnet import RESNETS, VideoResNet

_COUNTER = ".num_batches_tracked"
# The two entries that every video ResNet has and no other known network does.
_MARKS = ("stem.0.weight", "layer4.0.downsample.0.weight")


@dataclass(frozen=True)
class _Publication:
    """Who published a checkpoint, and under which licence."""

    source: str
    licence: str


_ECHONET = _Publication("EchoNet-Dynamic (Ouyang et al. 2020)", "all rights reserved (of the authors' repository)")
_TORCHVISION = _Publication(
    "torchvision, Kinetics-400 (Tran et al. 2018)", "BSD-3-Clause (of the repository of torchvision)"
)
_UNKNOWN = _Publication("a video ResNet of unknown origin", "unknown")
# By whether the state dict lies in a training state, and the outputs of `fc`.
_PUBLICATIONS = {(True, 1): _ECHONET, (False, 400): _TORCHVISION}


@dataclass(frozen=True, kw_only=True)
class ResNetWeights:
    """What was read from the checkpoint of a video ResNet.

    Attributes:
        name: which network, a key of `RESNETS`.
        encoder: entries under the names of `VideoResNet`.
        fc: the last layer, `weight` (O, D) and `bias` (O,); empty where the file has none.
        loaded: names in the file that became the encoder, in the file's order and without the prefix.
        skipped: names in the file that the encoder has no counterpart of: those of `fc`.
        reads_ef: `fc` gives EF in percent, since the file is EchoNet-Dynamic's.
        source: the publication.
        licence: of the publication's repository.
    """

    name: str
    encoder: dict[str, Tensor]
    fc: dict[str, Tensor]
    reads_ef: bool
    loaded: tuple[str, ...]
    skipped: tuple[str, ...]
    source: str
    licence: str


def recognise_resnet(content: Any, source: str) -> ResNetWeights | None:
    """Take the encoder out of what a published checkpoint holds.

    Args:
        content: of the file, as `torch.load(..., weights_only=True)` gave it.
        source: the file's name, for errors.

    Returns:
        None if this is no video ResNet.

    Raises:
        CheckpointError: it is one, but fits none of `RESNETS`, or holds values that are not finite.
    """
    if not isinstance(content, Mapping):
        return None
    is_training_state = isinstance(content.get("state_dict"), Mapping)
    state_at = "state_dict." if is_training_state else ""
    entries = content["state_dict"] if is_training_state else content
    state = {
        str(name).removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }
    if not all(mark in state for mark in _MARKS):
        return None
    fc = {name.removeprefix("fc."): value for name, value in state.items() if name.startswith("fc.")}
    encoder = {name: value for name, value in state.items() if not name.startswith("fc.")}
    name, complete = _fitted(encoder, source)
    _check_fc(fc, encoder, source)
    outputs = len(fc["bias"]) if fc else 0
    publication = _PUBLICATIONS.get((is_training_state, outputs), _UNKNOWN)
    return ResNetWeights(
        name=name,
        encoder=complete,
        fc=fc,
        loaded=tuple(state_at + entry for entry in encoder),
        skipped=tuple(f"{state_at}fc.{entry}" for entry in fc),
        reads_ef=publication is _ECHONET,
        source=publication.source,
        licence=publication.licence,
    )


def _fitted(encoder: dict[str, Tensor], source: str) -> tuple[str, dict[str, Tensor]]:
    """Find the network that an encoder's state dict fits, and complete it."""
    found = set(shapes_of(encoder).items())
    name = max(RESNETS, key=lambda name: len(found & set(_shapes(name).items())))
    expected = _shapes(name)
    # PyTorch before 0.4.1 counted no batches, and files that were written anew from such have none. The count matters
    # to a batch norm without momentum only, which these networks do not have.
    counters = {entry: torch.tensor(0) for entry in expected if entry.endswith(_COUNTER) and entry not in encoder}
    encoder = encoder | counters
    faults = misfits(encoder, expected)
    if faults:
        raise CheckpointError(f"{source}: it does not fit {name}, the closest video ResNet: " + "; ".join(faults) + ".")
    check_finite(encoder, source)
    return name, encoder


def _shapes(name: str) -> Shapes:
    with torch.device("meta"):
        return shapes_of(VideoResNet(RESNETS[name]).state_dict())


def _check_fc(fc: Mapping[str, Tensor], encoder: Mapping[str, Tensor], source: str) -> None:
    """Refuse a last layer that does not go with the encoder; none at all is well."""
    if not fc:
        return
    width = encoder["layer4.0.downsample.0.weight"].shape[0]
    outputs = len(fc["weight"]) if "weight" in fc and fc["weight"].ndim == 2 else 1
    faults = misfits(fc, {"weight": (outputs, width), "bias": (outputs,)})
    if faults:
        raise CheckpointError(f"{source}: its last layer `fc` does not fit the network: " + "; ".join(faults) + ".")
    check_finite({f"fc.{name}": value for name, value in fc.items()}, source)
