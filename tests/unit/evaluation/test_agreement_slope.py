import numpy as np
import pytest

from coreecho.evaluation.agreement_slope import agreement_slope


def pair(*, pull, bias=0.0, count=200):
    """EF that is read nearer to 50 by `pull`, with a reader's noise."""
    rng = np.random.default_rng(0)
    true = rng.uniform(20, 80, count)
    return true, true + bias + pull * (50 - true) + rng.normal(0, 3, count)


@pytest.mark.parametrize(
    ("pull", "bias", "words"),
    [
        (0.3, 0.0, "Low EF read too high, high EF too low: slope −0.3"),
        (-0.3, 0.0, "Low EF read too low, high EF too high: slope +0.2"),
        (0.3, 30.0, "Low EF read higher, against the truth, than high EF: slope −0.3"),
        (-0.3, 30.0, "Low EF read lower, against the truth, than high EF: slope +0.2"),
    ],
)
def test_a_clear_slope_is_said_in_words(pull, bias, words):
    found = agreement_slope(*pair(pull=pull, bias=bias))
    assert found.is_clear
    assert found.words("EF").replace("-", "−").startswith(words)
    # Of differences d = -p t + noise over means m = t (1 - p / 2) the slope is -p / (1 - p / 2), but for the noise.
    assert found.slope == pytest.approx(-pull / (1 - pull / 2), abs=0.04)
    assert found.low < found.slope < found.high


def test_no_slope_is_no_words():
    found = agreement_slope(*pair(pull=0.0))
    assert not found.is_clear
    assert found.words("EF") == ""


def test_its_interval_leaves_out_no_slope_in_one_of_twenty_sets():
    rng = np.random.default_rng(1)
    clear = []
    for _ in range(400):
        # Equal spread of both: then difference and mean are not correlated.
        first, second = rng.normal(50, 3, (2, 30)) + rng.normal(0, 8, 30)
        clear.append(agreement_slope(first, second).is_clear)
    # Standard error of the share: 1.1 %.
    assert np.mean(clear) == pytest.approx(0.05, abs=0.035)


def test_too_few_or_equal_recordings_have_none():
    assert agreement_slope([50.0] * 9, [51.0] * 9) is None
    assert agreement_slope([50.0] * 20, [51.0] * 20) is None
