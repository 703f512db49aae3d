"""Networks from elsewhere as encoders."""

from coreecho.models.adapters.module_encoder import ModuleEncoder, without_classifier

__all__ = ["ModuleEncoder", "without_classifier"]
