"""Published weights of networks that outline the left ventricle, and weights to start such a network from.

publication                               network     entries
EchoNet-Dynamic (Ouyang et al. 2020)      deeplab     `state_dict`, each with the prefix `module.`
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

import coreecho
from coreecho.errors import CheckpointError
from coreecho.files import sha256_of
from coreecho.models.fitting import check_finite, misfits, shapes_of
from coreecho.models.model_input import ECHONET_MEAN, ECHONET_STD
from coreecho.models.published_names import load_published
from coreecho.models.published_weights import is_safetensors, read_published
from coreecho.models.registry import build_segmentation_network
from coreecho.models.segmentation_network import SegmentationNetwork
from coreecho.models.segmenter_card import SegmenterCard, SegmenterInput
from coreecho.models.weights import read_state, weights_file


@dataclass(frozen=True, kw_only=True)
class SegmenterPublication:
    """One published network.

    Attributes:
        network: of `SEGMENTERS`.
        source: authors and year, for the card.
        licence: of the publication's repository.
        model_input: how frames are shown to it.
        mark: part of names that no other kind of network has.
    """

    network: str
    mark: str
    source: str
    licence: str
    model_input: SegmenterInput


PUBLISHED_SEGMENTERS = (
    SegmenterPublication(
        network="deeplab",
        source="EchoNet-Dynamic, segmentation (Ouyang et al. 2020)",
        licence="MIT",
        model_input=SegmenterInput(frame_size=112, mean=ECHONET_MEAN, std=ECHONET_STD),
        mark=".classifier.0.convs.",
    ),
    *(
        SegmenterPublication(
            network=network,
            source="EchoGraphs, single frames (Thomas et al. 2022)",
            licence="MIT",
            model_input=SegmenterInput(frame_size=112, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
            mark=".kpts_decoder.",
        )
        for network in ("echographs_mobilenet2", "echographs_resnet18", "echographs_resnet50")
    ),
)


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
    publications = _candidates(content) or PUBLISHED_SEGMENTERS[:1]
    for publication in publications:
        network = build_segmentation_network(publication.network)
        try:
            loaded = load_published(network, content, str(file))
        except CheckpointError as error:
            faults.append(str(error))
            continue
        card = SegmenterCard(
            network=publication.network,
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


def _candidates(content: object) -> list[SegmenterPublication]:
    """Publications whose mark is among the names in a file."""
    if not isinstance(content, Mapping):
        return []
    states = [content, *(part for part in content.values() if isinstance(part, Mapping))]
    names = [f".{name}" for state in states for name in state]
    return [each for each in PUBLISHED_SEGMENTERS if any(each.mark in name for name in names)]


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
