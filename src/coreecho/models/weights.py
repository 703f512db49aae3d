"""Weights on disk: one safetensors file with its card inside, written whole or not at all.

Safetensors hold numbers and text and cannot run code. Published checkpoints, which are pickles, come in by
`import_weights` and are kept as safetensors from then on.

Weights may be stored in half the bytes, as float16 (or bfloat16, where others wrote them so): a number of these is one
of float32, too, so that reading widens them exactly, and networks compute in float32 whatever the file holds.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn

from coreecho.errors import CheckpointError, RecipeError
from coreecho.files import sha256_of, write_whole
from coreecho.models.building import build_model
from coreecho.models.card import SEGMENTER, WeightsCard, kind_of_card
from coreecho.models.echo_model import EchoModel
from coreecho.models.encoder import Encoder
from coreecho.models.fitting import check_finite, misfits, shapes_of
from coreecho.models.published_weights import ImportedWeights, import_weights, is_safetensors
from coreecho.models.undrawn import undrawn, without_memory
from coreecho.shipped import ShippedKind, is_default, meant_default, resolve

__all__ = [
    "ImportedWeights",
    "describe_weights",
    "hash_weights",
    "import_weights",
    "initialise_encoder",
    "load_model",
    "read_weights",
    "save_state",
    "save_weights",
    "weights_file",
]

_CARD = "coreecho_card"
# Of a run folder, the file that holds its best weights.
_BEST = "best.safetensors"
_NARROW = (torch.float16, torch.bfloat16)


def save_weights(path: Path | str, module: nn.Module, card: WeightsCard) -> None:
    """Write a module's weights with their card; an older file stays as it was until the new one is complete.

    Args:
        path: a `.safetensors` file in an existing folder.
        module: an `EchoModel` for a card with a head, an encoder for one of kind `encoder`.
        card: what the weights are.

    Raises:
        CheckpointError: the file cannot be written, such as on a full disk.
    """
    save_state(path, module.state_dict(), card)


class Card(Protocol):
    """What is written into a file of weights, of any kind."""

    def to_json(self) -> str:
        """One JSON object, with the `kind` of the weights in it."""


def save_state(
    path: Path | str,
    state: Mapping[str, Tensor],
    card: Card,
    *,
    storage: Literal["float32", "float16"] = "float32",
) -> None:
    """Write a state dict with its card; as `save_weights`.

    Args:
        path: a `.safetensors` file in an existing folder.
        state: of a network.
        card: what the weights are.
        storage: `float16` rounds each number to 11 significant bits, about three digits, and halves the file.

    Raises:
        CheckpointError: the file cannot be written, or a number is beyond what float16 holds.
    """
    on_cpu = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    if storage == "float16":
        on_cpu = {name: value.half() if value.is_floating_point() else value for name, value in on_cpu.items()}
        check_finite(on_cpu, f"{path}: as float16")
    # Of several entries safetensors writes the metadata in an order that changes from call to call; equal weights shall
    # be equal files.
    content = safetensors_bytes(on_cpu, metadata={_CARD: card.to_json()})
    try:
        write_whole(Path(path), content)
    except OSError as error:
        raise CheckpointError(
            f"{path}: the weights ({len(content) / 1e6:.0f} MB) could not be written: {error.strerror or error}. "
            f"A file of that name, if there was one, is as it was. Make room or choose another folder."
        ) from error


def read_weights(path: Path | str) -> tuple[dict[str, Tensor], WeightsCard]:
    """Read the weights and the card of a safetensors file that `save_weights` or `coreecho import-weights` wrote.

    Raises:
        CheckpointError: no such file, damaged, not safetensors, without a card, or what outlines the left ventricle.
    """
    path = Path(path)
    state, text = read_state(path)
    if kind_of_card(text) == SEGMENTER:
        raise CheckpointError(
            f"{path}: holds a network that outlines the left ventricle and reads no number. It is for "
            "`coreecho segment ... --model`; give a model, or an encoder, here."
        )
    try:
        return state, WeightsCard.from_json(text)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_state(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read the weights of a safetensors file of any kind, and the text of its card.

    Raises:
        CheckpointError: no such file, damaged, not safetensors, or without a card.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file.")
    if not is_safetensors(path):
        raise CheckpointError(
            f"{path}: not a safetensors file. A published PyTorch checkpoint is read by "
            f"`coreecho import-weights {path} OUT.safetensors`."
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: _widened(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: the file is damaged or truncated; get it again. ({error})") from error
    if _CARD not in metadata:
        raise CheckpointError(f"{path}: these safetensors have no coreecho card, so what they are is not known.")
    return state, metadata[_CARD]


def load_model(path: Path | str, device: str | torch.device = "cpu") -> EchoModel:
    """Load a trained model, ready to predict.

    Args:
        path: a run folder, of which the best weights are taken, a safetensors file, or `default` for the model that
            ships with the package.
        device: where to put it.

    Returns:
        The model in evaluation mode; its attribute `card` says where it comes from.

    Raises:
        CheckpointError: nothing there, damaged, an encoder without a head, or the weights do not fit.

    Example:
        >>> model = load_model("runs/demo")  # doctest: +SKIP
    """
    if not isinstance(path, str | os.PathLike):
        raise CheckpointError(
            f"Expected the path of a run or of weights, or `default`, the model that ships; got {path!r}."
        )
    path = weights_file(Path(path))
    state, card = read_weights(path)
    with without_memory():
        blank = _model_of(card, path)
    # Before memory is taken for what a card asks for.
    faults = misfits(state, shapes_of(blank.state_dict()))
    if faults:
        raise CheckpointError(
            f"{path}: it does not fit {card.encoder}, the encoder on its card: " + "; ".join(faults) + "."
        )
    check_finite(state, str(path))
    with undrawn():
        model = _model_of(card, path)
    model.load_state_dict(state)
    model.card = card
    return model.eval().to(device)


def describe_weights(path: Path | str) -> WeightsCard:
    """Say what a file of weights holds, without building a model.

    Args:
        path: a run folder, a safetensors file of this project, or a published checkpoint.

    Raises:
        CheckpointError: nothing there, or it cannot be read.
    """
    return _read_any(weights_file(Path(path)))[1]


def hash_weights(path: Path | str) -> str:
    """SHA-256 of the file that is meant by a path, which tells whether two runs start from the same weights.

    Args:
        path: a run folder, a safetensors file of this project, or a published checkpoint.

    Raises:
        CheckpointError: nothing there, or it cannot be read.
    """
    file = weights_file(Path(path))
    try:
        return sha256_of(file)
    except OSError as error:
        raise CheckpointError(f"{file}: the weights cannot be read: {error.strerror or error}.") from error


def initialise_encoder(model: EchoModel, path: Path | str) -> str:
    """Start a model's encoder from given weights; its head is left as it is.

    Args:
        model: the model, changed in place.
        path: a run folder, a safetensors file of this project, a published checkpoint, or `default` for the model that
            ships with the package.

    Returns:
        One line for the log: what was loaded, what was skipped.

    Raises:
        CheckpointError: the weights cannot be read or do not fit. The model is then as it was.
    """
    named = "the model that ships with coreecho" if is_default(path) else str(path)
    path = weights_file(Path(path))
    state, card, skipped = _read_any(path, model.encoder)
    if card.has_head:
        encoder = {name.removeprefix("encoder."): value for name, value in state.items() if name.startswith("encoder.")}
        skipped += len(state) - len(encoder)
        state = encoder
    faults = misfits(state, shapes_of(model.encoder.state_dict()))
    if faults:
        raise CheckpointError(
            f"{path}: the encoder {card.encoder} was found and {model.encoder.name} asked for. "
            + "; ".join(faults)
            + "."
            + (_fix_of_default(card) if is_default(path) else "")
        )
    check_finite(state, str(path))
    model.encoder.load_state_dict(state)
    return (
        f"The encoder alone starts from {named} ({card.source}): {len(state)} entries loaded, {skipped} skipped (heads "
        "that the encoder does not have), none missing. The head is new and untrained: it learns from these recordings."
    )


def _model_of(card: WeightsCard, path: Path) -> EchoModel:
    """The untrained model that a card describes. Raises CheckpointError: it cannot be made here."""
    if card.task is None or card.head is None or card.model_input is None:
        raise CheckpointError(
            f"{path}: holds an encoder without a head ({card.source}), which cannot predict. "
            f"Train one from it by `coreecho train ... --init {path}`."
        )
    try:
        return build_model(
            card.encoder,
            card.model_input,
            last_bias=0.0,
            head=card.head,
            task=card.task,
            encoder_settings=card.encoder_settings,
        )
    except RecipeError as error:
        raise CheckpointError(f"{path}: the model on its card cannot be made here. {error}") from error


def _read_any(path: Path, encoder: Encoder | None = None) -> tuple[dict[str, Tensor], WeightsCard, int]:
    """Entries, card, and how many entries were left out: of our own file or a published one. Raises CheckpointError."""
    if path.is_file() and not is_safetensors(path):
        imported = import_weights(path, encoder=encoder)
        return dict(imported.state), imported.card, len(imported.skipped)
    return *read_weights(path), 0


def _fix_of_default(card: WeightsCard) -> str:
    recipe = "" if card.trained_on is None else f", or take its recipe: `coreecho train {card.trained_on.recipe}`"
    return f" To start from the model that ships, give `--encoder {card.encoder}`{recipe}."


def _widened(value: Tensor) -> Tensor:
    return value.float() if value.dtype in _NARROW else value


def weights_file(path: Path, kind: ShippedKind = "ef") -> Path:
    """Find the file that is meant by a path, or by the name of the model that ships, of which there is one a kind.

    Raises:
        CheckpointError: a folder without weights, or this build ships none.
    """
    path = resolve(path, kind)
    if not path.exists():
        raise CheckpointError(
            f"{path}: there is no such file or folder."
            + (meant_default(path) or " Give the folder of a run, a `.safetensors` file, or `default`, which ships.")
        )
    if path.is_dir():
        if not (path / _BEST).is_file():
            raise CheckpointError(
                f"{path}: the folder holds no {_BEST}; it is no run, or the run has not finished an epoch."
            )
        return path / _BEST
    return path
