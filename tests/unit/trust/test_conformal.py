import numpy as np
import pytest
from scipy import stats

from coreecho.trust import (
    conformal_p_values,
    conformal_quantile,
    conformal_rank,
    coverage_test,
    promise,
    smallest_calibration,
)

DRAWS = 20_000


@pytest.mark.parametrize(
    ("count", "level", "rank"),
    [
        (20, 0.9, 19),
        (9, 0.9, 9),
        (8, 0.9, 9),
        (19, 0.95, 19),
        (18, 0.95, 19),
        (99, 0.55, 55),
        (0, 0.5, 1),
        (30, 0.9, 28),
    ],
)
def test_rank_is_the_ceiling_of_n_plus_one_times_the_level(count, level, rank):
    # (99, 0.55): in binary 100 * 0.55 is 55.00000000000001, whose ceiling is 56.
    assert conformal_rank(count, level) == rank


@pytest.mark.parametrize("level", [0.5, 0.55, 0.8, 0.9, 0.95, 0.99])
def test_smallest_calibration_is_the_first_with_a_finite_bound(level):
    least = smallest_calibration(level)
    assert np.isfinite(conformal_quantile(np.arange(least), level))
    assert conformal_quantile(np.arange(least - 1), level) == np.inf


def test_quantile_is_the_score_of_that_rank_whatever_the_order():
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 21.0))
    assert conformal_quantile(scores, 0.9) == 19


def test_coverage_over_draws_is_that_of_the_rank_and_a_rank_of_n_would_be_seen():
    # n = 20 at 90 %: rank 19 holds 19/21 = 0.905. Rank ceil(20 * 0.9) = 18 would hold 18/21 = 0.857.
    rng = np.random.default_rng(1)
    errors = np.abs(rng.standard_t(3, size=(DRAWS, 21)))
    held = np.array([new <= conformal_quantile(known, 0.9) for *known, new in errors])
    standard_error = np.sqrt(0.905 * 0.095 / DRAWS)  # 0.002
    assert held.mean() == pytest.approx(19 / 21, abs=4 * standard_error)
    assert abs(held.mean() - 18 / 21) > 10 * standard_error


def test_coverage_of_single_calibrations_spreads_as_the_promise_says():
    # Of uniform errors, the coverage of a calibration is its quantile.
    rng = np.random.default_rng(2)
    coverage = np.array([conformal_quantile(rng.uniform(size=30), 0.9) for _ in range(4_000)])
    promised = promise(30, 0.9)
    for share in (0.05, 0.5, 0.95):
        assert np.quantile(coverage, share) == pytest.approx(promised.coverage_quantile(share), abs=0.01)
    assert coverage.mean() == pytest.approx(promised.mean_coverage, abs=0.004)


def test_thirty_recordings_are_told_what_they_can_promise():
    words = promise(30, 0.9).words
    assert "90 % intervals from 30 recordings" in words
    assert "90.3 %" in words  # 28/31
    assert "between 80 and 97 %" in words  # Beta(28, 3)


def test_too_few_recordings_promise_nothing_and_say_how_many_are_needed():
    assert not promise(18, 0.95).is_finite
    assert promise(18, 0.95).words == (
        "18 recordings cannot promise 95 %: the interval is the whole of 0 to 100 %. At least 19 are needed."
    )


def test_p_values_count_the_scores_that_are_as_strange():
    known = [1.0, 2.0, 3.0, 4.0]
    np.testing.assert_allclose(conformal_p_values(known, [5, 4, 2.5, 0]), [0.2, 0.4, 0.6, 1.0])
    np.testing.assert_allclose(conformal_p_values(known, [5, 1, 0.5], side="low"), [1.0, 0.4, 0.2])
    np.testing.assert_allclose(conformal_p_values(known, [5, 0, 2.5], side="both"), [0.4, 0.4, 1.0])


def test_differences_within_the_tolerance_are_ties():
    known = [50.0] * 9
    assert conformal_p_values(known, [50.03], side="both")[0] == pytest.approx(0.2)
    assert conformal_p_values(known, [50.03], side="both", tolerance=0.1)[0] == 1.0


@pytest.mark.parametrize("side", ["high", "low", "both"])
def test_p_values_of_exchangeable_scores_are_small_no_more_often_than_they_say(side):
    rng = np.random.default_rng(3)
    p_values = np.array(
        [conformal_p_values(row[:-1], row[-1:], side=side)[0] for row in rng.gamma(2, size=(8_000, 40))]
    )
    for alpha in (0.05, 0.1, 0.3):
        assert (p_values <= alpha).mean() <= alpha + 4 * np.sqrt(alpha * (1 - alpha) / 8_000)
    # Not by being large always: 2 of 40 ranks have p <= 0.05 (for both sides, one at either end).
    assert (p_values <= 0.05).mean() > 0.03


