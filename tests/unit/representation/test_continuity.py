import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from coreecho.errors import DatasetError
from coreecho.losses import rank_n_contrast_loss
from coreecho.representation.continuity import knn_error, rank_correlation, rnc_loss, weighted_rnc_loss

FAST = {"resamples": 200}
RNG = np.random.default_rng(0)
EF = np.sort(RNG.uniform(20, 75, 60))
ORDERED = EF[:, None] * RNG.standard_normal((1, 8))
SHUFFLED = RNG.permutation(ORDERED)
# Three clusters, ordered by EF, with no order inside of them.
CLUSTERED = np.repeat([0.0, 10.0, 20.0], 20)[:, None] + 0.1 * RNG.standard_normal((60, 8))


class TestRankCorrelation:
    def test_constructed_cases(self) -> None:
        found = {
            name: rank_correlation(points, EF, **FAST)
            for name, points in (("ordered", ORDERED), ("shuffled", SHUFFLED), ("clustered", CLUSTERED))
        }
        assert found["ordered"].estimate == pytest.approx(1)
        assert found["ordered"].low == pytest.approx(1)
        assert found["shuffled"].low < 0 < found["shuffled"].high
        assert 0.6 < found["clustered"].low < found["clustered"].high < 0.99

    def test_equals_scipy_anchor_by_anchor(self) -> None:
        """With ties in both, as between recordings of one EF."""
        points, labels = np.round(RNG.standard_normal((25, 1)), 1), RNG.integers(40, 50, 25).astype(float)
        values = []
        for anchor in range(25):
            others = np.arange(25) != anchor
            near = np.linalg.norm(points[others] - points[anchor], axis=1)
            values.append(spearmanr(near, np.abs(labels[others] - labels[anchor])).statistic)
        assert rank_correlation(points, labels, **FAST).estimate == pytest.approx(np.mean(values), abs=1e-12)

    def test_scale_and_rotation_do_not_count(self) -> None:
        rotation = np.linalg.qr(RNG.standard_normal((8, 8)))[0]
        expected = rank_correlation(CLUSTERED, EF, **FAST).estimate
        assert rank_correlation(7 * CLUSTERED @ rotation + 3, EF, **FAST).estimate == pytest.approx(expected)

    def test_interval_has_the_width_of_repeated_samples(self) -> None:
        """Of anchors alone it would be half as wide."""

        def sample(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            labels = rng.normal(55, 12, 80)
            return labels[:, None] + rng.normal(0, 12, (80, 1)), labels

        rngs = [np.random.default_rng(seed) for seed in range(60)]
        repeated = [rank_correlation(*sample(rng), resamples=1).estimate for rng in rngs]
        intervals = [rank_correlation(*sample(np.random.default_rng(seed)), resamples=300) for seed in range(100, 104)]
        width = np.mean([interval.high - interval.low for interval in intervals])
        assert width == pytest.approx(2 * 1.96 * np.std(repeated), rel=0.3)

    def test_one_label_or_one_place_is_not_defined(self) -> None:
        assert "same label" in rank_correlation(ORDERED, np.full(60, 55.0), **FAST).reason
        assert not rank_correlation(np.zeros((60, 8)), EF, **FAST).is_defined


class TestNearestNeighbours:
    def test_constructed_cases(self) -> None:
        gaps = knn_error(ORDERED, EF, k=2, **FAST).estimate
        inside = np.abs(EF[1:-1] - (EF[:-2] + EF[2:]) / 2).mean()
        assert gaps < 3
        assert gaps == pytest.approx(inside, abs=1.0)
        spread = np.abs(EF - EF.mean()).mean()
        assert knn_error(SHUFFLED, EF, **FAST).estimate == pytest.approx(spread, rel=0.15)
        within = np.mean([np.abs(part - part.mean()).mean() for part in EF.reshape(3, 20)])
        assert knn_error(CLUSTERED, EF, k=19, **FAST).estimate == pytest.approx(within * 20 / 19, rel=1e-6)

    def test_by_hand(self) -> None:
        """At 0, 1, 3: nearest of each is 1, 0, 1. Errors |30 - 50|, |50 - 30|, |60 - 50|."""
        interval = knn_error([[0.0], [1.0], [3.0]], [30, 50, 60], k=1, **FAST)
        assert interval.estimate == pytest.approx((20 + 20 + 10) / 3)

    def test_against_a_reference(self) -> None:
        reference = (np.array([[0.0], [10.0]]), np.array([30.0, 60.0]))
        interval = knn_error([[1.0], [2.0], [9.0]], [32, 35, 60], k=1, reference=reference)
        assert interval.estimate == pytest.approx((2 + 5 + 0) / 3)
        everything = knn_error([[1.0], [2.0], [9.0]], [45, 45, 45], k=9, reference=reference)
        assert everything.estimate == 0

    def test_recordings_of_one_patient_are_no_neighbours(self) -> None:
        """Two recordings a patient, in the same place with the same EF; the next patient is 10 points away."""
        points = np.repeat(np.arange(5.0), 2)[:, None]
        labels = np.repeat(np.arange(30.0, 80.0, 10.0), 2)
        patients = np.repeat(list("abcde"), 2).tolist()
        assert knn_error(points, labels, k=1, **FAST).estimate == 0
        assert knn_error(points, labels, k=1, patients=patients, **FAST).estimate == pytest.approx(10)
        with pytest.raises(DatasetError, match="All recordings are of one patient"):
            knn_error(points, labels, patients=["a"] * 10)

    def test_refuses_no_neighbour(self) -> None:
        with pytest.raises(ValueError, match="k: expected at least 1"):
            knn_error(ORDERED, EF, k=0)


class TestRankNContrast:
    def test_constructed_cases(self) -> None:
        gains = {
            name: rnc_loss(points, EF, temperature=10, **FAST)[1]
            for name, points in (("ordered", ORDERED), ("shuffled", SHUFFLED), ("clustered", CLUSTERED))
        }
        assert gains["ordered"].low > gains["clustered"].high > 0
        assert gains["shuffled"].high < 0
        loss, gain = rnc_loss(np.zeros((60, 3)), EF, **FAST)
        assert gain.estimate == pytest.approx(0)
        assert gain.low == pytest.approx(0)
        # Without ties, S(n, m) has 1, 2, ... N - 1 members once each: the mean of their logarithms.
        assert loss.estimate == pytest.approx(np.log(np.arange(1, 60)).mean())

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(3, 8))
    def test_equals_the_definition(self, seed: int, count: int) -> None:
        rng = np.random.default_rng(seed)
        points, labels = rng.standard_normal((count, 2)), rng.integers(40, 46, count).astype(float)
        total = 0.0
        for n, m in itertools.permutations(range(count), 2):
            similar = {k: np.exp(-np.linalg.norm(points[n] - points[k]) / 0.7) for k in range(count) if k != n}
            negatives = [k for k in similar if abs(labels[k] - labels[n]) >= abs(labels[m] - labels[n])]
            total -= np.log(similar[m] / sum(similar[k] for k in negatives))
        loss, _ = rnc_loss(points, labels, temperature=0.7, resamples=5)
        assert loss.estimate == pytest.approx(total / (count * (count - 1)))

    def test_recordings_that_do_not_count_might_as_well_not_be_there(self) -> None:
        points, labels = RNG.standard_normal((6, 2)), np.array([30.0, 40, 40, 55, 61, 48])
        counts = np.array([[1.0, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 1], [0, 3, 0, 3, 3, 0]])
        found = weighted_rnc_loss(points, labels, counts, temperature=0.5)
        for row, kept in zip(found[:2], (range(6), [0, 2, 3, 5]), strict=True):
            some = torch.from_numpy(points)[list(kept)], torch.from_numpy(labels)[list(kept)]
            assert row[0] == pytest.approx(float(rank_n_contrast_loss(*some, 0.5)))
            assert row[1] == pytest.approx(float(rank_n_contrast_loss(torch.zeros_like(some[0]), some[1], 0.5)))
        # All of three recordings counting thrice adds log 3 to every pair's sum, and changes nothing else.
        some = torch.from_numpy(points)[[1, 3, 4]], torch.from_numpy(labels)[[1, 3, 4]]
        assert found[2, 0] == pytest.approx(float(rank_n_contrast_loss(*some, 0.5)) + np.log(3))

    def test_interval_is_around_the_estimate(self) -> None:
        """Also where copies in the resamples shift the loss by more than its interval is wide."""
        for temperature in (1, 30):
            for interval in rnc_loss(ORDERED, EF, temperature=temperature, **FAST):
                assert interval.low < interval.estimate < interval.high
                assert "moved back by its bias" in interval.method


def test_refuses_what_cannot_be_compared() -> None:
    with pytest.raises(DatasetError, match="needs at least 3 of them, got 2"):
        rank_correlation(np.zeros((2, 3)), [50, 60])
    with pytest.raises(DatasetError, match="a label for each recording"):
        knn_error(np.zeros((3, 3)), [50, 60, np.nan])
    with pytest.raises(ValueError, match=r"got \(3,\) and \(3,\)"):
        rnc_loss(np.zeros(3), [50, 60, 70])
