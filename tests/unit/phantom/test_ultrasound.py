"""The physics of the picture: speckle statistics, resolution, focus, brightness."""

from dataclasses import replace

import numpy as np
import pytest

from coreecho.phantom.settings import SCANNERS, PhantomSettings
from coreecho.phantom.simulation import Scene, plan_recording
from coreecho.phantom.ultrasound import BeamGrid, GreyMap, envelope_db
from coreecho.phantom.view import FRAME_SIZE


@pytest.fixture(scope="module")
def plan():
    return plan_recording(PhantomSettings(difficulty="easy", min_frames=40, max_frames=40), 3, 1, "TRAIN")


@pytest.fixture(scope="module")
def grid(plan):
    return BeamGrid(SCANNERS["A"], plan.view)


def _uniform_tissue(grid, generator, per_mm2=1.3):
    """Even tissue of 0 dB all over the sector."""
    depth, step = grid.view.depth_mm + 10.0, per_mm2**-0.5
    places = np.array(np.meshgrid(np.arange(-depth, depth, step), np.arange(0.0, depth, step))).reshape(2, -1)
    places += step * generator.random(places.shape)
    amplitude = generator.standard_normal(places.shape) * np.sqrt(0.5 / per_mm2)
    return [values.astype(np.float32) for values in (*places, *amplitude)]


def test_fully_developed_speckle_has_the_snr_of_rayleigh(grid) -> None:
    ratios = []
    for seed in range(5):
        echo = grid.insonify(*_uniform_tissue(grid, np.random.default_rng(seed))) * grid.compensation
        envelope = np.hypot(echo[:, 0], echo[:, 1])
        inside = envelope[(grid.depths_mm > 40) & (grid.depths_mm < 140), 10:-10]
        ratios.append(inside.mean() / inside.std())
    # Rayleigh: sqrt(pi / (4 - pi)) = 1.91.
    assert np.mean(ratios) == pytest.approx(1.91, abs=0.1)


def test_compensation_makes_even_tissue_even(grid) -> None:
    generator = np.random.default_rng(1)
    power = 0.0
    for _ in range(12):
        echo = grid.insonify(*_uniform_tissue(grid, generator)) * grid.compensation
        power = power + (echo**2).sum(axis=1) / 12
    for low, high in ((40, 60), (70, 90), (110, 140)):
        rows = (grid.depths_mm > low) & (grid.depths_mm < high)
        assert 10 * np.log10(power[rows, 15:-15].mean()) == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_lateral_resolution_is_as_set_and_grows_with_depth(name, plan) -> None:
    grid = BeamGrid(SCANNERS[name], plan.view)
    widths = []
    for depth in (40.0, 80.0, 120.0):
        target = [np.array([value], dtype=np.float32) for value in (0.0, depth, 1.0, 0.0)]
        echo = grid.insonify(*target)
        row = np.hypot(echo[:, 0], echo[:, 1])[np.argmin(np.abs(grid.depths_mm - depth))]
        fine = np.linspace(grid.sines[0], grid.sines[-1], 20001)
        profile = np.interp(fine, grid.sines, row)
        width_mm = np.ptp(fine[profile > 0.5 * profile.max()]) * depth
        zone = grid.depths_mm.reshape(8, -1)
        middle = zone.mean(axis=1)[np.argmin(np.abs(zone - depth).min(axis=1))]
        expected = 2.3548 * float(grid.lateral_sigma(np.array(middle))) * depth
        assert width_mm == pytest.approx(expected, rel=0.12)
        widths.append(width_mm)
    assert widths[0] < widths[1] < widths[2]


def _width_mm(grid, depth_mm) -> float:
    """Full width at half maximum of a point's echo across the beams."""
    echo = grid.insonify(*[np.array([value], dtype=np.float32) for value in (0.0, depth_mm, 1.0, 0.0)])
    row = np.hypot(echo[:, 0], echo[:, 1])[np.argmin(np.abs(grid.depths_mm - depth_mm))]
    fine = np.linspace(grid.sines[0], grid.sines[-1], 20001)
    profile = np.interp(fine, grid.sines, row)
    return float(np.ptp(fine[profile > 0.5 * profile.max()]) * depth_mm)


def test_the_beam_is_narrowest_relative_to_depth_at_its_focus(plan) -> None:
    near, far = (BeamGrid(replace(SCANNERS["A"], focus_mm=focus), plan.view) for focus in (40.0, 130.0))
    assert _width_mm(near, 40.0) < 0.8 * _width_mm(far, 40.0)
    assert _width_mm(far, 130.0) < 0.9 * _width_mm(near, 130.0)


