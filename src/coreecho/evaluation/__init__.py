"""Held against the truth: metrics, their intervals, and the protocols by which a model is tested."""

from coreecho.evaluation.comparison import compare_metrics
from coreecho.evaluation.ef_ranges import EF_RANGE_EDGES_PERCENT, EFRange, by_ef_range
from coreecho.evaluation.intervals import Interval, bootstrap_intervals
from coreecho.evaluation.metrics import EF_THRESHOLDS_PERCENT, METRIC_DEFINITIONS, EFMetrics, compute_metrics
from coreecho.evaluation.protocols import Clips, evaluate_studies

__all__ = [
    "EF_RANGE_EDGES_PERCENT",
    "EF_THRESHOLDS_PERCENT",
    "METRIC_DEFINITIONS",
    "Clips",
    "EFMetrics",
    "EFRange",
    "Interval",
    "bootstrap_intervals",
    "by_ef_range",
    "compare_metrics",
    "compute_metrics",
    "evaluate_studies",
]
