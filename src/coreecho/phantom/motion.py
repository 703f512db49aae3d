"""How the heart moves: the few numbers per frame that move every point of it.

The motion model is exact where it matters. The wall of the left ventricle is incompressible: a material ring of squared
radius q0 at end-diastole lies, when its length has shrunk by the factor `stretch` and the cavity's squared radius has
changed from a0 to a, at the squared radius a + (q0 - a0) / stretch. The cavity contracts so that its volume is the one
that the volume curve asks for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.clinic_motion import FreeMotion, delayed_sides, draw_delay, draw_free_motion
from coreecho.phantom.cohort import RecordingFacts
from coreecho.phantom.knobs import MotionKnobs
from coreecho.phantom.rhythm import Rhythm, draw_rhythm, volume_curve
from coreecho.phantom.sway import Sway, draw_sway

Floats = NDArray[np.float64]

# The cavity never closes completely: what is left of its squared radius.
SMALLEST_AREA_FRACTION = 0.02


@dataclass(frozen=True, kw_only=True)
class Motion:
    """The heart over the frames of one video; every array is (T,)."""

    rhythm: Rhythm
    volume_ml: Floats
    shortening_mm: Floats
    """How far the mitral annulus has come towards the apex."""
    stretch: Floats
    """Length of the ventricle over its length at end-diastole."""
    contraction: Floats
    """c: the squared radius of the cavity at each place is a0^2 (1 - c * weight)."""
    rv_inward_mm: Floats
    """How far the free wall of the right ventricle has come towards the septum at its base."""
    valve_opening: Floats
    """Mitral and tricuspid valve: 0 closed, 1 wide open."""
    sway: Sway
    """What the next three come from."""
    shift_x_mm: Floats
    shift_z_mm: Floats
    rotation_rad: Floats
    ed_frame: int
    es_frame: int
    skew: Floats | None = None
    """What the septal side contracts more than `contraction`, and the lateral side less; None is nothing."""
    free: FreeMotion | None = None
    """What moves beside the left ventricle by itself; None where everything follows it."""

    def side_contraction(self, is_septal: bool) -> Floats:
        """Contraction (T,) of one side."""
        if self.skew is None:
            return self.contraction
        return self.contraction + (self.skew if is_septal else -self.skew)

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.volume_ml)

    @property
    def edv_ml(self) -> float:
        """End-diastolic volume of the labelled beat."""
        return float(self.volume_ml[self.ed_frame])

    @property
    def esv_ml(self) -> float:
        """End-systolic volume of the labelled beat."""
        return float(self.volume_ml[self.es_frame])

    @property
    def ef_percent(self) -> float:
        """Ejection fraction of the labelled beat."""
        return 100.0 * (self.edv_ml - self.esv_ml) / self.edv_ml


def simulate_motion(
    facts: RecordingFacts,
    anatomy: Anatomy,
    generator: np.random.Generator,
    *,
    pose_scale: float = 1.0,
    is_steady: bool = False,
) -> Motion:
    """Move the heart through the frames of a video.

    Args:
        facts: the recording.
        anatomy: its heart at end-diastole.
        generator: of this recording.
        pose_scale: 1 for the usual breathing and drift of the probe, 0 for none.
        is_steady: sinus rhythm only.
    """
    rhythm = draw_rhythm(facts, generator, is_steady=is_steady)
    time_s = np.arange(facts.num_frames) / facts.fps
    wanted_ml, opening = volume_curve(rhythm, time_s)
    emptied = np.clip(1.0 - wanted_ml / facts.edv_ml, -0.25, 0.95)
    shortening = anatomy.length_mm * generator.normal(0.25, 0.025) * emptied
    stretch = 1.0 - shortening / anatomy.length_mm
    contraction, volume = _contract(anatomy, wanted_ml, stretch)
    ed_frame, es_frame = _labelled_frames(rhythm, volume, facts.fps)
    sway = draw_sway(generator, pose_scale)
    breathing = np.sin(2.0 * np.pi * (time_s / sway.breath_s + sway.breath_phase))
    drift = np.linspace(-0.5, 0.5, facts.num_frames) * time_s[-1]
    return Motion(
        rhythm=rhythm,
        volume_ml=volume,
        shortening_mm=shortening,
        stretch=stretch,
        contraction=contraction,
        rv_inward_mm=anatomy.rv_width_mm * 0.5 * emptied * generator.uniform(0.6, 1.0),
        valve_opening=opening,
        sway=sway,
        shift_x_mm=sway.breath_x_mm * breathing + sway.drift_x_mm_per_s * drift + sway.swing_x_mm * emptied,
        shift_z_mm=sway.breath_z_mm * breathing + sway.drift_z_mm_per_s * drift,
        rotation_rad=sway.breath_rad * breathing + sway.swing_rad * emptied,
        ed_frame=ed_frame,
        es_frame=es_frame,
    )


def simulate_free_motion(
    facts: RecordingFacts, anatomy: Anatomy, generator: np.random.Generator, knobs: MotionKnobs | None = None
) -> Motion:
    """Move the heart as in clinics: the ventricle as its EF has it, and all else free of that.

    Args:
        facts: the recording.
        anatomy: its heart at end-diastole.
        generator: of this recording.
        knobs: what the movements are drawn from.
    """
    knobs = knobs or MotionKnobs()
    rhythm = draw_rhythm(facts, generator, shares=knobs.rhythm_shares)
    time_s = np.arange(facts.num_frames) / facts.fps
    wanted_ml, opening = volume_curve(rhythm, time_s)
    emptied = np.clip(1.0 - wanted_ml / facts.edv_ml, -0.25, 0.95)
    shortening = anatomy.length_mm * generator.uniform(*knobs.shortening_range) * emptied
    stretch = 1.0 - shortening / anatomy.length_mm
    contraction, volume = _contract(anatomy, wanted_ml, stretch)
    delay_s = draw_delay(rhythm.is_paced, generator, knobs)
    skew = delayed_sides(contraction, time_s, delay_s) if delay_s else None
    if skew is not None:
        volume = _volume(anatomy, stretch, contraction + skew, contraction - skew)
    ed_frame, es_frame = _labelled_frames(rhythm, volume, facts.fps)
    free = draw_free_motion(
        rhythm,
        time_s,
        rv_width_mm=anatomy.rv_width_mm,
        stroke_ml=facts.edv_ml * facts.ef_percent / 100.0,
        generator=generator,
        knobs=knobs,
    )
    return Motion(
        rhythm=rhythm,
        volume_ml=volume,
        shortening_mm=shortening,
        stretch=stretch,
        contraction=contraction,
        rv_inward_mm=free.rv_inward_mm,
        valve_opening=opening * free.valve_scale,
        sway=free.sway,
        shift_x_mm=free.shift_x_mm,
        shift_z_mm=free.shift_z_mm,
        rotation_rad=free.rotation_rad,
        ed_frame=ed_frame,
        es_frame=es_frame,
        skew=skew,
        free=free,
    )


def cavity_squared(anatomy: Anatomy, z_mm: Floats, is_septal: NDArray[np.bool_] | bool, contraction: Floats) -> Floats:
    """Squared radius of the contracted cavity in mm^2, at depths given for end-diastole; the arguments broadcast."""
    left = remaining(contraction, anatomy.contraction_weight(z_mm, is_septal))
    return np.asarray(anatomy.endocardium_squared(z_mm) * left)


def remaining(contraction: Floats | float, weight: Floats) -> Floats:
    """What a contraction leaves of the cavity's squared radius, as a share, where the wall contracts by a weight."""
    return np.maximum(1.0 - contraction * weight, SMALLEST_AREA_FRACTION)


