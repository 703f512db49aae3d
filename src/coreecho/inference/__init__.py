"""From clips to what a model reads from them, with what speaks against trusting it."""

from coreecho.inference.beat import Beat, parse_beat
from coreecho.inference.device import find_device
from coreecho.inference.files import PredictionFailure, find_files
from coreecho.inference.predictor import Prediction, Predictor

__all__ = [
    "Beat",
    "Prediction",
    "PredictionFailure",
    "Predictor",
    "find_device",
    "find_files",
    "parse_beat",
]
