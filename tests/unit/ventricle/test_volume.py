from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from coreecho.ventricle import ejection_fraction, ventricle_curve
from coreecho.ventricle.volume import Method, area_length_volume, disc_volume

Shape = Callable[..., NDArray[np.bool_]]


METHODS: tuple[Method, ...] = ("discs", "area-length")


def test_formulas_on_an_ellipse() -> None:
    """Of length 8 and width 4: pi / 6 * 8 * 16."""
    volume = np.pi / 6 * 8 * 16
    assert area_length_volume(np.pi * 4 * 2, 8) == pytest.approx(volume)
    middles = (np.arange(2000) + 0.5) / 1000 - 1
    assert disc_volume(4 * np.sqrt(1 - middles**2), 8) == pytest.approx(volume, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("turn", [0, 18, -33, 45])
def test_volume_of_an_ellipse(method: Method, turn: float, ellipse: Shape) -> None:
    curve = ventricle_curve(ellipse(turn_degrees=turn, centre=(54.6, 57.2))[None], method=method)
    assert curve.unit == "pixel³"
    assert curve.volumes[0] == pytest.approx(4 / 3 * np.pi * 34 * 16**2, rel=0.015)


@pytest.mark.parametrize("method", METHODS)
def test_finer_pixels_come_closer(method: Method, ellipse: Shape) -> None:
    """4/3 pi a b^2 at 1, 2 and 4 times the pixels."""
    errors = []
    for zoom in (1, 2, 4):
        mask = ellipse(112 * zoom, centre=(55.3 * zoom, 56.1 * zoom), half_length=34 * zoom, half_width=16 * zoom)
        volume = ventricle_curve(mask[None], method=method, mm_per_pixel=1 / zoom).volumes[0]
        errors.append(abs(volume * 1000 / (4 / 3 * np.pi * 34 * 16**2) - 1))
    assert errors[0] < 0.015
    assert errors[2] < 0.003


def test_half_an_ellipse_is_what_only_discs_know(bullet: Shape) -> None:
    """A bullet of length L and half-width b has 2/3 pi b^2 L; area and length give 8 A^2 / (3 pi L)."""
    masks = bullet()[None]
    truth = 2 / 3 * np.pi * 16**2 * 60
    assert ventricle_curve(masks).volumes[0] == pytest.approx(truth, rel=0.02)
    expected = 8 * (np.pi / 4 * 60 * 32) ** 2 / (3 * np.pi * 60)
    assert ventricle_curve(masks, method="area-length").volumes[0] == pytest.approx(expected, rel=0.03)


def test_pixels_of_known_size_give_millilitres(ellipse: Shape) -> None:
    curve = ventricle_curve(ellipse(centre=(54.6, 57.2))[None], mm_per_pixel=1.5)
    assert curve.unit == "mL"
    assert curve.volumes[0] == pytest.approx(4 / 3 * np.pi * 51 * 24**2 / 1000, rel=0.02)
    assert curve.lengths[0] == pytest.approx(68, abs=0.7)


def test_curve_follows_the_heart_and_knows_gaps(ellipse: Shape) -> None:
    halves = [(34, 16), (32, 13), (30, 10)]
    masks = np.stack([*(ellipse(half_length=a, half_width=b) for a, b in halves), np.zeros((112, 112), dtype=bool)])
    curve = ventricle_curve(masks)
    truth = [4 / 3 * np.pi * a * b**2 for a, b in halves]
    np.testing.assert_allclose(curve.volumes[:3], truth, rtol=0.02)
    assert curve.num_missing == 1
    assert np.isnan(curve.volumes[3])
    assert curve.areas[3] == 0
    assert curve.axes[3] is None
    ef = ejection_fraction(curve.volumes[0], curve.volumes[2])
    assert ef == pytest.approx(100 * (1 - truth[2] / truth[0]), abs=1)


def test_specks_beside_the_ventricle_do_not_count(ellipse: Shape) -> None:
    mask = ellipse()
    speckled = mask.copy()
    speckled[3:6, 100:104] = True
    for method in METHODS:
        clean, found = ventricle_curve(mask[None], method=method), ventricle_curve(speckled[None], method=method)
        assert found.areas[0] == mask.sum()
        assert found.volumes[0] == pytest.approx(clean.volumes[0])


def test_smoothing_bridges_a_lost_frame_and_is_stated(ellipse: Shape) -> None:
    masks = np.stack([ellipse()] * 5)
    masks[2] = False
    plain, smooth = ventricle_curve(masks), ventricle_curve(masks, smooth_over=3)
    assert (plain.num_missing, plain.smoothed_over) == (1, 1)
    assert (smooth.num_missing, smooth.smoothed_over) == (0, 3)
    np.testing.assert_allclose(smooth.volumes, plain.volumes[0])
    with pytest.raises(ValueError, match="odd number of frames"):
        ventricle_curve(masks, smooth_over=2)


def test_a_clip_of_no_frames_has_no_curve(ellipse: Shape) -> None:
    curve = ventricle_curve(ellipse()[None][:0])
    assert len(curve.areas) == len(curve.volumes) == len(curve.axes) == 0


def test_a_single_pixel_is_measured_without_a_fault() -> None:
    mask = np.zeros((1, 20, 20), dtype=bool)
    mask[0, 3, 4] = True
    curve = ventricle_curve(mask)
    assert curve.areas[0] == 1
    assert 0 < curve.volumes[0] < 2 or np.isnan(curve.volumes[0])


@pytest.mark.parametrize("mm_per_pixel", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_pixels_are_refused(mm_per_pixel: float, ellipse: Shape) -> None:
    with pytest.raises(ValueError, match="mm_per_pixel must be a positive number"):
        ventricle_curve(ellipse()[None], mm_per_pixel=mm_per_pixel)


def test_what_is_no_mask_is_refused(ellipse: Shape) -> None:
    with pytest.raises(ValueError, match="expects Boolean masks"):
        ventricle_curve(ellipse())
    with pytest.raises(ValueError, match="expects Boolean masks"):
        ventricle_curve(ellipse()[None].astype(np.uint8))  # type: ignore[arg-type]
