"""Hearts as wide as the clinic: size, shape, wall and disease drawn together from EF, EDV and the kind of heart."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.cohort import HeartKind, RecordingFacts
from coreecho.phantom.knobs import HeartKnobs
from coreecho.phantom.wall_motion import SEGMENT_NUMBERS, TERRITORIES, WallMotion

# EDV in mL above which a ventricle grows rounder, not only larger.
_ROUND_FROM_ML = 130.0
# An aneurysm bulges in systole at the apex, and moves little beside it.
_ANEURYSM = {"apex": -0.35, "apical septal": -0.15, "apical lateral": -0.15, "mid inferoseptal": 0.55}


@dataclass(frozen=True, kw_only=True)
class _Build:
    """What a kind of heart is built like."""

    sphericity: float
    """Radius over length of the cavity; 0.26 in healthy hearts."""
    wall_mm: float
    """Middle thickness of the wall."""
    wall_limits_mm: tuple[float, float]
    apical_thinning: tuple[float, float]
    atrium: float
    """Size of the left atrium over the usual."""
    bluntest: float = 2.8
    """Largest power of the apex; the larger, the blunter."""
    lost: "_Loss | None" = None
    """What of the wall has lost its motion; None where nothing has."""


# Takes a wall, how much is left of a part of it, an artery's territory, and the recording's generator.
_Loss = Callable[[WallMotion, float, str, np.random.Generator], WallMotion]


def _lose_apex(wall: WallMotion, left: float, territory: str, generator: np.random.Generator) -> WallMotion:
    """An aneurysm of the apex, whatever the territory."""
    spread = float(generator.uniform(0.5, 1.2))
    lost = {name: 1.0 - spread * (1.0 - value) for name, value in _ANEURYSM.items()}
    return replace(wall, segments=wall.segments | lost, territory="LAD", kind="dyskinetic")


def _lose_territory(wall: WallMotion, left: float, territory: str, generator: np.random.Generator) -> WallMotion:
    """The territory of one artery."""
    kind = "hypokinetic" if left > 0.2 else "akinetic" if left > -0.1 else "dyskinetic"
    lost = dict.fromkeys(TERRITORIES[territory], left)
    return replace(wall, segments=wall.segments | lost, territory=territory, kind=kind)


# After the norms and the forms of remodelling of Lang et al. 2015 (Eur Heart J Cardiovasc Imaging 16:233).
_BUILDS: dict[HeartKind, _Build] = {
    "usual": _Build(sphericity=0.265, wall_mm=8.2, wall_limits_mm=(5.5, 11.5), apical_thinning=(0.1, 0.65), atrium=1.0),
    "dilated": _Build(
        sphericity=0.32, wall_mm=6.6, wall_limits_mm=(4.5, 9.5), apical_thinning=(0.1, 0.6), atrium=1.2, bluntest=3.4
    ),
    "ischaemic": _Build(
        sphericity=0.285,
        wall_mm=7.5,
        wall_limits_mm=(5.0, 11.0),
        apical_thinning=(0.1, 0.6),
        atrium=1.1,
        lost=_lose_territory,
    ),
    "aneurysm": _Build(
        sphericity=0.295,
        wall_mm=7.2,
        wall_limits_mm=(5.0, 11.0),
        apical_thinning=(0.45, 0.75),
        atrium=1.1,
        bluntest=3.4,
        lost=_lose_apex,
    ),
    "infiltrated": _Build(
        sphericity=0.255, wall_mm=13.5, wall_limits_mm=(11.0, 18.0), apical_thinning=(0.0, 0.3), atrium=1.3
    ),
    "hypertrophic": _Build(
        sphericity=0.235, wall_mm=13.5, wall_limits_mm=(10.5, 20.0), apical_thinning=(-0.3, 0.3), atrium=1.15
    ),
    "large": _Build(
        sphericity=0.285, wall_mm=8.6, wall_limits_mm=(6.5, 12.0), apical_thinning=(0.0, 0.45), atrium=1.15
    ),
}


def widen_anatomy(
    anatomy: Anatomy, facts: RecordingFacts, generator: np.random.Generator, knobs: HeartKnobs | None = None
) -> Anatomy:
    """A heart of the recording's kind, whose cavity holds exactly its end-diastolic volume.

    Args:
        anatomy: a usual heart of the same recording, which gives what has no knob.
        facts: the recording, with its kind of heart.
        generator: of this recording.
        knobs: what the rest is drawn from.
    """
    knobs = knobs or HeartKnobs()
    kind = facts.kind or "usual"
    build = _BUILDS[kind]
    rounder = knobs.sphericity_per_log_edv * max(0.0, float(np.log(facts.edv_ml / _ROUND_FROM_ML)))
    sphericity = float(np.clip(generator.normal(build.sphericity + rounder, knobs.sphericity_sd), 0.19, 0.44))
    wall_mm = float(np.clip(generator.normal(build.wall_mm, knobs.wall_sd_mm), *build.wall_limits_mm))
    apex_mm = float(np.clip(wall_mm * generator.uniform(0.5, 0.9), 3.0, 11.0))
    shaped = replace(
        anatomy,
        apex_mm=apex_mm,
        cavity_wave=float(generator.uniform(*knobs.wave_range)),
        cavity_phase=float(generator.random()),
        apex_power=float(generator.uniform(1.9, build.bluntest)),
        widest=float(generator.uniform(0.42, 0.68)),
        annulus_ratio=float(generator.uniform(0.6, 0.9)),
    )
    failing = float(np.clip((55.0 - facts.ef_percent) / 40.0, 0.0, 1.0))
    cavity_mm = _cavity_length(shaped, facts.edv_ml, sphericity)
    atrium = (cavity_mm / 82.0) ** 0.4 * build.atrium
    atrium *= np.exp(0.12 * failing + knobs.atrium_spread * generator.standard_normal())
    atrium = float(np.clip(atrium, 0.6, 2.2))
    width_mm = float(np.clip(generator.normal(42.0, 4.0) * atrium, 1.5 * sphericity * cavity_mm, None))
    return replace(
        shaped,
        length_mm=cavity_mm + apex_mm,
        radius_mm=sphericity * cavity_mm,
        wall_mm=wall_mm,
        rv_width_mm=float(np.clip(generator.normal(*knobs.rv_width_normal), 12.0, 60.0)),
        rv_wall_mm=float(generator.uniform(*knobs.rv_wall_range_mm)),
        rv_start=float(generator.uniform(0.05, 0.45)),
        atrium_mm=float(generator.normal(36.0, 4.0) * atrium),
        atrium_width_mm=width_mm,
        # At the annulus an atrium is little wider than that.
        atrial_waist=float(np.clip(2.0 * shaped.annulus_ratio * sphericity * cavity_mm / width_mm, 0.5, 1.0)),
        right_atrium_ratio=float(generator.uniform(*knobs.right_atrium_range)),
        atrium_shape=float(generator.uniform(1.9, 3.2)),
        bend_mm=float(generator.normal(*knobs.bend_normal_mm)),
        apical_thinning=float(generator.uniform(*build.apical_thinning)),
        wall_wave=float(generator.uniform(0.0, 0.25)),
        papillary_along=float(generator.uniform(0.35, 0.6)),
        papillary_reach=float(generator.uniform(0.1, 0.25)),
        papillary_mm=float(generator.uniform(*knobs.papillary_range_mm) * (generator.random() < 0.75)),
        moderator_mm=float(generator.uniform(2.0, 5.0) * (generator.random() < knobs.moderator_chance)),
        moderator_along=float(generator.uniform(0.35, 0.8)),
        wall_motion=_draw_wall_motion(build.lost, knobs, generator),
        trabeculae_mm=float(generator.uniform(*knobs.trabeculae_range_mm)),
        effusion_mm=float(generator.uniform(*knobs.effusion_range_mm) * (generator.random() < knobs.effusion_chance)),
    )


def _cavity_length(anatomy: Anatomy, edv_ml: float, sphericity: float) -> float:
    """Length in mm of a cavity of the given volume, whose radius is that share of its length."""
    unit = replace(anatomy, apex_mm=0.0, length_mm=1.0, radius_mm=1.0)
    depths, squared = unit.profile()
    filling = np.pi * np.trapezoid(squared, depths)
    return float((1000.0 * edv_ml / (filling * sphericity**2)) ** (1.0 / 3.0))


def _draw_wall_motion(lose: _Loss | None, knobs: HeartKnobs, generator: np.random.Generator) -> WallMotion:
    """Contractility of each segment: uneven in all hearts, lost in one artery's territory in ischaemic ones."""
    slope = float(generator.uniform(-0.35, 0.45))
    uneven = np.clip(1.0 + knobs.contractility_sd * generator.standard_normal(len(SEGMENT_NUMBERS)), 0.45, 1.5)
    segments = dict(zip(SEGMENT_NUMBERS, uneven.tolist(), strict=True))
    territory, left = str(generator.choice(list(TERRITORIES))), float(generator.uniform(-0.25, 0.6))
    wall = WallMotion(apex_to_base=slope, segments=segments)
    return wall if lose is None else lose(wall, left, territory, generator)
