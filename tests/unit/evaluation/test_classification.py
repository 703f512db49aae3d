import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics as sk

from coreecho.evaluation import (
    CLASSIFICATION_DEFINITIONS,
    DiagnosisFamily,
    compare_classification_metrics,
    compute_classification_metrics,
)
from coreecho.evaluation.intervals import resampled_counts
from coreecho.tasks import MI

KEYS = [definition.key for definition in CLASSIFICATION_DEFINITIONS]


def by_scikit_learn(has_mi, probability):
    called = probability >= 0.5
    with_both = len(set(has_mi)) == 2
    return np.array(
        [
            sk.recall_score(has_mi, called, zero_division=math.nan),
            sk.recall_score(~has_mi, ~called, zero_division=math.nan),
            sk.precision_score(has_mi, called, zero_division=math.nan),
            sk.f1_score(has_mi, called, zero_division=math.nan),
            sk.accuracy_score(has_mi, called),
            sk.roc_auc_score(has_mi, probability) if with_both else math.nan,
            sk.average_precision_score(has_mi, probability) if with_both else math.nan,
        ]
    )


def cohort(num_recordings=109, seed=0):
    """As many with MI as in HMC-QU, 72 of 109; probabilities rounded, so that some tie and some are 0.5 exactly."""
    rng = np.random.default_rng(seed)
    has_mi = rng.permutation(num_recordings) < round(num_recordings * 72 / 109)
    return has_mi, np.round(expit(rng.normal(np.where(has_mi, 1.5, -0.5), 1.5)), 1)


def test_counts_by_hand():
    # 4 with MI of whom 3 are called, 2 without of whom 1 is called; 0.5 is called MI.
    has_mi = [1, 1, 1, 1, 0, 0]
    probability = [0.9, 0.8, 0.5, 0.2, 0.7, 0.1]
    metrics = compute_classification_metrics(has_mi, probability, resamples=10)
    expected = {"sensitivity": 3 / 4, "specificity": 1 / 2, "precision": 3 / 4, "f1": 3 / 4, "accuracy": 4 / 6}
    # The four with MI score higher than 0.7 and 0.1 in 2, 2, 1 and 1 of 2 pairs.
    expected |= {"auroc": 6 / 8, "auprc": (1 + 1 + 3 / 4 + 4 / 5) / 4}
    assert {key: metrics[key].estimate for key in KEYS} == pytest.approx(expected)


@pytest.mark.parametrize("num_recordings", [12, 109])
def test_every_resample_equals_scikit_learn_on_the_repeated_recordings(num_recordings):
    has_mi, probability = cohort(num_recordings)
    counts = np.concatenate(list(resampled_counts(np.arange(num_recordings), resamples=40, seed=1)))
    ours = DiagnosisFamily(MI(), is_logit=False).statistics(has_mi.astype(float), probability)(counts)
    for row, count in zip(ours, counts.astype(int), strict=True):
        expected = by_scikit_learn(np.repeat(has_mi, count), np.repeat(probability, count))
        np.testing.assert_allclose(row, expected, rtol=1e-12, equal_nan=True)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=10), st.randoms())
@settings(max_examples=60, deadline=None)
def test_any_cohort_in_any_order(recordings, random):
    has_mi, tenths = (np.array(column) for column in zip(*recordings, strict=True))
    straight = compute_classification_metrics(has_mi, tenths / 10, resamples=20)
    ours = [straight[key].estimate for key in KEYS]
    np.testing.assert_allclose(ours, by_scikit_learn(has_mi, tenths / 10), rtol=1e-12, equal_nan=True)
    random.shuffle(recordings)
    has_mi, tenths = (np.array(column) for column in zip(*recordings, strict=True))
    mixed = compute_classification_metrics(has_mi, tenths / 10, resamples=20)
    assert straight.to_dict() == mixed.to_dict()
    assert all(bool(straight[key].reason) != straight[key].is_defined for key in KEYS)


