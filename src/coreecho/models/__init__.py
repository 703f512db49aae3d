"""Networks, and their weights on disk."""

from typing import TYPE_CHECKING, Any

from coreecho.later import import_from

if TYPE_CHECKING:
    from coreecho.models.building import build_model
    from coreecho.models.card import TrainedOn, WeightsCard
    from coreecho.models.echo_model import EchoModel, EchoOutput
    from coreecho.models.encoder import Encoder
    from coreecho.models.head import LinearHead, MLPHead
    from coreecho.models.model_input import ModelInput
    from coreecho.models.parts import ENCODERS, HEADS, SEGMENTERS
    from coreecho.models.publication import Publication
    from coreecho.models.registry import build_encoder, build_head, build_segmentation_network
    from coreecho.models.segmentation_network import SegmentationNetwork
    from coreecho.models.segmenter import Segmenter, load_segmenter, save_segmenter
    from coreecho.models.segmenter_card import SegmenterCard, SegmenterInput
    from coreecho.models.uniformer import SIZES, UniFormer, UniFormerSettings
    from coreecho.models.weights import (
        ImportedWeights,
        import_weights,
        initialise_encoder,
        load_model,
        read_weights,
        save_weights,
    )

__all__ = [
    "ENCODERS",
    "HEADS",
    "SEGMENTERS",
    "SIZES",
    "EchoModel",
    "EchoOutput",
    "Encoder",
    "ImportedWeights",
    "LinearHead",
    "MLPHead",
    "ModelInput",
    "Publication",
    "SegmentationNetwork",
    "Segmenter",
    "SegmenterCard",
    "SegmenterInput",
    "TrainedOn",
    "UniFormer",
    "UniFormerSettings",
    "WeightsCard",
    "build_encoder",
    "build_head",
    "build_model",
    "build_segmentation_network",
    "import_weights",
    "initialise_encoder",
    "load_model",
    "load_segmenter",
    "read_weights",
    "save_segmenter",
    "save_weights",
]

_ROOM_OF = {
    "ENCODERS": "coreecho.models.parts",
    "EchoModel": "coreecho.models.echo_model",
    "EchoOutput": "coreecho.models.echo_model",
    "Encoder": "coreecho.models.encoder",
    "HEADS": "coreecho.models.parts",
    "ImportedWeights": "coreecho.models.weights",
    "LinearHead": "coreecho.models.head",
    "MLPHead": "coreecho.models.head",
    "ModelInput": "coreecho.models.model_input",
    "Publication": "coreecho.models.publication",
    "SEGMENTERS": "coreecho.models.parts",
    "SIZES": "coreecho.models.uniformer",
    "SegmentationNetwork": "coreecho.models.segmentation_network",
    "Segmenter": "coreecho.models.segmenter",
    "SegmenterCard": "coreecho.models.segmenter_card",
    "SegmenterInput": "coreecho.models.segmenter_card",
    "TrainedOn": "coreecho.models.card",
    "UniFormer": "coreecho.models.uniformer",
    "UniFormerSettings": "coreecho.models.uniformer",
    "WeightsCard": "coreecho.models.card",
    "build_encoder": "coreecho.models.registry",
    "build_head": "coreecho.models.registry",
    "build_model": "coreecho.models.building",
    "build_segmentation_network": "coreecho.models.registry",
    "import_weights": "coreecho.models.weights",
    "initialise_encoder": "coreecho.models.weights",
    "load_model": "coreecho.models.weights",
    "load_segmenter": "coreecho.models.segmenter",
    "read_weights": "coreecho.models.weights",
    "save_segmenter": "coreecho.models.segmenter",
    "save_weights": "coreecho.models.weights",
}


def __getattr__(name: str) -> Any:
    return import_from(_ROOM_OF, name, package=__name__)
