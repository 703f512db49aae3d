"""Edge enhancement and compression: what they do to a picture, and to an even one not."""

import numpy as np

from coreecho.phantom.storing import sharpen, store_as_jpeg


def test_sharpening_raises_edges_and_leaves_even_places() -> None:
    sector = np.ones((20, 20), dtype=bool)
    picture = np.full((20, 20), 0.3, dtype=np.float32)
    picture[:, 10:] = 0.6
    sharper = sharpen(picture.ravel(), sector, 0.5).reshape(20, 20)
    # Across the edge a pixel differs from the mean of its neighbours by a quarter of the step.
    np.testing.assert_allclose(sharper[5, 8:12], [0.3, 0.3 - 0.0375, 0.6 + 0.0375, 0.6], atol=1e-6)
    np.testing.assert_allclose(sharpen(picture.ravel(), sector, 0.0).reshape(20, 20), picture, atol=1e-7)


def test_jpeg_loses_more_at_a_lower_quality() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (112, 112), dtype=np.uint8)
    fine, coarse = (np.abs(store_as_jpeg(picture, quality).astype(int) - picture).mean() for quality in (95, 40))
    assert 0.0 < fine < 0.3 * coarse
    np.testing.assert_array_equal(store_as_jpeg(np.zeros((112, 112), dtype=np.uint8), 50), 0)