@pytest.mark.parametrize(
    ("has_mi", "probability", "reasons"),
    [
        ([1, 1], [0.9, 0.2], {"specificity": "every recording has MI: there is none to be spared"}),
        ([1, 1], [0.9, 0.2], {"auroc": "every recording has MI: both classes are needed"}),
        ([0, 0], [0.9, 0.2], {"sensitivity": "no recording has MI: there is none to be found"}),
        ([0, 0], [0.9, 0.2], {"auprc": "no recording has MI: both classes are needed"}),
        ([0, 1], [0.1, 0.2], {"precision": "no recording is called MI: no probability is 0.5 or more"}),
        ([0, 0], [0.1, 0.2], {"f1": "no recording has MI, and none is called MI"}),
    ],
)
def test_undefined_metrics_carry_their_reason(has_mi, probability, reasons):
    metrics = compute_classification_metrics(has_mi, probability, resamples=20)
    for key, reason in reasons.items():
        assert not metrics[key].is_defined
        assert metrics[key].reason == reason
    assert metrics["accuracy"].is_defined


def test_resamples_without_a_positive_call_are_excluded_and_counted():
    metrics = compute_classification_metrics([1, *[0] * 19], [0.9, *[0.1] * 19])
    # The one recording that is called is left out of a resample with probability 0.95^20 = 0.358.
    assert metrics["precision"].excluded_resamples == pytest.approx(3585, abs=250)
    assert metrics["precision"].estimate == 1


def test_interval_of_accuracy_is_that_of_a_binomial():
    is_right = np.arange(200) < 160
    has_mi = np.arange(200) % 2 == 0
    interval = compute_classification_metrics(has_mi, np.where(is_right == has_mi, 0.9, 0.1))["accuracy"]
    assert interval.estimate == 0.8
    # A resample's accuracy is Binomial(200, 0.8)/200; its 2.5 % and 97.5 % quantiles are 149 and 171 recordings.
    assert (interval.low, interval.high) == pytest.approx((149 / 200, 171 / 200), abs=0.0051)


def test_logits_give_what_their_probabilities_give_and_rank_on_where_those_are_one():
    has_mi, _ = cohort()
    logits = np.random.default_rng(4).normal(np.where(has_mi, 2, -1), 3)
    of_logits = compute_classification_metrics(has_mi, logits, is_logit=True, resamples=200, threshold=0.7)
    of_probabilities = compute_classification_metrics(has_mi, expit(logits), resamples=200, threshold=0.7)
    assert of_logits == of_probabilities
    far = compute_classification_metrics([0, 1], [40.0, 41.0], is_logit=True, resamples=5)
    assert far["auroc"].estimate == 1
    assert compute_classification_metrics([0, 1], expit([40.0, 41.0]), resamples=5)["auroc"].estimate == 0.5
    assert compute_classification_metrics([1], [0.0], is_logit=True, resamples=5)["sensitivity"].estimate == 1


def test_patients_are_resampled_together():
    has_mi, probability = cohort(60)
    single = compute_classification_metrics(has_mi, probability, resamples=2000)
    tiled = compute_classification_metrics(
        np.tile(has_mi, 4),
        np.tile(probability, 4),
        patients=[f"{recording % 60}" for recording in range(240)],
        resamples=2000,
    )
    assert (tiled.num_recordings, tiled.num_patients) == (240, 60)
    assert tiled["f1"].method == "percentile bootstrap over patients"
    widths = [metrics["f1"].high - metrics["f1"].low for metrics in (single, tiled)]
    # Four copies of each patient carry no more than one; resampled alone, they would halve the width.
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_frame_and_json_carry_everything_needed_to_quote_a_metric():
    metrics = compute_classification_metrics([0, 0, 1], [0.2, 0.3, 0.4], resamples=50, seed=7)
    frame = metrics.to_frame().set_index("metric")
    assert list(frame.index) == KEYS
    assert (frame.loc["accuracy", "num_recordings"], frame.loc["accuracy", "seed"]) == (3, 7)
    restored = json.loads(json.dumps(metrics.to_dict(), allow_nan=False))
    assert restored["threshold"] == 0.5
    assert restored["metrics"]["precision"]["estimate"] is None
    assert restored["bootstrap"] == {"seed": 7, "level": 0.95, "resamples": 50}


