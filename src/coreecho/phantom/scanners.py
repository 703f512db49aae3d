"""A machine of any maker, drawn anew for each recording of `--scanner any`."""

import numpy as np

from coreecho.phantom.knobs import MakerKnobs, Pair
from coreecho.phantom.settings import Scanner

# EchoNet-Dynamic's commonest frame rate, and the share of machines that have it.
_COMMON_FPS, _COMMON_SHARE = 50.0, 0.5


def draw_scanner(generator: np.random.Generator, knobs: MakerKnobs | None = None) -> Scanner:
    """A machine of any maker.

    Args:
        generator: of this recording.
        knobs: what it is drawn from.
    """
    knobs = knobs or MakerKnobs()

    def within(limits: Pair) -> float:
        return float(generator.uniform(*limits))

    def log_within(limits: Pair) -> float:
        return float(np.exp(generator.uniform(*np.log(limits))))

    common, rejects, stores, sharpens = generator.random(4)
    fps = round(log_within(knobs.fps_range))
    return Scanner(
        name="any",
        wavelength_mm=log_within(knobs.wavelength_range_mm),
        aperture_mm=within(knobs.aperture_range_mm),
        focus_mm=within(knobs.focus_range_mm),
        defocus=within(knobs.defocus_range),
        pulse_mm=log_within(knobs.pulse_range_mm),
        depth_mm=(130.0, 190.0),
        half_angle_deg=(30.0, 46.0),
        dynamic_range_db=knobs.dynamic_range_db,
        mean_grey=0.128,
        grey_power=within(knobs.grey_power_range),
        persistence=within(knobs.persistence_range),
        fps=((_COMMON_FPS if common < _COMMON_SHARE else float(fps), 1.0),),
        scatterers_per_mm2=0.85,
        sampling_points=2,
        looks=int(within(knobs.looks_range)),
        reject=within(knobs.reject_range) if rejects < knobs.reject_chance else 0.0,
        shoulder=within(knobs.shoulder_range),
        pixel_reach=within(knobs.pixel_reach_range),
        sharpening=within(knobs.sharpening_range) if sharpens < 0.5 else 0.0,
        jpeg_quality=int(within(knobs.jpeg_quality_range)) if stores < knobs.jpeg_chance else 0,
    )
