"""Published weights of networks that outline the left ventricle, and weights to start such a network from.

Which publications there are of a network, its class says.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

import coreecho
from coreecho.errors import CheckpointError, RecipeError
from coreecho.files import sha256_of
from coreecho.models.fitting import check_finite, misfits, shapes_of
from coreecho.models.parts import SEGMENTERS
from coreecho.models.publication import SegmenterPublication
from coreecho.models.published_names import load_published
from coreecho.models.published_weights import is_safetensors, read_published
from coreecho.models.registry import build_segmentation_network, segmentation_network_class
from coreecho.models.segmentation_network import SegmentationNetwork
from coreecho.models.segmenter_card import SegmenterCard
from coreecho.models.weights import read_state, weights_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ImportedSegmenter:
    """What was read from a published checkpoint.

    Attributes:
        network: with its weights.
        card: for the file that it is kept in.
        loaded: names in the file that were taken, in the file's order.
    """

    network: SegmentationNetwork
    card: SegmenterCard
    loaded: tuple[str, ...]

    @property
    def state(self) -> dict[str, Tensor]:
        """Entries under the names of the network here."""
        return self.network.state_dict()


def import_segmenter(file: Path | str, *, source: str | None = None, licence: str | None = None) -> ImportedSegmenter:
    """Read a checkpoint of a network that outlines the left ventricle, as others have published it.

    Args:
        file: as published (`.pt`, `.pth`).
        source: for the card, instead of the publication's name.
        licence: for the card, instead of the licence of the publication's repository.

    Raises:
        CheckpointError: no such file, not a checkpoint, not safe to read, or of no network that is known here.
    """
    file = Path(file)
    content, faults = read_published(file), []
    # Of a file that has no such mark it is told how far it is from the first.
    for name, publication in _candidates(content) or _published()[:1]:
        network = build_segmentation_network(name)
        try:
            loaded = load_published(network, content, str(file))
        except CheckpointError as error:
            faults.append(str(error))
            continue
        card = SegmenterCard(
            network=name,
            outlines=tuple(network.outlines),
            model_input=publication.model_input,
            source=source or f"{publication.source}; imported from {file.name}",
            licence=licence or publication.licence,
            num_parameters=sum(each.numel() for each in network.parameters()),
            trained_on=None,
            coreecho_version=coreecho.__version__,
            source_sha256=sha256_of(file),
        )
        return ImportedSegmenter(network=network.eval(), card=card, loaded=loaded)
    raise CheckpointError(" ".join(faults))


def holds_segmenter(file: Path | str) -> bool:
    """Whether a published checkpoint has names of a network that outlines.

    Raises:
        CheckpointError: no such file, not a checkpoint, or not safe to read.
    """
    return bool(_candidates(read_published(Path(file))))


def _published() -> list[tuple[str, SegmenterPublication]]:
    """All publications, each with the name of its network; without those of packages that cannot be imported here."""
    found: list[tuple[str, SegmenterPublication]] = []
    for name in SEGMENTERS.names():
        try:
            found += [(name, publication) for publication in segmentation_network_class(name).publications]
        except RecipeError as error:
            log.warning("The segmentation network %s is not tried on published weights: %s", name, error)
    return found


def _candidates(content: object) -> list[tuple[str, SegmenterPublication]]:
    """Publications whose mark is among the names in a file, each with the name of its network."""
    if not isinstance(content, Mapping):
        return []
    states = [content, *(part for part in content.values() if isinstance(part, Mapping))]
    names = [f".{name}" for state in states for name in state]
    return [(network, each) for network, each in _published() if any(each.mark in name for name in names)]


def initialise_segmenter(network: SegmentationNetwork, path: Path | str) -> str:
    """Start a network from the weights of one of its kind; changed in place.

    Args:
        network: all of its weights are replaced.
        path: a run folder, a safetensors file of this project, or a published checkpoint.

    Returns:
        One line for the log.

    Raises:
        CheckpointError: the weights cannot be read or do not fit. The network is then as it was.
    """
    path = weights_file(Path(path))
    if is_safetensors(path):
        state, text = read_state(path)
        try:
            source = SegmenterCard.from_json(text).source
        except CheckpointError as error:
            raise CheckpointError(f"{path}: these are no weights of a segmenter. {error}") from error
        if faults := misfits(state, shapes_of(network.state_dict())):
            raise CheckpointError(f"{path}: it does not fit {type(network).__name__}: {'; '.join(faults)}.")
        check_finite(state, str(path))
        network.load_state_dict(state)
        num_entries = len(state)
    else:
        num_entries, source = len(load_published(network, read_published(path), str(path))), path.name
    return f"{type(network).__name__} initialised from {path} ({source}): {num_entries} entries loaded, none missing."
