"""Networks, and their weights on disk."""

from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.ef_model import EFModel, EFOutput
from coreecho.models.head import RegressionHead
from coreecho.models.model_input import ModelInput
from coreecho.models.registry import build_model
from coreecho.models.uniformer import SIZES, UniFormer, UniFormerSettings
from coreecho.models.video_prediction import VideoPrediction, predict_video
from coreecho.models.weights import (
    ImportedWeights,
    import_weights,
    initialise_encoder,
    load_model,
    read_weights,
    save_weights,
)

__all__ = [
    "SIZES",
    "EFModel",
    "EFOutput",
    "ImportedWeights",
    "ModelInput",
    "RegressionHead",
    "TrainedOn",
    "UniFormer",
    "UniFormerSettings",
    "VideoPrediction",
    "WeightsCard",
    "build_model",
    "import_weights",
    "initialise_encoder",
    "load_model",
    "predict_video",
    "read_weights",
    "save_weights",
]
