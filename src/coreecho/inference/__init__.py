"""From clips to what a model reads from them, with what speaks against trusting it."""

from coreecho.inference.beat import Beat, parse_beat
from coreecho.inference.files import FileListing, PredictionFailure, find_files, find_one, list_files
from coreecho.inference.prediction import Prediction
from coreecho.inference.predictor import Predictor
from coreecho.inference.studies import StudyPrediction, combine_clips, combine_studies, with_studies
from coreecho.models.device import find_device

__all__ = [
    "Beat",
    "FileListing",
    "Prediction",
    "PredictionFailure",
    "Predictor",
    "StudyPrediction",
    "combine_clips",
    "combine_studies",
    "find_device",
    "find_files",
    "find_one",
    "list_files",
    "parse_beat",
    "with_studies",
]
