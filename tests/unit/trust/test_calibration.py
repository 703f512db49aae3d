import datetime

import numpy as np
import pytest
from crepes import ConformalPredictiveSystem, ConformalRegressor

from coreecho.errors import CalibrationError
from coreecho.trust import calibrate, widening_needed
from coreecho.trust.calibrating import LEAST_OF_RANGE

WHO = {"calibrated_on": "VAL split of a test", "is_phantom": False, "model": "abc"}
EDGES = (30.0, 40.0, 55.0)
METHODS = ["absolute", "normalised", "by-range", "normalised-by-range"]


def cohort(count: int, seed: int, over_reading: float = 0.0):
    """True and predicted EF and the spread over clips; errors grow with the spread and for failing hearts."""
    rng = np.random.default_rng(seed)
    true = np.clip(100 - 40 * rng.gamma(4, 0.28, size=count), 8, 92)
    spread = rng.gamma(2, 1.0, size=count)
    scale = np.hypot(2 + 5 * (true < 40), spread)
    predicted = true + over_reading * (true < 40) + scale * rng.normal(size=count)
    return true, predicted, spread


def made(method, count=400, seed=0, level=0.75, **options):
    true, predicted, spread = cohort(count, seed)
    return calibrate(true, predicted, spread=spread, method=method, level=level, **WHO, **options)


def bins_of(predicted):
    return np.digitize(predicted, EDGES)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", [0.5, 0.75, 0.875])  # exact in binary: crepes takes the floor of products of floats
def test_intervals_equal_crepes(method, level):
    true, predicted, spread = cohort(400, 0)
    _, new, new_spread = cohort(150, 1)
    ours = made(method, level=level)
    sigmas = np.hypot(spread, 2.0) if "normalised" in method else None
    new_sigmas = np.hypot(new_spread, 2.0) if "normalised" in method else None
    is_by_range = "by-range" in method
    assert len(ours.ranges) == (4 if is_by_range else 1)
    oracle = ConformalRegressor().fit(true - predicted, sigmas, bins_of(predicted) if is_by_range else None)
    theirs = oracle.predict_int(new, new_sigmas, bins_of(new) if is_by_range else None, level, y_min=0, y_max=100)
    np.testing.assert_allclose(ours.intervals(new, new_spread), theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_equal_crepes_for_their_random_numbers_and_without(method):
    true, predicted, spread = cohort(400, 0)
    _, new, new_spread = cohort(150, 1)
    ours = made(method)
    sigmas = np.hypot(spread, 2.0) if "normalised" in method else None
    new_sigmas = np.hypot(new_spread, 2.0) if "normalised" in method else None
    bins, new_bins = (bins_of(predicted), bins_of(new)) if "by-range" in method else (None, None)
    oracle = ConformalPredictiveSystem().fit(true - predicted, sigmas, bins)
    for threshold in (40.0, 50.0):
        np.random.seed(7)  # noqa: NPY002  # crepes draws its own from the global state with this seed
        taus = np.random.rand(len(new))  # noqa: NPY002
        smoothed = oracle.predict_p(new, threshold, new_sigmas, new_bins, seed=7)
        np.testing.assert_allclose(ours.probability_below(threshold, new, new_spread, tau=taus), smoothed, atol=1e-12)
        highest = oracle.predict_p(new, threshold, new_sigmas, new_bins, smoothing=False)
        np.testing.assert_allclose(ours.probability_below(threshold, new, new_spread, tau=1), highest, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_coverage_over_calibrations_keeps_its_promise(method):
    # 1,200 calibrations of 60, each tested on 200: a rank of n instead of n + 1 (54 of 60 instead of 55) holds 88.5 %.
    held, promised = [], []
    for seed in range(1_200):
        true, predicted, spread = cohort(200, 10_000 + seed)
        calibration = made(method, count=60, seed=seed, level=0.9, edges=(50.0,))
        low, high = calibration.intervals(predicted, spread).T
        held.append(((low <= true) & (true <= high)).mean())
        share = [len(part.errors) / 60 for part in calibration.ranges]
        ranks = [
            calibration.interval(part.predicted.low if np.isfinite(part.predicted.low) else 0, 0.0).promised
            for part in calibration.ranges
        ]
        promised.append(np.dot(share, [rank.mean_coverage for rank in ranks]))
    # The coverage of one calibration has a standard deviation of about 4 %.
    standard_error = np.std(held) / np.sqrt(1_200)
    assert standard_error < 0.002
    assert np.mean(held) == pytest.approx(np.mean(promised), abs=4 * standard_error)
    assert np.mean(held) >= 0.9 - 4 * standard_error


def test_failing_hearts_are_held_by_range_and_not_without():
    true, predicted, spread = cohort(20_000, 1)
    is_low = predicted < 30
    held = {}
    for method in ("absolute", "by-range"):
        low, high = made(method, count=2_000, level=0.9).intervals(predicted, spread).T
        held[method] = ((low <= true) & (true <= high))[is_low].mean()
    assert held["absolute"] < 0.8
    assert held["by-range"] > 0.85


def test_normalised_intervals_are_wider_where_clips_disagree_and_never_of_no_width():
    calibration = made("normalised")
    low, high = calibration.intervals([50, 50], [0, 6]).T
    width = high - low
    assert width[1] / width[0] == pytest.approx(np.hypot(6, 2) / 2)
    assert width[0] > 1


def test_probabilities_rise_with_the_threshold_and_end_at_zero_and_one():
    calibration = made("by-range")
    values = np.array([calibration.probability_below(t, [45.0])[0] for t in np.linspace(-5, 105, 60)])
    assert (np.diff(values) >= 0).all()
    assert (values[0], values[-1]) == (0, 1)
    assert calibration.probability_below(0, [45.0])[0] == 0
    assert 0 < calibration.probability_below(40, [45.0])[0] < 0.5 < calibration.probability_below(50, [45.0])[0] < 1


def test_smoothed_probability_at_the_truth_is_uniform():
    rng = np.random.default_rng(3)
    values = []
    for seed in range(400):
        true, predicted, _ = cohort(12, seed)
        calibration = calibrate(true[:9], predicted[:9], method="absolute", level=0.75, **WHO)
        for one, its_prediction in zip(true[9:10], predicted[9:10], strict=True):
            values.append(calibration.probability_below(one, [its_prediction], tau=rng.uniform())[0])
    # Mean 1/2 and variance 1/12 of uniform values, at four standard errors.
    assert np.mean(values) == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 400))
    assert np.var(values) == pytest.approx(1 / 12, abs=0.02)


