"""Views as wide as the clinic: hearts that fill the frame, sectors that it cuts off, pictures of many makers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.knobs import FramingKnobs, HeartKnobs, Pair, PictureKnobs
from coreecho.phantom.picture import FRAME_SIZE, Echoes, Framing, Layers
from coreecho.phantom.settings import Scanner

if TYPE_CHECKING:
    from coreecho.phantom.view import View

# The sharpest look at a heart: below it a phantom has fewer samples than pixels.
_PIXEL_LIMITS_MM = (0.55, 2.6)


def widen_framing(
    view: "View",
    anatomy: Anatomy,
    scores: Mapping[str, float],
    generator: np.random.Generator,
    knobs: FramingKnobs | None = None,
    heart: HeartKnobs | None = None,
) -> "View":
    """The same view with another place of the heart under the probe, and another part of the sector in the frame.

    Args:
        view: gives all else.
        anatomy: the heart.
        scores: standard normal scores of `depth` and `tilt`, which may be tied to EF on purpose.
        generator: of this recording.
        knobs: what it is drawn from.
        heart: gives the range of foreshortening.
    """
    knobs, heart = knobs or FramingKnobs(), heart or HeartKnobs()
    area_mm2, edv_ml = _cavity_area(anatomy)
    share = knobs.share * (edv_ml / 100.0) ** knobs.share_power * np.exp(-knobs.share_spread * scores["depth"])
    pixel_mm = float(np.sqrt(area_mm2 / (np.clip(share, *knobs.share_limits) * FRAME_SIZE**2)))
    is_cut, is_wide, is_steered = generator.random(3) < (knobs.cut_apex_chance, knobs.wide_chance, knobs.steered_chance)
    probe_row = float(generator.uniform(*(knobs.cut_apex_range if is_cut else knobs.probe_row_range)))
    apex_z_mm = float(generator.uniform(*knobs.apex_depth_range_mm))
    middle, spread = knobs.tilt_normal_deg
    tilt_rad = float(np.deg2rad(middle + spread * scores["tilt"]))
    lowest_mm = apex_z_mm + anatomy.length_mm * np.cos(tilt_rad)
    pixel_mm = max(pixel_mm, float(lowest_mm) / (knobs.lowest_row - probe_row))
    pixel_mm = float(np.clip(pixel_mm, *_PIXEL_LIMITS_MM))
    # The frame may cut the sector's apex off, and little of the heart's.
    probe_row = max(probe_row, -apex_z_mm / pixel_mm - 3.0)
    half_angle = generator.normal(45.0, 0.8) if is_wide else generator.uniform(*knobs.half_angle_range_deg)
    bottom = generator.uniform(*knobs.bottom_row_range)
    # Beyond the frame's corners nothing is seen.
    corner_mm = pixel_mm * float(np.hypot(FRAME_SIZE - probe_row, 0.6 * FRAME_SIZE))
    # One side of a steered sector is cut off, mostly the lateral one.
    is_right = is_steered and generator.random() < 0.7
    share_left, share_right = (
        float(generator.uniform(0.35, 0.8)) if cut else 1.0 for cut in (is_steered and not is_right, is_right)
    )
    framing = Framing(
        mm_per_pixel=pixel_mm,
        probe_column=float(generator.normal(*knobs.probe_column_normal)),
        probe_row=probe_row,
        left_share=share_left,
        right_share=share_right,
    )
    return replace(
        view,
        depth_mm=min(pixel_mm * float(bottom - probe_row), corner_mm),
        half_angle_rad=float(np.deg2rad(half_angle)),
        apex_x_mm=float(np.clip(generator.normal(*knobs.apex_x_normal), -12.0, 26.0)),
        apex_z_mm=apex_z_mm,
        tilt_rad=tilt_rad,
        foreshortening_rad=float(
            np.deg2rad(np.interp(generator.random() ** 2, (0, 1), heart.foreshortening_range_deg))
        ),
        framing=framing,
    )


class _Draw:
    """Draws from ranges, one after the other."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def within(self, limits: Pair, power: float = 1.0) -> float:
        """A number between the limits; a power above 1 makes the lower ones commoner."""
        return float(np.interp(self._generator.random() ** power, (0.0, 1.0), limits))

    def happens(self, chance: float) -> bool:
        """Whether something of this chance is the case."""
        return bool(self._generator.random() < chance)


