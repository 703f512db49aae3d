"""Continuous representations of echocardiograms: learn them, and read the ejection fraction from them.

    import coreecho
    predictor = coreecho.Predictor("runs/demo")
    print(predictor("clip.dcm").ef_percent)
    print(coreecho.segment("clip.dcm", model="lv.safetensors").ef_percent)  # of each beat

Not a medical device.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from coreecho.display import forget_missing_backend

if TYPE_CHECKING:
    from coreecho.inference import Predictor
    from coreecho.losses import RankNContrastLoss, rank_n_contrast_loss
    from coreecho.models import load_model
    from coreecho.ventricle.segmenting import segment

__version__ = "0.1.0"
__all__ = ["Predictor", "RankNContrastLoss", "__version__", "load_model", "rank_n_contrast_loss", "segment"]

_ROOM_OF = {
    "Predictor": "coreecho.inference",
    "RankNContrastLoss": "coreecho.losses",
    "load_model": "coreecho.models",
    "rank_n_contrast_loss": "coreecho.losses",
    "segment": "coreecho.ventricle.segmenting",
}

# Before anything imports matplotlib.
forget_missing_backend()


def __getattr__(name: str) -> Any:
    # Nothing heavy is imported before it is used: `coreecho --help` should not wait for torch.
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'coreecho' has no attribute {name!r}")
    return getattr(import_module(_ROOM_OF[name]), name)