def test_interval_of_one_recording_is_cut_at_the_possible_and_says_so():
    calibration = made("absolute")
    half_width = calibration.ranges[0].half_width(calibration.level)
    inside = calibration.interval(50.0)
    assert (inside.low, inside.high) == pytest.approx((50 - half_width, 50 + half_width))
    assert inside.notes == ()
    cut = calibration.interval(1.0)
    assert cut.low == 0
    assert "was cut at 0 to 100 %" in cut.notes[0]
    beyond = calibration.interval(150.0)
    assert (beyond.low, beyond.high) == (100, 100)


def test_too_few_recordings_give_the_whole_range_and_say_how_many_are_needed():
    calibration = made("absolute", count=5, level=0.9)
    np.testing.assert_array_equal(calibration.intervals([3.0, 60.0]), [[0, 100], [0, 100]])
    assert "At least 9 are needed" in calibration.interval(60.0).notes[0]


def test_phantoms_and_widening_stand_beside_every_interval():
    true, predicted, _ = cohort(100, 0)
    calibration = calibrate(true, predicted, method="absolute", **{**WHO, "is_phantom": True})
    wider = calibration.widened(2.0, "errors on 100 real clips are twice as large")
    plain, wide = calibration.interval(50.0), wider.interval(50.0)
    assert wide.high - wide.low == pytest.approx(2 * (plain.high - plain.low))
    assert plain.notes == ("calibrated on simulated hearts: nothing is promised of patients",)
    assert wide.notes[0] == "widened 2 times: errors on 100 real clips are twice as large"
    assert "100 simulated hearts" in calibration.words
    # Errors twice as large put the threshold half as far away in units of the error.
    assert wider.probability_below(40, [50.0])[0] == pytest.approx(calibration.probability_below(45, [50.0])[0])
    with pytest.raises(CalibrationError, match="factor of 1 or more"):
        wider.widened(0.5, "no")
    with pytest.raises(CalibrationError, match="widened_because"):
        calibration.widened(2.0, "")


def test_ranges_too_small_for_the_level_are_merged():
    calibration = made("by-range", count=150, level=0.9)
    assert 1 < len(calibration.ranges) < 4
    assert all(len(part.errors) >= LEAST_OF_RANGE for part in calibration.ranges)
    # 99 recordings are needed for 99 %: 150 cannot be cut.
    assert len(made("by-range", count=150, level=0.99).ranges) == 1


