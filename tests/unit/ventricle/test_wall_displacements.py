import numpy as np
import pytest
from numpy.typing import NDArray

from coreecho.errors import CoReEchoError
from coreecho.ventricle.infarction_classifiers import CLASSIFIERS, any_view, cross_validate
from coreecho.ventricle.wall_displacements import SEGMENTS, wall_motion

SIZE = 160


def arch(left: float, right: float, apex: float = 20.0) -> NDArray[np.bool_]:
    """A wall of 12 pixels with straight sides, open at the base: the cavity is left..right below the apex."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    is_outer = (columns >= left - 12) & (columns < right + 12) & (rows >= apex - 12) & (rows < 132)
    is_inner = (columns >= left) & (columns < right) & (rows >= apex)
    return np.asarray(is_outer & ~is_inner)


def test_a_side_that_moves_is_told_from_one_that_stands_still() -> None:
    # The left side moves 6 pixels inwards, the right one none.
    motion = wall_motion(np.stack([arch(50, 100), arch(53, 100), arch(56, 100), arch(50, 100)]))
    assert SEGMENTS == (1, 2, 3, 7, 6, 5)
    np.testing.assert_allclose(motion.displacements.max(axis=0), [6, 6, 6, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(motion.widths[:, 0], [50, 47, 44, 50], atol=1e-6)
    np.testing.assert_allclose(motion.nguyen_features(), np.array([6, 6, 6, 0, 0, 0]) / 44, atol=1e-6)
    # From row 20 to row 131.
    assert motion.heights.tolist() == [111.0] * 4
    np.testing.assert_allclose(motion.degerli_features(), np.array([6, 6, 6, 0, 0, 0]) / 111, atol=1e-6)


def test_segments_lie_at_their_sevenths_of_the_height_and_the_cap_is_left_out() -> None:
    motion = wall_motion(np.stack([arch(50, 100)] * 2))
    heights = (131 - motion.points[0, 0, :, :, 1]) / 111
    assert heights.min() > 0
    assert [float(part.max()) for part in heights] < [2 / 7, 4 / 7, 5 / 7]
    np.testing.assert_allclose(heights.mean(axis=1), [1 / 7, 3 / 7, 4.5 / 7], atol=1e-9)


def test_specks_and_holes_do_not_count_and_no_ventricle_is_refused() -> None:
    wall = arch(50, 100)
    dirty = wall.copy()
    dirty[5:8, 5:8] = True
    dirty[60, 44] = False
    np.testing.assert_allclose(wall_motion(dirty[None]).points, wall_motion(wall[None]).points, atol=1e-9)
    with pytest.raises(ValueError, match="frame 1: the wall encloses a cavity in 0 rows"):
        wall_motion(np.stack([wall, np.zeros_like(wall)]))


def test_a_wall_whose_apex_is_missing_lies_in_two_parts() -> None:
    walls = np.stack([arch(50, 100), arch(53, 100), arch(56, 100)])
    capless = walls.copy()
    capless[:, :20] = False
    np.testing.assert_allclose(wall_motion(capless).points, wall_motion(walls).points, atol=1e-9)


@pytest.fixture(scope="module")
def hearts() -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Sixty hearts, of which half move less in two segments."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2 == 0
    features = rng.normal(0.3, 0.05, size=(60, 6))
    features[labels, :2] -= 0.2
    return features, labels, np.arange(60) // 12


@pytest.mark.parametrize("classifier", [name for name in CLASSIFIERS if name != "forest"])
def test_each_classifier_tells_clear_infarcts_from_folds_that_it_has_not_seen(
    classifier: str, hearts: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]
) -> None:
    said = cross_validate(*hearts, classifier)
    assert (said.is_infarct == hearts[1]).mean() > 0.9


@pytest.mark.filterwarnings("error")
def test_nobody_has_more_neighbours_than_there_are_recordings(
    hearts: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]],
) -> None:
    """Of 20 recordings 15 are learned from, and 12 in an inner fold: 15 neighbours are not tried."""
    features, labels = hearts[0][:20], hearts[1][:20]
    said = cross_validate(features, labels, np.arange(20) // 5, "k-nn")
    assert (said.is_infarct == labels).mean() > 0.8


def test_nguyens_cut_off_is_the_corner_of_the_trainings_curve(
    hearts: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]],
) -> None:
    features, labels, folds = hearts
    said = cross_validate(features, labels, folds, "logistic", "nguyen")
    assert said.margins[labels].mean() > said.margins[~labels].mean()
    assert (said.is_infarct == labels).mean() > 0.9
    # Labels that are turned round are told as well as before, so nothing leaks from the test.
    assert (cross_validate(features, ~labels, folds, "logistic", "nguyen").is_infarct == ~labels).mean() > 0.9


def test_what_cannot_be_learned_from_is_refused(
    hearts: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]],
) -> None:
    features, labels, folds = hearts
    with pytest.raises(CoReEchoError, match="Without fold 0 there are 0 infarcts and 48 others"):
        cross_validate(features, np.zeros_like(labels), folds, "tree")
    with pytest.raises(CoReEchoError, match=r"There is no classifier 'svm'; there are svm-rbf, "):
        cross_validate(features, labels, folds, "svm")


def test_a_patient_is_ill_if_any_view_is() -> None:
    a4c, a2c = np.array([True, False, False]), np.array([False, False, True])
    assert any_view(a4c, a2c).tolist() == [True, False, True]
