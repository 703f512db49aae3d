"""Losses, shadows, clutter and noise are as deep as the view says."""

from dataclasses import replace

import numpy as np
import pytest

from coreecho.phantom.artefacts import near_field, noise_amplitude, noise_tape, transmission
from coreecho.phantom.settings import SCANNERS
from coreecho.phantom.ultrasound import BeamGrid


def _grid(plan, **changes):
    return BeamGrid(SCANNERS["A"], replace(plan.view, **changes))


def _db(amplitude):
    return 20.0 * np.log10(np.asarray(amplitude, dtype=float))


def test_a_shadow_takes_what_it_says_behind_the_chest_wall(plans) -> None:
    where = {"shadow_sine": 0.0, "shadow_width": 0.1}
    clear, shaded = (
        _db(transmission(_grid(plans[0], shadow_db=depth, **where), np.random.default_rng(0)))[:, 0]
        for depth in (0.0, 20.0)
    )
    middle = clear.shape[1] // 2
    loss = clear - shaded
    assert loss[-1, middle] == pytest.approx(20.0, abs=0.3)
    assert loss[0].max() == pytest.approx(0.0, abs=1e-3)
    assert loss[-1, 5] == pytest.approx(0.0, abs=0.1)


def test_lateral_dropout_spares_the_septal_side(plans) -> None:
    none, much = (
        _db(transmission(_grid(plans[0], lateral_dropout_db=depth, shadow_db=0.0), np.random.default_rng(0)))[:, 0]
        for depth in (0.0, 15.0)
    )
    loss = none - much
    assert loss[-1, -1] == pytest.approx(15.0, abs=1.5)
    assert loss[:, : loss.shape[1] // 2].max() == pytest.approx(0.0, abs=1e-3)


def test_clutter_fades_with_depth(plans) -> None:
    grid = _grid(plans[0], haze_db=-10.0)
    echo = near_field(grid, np.random.default_rng(0))
    power = 10.0 * np.log10((echo**2).sum(axis=1).mean(axis=1))
    near, far = (power[(grid.depths_mm > low) & (grid.depths_mm < low + 20)].mean() for low in (10, 90))
    assert near - far > 15.0


def test_noise_grows_with_depth_and_has_unit_power_before(plans) -> None:
    grid = _grid(plans[0], noise_db=-30.0, blood_db=-60.0)
    assert np.all(np.diff(noise_amplitude(grid)[:, 0, 0]) > 0)
    assert _db(noise_amplitude(grid)[-1, 0, 0]) == pytest.approx(-30.0, abs=1.0)
    tape = noise_tape(grid, np.random.default_rng(0))
    assert (tape[:, :, 20:-20] ** 2).sum(axis=1).mean() == pytest.approx(1.0, rel=0.15)


def test_reverberation_draws_bands_into_the_near_field(plans) -> None:
    power = {}
    for depth_db in (0.0, 12.0):
        grid = _grid(plans[0], reverberation_db=depth_db)
        films = [near_field(grid, np.random.default_rng(seed)) for seed in range(12)]
        middle = slice(grid.num_beams // 2 - 6, grid.num_beams // 2 + 6)
        power[depth_db] = np.array([10.0 * np.log10((echo[:, :, middle] ** 2).sum(axis=(1, 2))) for echo in films])
    near = grid.depths_mm < 30.0
    deep = grid.depths_mm > 110.0
    # The same noise each time, so that what the bands add is the difference.
    bands = power[12.0] - power[0.0]
    assert bands[:, near].std(axis=1).mean() > 3.0
    assert np.abs(bands[:, deep]).max() < 1.0
