"""Enlarged pictures keep their sector, enlarged masks their labels."""

import numpy as np

from coreecho.phantom.enlargement import enlarge, enlarge_labels


def test_a_picture_grows_smoothly_and_the_outside_stays_black() -> None:
    small = np.zeros((8, 8), dtype=np.uint8)
    small[2:6, 2:6] = np.linspace(60, 200, 4, dtype=np.uint8)
    large = enlarge(small, 32, 24)
    assert large.shape == (32, 24)
    assert large[:6].max() == large[:, :4].max() == 0
    middle = large[16, 8:16].astype(int)
    assert np.all(np.diff(middle) >= 0)
    assert len(np.unique(middle)) > 4


def test_a_mask_grows_without_new_labels() -> None:
    small = np.array([[0, 1], [2, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(enlarge_labels(small, 4, 6), np.repeat(np.repeat(small, 2, axis=0), 3, axis=1))
