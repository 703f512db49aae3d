"""From a file to an EF or the probability of an infarction, with what speaks against trusting it."""

from coreecho.inference.beat import Beat, parse_beat
from coreecho.inference.files import PredictionFailure, find_files
from coreecho.inference.predictor import NOTICE, NOTICES, Prediction, Predictor
from coreecho.models.device import find_device

__all__ = [
    "NOTICE",
    "NOTICES",
    "Beat",
    "Prediction",
    "PredictionFailure",
    "Predictor",
    "find_device",
    "find_files",
    "parse_beat",
]
