"""Networks, and their weights on disk."""

from coreecho.models.building import build_model
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.echo_model import EchoModel, EchoOutput
from coreecho.models.head import LinearHead, MLPHead
from coreecho.models.model_input import ModelInput
from coreecho.models.registry import ENCODERS
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
    "SIZES",
    "EchoModel",
    "EchoOutput",
    "ImportedWeights",
    "LinearHead",
    "MLPHead",
    "ModelInput",
    "TrainedOn",
    "UniFormer",
    "UniFormerSettings",
    "WeightsCard",
    "build_model",
    "import_weights",
    "initialise_encoder",
    "load_model",
    "read_weights",
    "save_weights",
]
