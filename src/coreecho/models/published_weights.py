"""Reads the checkpoints that others have published, safely, and says exactly what was taken from them.

    publication                            layout of the file                                 gives
    UniFormer, Kinetics (Li et al. 2022)   a bare state dict, with a `head` of 400 classes    encoder
    EchoCoTr (Muhtaseb & Yaqub 2022)       {"state_dict": encoder + `head` 512 -> 1, ...}     encoder, linear head
    CoReEcho (Maani et al. 2024)           {"model": as EchoCoTr, "regressor": head, ...}     encoder, regression head

Keys may carry the prefix `module.` of DataParallel. These files are pickles, and a pickle can run code: they are read
with `weights_only=True`, which admits tensors and plain values only and refuses everything else unexecuted.
"""

import hashlib
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import coreecho
from coreecho.errors import CheckpointError, RecipeError
from coreecho.models.card import WeightsCard
from coreecho.models.fitting import check_finite, closest_uniformer, encoder_shapes, misfits, shapes_of
from coreecho.models.head import HeadName, MLPHead
from coreecho.models.model_input import ModelInput
from coreecho.models.resnet_weights import ResNetWeights, recognise_resnet
from coreecho.tasks import EF

# `best_error` and the like may be NumPy scalars. These make one out of its bytes, and nothing else.
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS_NUMPY: list[Any] = [
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
    (_NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float32)),
    type(np.dtype(np.float64)),
    type(np.dtype(np.int64)),
]


@dataclass(frozen=True, kw_only=True)
class ImportedWeights:
    """What was read from a published checkpoint.

    Attributes:
        state: entries under the names of this project's model; of an `EchoModel` if the card's kind is `model`, of a
            `UniFormer` if it is `encoder`.
        card: encoder, source, licence.
        loaded: names in the file that were taken, in the file's order.
        skipped: names in the file that have no counterpart here: a classifier `head`.
        missing: entries of an `EchoModel` that the file does not hold; they start untrained.
    """

    state: dict[str, Tensor]
    card: WeightsCard
    loaded: tuple[str, ...]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """The parts of a checkpoint, and what is known of the publication."""

    source: str
    licence: str
    encoder: Mapping[str, Any]
    encoder_at: str
    head: Mapping[str, Any] | None = None
    head_at: str = ""
    # What it sees, where one output of the classifier is an EF.
    clips: ModelInput | None = None


def import_weights(file: Path | str, *, source: str | None = None, licence: str | None = None) -> ImportedWeights:
    """Read a published UniFormer, EchoCoTr, CoReEcho, torchvision or EchoNet-Dynamic checkpoint.

    Args:
        file: as published (`.pth`, `.pt`).
        source: for the card, instead of the publication's name.
        licence: for the card, instead of the licence of the publication's repository.

    Raises:
        CheckpointError: no such file, not a checkpoint, not safe to read, or it does not fit a UniFormer; the reason
            is in the message.
    """
    file = Path(file)
    content = _read_pickle(file)
    if (resnet := recognise_resnet(content, str(file))) is not None:
        return _import_resnet(resnet, file, source, licence)
    layout = _recognise(content, file)
    encoder, classifier = _split_classifier(_tensors(layout.encoder, file))
    name = closest_uniformer(encoder)
    expected = encoder_shapes(name)
    if not encoder.keys() & expected.keys():
        raise CheckpointError(f"{file}: no UniFormer; its first entries are {', '.join(list(encoder)[:4])}.")
    _check_fit(encoder, expected, f"{file}: it does not fit {name}, the closest encoder")
    head = _find_head(layout, classifier, encoder["norm.weight"].shape[0], file)
    state = _prefixed(encoder, "encoder.") | _prefixed(head.state, "head.") if head else encoder
    check_finite(state, str(file))
    card = WeightsCard(
        kind="model" if head else "encoder",
        reads=EF().to_mapping() if head else None,
        encoder=name,
        head=head.name if head else None,
        source=source or f"{layout.source}; imported from {file.name}",
        licence=licence or layout.licence,
        num_parameters=count_parameters(state),
        source_sha256=_sha256(file),
        # An encoder is given its input by a recipe.
        model_input=head.model_input if head else None,
        trained_on=None,
        coreecho_version=coreecho.__version__,
    )
    at_classifier = tuple(_prefixed(classifier, layout.encoder_at))
    return ImportedWeights(
        state=state,
        card=card,
        loaded=tuple(_prefixed(encoder, layout.encoder_at)) + (head.loaded if head else ()),
        skipped=tuple(entry for entry in at_classifier if head is None or entry not in head.loaded),
        missing=() if head else tuple(f"head.{entry}" for entry in _mlp_shapes(encoder["norm.weight"].shape[0])),
    )


