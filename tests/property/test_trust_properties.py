import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from coreecho.trust import (
    ModelCalibration,
    calibrate,
    calibration_from_json,
    calibration_to_json,
    conformal_p_values,
    promise,
)

EF = st.floats(0, 100)
METHOD = st.sampled_from(["absolute", "normalised", "by-range", "normalised-by-range"])
RECORDINGS = st.lists(st.tuples(EF, EF, st.floats(0, 30)), min_size=1, max_size=120)


def calibrated(recordings, method, level):
    true, predicted, spread = np.array(recordings).T
    return calibrate(
        true, predicted, spread=spread, method=method, level=level, calibrated_on="made up", is_phantom=True, model="m"
    )


@settings(max_examples=60, deadline=None)
@given(RECORDINGS, METHOD, st.floats(0.05, 0.98), st.integers(0, 2**32 - 1))
def test_the_order_of_recordings_does_not_matter_and_what_is_written_is_read_back(recordings, method, level, seed):
    order = np.random.default_rng(seed).permutation(len(recordings))
    calibration = calibrated(recordings, method, level)
    assert calibrated([recordings[place] for place in order], method, level) == calibration
    whole = ModelCalibration(intervals=calibration, num_clips=3)
    assert calibration_from_json(calibration_to_json(whole)) == whole


@settings(max_examples=60, deadline=None)
@given(RECORDINGS, st.sampled_from(["absolute", "normalised"]), st.floats(0.05, 0.7), st.floats(0, 0.28), EF)
def test_a_higher_level_holds_the_interval_of_a_lower_one(recordings, method, level, more, predicted):
    low, high = calibrated(recordings, method, level).intervals([predicted], [3.0])[0]
    lower, higher = calibrated(recordings, method, level + more).intervals([predicted], [3.0])[0]
    assert 0 <= lower <= low <= high <= higher <= 100


@settings(max_examples=60, deadline=None)
@given(RECORDINGS, METHOD, EF, EF, EF, st.floats(0, 1))
def test_probabilities_rise_with_the_threshold_and_with_tau(recordings, method, one, other, predicted, tau):
    calibration = calibrated(recordings, method, 0.9)
    low, high = sorted([one, other])
    below_low, below_high = (calibration.probability_below(t, [predicted], [3.0], tau=tau)[0] for t in (low, high))
    assert 0 <= below_low <= below_high <= 1
    assert calibration.probability_below(low, [predicted], [3.0], tau=0)[0] <= below_low + 1e-12


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(-1e6, 1e6), st.floats(0, 10))
def test_p_values_are_never_zero_and_a_tolerance_only_raises_them(known, score, tolerance):
    for side in ("high", "low", "both"):
        plain = conformal_p_values(known, [score], side=side)[0]
        assert 1 / (len(known) + 1) <= plain <= 1
        assert conformal_p_values(known, [score], side=side, tolerance=tolerance)[0] >= plain


@given(st.integers(0, 3_000), st.floats(0.01, 0.99))
def test_the_mean_coverage_is_at_least_the_level_and_at_most_one_rank_more(count, level):
    promised = promise(count, level)
    assert level - 1e-12 <= promised.mean_coverage < level + 1 / (count + 1) + 1e-12
