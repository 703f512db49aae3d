"""Networks, and their weights on disk."""

from coreecho.models.building import build_model
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.echo_model import EchoModel, EchoOutput
from coreecho.models.encoder import Encoder
from coreecho.models.head import LinearHead, MLPHead
from coreecho.models.model_input import ModelInput
from coreecho.models.publication import Publication
from coreecho.models.registry import (
    ENCODERS,
    HEADS,
    SEGMENTERS,
    build_encoder,
    build_head,
    build_segmentation_network,
)
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
