"""Reads the checkpoints that others have published, safely, and says exactly what was taken from them.

    publication                                layout of the file                                gives
    UniFormer, Kinetics (Li et al. 2022)       a bare state dict, with a `head` of 400 classes   encoder
    torchvision, Kinetics (Tran et al. 2018)   a bare state dict, with an `fc` of 400 classes    encoder
    EchoNet-Dynamic (Ouyang et al. 2020)       {"state_dict": encoder + `fc` 512 -> 1, ...}      encoder, linear head
    EchoCoTr (Muhtaseb & Yaqub 2022)           {"state_dict": encoder + `head` 512 -> 1, ...}    encoder, linear head
    CoReEcho (Maani et al. 2024)               {"model": as EchoCoTr, "regressor": head, ...}    encoder, MLP head
    UVT (Reynaud et al. 2021)                  {"state_dict": the network, ...}                  network that reads EF
    EchoGraphs (Thomas et al. 2022)            {"model_state_dict": the network, ...}            network that reads EF

Each encoder declares its publications and its names of parameters; here stands only how they are asked. Keys may carry
the prefix `module.` of DataParallel. These files are pickles, and a pickle can run code: `pickles.py` reads them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

import coreecho
from coreecho.errors import CheckpointError, RecipeError
from coreecho.files import sha256_of
from coreecho.models.card import WeightsCard
from coreecho.models.encoder import Encoder
from coreecho.models.fitting import agreement, check_finite, misfits, shapes_of
from coreecho.models.head import MLPHead
from coreecho.models.model_input import ModelInput
from coreecho.models.parts import ENCODERS, USUAL_HEAD
from coreecho.models.pickles import read_pickle
from coreecho.models.publication import Publication
from coreecho.models.registry import build_encoder
from coreecho.models.undrawn import without_memory
from coreecho.tasks import EF

log = logging.getLogger("coreecho")


@dataclass(frozen=True, kw_only=True)
class ImportedWeights:
    """What was read from a published checkpoint.

    Attributes:
        state: entries under the names of this project's model; of an `EchoModel` if the card's kind is `model`, of its
            encoder if it is `encoder`.
        card: encoder, source, licence.
        loaded: names in the file that were taken, in the file's order.
        skipped: names in the file that have no counterpart here: a classifier.
        missing: entries of an `EchoModel` that the file does not hold; they start untrained.
    """

    state: dict[str, Tensor]
    card: WeightsCard
    loaded: tuple[str, ...]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What lies in a file: of which encoder, and of which of its publications."""

    encoder: Encoder
    publication: Publication
    state: dict[str, Tensor]
    classifier: dict[str, Tensor]
    # As they are called in the file, in its order.
    loaded: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Head:
    """A head that reads EF: its entries by the names of this project's, and what they were called in the file."""

    name: str
    state: dict[str, Tensor]
    model_input: ModelInput
    loaded: tuple[str, ...]


def import_weights(
    file: Path | str, *, source: str | None = None, licence: str | None = None, encoder: Encoder | None = None
) -> ImportedWeights:
    """Read a checkpoint that others have published, of any encoder that is known here.

    Args:
        file: as published (`.pth`, `.pt`).
        source: for the card, instead of the publication's name.
        licence: for the card, instead of the licence of the publication's repository.
        encoder: is tried besides the known ones, such as one that has an import path for a name.

    Raises:
        CheckpointError: no such file, not a checkpoint, not safe to read, or it does not fit any encoder; the reason
            is in the message.
    """
    file = Path(file)
    content = read_published(file)
    found = _recognise(content, encoder, file)
    head = _find_head(found, content, file)
    state = _prefixed(found.state, "encoder.") | _prefixed(head.state, "head.") if head else found.state
    check_finite(state, str(file))
    card = WeightsCard(
        kind="model" if head else "encoder",
        reads=EF().to_mapping() if head else None,
        encoder=found.encoder.name,
        encoder_settings=found.encoder.settings,
        head=head.name if head else None,
        source=source or f"{found.publication.source}; imported from {file.name}",
        licence=licence or found.publication.licence,
        num_parameters=count_parameters(state),
        source_sha256=sha256_of(file),
        # An encoder is given its input by a recipe.
        model_input=head.model_input if head else None,
        trained_on=None,
        coreecho_version=coreecho.__version__,
    )
    at_classifier = tuple(_prefixed(found.classifier, _prefix(found.publication.encoder_at)))
    return ImportedWeights(
        state=state,
        card=card,
        loaded=found.loaded + (head.loaded if head else ()),
        skipped=tuple(entry for entry in at_classifier if head is None or entry not in head.loaded),
        missing=() if head else tuple(f"head.{entry}" for entry in _mlp_shapes(found.encoder.embedding_dim)),
    )