@dataclass(frozen=True, kw_only=True)
class _Head:
    """A head that reads EF: its entries by the names of this project's, and what they were called in the file."""

    name: HeadName
    state: dict[str, Tensor]
    model_input: ModelInput
    loaded: tuple[str, ...]


def _find_head(layout: _Layout, classifier: Mapping[str, Tensor], embedding_dim: int, file: Path) -> _Head | None:
    """CoReEcho's regressor, or EchoCoTr's one output; a classifier of Kinetics is none."""
    if layout.head is not None:
        regressor = _tensors(layout.head, file)
        _check_fit(regressor, _mlp_shapes(embedding_dim), f"{file}: its `regressor` is not the head of CoReEcho")
        # CoReEcho's clips are this project's defaults.
        loaded = tuple(_prefixed(regressor, layout.head_at))
        return _Head(name="mlp", state=regressor, model_input=ModelInput(), loaded=loaded)
    shapes = {name: tuple(value.shape) for name, value in classifier.items()}
    if layout.clips is None or shapes != {"head.weight": (1, embedding_dim), "head.bias": (1,)}:
        return None
    return _Head(
        name="linear",
        state={name.replace("head.", "0."): value for name, value in classifier.items()},
        model_input=layout.clips,
        loaded=tuple(_prefixed(classifier, layout.encoder_at)),
    )


def _import_resnet(found: ResNetWeights, file: Path, source: str | None, licence: str | None) -> ImportedWeights:
    """A video ResNet; with its linear head where that reads an EF, as EchoNet-Dynamic's does."""
    head = {f"head.0.{name}": value for name, value in found.fc.items()} if found.reads_ef else {}
    state = _prefixed(found.encoder, "encoder.") | head if head else found.encoder
    card = WeightsCard(
        kind="model" if head else "encoder",
        reads=EF().to_mapping() if head else None,
        encoder=found.name,
        head="linear" if head else None,
        source=source or f"{found.source}; imported from {file.name}",
        licence=licence or found.licence,
        num_parameters=count_parameters(state),
        source_sha256=_sha256(file),
        # Ouyang et al. 2020: 32 frames at stride 2.
        model_input=ModelInput(num_frames=32, stride=2, padding="mean") if head else None,
        trained_on=None,
        coreecho_version=coreecho.__version__,
    )
    return ImportedWeights(
        state=state,
        card=card,
        loaded=found.loaded + (found.skipped if head else ()),
        skipped=() if head else found.skipped,
        missing=() if head else ("head.0.weight", "head.0.bias"),
    )


