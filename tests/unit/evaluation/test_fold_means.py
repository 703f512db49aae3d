import numpy as np
import pytest

from coreecho.evaluation import EF_METRICS, MI_METRICS
from coreecho.evaluation.fold_means import metrics_mean_over_folds


def cohort(num_recordings: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[int]]:
    rng = np.random.default_rng(seed)
    true = rng.uniform(20, 75, num_recordings)
    return true, true + rng.normal(0, 4, num_recordings), (np.arange(num_recordings) % 5 + 1).tolist()


def test_each_metric_is_the_mean_of_those_of_the_folds() -> None:
    true, predicted, folds = cohort()
    found = metrics_mean_over_folds(true, predicted, folds, family=EF_METRICS, resamples=50)
    of_folds = [
        EF_METRICS.measure(true[np.array(folds) == fold], predicted[np.array(folds) == fold], resamples=1)
        for fold in range(1, 6)
    ]
    for key in ("mae", "rmse", "r2", "pearson"):
        assert found[key].estimate == pytest.approx(np.mean([each[key].estimate for each in of_folds]))
        assert found[key].low < found[key].estimate < found[key].high
    pooled = EF_METRICS.measure(true, predicted, resamples=50)
    assert found["r2"].estimate != pytest.approx(pooled["r2"].estimate, abs=1e-3)


def test_a_mean_of_rates_is_what_no_pooled_rate_can_be() -> None:
    # Two negatives in one fold and one in the other: 1/2 and 1 have the mean 3/4, which three negatives do not give.
    has_mi = np.array([1, 1, 0, 0, 1, 0])
    logit = np.array([2.0, 1.5, 1.0, -2.0, 2.0, -1.5])
    found = metrics_mean_over_folds(has_mi, logit, [1, 1, 1, 1, 2, 2], family=MI_METRICS, resamples=200)
    assert found["specificity"].estimate == pytest.approx(0.75)
    assert MI_METRICS.measure(has_mi, logit, resamples=1)["specificity"].estimate == pytest.approx(2 / 3)


def test_a_metric_that_one_fold_does_not_define_is_undefined_with_the_reason() -> None:
    has_mi = np.array([1, 1, 1, 0])
    logit = np.array([2.0, 1.5, 1.0, -2.0])
    found = metrics_mean_over_folds(has_mi, logit, [1, 1, 2, 2], family=MI_METRICS, resamples=50)
    assert np.isnan(found["specificity"].estimate)
    assert found["specificity"].reason.startswith("a fold of 2: ")
    assert found["sensitivity"].estimate == 1


def test_folds_that_are_not_one_a_recording_are_refused() -> None:
    true, predicted, folds = cohort()
    with pytest.raises(ValueError, match="expected one for each of 60 recordings, got 59"):
        metrics_mean_over_folds(true, predicted, folds[1:], family=EF_METRICS)
