"""How the heart is seen: the operator's settings, where the heart lies under the probe, and what stands between."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.clinic_view import widen_framing, widen_picture
from coreecho.phantom.cohort import RecordingFacts
from coreecho.phantom.picture import FRAME_SIZE, Echoes, Framing, Layers
from coreecho.phantom.settings import PhantomSettings, Scanner

Floats = NDArray[np.floating[Any]]

# The nuisances that are drawn; those that can be a cue bear the cue's name in the settings.
_SCORES = (
    "habitus",
    "contact",
    "margin",
    "depth",
    "angle",
    "contrast",
    "gain",
    "sideways",
    "tilt",
    "foreshortening",
    "slope",
    "lateral",
    "septal",
    "haze",
    "reverberation",
    "noise",
    "blood",
    "fibre",
    "unevenness",
    "midwall",
    "apical",
    "atrial",
)
# The point where the beams would meet lies this far below the top of the picture: above it, and the footprint in it.
_TOP_PIXELS = -1.5


@dataclass(frozen=True, kw_only=True)
class View:
    """One recording's picture settings, placement and nuisances."""

    depth_mm: float
    half_angle_rad: float
    dynamic_range_db: float
    grey_power: float
    """Power of the grey map after log compression; above 1 darkens the middle."""
    mean_grey: float
    """Mean of the picture, as a fraction of full scale, towards which the gain is set."""
    apex_x_mm: float
    apex_z_mm: float
    """Where the epicardial apex lies; the probe is at (0, 0), depth grows with z."""
    tilt_rad: float
    """Rotation of the long axis; positive turns the base towards the lateral side."""
    foreshortening_rad: float
    """Angle between the image plane and the long axis."""
    depth_slope_db: float
    """What the time-gain compensation leaves: dB from the top of the picture to its bottom."""
    lateral_dropout_db: float
    """Loss at the lateral edge of the sector, where lung covers the heart."""
    septal_dropout_db: float
    """Loss at the other edge."""
    shadow_db: float
    """Depth of the shadow of a rib or of lung; 0 is none."""
    shadow_sine: float
    shadow_width: float
    """Direction and half-width of the shadow, as fractions of the sector's half-width."""
    haze_db: float
    """Level of the near field's clutter relative to myocardium."""
    reverberation_db: float
    """How far the near field's bands stand out of it."""
    noise_db: float
    """Level of the electronic noise at full depth, relative to myocardium."""
    blood_db: float
    """Level of the echo of blood, relative to myocardium."""
    contrast_db: float
    """Spread of the tissue's own echo level over places."""
    fibre_db: float
    """What a wall along the beam loses against one across it."""
    unevenness_db: float
    """Spread of the echo level from region to region of the walls."""
    midwall_db: float
    """How far the middle layer of the septum stands out."""
    apical_dropout_db: float
    """Loss in the middle of the stretch of the lateral wall that drops out."""
    apical_dropout_along: float
    """Where that is, as a fraction of the ventricle's length from the apex."""
    atrial_dropout_db: float
    """Loss of the septum between the atria at the fossa ovalis."""
    framing: Framing | None = None
    """Which part of the sector the frame shows; None is all of it, its depth as high as the frame."""
    echoes: Echoes = field(default_factory=Echoes)
    """What each tissue sends back."""
    layers: Layers | None = None
    """Clutter and losses beyond the usual ones; None is none."""

    @property
    def mm_per_pixel(self) -> float:
        """Width of a pixel."""
        if self.framing is not None:
            return self.framing.mm_per_pixel
        return self.depth_mm / (FRAME_SIZE - 1.0 - _TOP_PIXELS)

    @property
    def probe_pixel(self) -> tuple[float, float]:
        """Column and row of the point where the beams meet."""
        if self.framing is not None:
            return self.framing.probe_column, self.framing.probe_row
        return 0.5 * (FRAME_SIZE - 1), _TOP_PIXELS - 0.5

    def to_pixels(self, x_mm: Floats, z_mm: Floats) -> tuple[Floats, Floats]:
        """Pixel coordinates (column, row) of places under the probe; whole numbers are the middles of pixels."""
        column, row = self.probe_pixel
        return column + np.asarray(x_mm) / self.mm_per_pixel, row + np.asarray(z_mm) / self.mm_per_pixel

    def from_pixels(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Places (x, z) in mm under the probe of pixel coordinates."""
        column, row = self.probe_pixel
        return (np.asarray(columns) - column) * self.mm_per_pixel, (np.asarray(rows) - row) * self.mm_per_pixel


def draw_view(
    settings: PhantomSettings,
    facts: RecordingFacts,
    anatomy: Anatomy,
    generator: np.random.Generator,
    scanner: Scanner,
) -> View:
    """The view of one recording. An easy cohort has the same middle values with less spread, and fewer shadows.

    A large body moves the heart deeper and more upright, weakens the echo, and adds clutter and noise.

    Args:
        settings: of the cohort.
        facts: the recording.
        anatomy: its heart.
        generator: of this recording.
        scanner: its machine.
    """
    scale = settings.nuisance_scale
    scores = _draw_scores(settings, facts, generator)
    normal = {name: scale * score for name, score in scores.items()}
    place = {name: float(ndtr(score)) for name, score in scores.items()}
    habitus = normal["habitus"]
    apex_z = 22.0 + 3.5 * habitus + 2.0 * normal["contact"]
    lowest = apex_z + anatomy.length_mm + anatomy.atrium_mm + 4.0 * normal["margin"]
    has_shadow = generator.random() < 0.3 * scale
    view = View(
        depth_mm=float(max(_within(scanner.depth_mm, place["depth"]), lowest)),
        half_angle_rad=float(np.deg2rad(_within(scanner.half_angle_deg, place["angle"]))),
        dynamic_range_db=_within(scanner.dynamic_range_db, 1.0 - place["contrast"]),
        grey_power=float(scanner.grey_power * np.exp(0.08 * normal["contrast"])),
        mean_grey=float(scanner.mean_grey * np.exp(0.22 * normal["gain"])),
        apex_x_mm=float(5.0 + 5.0 * normal["sideways"]),
        apex_z_mm=float(apex_z),
        tilt_rad=float(np.deg2rad(2.5 + 6.0 * normal["tilt"] - 1.5 * habitus)),
        foreshortening_rad=float(np.deg2rad(min(abs(4.0 * normal["foreshortening"]), 8.0))),
        depth_slope_db=float(-2.0 + 3.0 * normal["slope"] - 2.0 * habitus),
        lateral_dropout_db=float(scale * 20.0 * place["lateral"] ** 1.3),
        septal_dropout_db=float(5.0 + scale * 18.0 * place["septal"]),
        shadow_db=float(generator.uniform(8.0, 22.0)) if has_shadow else 0.0,
        shadow_sine=float(generator.choice([-1.0, 1.0]) * generator.uniform(0.35, 0.95)),
        shadow_width=float(generator.uniform(0.06, 0.2)),
        haze_db=float(-15.0 + 5.0 * normal["haze"] + 3.0 * habitus),
        reverberation_db=float(4.0 * np.exp(0.4 * normal["reverberation"])),
        noise_db=float(-44.0 + 4.0 * normal["noise"] + 2.5 * habitus),
        blood_db=float(-35.0 + 3.0 * normal["blood"]),
        contrast_db=float(generator.uniform(3.5, 7.0) * (0.5 + 0.5 * scale)),
        fibre_db=float(12.0 + 2.5 * normal["fibre"]),
        unevenness_db=float(5.0 * np.exp(0.5 * normal["unevenness"])),
        midwall_db=float(8.0 + 4.0 * normal["midwall"]),
        apical_dropout_db=float(scale * 26.0 * place["apical"] ** 1.5),
        apical_dropout_along=float(generator.uniform(0.08, 0.7)),
        atrial_dropout_db=float(8.0 + 6.0 * normal["atrial"]),
    )
    if settings.is_wide("framing"):
        view = widen_framing(view, anatomy, scores, generator)
    if settings.is_wide("pictures"):
        view = widen_picture(view, scanner, scores, generator)
    return view


def _draw_scores(settings: PhantomSettings, facts: RecordingFacts, generator: np.random.Generator) -> dict[str, float]:
    """A standard normal score for each nuisance. The cue's is correlated with EF, but in the TEST split.

    The score of the cue stays standard normal, so that only its tie to EF tells a cohort with a cue from one without.
    """
    scores = dict(zip(_SCORES, np.clip(generator.standard_normal(len(_SCORES)), -2.5, 2.5).tolist(), strict=True))
    cue = settings.cue_in(facts.split)
    if cue is not None:
        strength = settings.cue_strength
        tied = strength * facts.ef_score + np.sqrt(1.0 - strength**2) * scores[cue]
        scores[cue] = float(np.clip(tied, -2.5, 2.5))
    return scores


def _within(limits: tuple[float, float], fraction: float) -> float:
    return float(limits[0] + fraction * (limits[1] - limits[0]))
