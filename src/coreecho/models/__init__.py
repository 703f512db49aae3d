"""Networks, and their weights on disk."""

from coreecho.models.building import build_model
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.echo_model import EchoModel, EchoOutput
from coreecho.models.encoder import Encoder
from coreecho.models.head import LinearHead, MLPHead
from coreecho.models.model_input import ModelInput
from coreecho.models.publication import Publication
from coreecho.models.registry import ENCODERS, HEADS, build_encoder, build_head
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
    "SIZES",
    "EchoModel",
    "EchoOutput",
    "Encoder",
    "ImportedWeights",
    "LinearHead",
    "MLPHead",
    "ModelInput",
    "Publication",
    "TrainedOn",
    "UniFormer",
    "UniFormerSettings",
    "WeightsCard",
    "build_encoder",
    "build_head",
    "build_model",
    "import_weights",
    "initialise_encoder",
    "load_model",
    "read_weights",
    "save_weights",
]