def _recognise(content: Any, extra: Encoder | None, file: Path) -> _Found:
    """Find the encoder of which a file holds most, and the publication whose layout it has.

    Raises:
        CheckpointError: it is no state dict, of no known encoder, or does not fit the closest one.
    """
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{file}: holds a {type(content).__name__}, expected a dictionary of weights.")
    encoders = [*([extra] if extra is not None and extra.built_from else []), *_known_encoders(ENCODERS.names())]
    layouts = dict.fromkeys(publication.encoder_at for encoder in encoders for publication in encoder.publications)
    at = next((place for place in layouts if place and isinstance(content.get(place), Mapping)), "")
    published = _tensors(content[at] if at else _bare(content, file), file)
    parted = [(encoder, *encoder.from_published(published)) for encoder in encoders]
    encoder, state, classifier = max(parted, key=lambda each: agreement(each[1], shapes_of(each[0].state_dict())))
    expected = shapes_of(encoder.state_dict())
    if not state.keys() & expected.keys():
        raise CheckpointError(
            f"{file}: of no encoder that is known here; its first entries are {', '.join(list(published)[:4])}."
        )
    _check_fit(state, expected, f"{file}: it does not fit {encoder.name}, the closest encoder")
    _check_classifier(classifier, encoder, file)
    return _Found(
        encoder=encoder,
        publication=_publication(encoder, at, classifier, content),
        state=state,
        classifier=classifier,
        loaded=tuple(_prefix(at) + name for name in published if name not in classifier),
    )


@cache
def _known_encoders(names: tuple[str, ...]) -> tuple[Encoder, ...]:
    """Each encoder once, without memory for its weights; without those of other packages that cannot be made here."""
    encoders = []
    with without_memory():
        for name in names:
            try:
                encoders.append(build_encoder(name))
            except RecipeError as error:
                log.warning("The encoder %s is not tried on published weights: %s", name, error)
    return tuple(encoders)