@pytest.mark.parametrize("side", ["high", "low"])
def test_p_values_equal_crepes(side):
    from crepes.base import p_values_batch

    rng = np.random.default_rng(4)
    known, new = rng.integers(0, 15, 60).astype(float), rng.integers(-2, 18, 30).astype(float)
    sign = 1 if side == "high" else -1
    theirs = p_values_batch(sign * known, sign * new, smoothing=False)
    np.testing.assert_allclose(conformal_p_values(known, new, side=side), theirs, rtol=1e-12)


def p_values_of_many_calibrations(num_calibrated: int, num_tested: int, quantile) -> np.ndarray:
    """P-values of the coverage test over many calibrations, with a rule for the half width."""
    rng = np.random.default_rng(5)
    # The test counts those that held, and equal counts come often.
    of_count: dict[int, float] = {}
    p_values = []
    for _ in range(1_500):
        width = quantile(np.abs(rng.normal(size=num_calibrated)))
        held = np.abs(rng.normal(size=num_tested)) <= width
        count = int(held.sum())
        if count not in of_count:
            of_count[count] = coverage_test(held, num_calibrated=num_calibrated, level=0.9).p_too_few
        p_values.append(of_count[count])
    return np.array(p_values)


def test_coverage_test_seldom_doubts_a_right_calibration_and_sees_a_wrong_rank():
    right = p_values_of_many_calibrations(50, 500, lambda errors: conformal_quantile(errors, 0.9))
    # 5 % with a standard error of 0.6 %; a plain binomial test would doubt about a fifth of these.
    assert 0.025 < (right <= 0.05).mean() < 0.075
    wrong = p_values_of_many_calibrations(50, 500, lambda errors: np.sort(errors)[conformal_rank(50, 0.9) - 3])
    assert (wrong <= 0.05).mean() > 2 * (right <= 0.05).mean()


def test_coverage_test_sees_a_leaked_calibration_split():
    # A linear model with 60 inputs for 100 recordings has learned these by heart: their errors are far too small.
    rng = np.random.default_rng(6)
    inputs, weights = rng.normal(size=(1_100, 60)), rng.normal(size=60)
    true = inputs @ weights + rng.normal(0, 5, size=1_100)
    fitted = np.linalg.lstsq(inputs[:100], true[:100], rcond=None)[0]
    errors = np.abs(true - inputs @ fitted)

    def tested(calibration):
        held = errors[500:] <= conformal_quantile(errors[calibration], 0.9)
        return coverage_test(held, num_calibrated=100, level=0.9)

    assert tested(slice(0, 100)).coverage < 0.6
    assert tested(slice(0, 100)).p_value < 1e-9
    assert tested(slice(100, 200)).p_value > 0.05


def test_coverage_test_is_the_beta_binomial_of_the_definition():
    found = coverage_test([True] * 8 + [False] * 2, num_calibrated=9, level=0.9)
    # Every order of 9 known and 10 new errors is as likely; 8 held: two new ones lie above all known ones.
    ranks = np.random.default_rng(7).permuted(np.tile(np.arange(19), (40_000, 1)), axis=1)
    num_held = (ranks[:, 9:] < ranks[:, :9].max(axis=1, keepdims=True)).sum(axis=1)
    assert found.p_too_few == pytest.approx((num_held <= 8).mean(), abs=0.01)
    assert found.p_too_many == pytest.approx((num_held >= 8).mean(), abs=0.01)
    assert found.p_too_few == pytest.approx(stats.betabinom(10, 9, 1).cdf(8))
    assert "8 of 10 held (80.0 %), 90.0 % promised" in found.words


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conformal_rank(10, 90), "such as 0.9, got 90"),
        (lambda: conformal_rank(-1, 0.9), "0 or more, got -1"),
        (lambda: conformal_quantile([1, np.nan], 0.9), "1 of 2 values are not finite, first at 1"),
        (lambda: conformal_quantile([[1.0]], 0.9), r"shape \(N,\), got \(1, 1\)"),
        (lambda: conformal_p_values([], [1.0]), "at least one, got none"),
        (lambda: coverage_test([], num_calibrated=20, level=0.9), r"M > 0"),
        (lambda: coverage_test([True], num_calibrated=5, level=0.9), "nothing to test"),
    ],
)
def test_refuses_what_makes_no_sense(call, message):
    with pytest.raises(ValueError, match=message):
        call()