def test_words_tell_on_what_when_and_what_can_be_promised():
    true, predicted, _ = cohort(30, 0)
    calibration = calibrate(
        true, predicted, patients=["a"] * 10 + [str(n) for n in range(20)], made_on=datetime.date(2026, 2, 3), **WHO
    )
    assert calibration.num_patients == 21
    assert calibration.words.startswith(
        "Calibrated on 30 recordings (VAL split of a test) on 2026-02-03: a width for each range of "
        "predicted EF. They are of 21 patients only"
    )
    assert "90 % intervals from 30 recordings" in calibration.words


def test_patients_that_were_trained_on_are_refused_without_their_names():
    true, predicted, _ = cohort(30, 0)
    patients = [f"patient{number}" for number in range(30)]
    with pytest.raises(CalibrationError, match="2 of 30 patients of the calibration were trained on") as caught:
        calibrate(true, predicted, patients=patients, training_patients={"patient3", "patient9", "x"}, **WHO)
    assert "patient3" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "normalised"}, "needs the spread over the clips"),
        ({"method": "normalised", "spread": [1.0] * 19 + [-1.0]}, "1 < 0"),
        ({"method": "normalised", "spread": [1.0]}, "expected 20 values"),
        ({"method": "median"}, "expected one of absolute, normalised"),
        ({"method": "normalised", "spread": [1.0] * 20, "spread_floor": 0}, "above 0, got 0"),
        ({"level": 1}, "such as 0.9, got 1"),
        ({"edges": (40, 30)}, "rising"),
        ({"patients": ["a"]}, "one name for each of 20"),
        ({"training_patients": ["a"]}, None),
    ],
)
def test_refuses_what_makes_no_sense(options, message):
    true, predicted, _ = cohort(20, 0)
    if message is None:  # nothing to compare with
        assert calibrate(true, predicted, **WHO, **options).num_patients == 20
        return
    with pytest.raises(ValueError, match=message):
        calibrate(true, predicted, **WHO, **options)


def test_refuses_predictions_that_are_no_numbers_or_too_few():
    with pytest.raises(ValueError, match="ef_predicted: 1 of 2 values are not finite"):
        calibrate([50, 60], [50, np.nan], **WHO)
    with pytest.raises(ValueError, match="one prediction for each of 2"):
        calibrate([50, 60], [50], **WHO)
    with pytest.raises(CalibrationError, match="at least one recording"):
        calibrate([], [], **WHO)
    with pytest.raises(ValueError, match="finite EF in percent"):
        made("absolute").probability_below(np.nan, [50.0])
    with pytest.raises(ValueError, match="tau: expected values from 0 to 1"):
        made("absolute").probability_below(40, [50.0], tau=2)


@pytest.mark.parametrize("method", METHODS)
def test_intervals_widened_by_the_measured_gap_hold_on_recordings_of_the_other_kind(method):
    held = {"as calibrated": [], "widened": []}
    for seed in range(150):
        calibration = made(method, count=300, seed=seed, level=0.9)
        true, predicted, spread = cohort(300, 20_000 + seed)
        predicted = true + 1.6 * (predicted - true)  # on these the model errs more
        factor = widening_needed(calibration, true[:50], predicted[:50], spread[:50])
        for name, used in (
            ("as calibrated", calibration),
            ("widened", calibration.widened(factor, "measured on 50")),
        ):
            low, high = used.intervals(predicted[50:], spread[50:]).T
            held[name].append(((low <= true[50:]) & (true[50:] <= high)).mean())
    assert np.mean(held["as calibrated"]) < 0.8
    # Rank 46 of 50 promises 46/51 = 0.902; a calibration of 50 spreads by 4 %, of which 150 leave 0.35 %.
    assert np.mean(held["widened"]) == pytest.approx(0.902, abs=0.015)


def test_intervals_that_are_wide_enough_are_not_narrowed_and_too_few_cannot_tell():
    calibration = made("absolute", level=0.9)
    true, predicted, _ = cohort(40, 1)
    factor = widening_needed(calibration, true, true + 0.1 * (predicted - true))
    assert factor == 1
    assert calibration.widened(factor, "40 others").words.endswith("Wide enough as it is: 40 others.")
    with pytest.raises(CalibrationError, match="cannot be measured: 8 recordings cannot promise 90 %"):
        widening_needed(calibration, true[:8], predicted[:8])
    with pytest.raises(CalibrationError, match="calibrate on more recordings"):
        widening_needed(made("absolute", count=5, level=0.9), true, predicted)
    with pytest.raises(ValueError, match="one prediction for each of 40"):
        widening_needed(calibration, true, predicted[:3])
