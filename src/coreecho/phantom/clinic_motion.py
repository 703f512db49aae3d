"""Motion that is not the left ventricle's own: drawn free of its EF, up to hearts that swing without contracting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.knobs import MotionKnobs, Pair
from coreecho.phantom.rhythm import Rhythm, ejected_share
from coreecho.phantom.sway import Sway

Floats = NDArray[np.float64]

# Slow waves of the hand and of the gain, in Hz.
_SLOW_HZ = (0.08, 1.2)
_WAVES = 3
# Largest movement over the usual one.
_WILDEST = 3.5


@dataclass(frozen=True, kw_only=True)
class FreeMotion:
    """What moves beside the left ventricle over the frames of one video; every array is (T,)."""

    shift_x_mm: Floats
    shift_z_mm: Floats
    rotation_rad: Floats
    """Of the whole heart under the probe: swing, breath and hand together."""
    rv_inward_mm: Floats
    rv_descent_mm: Floats
    """How far the free wall's base has come towards the apex."""
    atrial_mm: Floats
    """How far the atria's walls have moved outwards."""
    valve_scale: float
    """How far the mitral valve opens, of the usual."""
    through_plane_rad: Floats
    """By how much the echo of a place has turned over to another one's: 0 is wholly the first."""
    clutter_rad: Floats
    """The same of the clutter."""
    gain_db: Floats
    """Change of the gain."""
    sway: Sway


def draw_free_motion(
    rhythm: Rhythm,
    time_s: Floats,
    *,
    rv_width_mm: float,
    stroke_ml: float,
    generator: np.random.Generator,
    knobs: MotionKnobs | None = None,
) -> FreeMotion:
    """Everything that moves by itself.

    Args:
        rhythm: the beats, which all that is in the chest follows.
        time_s: (T,) times of the frames.
        rv_width_mm: of the right ventricle.
        stroke_ml: stroke volume of the left ventricle, which opens the mitral valve.
        generator: of this recording.
        knobs: what it is drawn from.
    """
    knobs = knobs or MotionKnobs()
    # 1 where a ventricle has ejected all that it does, 0 where it is full: the beat without its strength.
    beat = ejected_share(rhythm, time_s)
    chances = generator.random(2)
    # Many videos hold still, and a few move wildly.
    amplitudes = np.minimum(generator.exponential(1.0, 2), _WILDEST)
    swinging, holding = (amplitudes * (chances > knobs.still_chance)).tolist()
    radians = np.pi / 180.0
    swings = np.array([knobs.swing_mm, 0.8 * knobs.swing_mm, radians * knobs.swing_deg]) * swinging
    hands = np.array([knobs.probe_mm, 0.7 * knobs.probe_mm, radians * knobs.probe_deg]) * holding
    breaths = np.array([0.6 * knobs.breath_mm, knobs.breath_mm, radians * knobs.breath_deg]) * holding
    breaths = breaths * generator.standard_normal(3)
    swing = np.stack([_swing(beat, rhythm, time_s, generator) for _ in swings]) * swings[:, None]
    hand = np.stack([_slow_waves(time_s, _SLOW_HZ, generator) for _ in hands]) * hands[:, None]
    period_s, phase = float(generator.uniform(*knobs.breath_range_s)), float(generator.random())
    moved = swing + hand + breaths[:, None] * np.sin(2.0 * np.pi * (time_s / period_s + phase))
    tie = generator.uniform(*knobs.valve_tie_range)
    low_output = float(np.clip(stroke_ml / knobs.valve_stroke_ml, 0.12, 1.15)) ** tie
    return FreeMotion(
        shift_x_mm=moved[0],
        shift_z_mm=moved[1],
        rotation_rad=moved[2],
        rv_inward_mm=rv_width_mm * generator.uniform(*knobs.rv_ef_range) * beat,
        rv_descent_mm=generator.uniform(*knobs.rv_descent_range_mm) * beat,
        atrial_mm=generator.uniform(*knobs.atrial_range_mm) * beat,
        valve_scale=float(np.clip(low_output * np.exp(0.2 * generator.standard_normal()), 0.1, 1.2)),
        through_plane_rad=generator.uniform(*knobs.through_plane_range) * beat
        + 0.3 * holding * _slow_waves(time_s, _SLOW_HZ, generator),
        clutter_rad=generator.uniform(*knobs.clutter_turn_range) * time_s,
        gain_db=knobs.flicker_sd_db * generator.exponential() * generator.standard_normal(len(time_s))
        + knobs.pumping_sd_db * generator.exponential() * _slow_waves(time_s, _SLOW_HZ, generator),
        sway=Sway(
            breath_s=period_s,
            breath_phase=phase,
            breath_x_mm=float(breaths[0]),
            breath_z_mm=float(breaths[1]),
            breath_rad=float(breaths[2]),
            drift_x_mm_per_s=0.0,
            drift_z_mm_per_s=0.0,
            swing_x_mm=float(np.abs(swing[0]).max()),
            swing_rad=float(np.abs(swing[2]).max()),
        ),
    )


def delayed_sides(curve: Floats, time_s: Floats, delay_s: float) -> Floats:
    """Half the difference (T,) of a curve seen earlier and seen later by half the delay: septum before lateral wall.

    Args:
        curve: (T,) what both sides would do together.
        time_s: (T,) times of its values.
        delay_s: positive where the septum leads.
    """
    early = np.interp(time_s + 0.5 * delay_s, time_s, curve)
    late = np.interp(time_s - 0.5 * delay_s, time_s, curve)
    return np.asarray(0.5 * (early - late))


def draw_delay(is_paced: bool, generator: np.random.Generator, knobs: MotionKnobs | None = None) -> float:
    """Seconds by which the septum leads the lateral wall, or follows it; 0 in most hearts."""
    knobs = knobs or MotionKnobs()
    chance, sign, size = generator.random(3)
    delay = float(np.interp(size, (0.0, 1.0), knobs.delay_range_s)) * (1.0 if sign < 0.75 else -1.0)
    return delay if is_paced or chance < knobs.delay_chance else 0.0


def _swing(beat: Floats, rhythm: Rhythm, time_s: Floats, generator: np.random.Generator) -> Floats:
    """A movement (T,) that comes back with each beat: a share of the ejection's own course, and two waves."""
    follow, first, second = generator.standard_normal(3) * np.array([0.8, 0.45, 0.25])
    phases = generator.random(2)
    turns = np.interp(time_s, rhythm.starts_s, np.arange(len(rhythm.starts_s), dtype=np.float64))
    waves = first * np.sin(2.0 * np.pi * (turns + phases[0])) + second * np.sin(2.0 * np.pi * (2.0 * turns + phases[1]))
    return np.asarray(follow * beat + waves)


def _slow_waves(time_s: Floats, range_hz: Pair, generator: np.random.Generator) -> Floats:
    """A sum of three waves (T,), of unit variance over draws."""
    rates = np.exp(generator.uniform(np.log(range_hz[0]), np.log(range_hz[1]), size=_WAVES))
    phases = generator.random(_WAVES)
    sizes = generator.standard_normal(_WAVES)
    waves = np.sin(2.0 * np.pi * (rates[:, None] * time_s[None, :] + phases[:, None]))
    return np.asarray((sizes @ waves) / np.sqrt(0.5 * _WAVES))
