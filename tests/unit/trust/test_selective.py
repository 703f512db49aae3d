import itertools

import numpy as np
import pytest

from coreecho.trust import risk_coverage


def test_curve_of_a_hand_made_case():
    found = risk_coverage([4, 1, 3, 2], [0.9, 0.1, 0.2, 0.5])
    np.testing.assert_allclose(found.kept, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found.risk, [1, 2, 2, 2.5])
    assert found.aurc == pytest.approx(7.5 / 4)
    assert found.aurc_random == 2.5
    assert found.aurc_best == pytest.approx((1 + 1.5 + 2 + 2.5) / 4)
    assert found.risk_at(0.5) == 2
    assert found.risk_at(0.51) == 2
    assert found.risk_at(1) == 2.5


def test_perfect_doubt_gains_all_and_reversed_doubt_less_than_nothing():
    errors = np.random.default_rng(0).gamma(2, size=50)
    assert risk_coverage(errors, errors).gain == pytest.approx(1)
    assert risk_coverage(errors, -errors).gain < 0
    assert np.isnan(risk_coverage([1.0, 1.0], [0, 1]).gain)


def test_equal_doubts_count_as_the_mean_over_all_their_orders():
    errors, doubt = np.array([5.0, 1.0, 2.0, 9.0]), np.array([0, 1, 1, 1])
    curves = [
        risk_coverage(errors, np.concatenate([[0], 1 + np.array(order)])).risk
        for order in itertools.permutations(range(3))
    ]
    np.testing.assert_allclose(risk_coverage(errors, doubt).risk, np.mean(curves, axis=0))


def test_useless_doubt_is_random_on_average():
    rng = np.random.default_rng(1)
    errors = rng.gamma(2, size=80)
    aurc = [risk_coverage(errors, rng.uniform(size=80)).aurc for _ in range(2_000)]
    assert np.mean(aurc) == pytest.approx(errors.mean(), abs=4 * np.std(aurc) / np.sqrt(2_000))
    assert risk_coverage(errors, np.zeros(80)).aurc == pytest.approx(errors.mean())


def test_share_kept_is_the_count_whatever_the_rounding():
    found = risk_coverage(np.arange(10.0), np.arange(10))
    assert [found.risk_at(number / 10) for number in range(1, 11)] == pytest.approx(list(found.risk))
    assert found.risk_at(0.1 + 0.2) == found.risk[2]


@pytest.mark.parametrize(
    ("errors", "doubt", "message"),
    [([], [], "at least one"), ([1.0], [1.0, 2.0], "got 2 and 1"), ([1.0], [np.nan], "doubt: 1 of 1")],
)
def test_refuses_what_makes_no_sense(errors, doubt, message):
    with pytest.raises(ValueError, match=message):
        risk_coverage(errors, doubt)


@pytest.mark.parametrize("share", [0, 1.1])
def test_refuses_no_share(share):
    with pytest.raises(ValueError, match="above 0, up to 1"):
        risk_coverage([1.0], [1.0]).risk_at(share)
