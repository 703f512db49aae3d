import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf

from coreecho.errors import CalibrationError
from coreecho.trust import ClassDistance, NeighbourDistance, conformal_p_values, fit_class_distance


def embeddings(count, seed, width=12):
    """Hearts on a line through space that follows EF, with noise of very different size in each direction."""
    rng = np.random.default_rng(seed)
    ef = rng.uniform(15, 75, count)
    noise = rng.normal(size=(count, width)) * np.geomspace(1.0, 0.02, width)
    return np.outer(ef / 10, np.ones(width)) + noise, ef


def test_neighbour_distance_is_the_mean_to_the_nearest():
    training, _ = embeddings(60, 0)
    new, _ = embeddings(7, 1)
    slow = [np.sort(np.linalg.norm(training - one, axis=1))[:4].mean() for one in new]
    np.testing.assert_allclose(NeighbourDistance(training, num_neighbours=4)(new), slow, rtol=1e-9)


def test_class_distance_is_mahalanobis_to_the_nearest_mean_with_the_shrunk_covariance_within():
    training, ef = embeddings(200, 0)
    new, _ = embeddings(9, 1)
    distance = fit_class_distance(training, ef)
    assert [part.name for part in distance.ranges] == ["below 30", "30 to 40", "40 to 55", "55 and above"]
    classes = np.digitize(ef, [30, 40, 55])
    means = np.stack([training[classes == number].mean(axis=0) for number in range(4)])
    covariance, shrinkage = ledoit_wolf(training - means[classes], assume_centered=True)
    inverse = np.linalg.inv(covariance)
    slow = np.array([[mahalanobis(one, mean, inverse) for mean in means] for one in new])
    np.testing.assert_allclose(distance(new), slow.min(axis=1), rtol=1e-7)
    assert distance.shrinkage == pytest.approx(shrinkage)
    assert [part.name for part in distance.nearest_range(means)] == [part.name for part in distance.ranges]


def test_fewer_recordings_than_dimensions_give_finite_distances():
    training, ef = embeddings(40, 0, width=100)
    assert np.isfinite(fit_class_distance(training, ef)(embeddings(5, 1, width=100)[0])).all()


def test_p_values_against_held_out_recordings_are_honest_and_against_training_ones_are_not():
    training, ef = embeddings(150, 0, width=60)
    validation, _ = embeddings(300, 1, width=60)
    new, _ = embeddings(4_000, 2, width=60)
    for distance in (NeighbourDistance(training, num_neighbours=3), fit_class_distance(training, ef)):
        honest = conformal_p_values(distance(validation), distance(new))
        # 5 % with a standard deviation over validation splits of 1.3 %.
        assert (honest <= 0.05).mean() == pytest.approx(0.05, abs=0.045)
        leaked = conformal_p_values(distance(training), distance(new))
        assert (leaked <= 0.05).mean() > 0.2


def test_each_distance_sees_what_the_other_does_not():
    training, ef = embeddings(400, 0)
    validation, _ = embeddings(400, 1)
    near, of_class = NeighbourDistance(training), fit_class_distance(training, ef)
    usual, _ = embeddings(1, 5)
    # A small step in a direction in which nothing ever varied.
    odd = usual.copy()
    odd[:, -1] += 0.6
    assert conformal_p_values(of_class(validation), of_class(odd))[0] < 0.02
    assert conformal_p_values(near(validation), near(odd))[0] > 0.02
    # Far from all, in every direction.
    far = usual + 8
    assert conformal_p_values(near(validation), near(far))[0] < 0.01


def test_ranges_of_few_training_recordings_are_merged():
    training, ef = embeddings(100, 0)
    high = np.maximum(ef, 31)
    assert fit_class_distance(training, high).ranges[0].name == "below 40"


def test_refuses_what_cannot_be_measured():
    training, ef = embeddings(20, 0)
    with pytest.raises(CalibrationError, match="30 neighbours were asked for, and 20 training"):
        NeighbourDistance(training, num_neighbours=30)
    with pytest.raises(ValueError, match="1 or more, got 0"):
        NeighbourDistance(training, num_neighbours=0)
    with pytest.raises(ValueError, match=r"shape \(N, 12\), got \(2, 3\)"):
        NeighbourDistance(training)(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"shape \(N, 12\), got \(12,\)"):
        fit_class_distance(training, ef)(training[0])
    with pytest.raises(ValueError, match="1 of 20 not finite"):
        fit_class_distance(np.vstack([training[:19], np.full((1, 12), np.nan)]), ef)
    with pytest.raises(ValueError, match="one EF for each of 20 embeddings, got 19"):
        fit_class_distance(training, ef[:19])
    with pytest.raises(CalibrationError, match="at least two"):
        fit_class_distance(training[:1], ef[:1])
    with pytest.raises(CalibrationError, match="do not vary"):
        fit_class_distance(np.ones((20, 4)), ef)


def test_class_distance_is_stored_and_taken_back():
    training, ef = embeddings(100, 0)
    new, _ = embeddings(5, 1)
    distance = fit_class_distance(training, ef)
    back = ClassDistance.from_arrays(distance.to_arrays())
    np.testing.assert_array_equal(back(new), distance(new))
    assert back.ranges == distance.ranges
    assert back.shrinkage == distance.shrinkage


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("means", np.zeros((3, 12)), r"means: expected finite numbers of the shape \(4, 12\), got \(3, 12\)"),
        ("means", np.zeros(12), "means: expected finite"),
        ("whitening", np.zeros((12, 11)), r"whitening: .* \(12, 12\), got \(12, 11\)"),
        ("whitening", np.full((12, 12), np.nan), "whitening: expected finite"),
        ("edges", [40, 30, 55], "edges: expected finite, rising"),
        ("more", [1.0], "expected edges, means, shrinkage, whitening, got"),
    ],
)
def test_stored_class_distances_that_do_not_fit_are_refused(name, value, message):
    arrays = dict(fit_class_distance(*embeddings(100, 0)).to_arrays())
    with pytest.raises(CalibrationError, match=message):
        ClassDistance.from_arrays({**arrays, name: value})