def count_parameters(state: Mapping[str, Tensor]) -> int:
    """Count the trainable numbers of a state dict, without the running statistics of its batch norms."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(value.numel() for name, value in state.items() if not name.endswith(statistics))


def is_safetensors(path: Path) -> bool:
    """Tell by content: first come eight bytes, the length of a JSON header, then the header's brace."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _read_pickle(file: Path) -> Any:
    """Read a checkpoint without running anything that is in it."""
    if not file.is_file():
        raise CheckpointError(f"{file}: there is no such file.")
    if is_safetensors(file):
        raise CheckpointError(f"{file}: a safetensors file, not a published PyTorch checkpoint; use it as it is.")
    try:
        with torch.serialization.safe_globals(_HARMLESS_NUMPY):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        foreign = re.search(r"GLOBAL (\S+)", str(error))
        if foreign:
            raise CheckpointError(
                f"{file}: refused, since it asks for {foreign[1]}, which is neither weights nor a plain value. "
                f"Nothing in it was run. Get the checkpoint from its authors."
            ) from error
        raise CheckpointError(f"{file}: not a PyTorch checkpoint. Expected a .pth or .pt file of weights.") from error
    except Exception as error:
        # A pickle is a program for a small machine. Other bytes make that machine stumble in any way it can.
        reason = str(error).splitlines()[0].split(". ")[0] if str(error) else "it ends too early"
        raise CheckpointError(
            f"{file}: damaged, truncated or no PyTorch checkpoint; get it again. ({reason})"
        ) from error


def _recognise(content: Any, file: Path) -> _Layout:
    """Tell the three publications apart by what lies where."""
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{file}: holds a {type(content).__name__}, expected a dictionary of weights.")
    if isinstance(content.get("model"), Mapping) and isinstance(content.get("regressor"), Mapping):
        return _Layout(
            source="CoReEcho (Maani et al. 2024)",
            licence="CC BY-NC 4.0 (of the authors' repository)",
            encoder=content["model"],
            encoder_at="model.",
            head=content["regressor"],
            head_at="regressor.",
        )
    if isinstance(content.get("state_dict"), Mapping):
        return _Layout(
            source="EchoCoTr (Muhtaseb and Yaqub 2022)",
            licence="MIT (of the authors' repository)",
            encoder=content["state_dict"],
            encoder_at="state_dict.",
            clips=_echocotr_input(content, file),
        )
    if all(isinstance(value, Tensor) for value in content.values()):
        return _Layout(
            source="UniFormer (Li et al. 2022)",
            licence="MIT (of the authors' repository)",
            encoder=content,
            encoder_at="",
        )
    raise CheckpointError(
        f"{file}: its entries are {', '.join(map(str, list(content)[:8]))}. Expected a bare UniFormer state dict, "
        f"EchoCoTr's `state_dict`, or CoReEcho's `model` and `regressor`."
    )


def _tensors(part: Mapping[str, Any], file: Path) -> dict[str, Tensor]:
    """Drop DataParallel's prefix, and bring half precision to single."""
    others = [str(name) for name, value in part.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(f"{file}: these entries are not tensors: {', '.join(others[:6])}.")
    return {
        str(name).removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in part.items()
    }


def _echocotr_input(content: Mapping[str, Any], file: Path) -> ModelInput:
    """EchoCoTr's clips: as its file says, or 36 frames of every 4th; short videos are padded with the mean grey.

    Its grey levels were normalised by the mean and spread of 128 random training videos, which the file does not keep;
    those of EchoNet-Dynamic's whole training split stand for them.
    """
    frames, period = content.get("frames", 36), content.get("period", 4)
    try:
        return ModelInput(num_frames=frames, stride=period, padding="mean")
    except RecipeError as error:
        raise CheckpointError(f"{file}: its `frames` and `period` are no clip. {error}") from error


def _split_classifier(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Part the encoder from `head`, which this project keeps apart."""
    classifier = {name: value for name, value in state.items() if name.startswith("head.")}
    return {name: value for name, value in state.items() if name not in classifier}, classifier


def _check_fit(state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], what: str) -> None:
    faults = misfits(state, expected)
    if faults:
        raise CheckpointError(f"{what}: " + "; ".join(faults) + ".")


def _mlp_shapes(embedding_dim: int) -> Mapping[str, tuple[int, ...]]:
    with torch.device("meta"):
        return shapes_of(MLPHead(embedding_dim).state_dict())


def _prefixed(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
