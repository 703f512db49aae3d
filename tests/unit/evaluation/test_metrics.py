import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from coreecho.evaluation.intervals import resampled_counts
from coreecho.evaluation.metrics import EF_METRICS, MetricsOfCounts, compute_metrics


def by_scikit_learn(true, predicted):
    difference = predicted - true
    bias, deviation = difference.mean(), difference.std(ddof=1)
    values = [
        sk.mean_absolute_error(true, predicted),
        sk.root_mean_squared_error(true, predicted),
        sk.r2_score(true, predicted),
        np.corrcoef(true, predicted)[0, 1],
        bias,
        bias - 1.96 * deviation,
        bias + 1.96 * deviation,
    ]
    for threshold in (35, 40, 50):
        is_below = true < threshold
        has_both = is_below.any() and not is_below.all()
        values.append(sk.roc_auc_score(is_below, -predicted) if has_both else math.nan)
    return np.array(values)


def cohort(num_recordings, seed=0, error=6.0):
    rng = np.random.default_rng(seed)
    true = np.clip(rng.normal(55.75, 12.37, num_recordings), 7, 97)
    # Rounded predictions tie often, also across the classes.
    return true, np.round(true + rng.normal(0.5, error, num_recordings))


@pytest.mark.parametrize("num_recordings", [40, 300])
def test_estimates_equal_scikit_learn(num_recordings):
    true, predicted = cohort(num_recordings)
    metrics = compute_metrics(true, predicted, resamples=10)
    ours = [metrics[definition.key].estimate for definition in EF_METRICS.definitions]
    np.testing.assert_allclose(ours, by_scikit_learn(true, predicted), rtol=1e-10)


def test_every_resample_equals_scikit_learn_on_the_repeated_recordings():
    true, predicted = cohort(60)
    order = np.argsort(-predicted, kind="stable")
    true, predicted = true[order], predicted[order]
    counts = np.concatenate(list(resampled_counts(np.arange(60), resamples=40, seed=1)))
    ours = MetricsOfCounts(true, predicted)(counts)
    for row, count in zip(ours, counts.astype(int), strict=True):
        expected = by_scikit_learn(np.repeat(true, count), np.repeat(predicted, count))
        np.testing.assert_allclose(row, expected, rtol=1e-9, equal_nan=True)


def test_intervals_are_quantiles_over_the_same_resamples():
    true, predicted = cohort(50)
    metrics = compute_metrics(true, predicted, resamples=200, seed=9, level=0.9)
    order = np.lexsort((true, -predicted))
    counts = np.concatenate(list(resampled_counts(np.arange(50), resamples=200, seed=9))).astype(int)
    values = np.stack(
        [by_scikit_learn(np.repeat(true[order], count), np.repeat(predicted[order], count)) for count in counts]
    )
    for column, definition in enumerate(EF_METRICS.definitions):
        defined = values[:, column][~np.isnan(values[:, column])]
        low, high = np.quantile(defined, [0.05, 0.95])
        assert metrics[definition.key].low == pytest.approx(low)
        assert metrics[definition.key].high == pytest.approx(high)
        assert metrics[definition.key].excluded_resamples == 200 - len(defined)


def test_a_perfect_prediction():
    true, _ = cohort(100)
    metrics = compute_metrics(true, true, resamples=500)
    for key, expected in {"mae": 0, "rmse": 0, "r2": 1, "pearson": 1, "bias": 0, "agreement_low": 0}.items():
        assert (metrics[key].low, metrics[key].high) == pytest.approx((expected, expected), abs=1e-9)
    assert metrics["auroc_below_40"].estimate == 1
    assert metrics["auroc_below_40"].low == 1


def test_bias_is_predicted_minus_true():
    true, _ = cohort(30)
    assert compute_metrics(true, true + 3, resamples=10)["bias"].estimate == pytest.approx(3)


def test_auroc_rewards_a_low_prediction_for_a_low_ef():
    metrics = compute_metrics([30, 60, 65, 70], [30, 60, 65, 70], resamples=10)
    assert metrics["auroc_below_35"].estimate == 1
    reversed_metrics = compute_metrics([30, 60, 65, 70], [70, 65, 60, 30], resamples=10)
    assert reversed_metrics["auroc_below_35"].estimate == 0
    tied = compute_metrics([30, 60, 65, 70], [50, 50, 50, 50], resamples=10)
    assert tied["auroc_below_35"].estimate == 0.5


