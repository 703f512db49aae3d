import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from coreecho.evaluation.intervals import Interval, bootstrap_intervals, resampled_counts


def mean_of(values: NDArray[np.float64]):
    return lambda counts: (counts @ values / counts.sum(axis=1))[:, None]


def test_equals_scipys_percentile_bootstrap_within_monte_carlo_error():
    values = np.random.default_rng(1).gamma(2.0, 3.0, size=80)
    ours = bootstrap_intervals(mean_of(values), 80, resamples=20_000, seed=3)[0]
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", vectorized=True, rng=np.random.default_rng(4)
    ).confidence_interval
    # A 2.5 % quantile of 20,000 draws has a standard error of about 0.02 standard errors of the mean; allow five.
    tolerance = 5 * 0.02 * values.std() / math.sqrt(80)
    assert ours.estimate == pytest.approx(values.mean(), rel=1e-12)
    assert ours.low == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.high, abs=tolerance)


def test_ninety_five_percent_intervals_hold_the_true_mean_in_about_ninety_five_percent():
    rng = np.random.default_rng(0)
    cohorts = 600
    held = 0
    for cohort in range(cohorts):
        values = rng.normal(10, 2, size=100)
        interval = bootstrap_intervals(mean_of(values), 100, resamples=600, seed=cohort)[0]
        held += interval.low <= 10 <= interval.high
    # Binomial standard error 0.9 %; the percentile interval of 100 recordings is about 0.5 % short of its level.
    assert 0.92 <= held / cohorts <= 0.975


def test_wider_level_holds_narrower_one():
    values = np.arange(30.0)
    narrow = bootstrap_intervals(mean_of(values), 30, level=0.8, seed=1)[0]
    wide = bootstrap_intervals(mean_of(values), 30, level=0.99, seed=1)[0]
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high
    assert (narrow.level, wide.level) == (0.8, 0.99)


@pytest.mark.parametrize("chunk_elements", [1, 37, 10**6])
def test_resamples_do_not_depend_on_the_chunks(chunk_elements):
    whole = np.concatenate(list(resampled_counts(np.arange(9), resamples=50, seed=5)))
    cut = np.concatenate(list(resampled_counts(np.arange(9), resamples=50, seed=5, chunk_elements=chunk_elements)))
    np.testing.assert_array_equal(whole, cut)
    assert (whole.sum(axis=1) == 9).all()


def test_recordings_are_drawn_uniformly():
    counts = np.concatenate(list(resampled_counts(np.arange(5), resamples=20_000, seed=0)))
    # Each count is Binomial(5, 1/5): mean 1, variance 0.8.
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(counts.var(axis=0), 0.8, atol=0.04)


def test_chunks_are_bounded():
    chunks = list(resampled_counts(np.arange(1000), resamples=100, seed=0, chunk_elements=10_000))
    assert [len(chunk) for chunk in chunks] == [10] * 10


def test_recordings_of_one_patient_are_resampled_together():
    patients = ["b", "a", "b", "c"]
    counts = np.concatenate(list(resampled_counts(np.array([1, 0, 1, 2]), resamples=200, seed=0)))
    np.testing.assert_array_equal(counts[:, 0], counts[:, 2])
    # Ten recordings of equal value per patient carry no more than one: the interval must not shrink.
    values = np.random.default_rng(2).normal(size=20)
    single = bootstrap_intervals(mean_of(values), 20, seed=1)[0]
    repeated = bootstrap_intervals(
        mean_of(np.repeat(values, 10)),
        200,
        patients=[f"{patient:02d}" for patient in range(20) for _ in range(10)],
        seed=1,
    )[0]
    assert repeated.low == pytest.approx(single.low)
    assert repeated.high == pytest.approx(single.high)
    assert repeated.method == "percentile bootstrap over patients"
    assert bootstrap_intervals(mean_of(np.arange(4.0)), 4, patients=patients, resamples=5)[0].resamples == 5


def test_resamples_without_the_statistic_are_excluded_and_counted():
    def defined_only_with_the_first_recording(counts):
        return np.where(counts[:, :1] > 0, counts[:, :1], np.nan)

    interval = bootstrap_intervals(defined_only_with_the_first_recording, 10, resamples=10_000, seed=0)[0]
    # A recording is left out of a resample with probability 0.9^10 = 0.349.
    assert interval.excluded_resamples == pytest.approx(3487, abs=250)
    assert interval.low == 1
    assert interval.resamples == 10_000


def test_an_undefined_statistic_has_no_interval_and_reads_as_not_available():
    interval = bootstrap_intervals(lambda counts: np.full((len(counts), 1), np.nan), 4, resamples=20)[0]
    assert not interval.is_defined
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert interval.excluded_resamples == 20
    assert interval.format() == "n/a"
    assert interval.to_dict()["estimate"] is None


def test_format_gives_digits_asked_for():
    interval = Interval(estimate=3.9, low=3.7111, high=4.1, level=0.95, resamples=10)
    assert interval.format() == "3.90 (3.71 to 4.10)"
    assert Interval(estimate=-0.001, low=-0.5, high=0.0, level=0.95, resamples=10).format() == "0.00 (-0.50 to 0.00)"
    assert interval.format(3) == "3.900 (3.711 to 4.100)"


def test_one_recording_gives_an_interval_of_no_width():
    interval = bootstrap_intervals(mean_of(np.array([7.0])), 1, resamples=100)[0]
    assert (interval.low, interval.estimate, interval.high) == (7, 7, 7)


@pytest.mark.parametrize(
    ("num_recordings", "options", "message"),
    [
        (0, {}, "at least one recording"),
        (3, {"patients": ["a"]}, "one name for each of 3 recordings, got 1"),
        (3, {"resamples": 0}, "expected at least 1, got 0"),
        (3, {"level": 95}, "such as 0.95, got 95"),
    ],
)
def test_refuses_what_makes_no_sense(num_recordings, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_intervals(mean_of(np.arange(3.0)), num_recordings, **options)


@pytest.mark.parametrize(
    ("low", "high", "digits"), [(-0.011, -0.001, 3), (-0.02, 0.0, 2), (-0.00002, 0.4, 5), (1.0, 2.0, 2)]
)
def test_no_end_prints_as_a_0_that_it_is_not(low, high, digits):
    interval = Interval(estimate=(low + high) / 2, low=low, high=high, level=0.95, resamples=10)
    assert interval.digits_apart_from_0(2) == digits
    assert interval.digits_apart_from_0(4) == max(digits, 4)
