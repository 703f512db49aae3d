import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss

from coreecho.evaluation.reliability import reliability


def outcomes(count, seed, sharpened=1.0):
    """Events and probabilities that are right at a sharpening of 1 and too sure above."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 2, count)
    event = rng.uniform(size=count) < 1 / (1 + np.exp(-logit))
    return 1 / (1 + np.exp(-sharpened * logit)), event


def test_brier_score_equals_scikit_learn_and_skill_is_against_the_share():
    probability, event = outcomes(300, 0)
    found = reliability(probability, event, resamples=50)
    assert found.brier.estimate == pytest.approx(brier_score_loss(event, probability))
    best_constant = event.mean() * (1 - event.mean())
    assert found.brier_skill.estimate == pytest.approx(1 - found.brier.estimate / best_constant)
    assert found.bias.estimate == pytest.approx(probability.mean() - event.mean())
    assert found.brier.low < found.brier.estimate < found.brier.high


def test_bins_hold_each_recording_once_and_one_lies_in_the_last():
    found = reliability([0.0, 0.05, 0.1, 0.95, 1.0], [0, 0, 1, 1, 1], resamples=20)
    assert [part.num_recordings for part in found.bins] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert [part.num_events for part in found.bins] == [0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.bins[0].mean_probability == pytest.approx(0.025)
    assert found.bins[9].observed == 1
    assert np.isnan(found.bins[3].observed)
    exact = stats.beta.ppf([0.025], 2, 1)  # Clopper-Pearson, two of two
    assert found.bins[9].observed_low == pytest.approx(exact[0])
    assert found.bins[9].observed_high == 1
    # |0.025 - 0| for two, |0.1 - 1| for one, |0.975 - 1| for two.
    assert found.calibration_error == pytest.approx((2 * 0.025 + 0.9 + 2 * 0.025) / 5)


def test_pooled_bins_hold_as_many_as_asked_and_all_recordings():
    probability = np.r_[np.full(20, 0.05), 0.25, 0.35, np.full(9, 0.75), 0.95]
    found = reliability(probability, probability > 0.5, resamples=2)
    pooled = found.pooled(10)
    assert [part.num_recordings for part in pooled] == [20, 12]
    assert pooled[1].mean_probability == pytest.approx((0.25 + 0.35 + 9 * 0.75 + 0.95) / 12)
    assert (pooled[1].num_events, pooled[1].low, pooled[1].high) == (10, pytest.approx(0.2), 1)
    assert pooled[1].observed_low == pytest.approx(stats.beta.ppf(0.025, 10, 3))  # Clopper-Pearson, 10 of 12
    # Too few for one bin are one all the same.
    assert [part.num_recordings for part in found.pooled(1000)] == [32]


def test_right_probabilities_lie_in_the_intervals_and_too_sure_ones_do_not():
    def num_missed(sharpened):
        probability, event = outcomes(20_000, 1, sharpened)
        bins = reliability(probability, event, resamples=20).bins
        return sum(not part.observed_low <= part.mean_probability <= part.observed_high for part in bins)

    assert num_missed(1.0) <= 2
    assert num_missed(2.0) >= 7


def test_events_of_one_kind_have_no_skill_but_a_score():
    found = reliability([0.2, 0.4], [0, 0], resamples=20)
    assert not found.brier_skill.is_defined
    assert found.brier_skill.reason == "no recording has the event"
    assert found.brier.estimate == pytest.approx((0.04 + 0.16) / 2)
    assert reliability([0.2, 0.4], [1, 1], resamples=20).brier_skill.reason == "every recording has the event"


@pytest.mark.parametrize(
    ("probability", "event", "options", "message"),
    [
        ([], [], {}, "one event for each"),
        ([0.5], [1, 0], {}, "got 2 and 1"),
        ([1.5], [1], {}, "from 0 to 1"),
        ([0.5], [2], {}, "events of 0 or 1"),
        ([0.5], [1], {"num_bins": 0}, "at least 1"),
        ([0.5], [1], {"level": 2}, "such as 0.9"),
        ([np.nan], [1], {}, "not finite"),
    ],
)
def test_refuses_what_makes_no_sense(probability, event, options, message):
    with pytest.raises(ValueError, match=message):
        reliability(probability, event, **options)
