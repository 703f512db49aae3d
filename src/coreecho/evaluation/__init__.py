"""Held against the truth: metrics, their intervals, and the protocols by which a model is tested."""

from coreecho.evaluation.classification import (
    CLASSIFICATION_DEFINITIONS,
    DECISION_THRESHOLD,
    MI_METRICS,
    ClassificationMetrics,
    DiagnosisFamily,
    compute_classification_metrics,
)
from coreecho.evaluation.comparison import compare_classification_metrics, compare_metrics, paired_differences
from coreecho.evaluation.ef_ranges import EF_RANGE_EDGES_PERCENT, EFRange, by_ef_range
from coreecho.evaluation.fold_means import FoldMeans, metrics_mean_over_folds
from coreecho.evaluation.groups import metrics_by_group
from coreecho.evaluation.intervals import Interval, bootstrap_intervals
from coreecho.evaluation.metric_family import MetricDefinition, MetricFamily, Metrics, family_of
from coreecho.evaluation.metrics import (
    EF_METRICS,
    EF_THRESHOLDS_PERCENT,
    NumberFamily,
    NumberMetrics,
    compute_metrics,
)
from coreecho.evaluation.predictions import evaluate_recordings
from coreecho.evaluation.protocol import Clips, Protocol
from coreecho.evaluation.seeds import OverSeeds, SeedMetrics, compare_over_seeds, metrics_over_seeds

__all__ = [
    "CLASSIFICATION_DEFINITIONS",
    "DECISION_THRESHOLD",
    "EF_METRICS",
    "EF_RANGE_EDGES_PERCENT",
    "EF_THRESHOLDS_PERCENT",
    "MI_METRICS",
    "ClassificationMetrics",
    "Clips",
    "DiagnosisFamily",
    "EFRange",
    "FoldMeans",
    "Interval",
    "MetricDefinition",
    "MetricFamily",
    "Metrics",
    "NumberFamily",
    "NumberMetrics",
    "OverSeeds",
    "Protocol",
    "SeedMetrics",
    "bootstrap_intervals",
    "by_ef_range",
    "compare_classification_metrics",
    "compare_metrics",
    "compare_over_seeds",
    "compute_classification_metrics",
    "compute_metrics",
    "evaluate_recordings",
    "family_of",
    "metrics_by_group",
    "metrics_mean_over_folds",
    "metrics_over_seeds",
    "paired_differences",
]