def test_threshold_itself_is_not_below():
    metrics = compute_metrics([35.0, 60.0], [35.0, 60.0], resamples=10)
    assert metrics["auroc_below_35"].reason == "no recording has a true EF below 35 %: both classes are needed"
    assert metrics["auroc_below_40"].estimate == 1


def test_a_missing_class_is_said_and_not_a_number():
    metrics = compute_metrics([20, 25, 30], [22, 24, 33], resamples=50)
    interval = metrics["auroc_below_50"]
    assert math.isnan(interval.estimate)
    assert interval.format() == "n/a"
    assert interval.reason == "every recording has a true EF below 50 %: both classes are needed"


def test_resamples_with_one_class_are_excluded_and_counted():
    true = np.r_[30.0, np.full(19, 60.0)]
    interval = compute_metrics(true, true, resamples=10_000)["auroc_below_35"]
    # The only recording below 35 is left out with probability 0.95^20 = 0.358.
    assert interval.excluded_resamples == pytest.approx(3585, abs=250)
    assert interval.estimate == 1


@pytest.mark.parametrize(
    ("true", "predicted", "key", "reason"),
    [
        ([50, 50, 50], [40, 50, 61], "r2", "the true EF is the same in every recording"),
        ([40, 50, 61], [50, 50, 50], "pearson", "the predicted EF is the same in every recording"),
        ([40], [41], "agreement_low", "one recording only: at least two are needed"),
        ([40], [41], "r2", "one recording only: at least two are needed"),
    ],
)
def test_undefined_metrics_carry_their_reason(true, predicted, key, reason):
    interval = compute_metrics(true, predicted, resamples=20)[key]
    assert not interval.is_defined
    assert interval.reason == reason


def test_order_of_the_recordings_changes_nothing():
    true, predicted = cohort(80)
    names = [f"patient {recording // 2}" for recording in range(80)]
    shuffled = np.random.default_rng(3).permutation(80)
    for patients, moved in ((None, None), (names, [names[recording] for recording in shuffled])):
        straight = compute_metrics(true, predicted, patients=patients, resamples=300)
        mixed = compute_metrics(true[shuffled], predicted[shuffled], patients=moved, resamples=300)
        assert straight == mixed


def test_patients_with_several_recordings_are_counted():
    true, predicted = cohort(6)
    metrics = compute_metrics(true, predicted, patients=list("aabbcc"), resamples=20)
    assert (metrics.num_recordings, metrics.num_patients) == (6, 3)


def test_frame_and_json_carry_everything_needed_to_quote_a_metric():
    true, predicted = cohort(30)
    metrics = compute_metrics(true, predicted, resamples=100, seed=7)
    frame = metrics.to_frame()
    assert list(frame["metric"]) == [definition.key for definition in EF_METRICS.definitions]
    row = frame.set_index("metric").loc["mae"]
    assert (row["level"], row["resamples"], row["seed"], row["num_recordings"]) == (0.95, 100, 7, 30)
    assert row["method"] == "percentile bootstrap over recordings"
    restored = json.loads(json.dumps(metrics.to_dict(), allow_nan=False))
    assert restored["metrics"]["mae"]["estimate"] == metrics["mae"].estimate
    assert restored["bootstrap"] == {"seed": 7, "level": 0.95, "resamples": 100}
    assert pd.isna(
        compute_metrics([50, 60], [50, 61], resamples=5).to_frame().set_index("metric").loc["auroc_below_35", "low"]
    )


def test_same_seed_same_intervals():
    true, predicted = cohort(50)
    assert compute_metrics(true, predicted, seed=1) == compute_metrics(true, predicted, seed=1)
    assert compute_metrics(true, predicted, seed=1)["mae"].low != compute_metrics(true, predicted, seed=2)["mae"].low


@pytest.mark.parametrize(
    ("true", "predicted", "options", "message"),
    [
        ([50, 60], [50], {}, r"expected the same shape \(N,\), got \(2,\), \(1,\)"),
        ([[50]], [[50]], {}, "expected the same shape"),
        ([50, math.nan], [50, 60], {}, "ef_true: 1 of 2 values are not finite, first at 1"),
        ([50, 60], [math.inf, 60], {}, "ef_predicted: 1 of 2 values are not finite, first at 0"),
        ([50, 60], [50, 60], {"patients": ["a"]}, "one name for each of 2 recordings, got 1"),
        ([], [], {}, "at least one recording"),
    ],
)
def test_refuses_what_cannot_be_measured(true, predicted, options, message):
    with pytest.raises(ValueError, match=message):
        compute_metrics(true, predicted, **options)
