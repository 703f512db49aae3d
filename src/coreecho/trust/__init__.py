"""What a predicted EF is worth: an interval that holds, and whether the model knows such recordings at all.

Pure functions and small classes over arrays: this room knows no data set and no network, and no files but a
calibration and a log of numbers. Who calibrates a model is `coreecho.evaluation.calibrating`; who appraises a clip,
`coreecho.inference.appraising`.
"""

from coreecho.trust.appraisal import GOOD_PICTURE, GOOD_WORDS, Appraisal, appraise, appraise_outline
from coreecho.trust.calibrating import (
    DEFAULT_LEVEL,
    DEFAULT_METHOD,
    calibrate,
    refuse_trained_patients,
    widening_needed,
)
from coreecho.trust.calibration import CalibratedRange, Calibration, Method, PredictionInterval
from coreecho.trust.calibration_file import (
    ModelCalibration,
    calibration_from_json,
    calibration_path,
    calibration_to_json,
    read_calibration,
    write_calibration,
)
from coreecho.trust.checks import CHECKS, DISAGREEMENT_POINTS, SIMULATED_HEARTS, CheckDefinition, ErrorRatio
from coreecho.trust.conformal import (
    CoverageTest,
    Promise,
    conformal_p_values,
    conformal_quantile,
    conformal_rank,
    coverage_test,
    promise,
    smallest_calibration,
)
from coreecho.trust.domain import ClassDistance, NeighbourDistance, fit_class_distance
from coreecho.trust.drift import DriftMonitor, DriftState, JumperMartingale, TwoSampleTest, energy_test
from coreecho.trust.gate import USUAL_WORDS, Check, Gate, GateCheck, Trust, Verdict, make_gate
from coreecho.trust.known_clips import KnownClips, know
from coreecho.trust.outlines import OutlineValues, outline_values
from coreecho.trust.pictures import picture_values
from coreecho.trust.predicted_ranges import PREDICTED_EF_EDGES_PERCENT, PredictedRange, merged_ranges
from coreecho.trust.prediction_log import PredictionLog, append_to_log, read_log
from coreecho.trust.reference_ranges import READER_VARIABILITY, READERS_WORDS, ReaderVariability, ef_grade, ef_words
from coreecho.trust.selective import RiskCoverage, risk_coverage

__all__ = [
    "CHECKS",
    "DEFAULT_LEVEL",
    "DEFAULT_METHOD",
    "DISAGREEMENT_POINTS",
    "GOOD_PICTURE",
    "GOOD_WORDS",
    "PREDICTED_EF_EDGES_PERCENT",
    "READERS_WORDS",
    "READER_VARIABILITY",
    "SIMULATED_HEARTS",
    "USUAL_WORDS",
    "Appraisal",
    "CalibratedRange",
    "Calibration",
    "Check",
    "CheckDefinition",
    "ClassDistance",
    "CoverageTest",
    "DriftMonitor",
    "DriftState",
    "ErrorRatio",
    "Gate",
    "GateCheck",
    "JumperMartingale",
    "KnownClips",
    "Method",
    "ModelCalibration",
    "NeighbourDistance",
    "OutlineValues",
    "PredictedRange",
    "PredictionInterval",
    "PredictionLog",
    "Promise",
    "ReaderVariability",
    "RiskCoverage",
    "Trust",
    "TwoSampleTest",
    "Verdict",
    "append_to_log",
    "appraise",
    "appraise_outline",
    "calibrate",
    "calibration_from_json",
    "calibration_path",
    "calibration_to_json",
    "conformal_p_values",
    "conformal_quantile",
    "conformal_rank",
    "coverage_test",
    "ef_grade",
    "ef_words",
    "energy_test",
    "fit_class_distance",
    "know",
    "make_gate",
    "merged_ranges",
    "outline_values",
    "picture_values",
    "promise",
    "read_calibration",
    "read_log",
    "refuse_trained_patients",
    "risk_coverage",
    "smallest_calibration",
    "widening_needed",
    "write_calibration",
]