def _bare(content: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    """A file that is a state dict itself."""
    if all(isinstance(value, Tensor) for value in content.values()):
        return content
    raise CheckpointError(
        f"{file}: its entries are {', '.join(map(str, list(content)[:8]))}. Expected a bare state dict, the "
        "`state_dict` of EchoCoTr or EchoNet-Dynamic, or CoReEcho's `model` and `regressor`."
    )


def _publication(
    encoder: Encoder, at: str, classifier: Mapping[str, Tensor], content: Mapping[str, Any]
) -> Publication:
    """The one whose layout the file has; of unknown origin where there is none."""
    for publication in encoder.publications:
        is_there = publication.encoder_at == at and (
            not publication.head_at or isinstance(content.get(publication.head_at), Mapping)
        )
        if is_there and publication.num_classes in (None, _num_classes(classifier)):
            return publication
    return Publication(source=f"a {type(encoder).__name__} of unknown origin", licence="unknown", encoder_at=at)


def _num_classes(classifier: Mapping[str, Tensor]) -> int:
    return next((len(value) for name, value in classifier.items() if name.endswith("bias")), 0)


def _check_classifier(classifier: Mapping[str, Tensor], encoder: Encoder, file: Path) -> None:
    """Refuse one linear layer that does not go with the encoder; none, or another kind, is well."""
    biases = [name for name in classifier if name.endswith("bias")]
    if not classifier or len(biases) > 1:
        return
    layer = next(iter(classifier)).rpartition(".")[0]
    weight = classifier.get(f"{layer}.weight")
    outputs = len(weight) if weight is not None and weight.ndim == 2 else 1
    expected = {f"{layer}.weight": (outputs, encoder.embedding_dim), f"{layer}.bias": (outputs,)}
    _check_fit(classifier, expected, f"{file}: its last layer `{layer}` does not fit the encoder")
    check_finite(classifier, str(file))


def _find_head(found: _Found, content: Mapping[str, Any], file: Path) -> _Head | None:
    """CoReEcho's regressor, or the one output of a classifier where the publication says that it is an EF."""
    publication, dim = found.publication, found.encoder.embedding_dim
    if publication.clips is None:
        return None
    if publication.head:
        return _Head(name=publication.head, state={}, model_input=publication.clips, loaded=())
    if publication.head_at:
        regressor = _tensors(content[publication.head_at], file)
        what = f"{file}: its `{publication.head_at}` is not the head of CoReEcho"
        _check_fit(regressor, _mlp_shapes(dim), what)
        loaded = tuple(_prefixed(regressor, _prefix(publication.head_at)))
        return _Head(name=USUAL_HEAD, state=regressor, model_input=publication.clips, loaded=loaded)
    shapes = sorted(shapes_of(found.classifier).values())
    if shapes != [(1,), (1, dim)]:
        return None
    return _Head(
        name="linear",
        state={f"0.{name.rpartition('.')[2]}": value for name, value in found.classifier.items()},
        model_input=_clips(publication.clips, content, file),
        loaded=tuple(_prefixed(found.classifier, _prefix(publication.encoder_at))),
    )


def _clips(published: ModelInput, content: Mapping[str, Any], file: Path) -> ModelInput:
    """What the encoder sees: as its file says, or as published."""
    frames, period = content.get("frames", published.num_frames), content.get("period", published.stride)
    try:
        return replace(published, num_frames=frames, stride=period)
    except (RecipeError, TypeError) as error:
        raise CheckpointError(f"{file}: its `frames` and `period` are no clip. {error}") from error


def count_parameters(state: Mapping[str, Tensor]) -> int:
    """Count the trainable numbers of a state dict, without the running statistics of its batch norms."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(value.numel() for name, value in state.items() if not name.endswith(statistics))


def is_safetensors(path: Path) -> bool:
    """Tell by content: first come eight bytes, the length of a JSON header, then the header's brace."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def read_published(file: Path) -> Any:
    """Read a checkpoint of others without running anything that is in it."""
    if not file.is_file():
        raise CheckpointError(f"{file}: there is no such file.")
    if is_safetensors(file):
        raise CheckpointError(f"{file}: a safetensors file, not a published PyTorch checkpoint; use it as it is.")
    try:
        return read_pickle(file)
    except ValueError as error:
        raise CheckpointError(f"{file}: {error} Get the checkpoint from its authors.") from error


def _tensors(part: Mapping[str, Any], file: Path) -> dict[str, Tensor]:
    """Drop DataParallel's prefix, and bring half precision to single."""
    others = [str(name) for name, value in part.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(f"{file}: these entries are not tensors: {', '.join(others[:6])}.")
    return {
        str(name).removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in part.items()
    }


def _check_fit(state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], what: str) -> None:
    faults = misfits(state, expected)
    if faults:
        raise CheckpointError(f"{what}: " + "; ".join(faults) + ".")


def _mlp_shapes(embedding_dim: int) -> Mapping[str, tuple[int, ...]]:
    with without_memory():
        return shapes_of(MLPHead(embedding_dim).state_dict())


def _prefixed(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def _prefix(at: str) -> str:
    return f"{at}." if at else ""
