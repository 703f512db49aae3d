"""From a file to an EF, with what speaks against trusting it."""

from coreecho.inference.device import find_device
from coreecho.inference.files import PredictionFailure, find_files
from coreecho.inference.predictor import NOTICE, Prediction, Predictor

__all__ = ["NOTICE", "Prediction", "PredictionFailure", "Predictor", "find_device", "find_files"]