def test_the_outermost_beams_fade(grid) -> None:
    assert grid.edge_db[0, [0, -1]] == pytest.approx(-22.0, abs=0.1)
    assert np.all(np.diff(grid.edge_db[0, : grid.num_beams // 2]) >= 0.0)
    assert np.all(grid.edge_db[0, 12:-12] == 0.0)


def test_axial_resolution_is_as_set(grid) -> None:
    echo = grid.insonify(*[np.array([value], dtype=np.float32) for value in (0.0, 80.0, 1.0, 0.0)])
    column = np.hypot(echo[:, 0], echo[:, 1]).max(axis=1)
    fine = np.linspace(grid.depths_mm[0], grid.depths_mm[-1], 20001)
    profile = np.interp(fine, grid.depths_mm, column)
    assert np.ptp(fine[profile > 0.5 * profile.max()]) == pytest.approx(SCANNERS["A"].pulse_mm * 2**0.5, rel=0.15)


def test_a_point_appears_where_the_view_says(grid) -> None:
    for x_mm, z_mm in ((0.0, 60.0), (30.0, 90.0), (-35.0, 70.0)):
        echo = grid.insonify(*[np.array([value], dtype=np.float32) for value in (x_mm, z_mm, 1.0, 0.0)])
        picture = np.zeros((FRAME_SIZE, FRAME_SIZE))
        picture[grid.sector] = grid.scan_converter @ np.hypot(echo[:, 0], echo[:, 1]).ravel()
        rows, columns = np.indices(picture.shape)
        weight = picture**2 / np.sum(picture**2)
        column, row = grid.view.to_pixels(np.array(x_mm), np.array(z_mm))
        assert np.sum(weight * columns) == pytest.approx(float(column), abs=0.6)
        assert np.sum(weight * rows) == pytest.approx(float(row), abs=0.6)


def test_scan_converter_averages(grid) -> None:
    np.testing.assert_array_less(np.asarray(grid.scan_converter.sum(axis=1)), 1.0 + 1e-5)
    middle = grid.sector[20:100, 50:60]
    assert middle.all()
    flat = np.zeros((FRAME_SIZE, FRAME_SIZE))
    flat[grid.sector] = grid.scan_converter @ np.ones(grid.num_samples * grid.num_beams, dtype=np.float32)
    np.testing.assert_allclose(flat[20:100, 50:60], 1.0, atol=1e-5)


def test_grey_map_spans_the_dynamic_range() -> None:
    grey = GreyMap(60.0, 1.0)(np.array([-90.0, -60.0, -30.0, 0.0, 10.0], dtype=np.float32), 0.0)
    np.testing.assert_allclose(grey, [0.0, 0.0, 0.5, 1.0, 1.0], atol=1e-3)
    np.testing.assert_allclose(GreyMap(60.0, 2.0)(np.array([-30.0], dtype=np.float32), 0.0), 0.25, atol=1e-3)
    np.testing.assert_allclose(GreyMap(60.0, 1.0)(np.array([-30.0], dtype=np.float32), 15.0), 0.75, atol=1e-3)


def test_pictures_have_the_brightness_and_contrast_of_echonet(videos) -> None:
    fraction = videos.astype(np.float64) / 255.0
    assert fraction.mean() == pytest.approx(0.127, rel=0.1)
    assert fraction.std() == pytest.approx(0.196, rel=0.1)


def test_outside_of_the_sector_is_black(videos) -> None:
    assert videos[:, :, 0, :40].max() == 0
    assert videos[:, :, -1, :10].max() == 0


def test_an_older_scanner_has_a_coarser_grain(plan) -> None:
    grain = {}
    for name in ("A", "B"):
        grid = BeamGrid(SCANNERS[name], plan.view)
        echo = grid.insonify(*_uniform_tissue(grid, np.random.default_rng(0))) * grid.compensation
        picture = np.zeros((FRAME_SIZE, FRAME_SIZE))
        picture[grid.sector] = grid.scan_converter @ envelope_db(echo).ravel()
        centre = picture[30:90, 45:67]
        grain[name] = sum(np.mean(np.diff(centre, axis=axis) ** 2) for axis in (0, 1)) / centre.var()
    assert grain["B"] < 0.9 * grain["A"]


def test_scanners_differ_in_brightness() -> None:
    grey = {}
    for name in ("A", "B", "C"):
        settings = PhantomSettings(scanner=name, min_frames=16, max_frames=16)
        pictures = []
        for index in range(6):
            scene = Scene(plan_recording(settings, 8, index, "TRAIN"))
            pictures.append(np.sum(scene.grey(scene.level_db(0), scene.gain())) / FRAME_SIZE**2)
        grey[name] = np.mean(pictures)
    assert grey["B"] < grey["A"] < grey["C"]
