import math

import numpy as np
import pytest
from crepes.martingales import EpsilonBettingFunction, SimpleJumper, semi_online_p_values

from coreecho.trust import DriftMonitor, JumperMartingale, energy_test


def monitor(calibration, **options):
    return DriftMonitor(calibration_scores=tuple(calibration), **options)


def test_martingale_equals_crepes():
    p_values = np.random.default_rng(0).beta(0.7, 1, 300)
    ours = JumperMartingale()
    capital = np.exp([ours.update(p_value) for p_value in p_values])
    theirs = SimpleJumper(J=0.01, bf=EpsilonBettingFunction([-1, 0, 1])).apply(p_values)
    np.testing.assert_allclose(capital, theirs, rtol=1e-9)


def test_p_values_of_the_stream_equal_crepes():
    scores = np.random.default_rng(1).integers(0, 30, 120).astype(float)
    watched = monitor(scores[:20], seed=3)
    ours = []
    for score in scores[20:]:
        ours.append(watched._p_value(score))
        watched.update(score)
    above = np.array([(scores[:number] > scores[number]).sum() for number in range(20, 120)])
    ties = np.array([(scores[:number] == scores[number]).sum() for number in range(20, 120)])
    theirs = semi_online_p_values(scores, seed=0)[20:]
    lowest, width = above / np.arange(21, 121), (ties + 1) / np.arange(21, 121)
    for p_values in (np.array(ours), theirs):  # both lie where only their random number may put them
        assert ((p_values >= lowest - 1e-12) & (p_values <= lowest + width + 1e-12)).all()
    assert np.std((np.array(ours) - lowest) / width) == pytest.approx(math.sqrt(1 / 12), abs=0.05)


def test_a_stream_like_the_calibration_seldom_alarms_however_long_it_is():
    rng = np.random.default_rng(2)
    alarms = [
        monitor(rng.gamma(2, size=30), false_alarms=0.1).extend(rng.gamma(2, size=400)).drifted_at is not None
        for _ in range(150)
    ]
    # By Ville at most 10 %: 15 of 150, and four standard errors.
    assert sum(alarms) <= 15 + 15


def test_p_values_among_the_calibration_alone_would_alarm_far_too_often():
    # Why the monitor adds the stream: 30 recordings are no distribution, and 2,000 others show it.
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(60):
        known, stream = np.sort(rng.normal(size=30)), rng.normal(size=2_000)
        martingale = JumperMartingale()
        p_values = (30 - np.searchsorted(known, stream) + rng.uniform(size=2_000)) / 31
        alarms += max(martingale.update(p_value) for p_value in p_values) >= math.log(10)
    assert alarms > 30


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_drift_in_the_middle_of_a_stream_is_found_after_it_began_and_soon(shift):
    rng = np.random.default_rng(4)
    stream = np.concatenate([rng.normal(size=200), shift + rng.normal(size=300)])
    state = monitor(rng.normal(size=300)).extend(stream)
    assert 200 < state.drifted_at < 320
    assert state.largest_capital > 100
    assert state.words.startswith(f"drifted: found at recording {state.drifted_at} of 500")


def test_no_drift_says_how_strong_the_evidence_was():
    state = monitor([1.0, 2.0, 3.0]).extend([2.0, 1.5])
    assert state.drifted_at is None
    assert state.words.startswith("no drift found in 2 recordings (evidence 1")


def test_a_monitor_is_resumed_from_its_scores():
    rng = np.random.default_rng(5)
    known, stream = rng.normal(size=50), rng.normal(0.7, 1, size=200)
    whole = monitor(known, seed=9)
    whole.extend(stream)
    first = monitor(known, seed=9)
    first.extend(stream[:80])
    resumed = monitor(known, seed=9, stream_scores=list(first.stream_scores))
    assert resumed.state == first.state
    assert resumed.extend(stream[80:]) == whole.state
    assert monitor(known, seed=8).extend(stream) != whole.state


def test_a_very_long_drift_does_not_overflow():
    assert math.isfinite(monitor([0.0] * 50).extend(np.arange(1.0, 4_000.0)).capital)


def test_energy_distance_is_that_of_the_definition():
    rng = np.random.default_rng(6)
    one, other = rng.normal(size=(9, 3)), rng.normal(1, 1, size=(7, 3))

    def mean_distance(left, right):
        return np.mean([np.linalg.norm(a - b) for a in left for b in right])

    squared = 2 * mean_distance(one, other) - mean_distance(one, one) - mean_distance(other, other)
    assert energy_test(one, other, permutations=9).distance == pytest.approx(math.sqrt(squared))
    assert energy_test([1.0, 2.0], [1.0, 2.0], permutations=9).distance == pytest.approx(0, abs=1e-7)


def test_energy_test_of_like_samples_has_uniform_p_values_and_finds_unlike_ones():
    rng = np.random.default_rng(7)
    p_values = [energy_test(rng.normal(size=25), rng.normal(size=40), permutations=99).p_value for _ in range(300)]
    assert np.mean(np.array(p_values) <= 0.1) == pytest.approx(0.1, abs=0.07)
    assert energy_test(rng.normal(size=80), rng.normal(0.9, 1, size=80)).p_value <= 0.01
    # The same mean, another spread.
    assert energy_test(rng.normal(size=150), 3 * rng.normal(size=150)).p_value <= 0.01


def test_energy_test_draws_of_large_samples():
    rng = np.random.default_rng(8)
    one, other = rng.normal(size=5_000), rng.normal(1, 1, size=5_000)
    assert energy_test(one, other, permutations=19, most=100).p_value == 0.05
    assert energy_test(one, other, permutations=19, most=100) == energy_test(one, other, permutations=19, most=100)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: monitor([]), "at least one, got none"),
        (lambda: monitor([1.0], false_alarms=2), "between 0 and 1, got 2"),
        (lambda: monitor([1.0]).update(math.nan), "finite number, got nan"),
        (lambda: JumperMartingale().update(1.5), "0 to 1, got"),
        (lambda: energy_test([], [1.0]), "one: expected finite"),
        (lambda: energy_test([1.0], [math.nan]), "other: expected finite"),
        (lambda: energy_test(np.zeros((2, 2)), np.zeros((2, 3))), "of one width, got 2 and 3"),
        (lambda: energy_test([1.0], [1.0], permutations=0), "1 permutation"),
    ],
)
def test_refuses_what_makes_no_sense(call, message):
    with pytest.raises(ValueError, match=message):
        call()
