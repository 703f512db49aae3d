import numpy as np
import pytest

from coreecho.errors import CalibrationError
from coreecho.trust import know


def made(count, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    ef = rng.uniform(15, 75, count)
    return np.outer(ef / 10, np.ones(6)) + rng.normal(size=(count, 6)) + shift, ef


def test_clips_of_another_kind_lie_farther_in_both_distances():
    known = know(*made(300, 0), words="300 recordings of a test")
    near = known.distances(made(100, 1)[0])
    sideways = np.array([4.0, -4.0] * 3)
    far = known.distances(made(100, 2, sideways)[0])
    for name in ("neighbour_distance", "class_distance"):
        assert np.median(far[name]) > np.quantile(near[name], 0.99)


def test_no_more_than_some_hundred_embeddings_are_kept_and_all_make_the_means():
    embeddings, ef = made(700, 0)
    known = know(embeddings, ef, words="w")
    assert known.embeddings.shape == (500, 6)
    np.testing.assert_allclose(known.of_class.means[-1], embeddings[ef >= 55].mean(axis=0), rtol=1e-5)


def test_too_few_and_those_that_are_no_numbers_are_refused():
    with pytest.raises(CalibrationError, match="At least 20 training recordings are needed, and 19 are there"):
        know(*made(19, 0), words="w")
    embeddings, ef = made(30, 0)
    embeddings[3, 2] = np.inf
    with pytest.raises(CalibrationError, match="not finite"):
        know(embeddings, ef, words="w")