def _contract(anatomy: Anatomy, wanted_ml: Floats, stretch: Floats) -> tuple[Floats, Floats]:
    """The contraction (T,) that gives the wanted volumes, and the volumes (T,) that the shape then really holds."""
    depths, squared = anatomy.profile()
    weight = 0.5 * (anatomy.contraction_weight(depths, True) + anatomy.contraction_weight(depths, False))
    full_ml = np.pi * np.trapezoid(squared, depths) / 1000.0
    weighted_ml = np.pi * np.trapezoid(squared * weight, depths) / 1000.0
    contraction = (full_ml - wanted_ml / stretch) / weighted_ml
    return contraction, _volume(anatomy, stretch, contraction, contraction)


def _volume(anatomy: Anatomy, stretch: Floats, septal: Floats, lateral: Floats) -> Floats:
    """Volume (T,) in mL that the shape holds with these contractions (T,) of its sides."""
    depths, _ = anatomy.profile()
    halves = sum(
        cavity_squared(anatomy, depths, is_septal, contraction[:, None])
        for is_septal, contraction in ((True, septal), (False, lateral))
    )
    return np.asarray(np.pi / 2.0 * stretch * np.trapezoid(np.asarray(halves), depths, axis=1) / 1000.0)


def _labelled_frames(rhythm: Rhythm, volume_ml: Floats, fps: float) -> tuple[int, int]:
    """Frames of the largest and the smallest volume of the labelled beat's systole."""
    start = rhythm.starts_s[rhythm.labelled]
    last = min(len(volume_ml), int((start + rhythm.systole_s + rhythm.isovolumic_relaxation_s) * fps) + 1)
    first = int(np.ceil(start * fps))
    middle = int((start + 0.5 * rhythm.systole_s) * fps) + 1
    ed_frame = first + int(np.argmax(volume_ml[first:middle]))
    es_frame = middle + int(np.argmin(volume_ml[middle:last]))
    return ed_frame, es_frame
