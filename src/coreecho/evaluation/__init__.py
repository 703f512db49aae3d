"""Held against the truth: metrics, their intervals, and the protocols by which a model is tested."""

from coreecho.evaluation.comparison import compare_metrics
from coreecho.evaluation.intervals import Interval, bootstrap_intervals
from coreecho.evaluation.metrics import EF_THRESHOLDS_PERCENT, METRIC_DEFINITIONS, EFMetrics, compute_metrics
from coreecho.evaluation.protocols import Clips, evaluate_studies

__all__ = [
    "EF_THRESHOLDS_PERCENT",
    "METRIC_DEFINITIONS",
    "Clips",
    "EFMetrics",
    "Interval",
    "bootstrap_intervals",
    "compare_metrics",
    "compute_metrics",
    "evaluate_studies",
]