def widen_picture(
    view: "View",
    scanner: Scanner,
    scores: Mapping[str, float],
    generator: np.random.Generator,
    knobs: PictureKnobs | None = None,
) -> "View":
    """The same view through another chest and another operator's settings.

    Args:
        view: gives the framing.
        scanner: gives the dynamic range and the grey map.
        scores: standard normal scores of `contrast`, `gain` and `haze`, which may be tied to EF on purpose.
        generator: of this recording.
        knobs: what it is drawn from.
    """
    knobs = knobs or PictureKnobs()
    draw = _Draw(generator)
    place = {name: float(ndtr(scores[name])) for name in ("contrast", "haze")}
    return replace(
        view,
        dynamic_range_db=float(np.interp(1.0 - place["contrast"], (0.0, 1.0), scanner.dynamic_range_db)),
        grey_power=scanner.grey_power,
        mean_grey=float(knobs.mean_grey * np.exp(knobs.mean_grey_spread * scores["gain"])),
        depth_slope_db=draw.within(knobs.slope_db),
        lateral_dropout_db=draw.within(knobs.lateral_dropout_db, 2.0),
        septal_dropout_db=draw.within(knobs.septal_dropout_db, 1.5),
        atrial_dropout_db=draw.within(knobs.atrial_dropout_db),
        shadow_db=draw.within(knobs.shadow_db) if draw.happens(knobs.shadow_chance) else 0.0,
        haze_db=float(np.interp(place["haze"], (0.0, 1.0), knobs.near_haze_db)),
        noise_db=draw.within(knobs.noise_db, 1.8),
        blood_db=draw.within(knobs.blood_db, 2.0),
        contrast_db=draw.within(knobs.patchiness_db),
        fibre_db=draw.within(knobs.fibre_db),
        unevenness_db=draw.within(knobs.unevenness_db),
        midwall_db=draw.within(knobs.midwall_db),
        apical_dropout_db=draw.within(knobs.apical_dropout_db, 1.5),
        framing=_draw_marks(view.framing, draw, knobs),
        echoes=_draw_echoes(draw, knobs),
        layers=_draw_layers(draw, knobs),
    )


def _draw_marks(framing: Framing | None, draw: _Draw, knobs: PictureKnobs) -> Framing | None:
    """The same framing with a probe mark and depth ticks beside the sector, or without."""
    if framing is None or not draw.happens(knobs.mark_chance):
        return framing
    side = 1.0 if draw.happens(0.67) else -1.0
    return replace(
        framing,
        mark_column=framing.probe_column + side * draw.within((4.0, 14.0)),
        tick_offset=draw.within((3.0, 9.0)),
    )


def _draw_echoes(draw: _Draw, knobs: PictureKnobs) -> Echoes:
    return Echoes(
        septum_db=draw.within(knobs.septum_db),
        septal_fade_db=draw.within(knobs.septal_fade_db),
        lateral_wall_db=draw.within(knobs.lateral_wall_db),
        specular_db=draw.within(knobs.specular_db),
        epicardial_fade_db=draw.within(knobs.epicardial_fade_db),
        rv_wall_db=draw.within(knobs.rv_wall_db),
        pericardium_db=draw.within(knobs.pericardium_db),
        rv_pericardium_db=draw.within(knobs.rv_pericardium_db),
        lung_db=draw.within(knobs.lung_db),
        near_field_db=draw.within(knobs.near_field_db),
        atrial_wall_db=draw.within(knobs.atrial_wall_db),
        posterior_db=draw.within(knobs.posterior_db),
        posterior_fade_db_per_mm=draw.within(knobs.posterior_fade_db_per_mm),
        leaflets_db=draw.within(knobs.leaflets_db),
        papillary_db=draw.within(knobs.papillary_db),
        atrial_septum_db=draw.within(knobs.atrial_septum_db),
        atrial_septum_mm=draw.within(knobs.atrial_septum_mm),
        crux_mm=draw.within(knobs.crux_mm),
        crux_fade_db=draw.within(knobs.crux_fade_db),
        annulus_db=draw.within(knobs.annulus_db),
        apex_lost_db=draw.within(knobs.apex_lost_db) if draw.happens(knobs.apex_lost_chance) else 0.0,
        apex_lost_along=draw.within(knobs.apex_lost_along),
    )


def _draw_layers(draw: _Draw, knobs: PictureKnobs) -> Layers:
    return Layers(
        near_fade_db_per_mm=draw.within(knobs.near_fade_db_per_mm),
        veil_db=draw.within(knobs.veil_db) if draw.happens(knobs.veil_chance) else None,
        veil_side=1.0 if draw.happens(0.75) else -1.0,
        veil_from=draw.within(knobs.veil_from),
        haze_db=draw.within(knobs.haze_db, 1.6),
        compensation_db=draw.within(knobs.compensation_db, 1.5),
        edge_db=draw.within(knobs.edge_db),
        has_fine_noise=draw.happens(knobs.fine_noise_chance),
    )


def _cavity_area(anatomy: Anatomy) -> tuple[float, float]:
    """Area in mm^2 of the cavity in a plane through the long axis, and its volume in mL."""
    depths, squared = anatomy.profile()
    return float(2.0 * np.trapezoid(np.sqrt(squared), depths)), float(np.pi * np.trapezoid(squared, depths) / 1000.0)
