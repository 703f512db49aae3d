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

_ROOM_OF = {
    "ENCODERS": "coreecho.models.registry",
    "EchoModel": "coreecho.models.echo_model",
    "EchoOutput": "coreecho.models.echo_model",
    "Encoder": "coreecho.models.encoder",
    "HEADS": "coreecho.models.registry",
    "ImportedWeights": "coreecho.models.weights",
    "LinearHead": "coreecho.models.head",
    "MLPHead": "coreecho.models.head",
    "ModelInput": "coreecho.models.model_input",
    "Publication": "coreecho.models.publication",
    "SIZES": "coreecho.models.uniformer",
    "TrainedOn": "coreecho.models.card",
    "UniFormer": "coreecho.models.uniformer",
    "UniFormerSettings": "coreecho.models.uniformer",
    "WeightsCard": "coreecho.models.card",
    "build_encoder": "coreecho.models.registry",
    "build_head": "coreecho.models.registry",
    "build_model": "coreecho.models.building",
    "import_weights": "coreecho.models.weights",
    "initialise_encoder": "coreecho.models.weights",
    "load_model": "coreecho.models.weights",
    "read_weights": "coreecho.models.weights",
    "save_weights": "coreecho.models.weights",
}


def __getattr__(name: str) -> Any:
    return import_from(_ROOM_OF, name, package=__name__)
