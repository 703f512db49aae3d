"""What stands between the probe and the heart: losses, shadows, the near field's clutter, noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter

from coreecho.phantom.picture import Layers
from coreecho.phantom.ultrasound import BeamGrid

Floats = NDArray[np.floating[Any]]
Singles = NDArray[np.float32]


def transmission(grid: BeamGrid, generator: np.random.Generator) -> Singles:
    """Amplitude (samples, 1, beams) that gets through.

    What the compensation leaves over depth, dropout towards the sides, the weaker edge of a steered aperture, a shadow
    that begins behind the chest wall, and patches of tissue that let less through.
    """
    view = grid.view
    depth = grid.depths_mm[:, None] / view.depth_mm
    across = grid.sines[None, :] / grid.sine_limit
    level = view.depth_slope_db * depth
    level = level - view.lateral_dropout_db * np.clip((across - 0.2) / 0.7, 0.0, 1.0) ** 1.3 * np.clip(
        depth * 4.0, 0.0, 1.0
    )
    level = level - view.septal_dropout_db * np.clip((-across - 0.2) / 0.7, 0.0, 1.0) ** 1.3
    level = level - 9.0 * np.clip((np.abs(across) - 0.75) / 0.25, 0.0, 1.0) ** 2
    if view.shadow_db > 0.0:
        inside = np.exp(-np.square((across - view.shadow_sine) / view.shadow_width))
        level = level - view.shadow_db * inside * np.clip((grid.depths_mm[:, None] - 15.0) / 10.0, 0.0, 1.0)
    if view.layers is not None:
        level = level + view.layers.compensation_db * _smooth(generator, (grid.num_samples, 1), (14.0, 0.0))
    patches = _smooth(generator, (grid.num_samples, grid.num_beams), (22.0, 5.0))
    # Losses add up along a beam.
    patches = np.cumsum(patches, axis=0)
    return _amplitude(level + 3.0 * patches / patches.std())


def near_field(grid: BeamGrid, generator: np.random.Generator) -> Singles:
    """Static echo (samples, 2, beams) of the chest wall, and of reverberations between it and the probe."""
    return clutter_layers(grid, generator, count=1)[0]


def clutter_layers(grid: BeamGrid, generator: np.random.Generator, count: int) -> list[Singles]:
    """Independent echoes of the same clutter, (samples, 2, beams) each: near field, and where there are, other layers.

    Args:
        grid: of the view.
        generator: of this recording.
        count: how many.
    """
    view = grid.view
    depths = grid.depths_mm[:, None]
    fade = 0.36 if view.layers is None else view.layers.near_fade_db_per_mm
    level = view.haze_db + 5.0 - fade * np.maximum(depths - 8.0, 0.0)
    level = level - 9.0 * np.square(grid.sines[None, :] / grid.sine_limit)
    spacing = generator.uniform(6.0, 10.0)
    phase = 2.0 * np.pi * (depths / spacing + 0.3 * _smooth(generator, (1, grid.num_beams), (0.0, 12.0)))
    level = level + view.reverberation_db * np.cos(phase) * np.exp(-depths / 30.0)
    level = level + 3.0 * _smooth(generator, (grid.num_samples, grid.num_beams), (9.0, 8.0))
    if view.layers is not None:
        level = 10.0 * np.log10(10.0 ** (level / 10.0) + _veil_power(grid, view.layers, generator))
    amplitude = _amplitude(level)
    whites = [_white(generator, grid.num_samples, grid.num_beams) * amplitude for _ in range(count)]
    if view.layers is not None and view.layers.has_fine_noise:
        return [_soften(white) for white in whites]
    return [grid.blur(white) for white in whites]


def _veil_power(grid: BeamGrid, layers: Layers, generator: np.random.Generator) -> Floats:
    """Power (samples, beams) of the clutter over the whole sector, and of the veil over one of its sides."""
    shape = (grid.num_samples, grid.num_beams)
    cloudy = 2.5 * _smooth(generator, shape, (24.0, 12.0))
    power = 10.0 ** ((layers.haze_db + cloudy) / 10.0)
    if layers.veil_db is None:
        return np.asarray(power)
    across = layers.veil_side * grid.sines[None, :] / grid.sine_limit
    # Its border wanders with depth.
    border = layers.veil_from + 0.12 * _smooth(generator, (grid.num_samples, 1), (30.0, 0.0))
    inside = np.clip((across - border) / 0.35, 0.0, 1.0)
    depth = grid.depths_mm[:, None] / grid.view.depth_mm
    level = layers.veil_db + 2.0 * _smooth(generator, shape, (16.0, 8.0)) - 9.0 * np.square(depth - 0.4)
    return np.asarray(power + inside**1.5 * 10.0 ** (level / 10.0))


def noise_tape(grid: BeamGrid, generator: np.random.Generator) -> Singles:
    """Unit noise (2 * samples, 2, beams), as coarse as the beam or finer; each frame shows another stretch of it."""
    count, layers = grid.num_samples, grid.view.layers
    if layers is not None and layers.has_fine_noise:
        return _soften(_white(generator, 2 * count, grid.num_beams))
    return np.concatenate([grid.blur(_white(generator, count, grid.num_beams)) for _ in range(2)])


def noise_amplitude(grid: BeamGrid) -> Singles:
    """Amplitude (samples, 1, 1) of blood and electronic noise; the compensation lifts the noise with depth."""
    view = grid.view
    electronic: Floats = view.noise_db - 22.0 * (1.0 - grid.depths_mm / view.depth_mm)
    return np.hypot(_amplitude(electronic[:, None])[:, 0, 0], np.float32(10.0 ** (view.blood_db / 20.0)))[:, None, None]


def _white(generator: np.random.Generator, samples: int, beams: int) -> Singles:
    return np.float32(np.sqrt(0.5)) * generator.standard_normal((samples, 2, beams), dtype=np.float32)


def _soften(white: Singles) -> Singles:
    """Noise (samples, 2, beams) averaged over three samples and three beams, of the same power."""
    for axis in (0, 2):
        # The squares of 1/4, 1/2 and 1/4 add up to 3/8.
        white = convolve1d(white, np.array([0.25, 0.5, 0.25]) / np.sqrt(0.375), axis=axis, mode="wrap")
    return white


def _amplitude(level_db: Floats) -> Singles:
    return np.asarray(10.0 ** (level_db / 20.0), dtype=np.float32)[:, None, :]


def _smooth(generator: np.random.Generator, shape: tuple[int, int], scale: tuple[float, float]) -> Floats:
    noise = gaussian_filter(generator.standard_normal(shape), scale, mode="nearest", truncate=2.5)
    return np.asarray(noise / noise.std())
