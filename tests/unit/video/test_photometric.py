"""Grey levels change as asked and no further: black surroundings stay black, strength 0 changes nothing."""

import numpy as np
import pytest

from coreecho.errors import RecipeError
from coreecho.video.photometric import blur_frames, random_photometric

_OFF = {
    "gain_flicker": 0.0, "gamma_spread": 0.0, "shading_spread": 0.0, "blur_pixels": 0.0, "noise": 0.0, "cutouts": 0
}  # fmt: skip
_ALL = {
    "gain_flicker": 0.2, "gamma_spread": 0.3, "shading_spread": 0.3, "blur_pixels": 1.0, "noise": 0.1, "cutouts": 2
}  # fmt: skip


@pytest.fixture
def clip():
    """A bright disc of random greys in a black frame, (8, 48, 56)."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:48, :56]
    inside = np.hypot(row - 24, column - 28) < 18
    return (rng.integers(40, 200, (8, 48, 56)) * inside).astype(np.uint8)


@pytest.mark.parametrize("changes", [{**_ALL, "strength": 0.0}, _OFF])
def test_without_strength_or_sizes_nothing_changes(clip, changes) -> None:
    np.testing.assert_array_equal(random_photometric(clip, rng=np.random.default_rng(1), **changes), clip)


def test_what_is_black_stays_black_and_the_rest_changes(clip) -> None:
    changed = random_photometric(clip, rng=np.random.default_rng(1), **_ALL)
    assert changed.dtype == np.uint8
    outside = clip.max(axis=0) == 0
    assert not changed[:, outside].any()
    assert np.abs(changed[:, ~outside].astype(int) - clip[:, ~outside]).mean() > 3


def test_same_generator_same_clip(clip) -> None:
    first, second, other = (random_photometric(clip, rng=np.random.default_rng(seed), **_ALL) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_changes_grow_with_strength(clip) -> None:
    sizes = {**_ALL, "cutouts": 0}
    distance = []
    for strength in (0.1, 0.4, 1.0):
        changed = [
            random_photometric(clip, rng=np.random.default_rng(seed), strength=strength, **sizes) for seed in range(10)
        ]
        distance.append(np.mean([np.abs(each.astype(float) - clip).mean() for each in changed]))
    assert distance[0] < 0.6 * distance[1] < 0.6 * distance[2]


def test_gain_flickers_from_frame_to_frame_with_the_asked_spread(clip) -> None:
    still = np.repeat(np.minimum(clip[:1], 120), 400, axis=0)
    gains = random_photometric(still, rng=np.random.default_rng(0), **{**_OFF, "gain_flicker": 0.1})
    inside = still[0] > 60
    means = gains[:, inside].mean(axis=1) / still[0, inside].mean()
    # Half of the variance differs from frame to frame.
    assert means.std() == pytest.approx(0.1 * 0.5**0.5, rel=0.1)


def test_gamma_is_a_power_of_the_grey_level(clip) -> None:
    changed = random_photometric(clip, rng=np.random.default_rng(5), **{**_OFF, "gamma_spread": 0.3})
    bright = clip > 0
    powers = np.log((changed[bright] + 1e-9) / 255.0) / np.log(clip[bright] / 255.0)
    assert np.median(powers) != pytest.approx(1.0, abs=0.02)
    np.testing.assert_allclose(powers, np.median(powers), rtol=0.05)


def test_shading_is_smooth_and_the_same_in_all_frames(clip) -> None:
    even = np.full((4, 60, 60), 100, dtype=np.uint8)
    changed = random_photometric(even, rng=np.random.default_rng(2), **{**_OFF, "shading_spread": 0.4}).astype(float)
    np.testing.assert_array_equal(changed[0], changed[3])
    assert np.ptp(changed[0]) > 20
    assert np.abs(np.diff(changed[0], axis=0)).max() < 0.1 * np.ptp(changed[0]) + 1


def test_blur_keeps_the_sum_and_has_the_asked_width() -> None:
    point = np.zeros((1, 31, 31), dtype=np.float32)
    point[0, 15, 15] = 1000.0
    blurred = blur_frames(point, 0.8)
    assert blurred.sum() == pytest.approx(1000.0, rel=1e-3)
    profile = blurred[0].sum(axis=0) / blurred.sum()
    assert np.sqrt((profile * (np.arange(31) - 15) ** 2).sum()) == pytest.approx(0.8, rel=0.05)


def test_noise_has_at_most_the_asked_spread(clip) -> None:
    even = np.full((6, 40, 40), 128, dtype=np.uint8)
    spread = [
        random_photometric(even, rng=np.random.default_rng(seed), **{**_OFF, "noise": 0.05}).std() / 255.0
        for seed in range(40)
    ]
    assert max(spread) == pytest.approx(0.05, rel=0.1)
    assert min(spread) < 0.01


def test_cut_outs_are_black_rectangles_in_all_frames() -> None:
    even = np.full((5, 60, 60), 128, dtype=np.uint8)
    shares = []
    for seed in range(30):
        changed = random_photometric(even, rng=np.random.default_rng(seed), **{**_OFF, "cutouts": 2})
        assert set(np.unique(changed)) <= {0, 128}
        np.testing.assert_array_equal(changed[0], changed[-1])
        shares.append((changed == 0).mean())
    assert min(shares) == 0.0
    assert 0.02 < max(shares) < 2 / 9 + 0.01


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"noise": 0.7}, "noise of an augmentation must be 0 to 0.5; got 0.7"),
        ({"strength": 1.5}, "strength of an augmentation must be 0 to 1; got 1.5"),
        ({"blur_pixels": -1.0}, "blur in pixels of an augmentation must be 0 to 1.5; got -1.0"),
        ({"cutouts": -1}, "number of cut-outs"),
    ],
)
def test_impossible_sizes_are_refused(clip, changes, text) -> None:
    with pytest.raises(RecipeError, match=text):
        random_photometric(clip, rng=np.random.default_rng(0), **{**_ALL, **changes})
