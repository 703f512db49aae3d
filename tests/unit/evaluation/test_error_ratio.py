import numpy as np
import pytest

from coreecho.evaluation.error_ratio import error_ratio


def test_error_ratio_is_that_of_the_mean_errors():
    found = error_ratio([2, 2, 8, 4], [False, False, True, True], resamples=500)
    assert found.estimate == 3
    assert found.low <= 3 <= found.high
    assert error_ratio([2, 2], [True, True], resamples=10).reason == "every recording was flagged"
    assert error_ratio([2, 2], [False, False], resamples=10).reason == "no recording was flagged"
    assert (
        error_ratio([2, 0], [True, False], resamples=10).reason == "the recordings that were not flagged have no error"
    )


def test_error_ratio_holds_the_true_ratio():
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(100):
        flagged = rng.uniform(size=300) < 0.3
        errors = np.abs(rng.normal(size=300)) * np.where(flagged, 2, 1)
        found = error_ratio(errors, flagged, resamples=200, seed=seed)
        held += found.low <= 2 <= found.high
    assert held >= 86  # of 100 at 95 %, four standard errors


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match="one for each of 2 errors"):
        error_ratio([1, 2], [True])