@pytest.mark.parametrize(
    ("has_mi", "probability", "options", "message"),
    [
        ([0, 1], [0.5], {}, r"has_mi and probability: expected the same shape \(N,\), got \(2,\), \(1,\)"),
        ([], [], {}, "at least one recording"),
        ([0, 2], [0.1, 0.2], {}, r"has_mi: 1 of 2 values are neither 0 \(no\) nor 1 \(yes\), first at 1 \(2\)"),
        ([0, math.nan], [0.1, 0.2], {}, "has_mi: 1 of 2 values are neither"),
        ([0, 1], [0.1, 1.2], {}, r"probability: 1 of 2 values are no probability .* say so with is_logit"),
        ([0, 1], [0.1, math.nan], {}, "probability: 1 of 2 values are not finite, first at 1"),
        ([0, 1], [0.1, math.inf], {"is_logit": True}, "logit: 1 of 2 values are not finite"),
        ([0, 1], [0.1, 0.2], {"threshold": 50}, "between 0 and 1 such as 0.5, got 50"),
        ([0, 1], [0.1, 0.2], {"patients": ["a"]}, "one name for each of 2 recordings, got 1"),
    ],
)
def test_refuses_what_cannot_be_measured(has_mi, probability, options, message):
    with pytest.raises(ValueError, match=message):
        compute_classification_metrics(has_mi, probability, **options)


def test_differences_are_paired():
    has_mi, probability = cohort(80)
    worse = np.where(np.arange(80) % 8 == 0, 1 - probability, probability)
    differences = compare_classification_metrics(has_mi, probability, worse, resamples=500)
    of_first, of_second = (compute_classification_metrics(has_mi, p, resamples=500) for p in (probability, worse))
    assert list(differences) == KEYS
    for key, difference in differences.items():
        assert difference.estimate == pytest.approx(of_second[key].estimate - of_first[key].estimate, abs=1e-12)
    accuracy = differences["accuracy"]
    assert accuracy.high - accuracy.low < of_first["accuracy"].high - of_first["accuracy"].low
    for same in compare_classification_metrics(has_mi, worse, worse, resamples=50).values():
        assert (same.estimate, same.low, same.high) == (0, 0, 0)


def test_a_difference_without_one_side_names_the_side():
    differences = compare_classification_metrics([0, 1, 1], [0.1, 0.2, 0.3], [0.1, 0.7, 0.8], resamples=20)
    assert differences["precision"].reason == "first model: no recording is called MI: no probability is 0.5 or more"
    one_class = compare_classification_metrics([1, 1], [0.6, 0.7], [0.8, 0.9], resamples=20)
    assert one_class["auroc"].reason == "every recording has MI: both classes are needed"
    assert not math.isnan(differences["f1"].estimate)


def test_differences_resample_patients_together():
    has_mi, probability = cohort(50)
    other = np.clip(probability + 0.2, 0, 1)
    tiled = [np.tile(values, 3) for values in (has_mi, probability, other)]
    patients = [f"{recording % 50}" for recording in range(150)]
    of_patients = compare_classification_metrics(*tiled, patients=patients, resamples=2000)["specificity"]
    of_recordings = compare_classification_metrics(has_mi, probability, other, resamples=2000)["specificity"]
    assert of_patients.method == "percentile bootstrap over patients"
    assert of_patients.high - of_patients.low == pytest.approx(of_recordings.high - of_recordings.low, rel=0.2)
