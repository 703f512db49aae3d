"""How the heart moves: the volume of the left ventricle over time, and the few numbers per frame that move every point.

The motion model is exact where it matters. The wall of the left ventricle is incompressible: a material ring of squared
radius q0 at end-diastole lies, when its length has shrunk by the factor `stretch` and the cavity's squared radius has
changed from a0 to a, at the squared radius a + (q0 - a0) / stretch. The cavity contracts so that its volume is the one
that the volume curve asks for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.cohort import StudyFacts

Floats = NDArray[np.float64]

# The cavity never closes completely: what is left of its squared radius.
_SMALLEST_AREA_FRACTION = 0.02


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """The timing of one study's beats; times in seconds from the first frame, one entry per beat."""

    starts_s: Floats
    edv_ml: Floats
    esv_ml: Floats
    isovolumic_contraction_s: float
    ejection_s: float
    isovolumic_relaxation_s: float
    rapid_filling_share: float
    """Share of the stroke volume that the rapid filling brings; the atrial kick brings most of the rest."""

    @property
    def systole_s(self) -> float:
        """From the start of a beat to the end of ejection."""
        return self.isovolumic_contraction_s + self.ejection_s


@dataclass(frozen=True, kw_only=True)
class Motion:
    """The heart over the frames of one video; every array is (T,)."""

    volume_ml: Floats
    shortening_mm: Floats
    """How far the mitral annulus has come towards the apex."""
    stretch: Floats
    """Length of the ventricle over its length at end-diastole."""
    contraction: Floats
    """c: the squared radius of the cavity at each level is a0^2 (1 - c * weight)."""
    rv_inward_mm: Floats
    """How far the free wall of the right ventricle has come towards the septum at its base."""
    mitral_opening: Floats
    """0 closed, 1 wide open."""
    shift_x_mm: Floats
    shift_z_mm: Floats
    rotation_rad: Floats
    ed_frame: int
    es_frame: int

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.volume_ml)

    @property
    def ef_percent(self) -> float:
        """Ejection fraction of the labelled beat."""
        edv, esv = self.volume_ml[self.ed_frame], self.volume_ml[self.es_frame]
        return float(100.0 * (edv - esv) / edv)


def _smoothstep(fraction: Floats) -> Floats:
    fraction = np.clip(fraction, 0.0, 1.0)
    return fraction * fraction * (3.0 - 2.0 * fraction)


def draw_rhythm(facts: StudyFacts, generator: np.random.Generator) -> tuple[Rhythm, int]:
    """The beats of a study, and which of them is labelled.

    Ejection lasts 0.413 - 0.0017 HR seconds (Weissler et al. 1968, men). The labelled beat's end-diastole and
    end-systole both lie inside the video.
    """
    rate = facts.heart_rate_bpm
    isovolumic_contraction = generator.uniform(0.035, 0.06)
    ejection = (0.413 - 0.0017 * rate) * generator.uniform(0.9, 1.05)
    isovolumic_relaxation = generator.uniform(0.06, 0.09)
    duration = facts.num_frames / facts.fps
    span = isovolumic_contraction + ejection + 0.5 * isovolumic_relaxation + 2.0 / facts.fps
    first = generator.uniform(0.5 / facts.fps, max(0.6 / facts.fps, min(duration - span, 60.0 / rate)))
    before = int(np.ceil(first * rate / 60.0)) + 2
    count = before + int(np.ceil(duration * rate / 60.0 * 1.5)) + 2
    intervals = 60.0 / rate * np.exp(0.03 * generator.standard_normal(count))
    starts = np.concatenate([[0.0], np.cumsum(intervals)[:-1]])
    starts += first - starts[before]
    edv = facts.edv_ml * np.exp(0.015 * generator.standard_normal(count))
    ef = np.clip(facts.ef_percent + generator.standard_normal(count), 4.0, 92.0)
    edv[before], ef[before] = facts.edv_ml, facts.ef_percent
    rhythm = Rhythm(
        starts_s=starts,
        edv_ml=edv,
        esv_ml=edv * (1.0 - ef / 100.0),
        isovolumic_contraction_s=float(isovolumic_contraction),
        ejection_s=float(ejection),
        isovolumic_relaxation_s=float(isovolumic_relaxation),
        rapid_filling_share=float(generator.uniform(0.5, 0.78)),
    )
    return rhythm, before


def volume_curve(rhythm: Rhythm, time_s: Floats) -> tuple[Floats, Floats]:
    """Volume of the left ventricle in mL, and opening of the mitral valve (0 to 1), at times (n,).

    Isovolumic contraction, ejection, isovolumic relaxation, rapid filling, diastasis, atrial kick. A short diastole
    loses its diastasis first.
    """
    beat = np.clip(np.searchsorted(rhythm.starts_s, time_s, side="right") - 1, 0, len(rhythm.starts_s) - 2)
    since = time_s - rhythm.starts_s[beat]
    length = np.diff(rhythm.starts_s)[beat]
    filling_start = rhythm.systole_s + rhythm.isovolumic_relaxation_s
    diastole = np.maximum(length - filling_start, 0.08)
    rapid = np.minimum(0.17, 0.5 * diastole)
    kick = np.minimum(0.13, 0.4 * diastole)
    ejected = _smoothstep(np.clip((since - rhythm.isovolumic_contraction_s) / rhythm.ejection_s, 0.0, 1.0) ** 0.85)
    in_diastole = since - filling_start
    rapid_part = _smoothstep(in_diastole / rapid)
    slow_part = np.clip((in_diastole - rapid) / np.maximum(diastole - rapid - kick, 1e-6), 0.0, 1.0)
    kick_part = _smoothstep((in_diastole - (diastole - kick)) / kick)
    share = rhythm.rapid_filling_share
    filled = share * rapid_part + 0.05 * slow_part + (0.95 - share) * kick_part
    edv, esv, next_edv = rhythm.edv_ml[beat], rhythm.esv_ml[beat], rhythm.edv_ml[beat + 1]
    volume = np.where(in_diastole > 0.0, esv + (next_edv - esv) * filled, edv + (esv - edv) * ejected)
    early = np.clip(1.2 * np.sin(np.pi * np.clip(in_diastole / (1.15 * rapid), 0.0, 1.0)), 0.0, 1.0)
    late = 0.75 * np.sin(np.pi * np.clip((in_diastole - (diastole - kick)) / kick, 0.0, 1.0))
    middle = 0.25 * ((slow_part > 0.0) & (kick_part < 1.0))
    return volume, np.maximum(np.maximum(early, late), middle)


def simulate_motion(
    facts: StudyFacts, anatomy: Anatomy, generator: np.random.Generator, *, pose_scale: float = 1.0
) -> Motion:
    """Move the heart through the frames of a video.

    Args:
        facts: the study.
        anatomy: its heart at end-diastole.
        generator: of this study.
        pose_scale: 1 for the usual breathing and drift of the probe, 0 for none.
    """
    rhythm, labelled = draw_rhythm(facts, generator)
    time_s = np.arange(facts.num_frames) / facts.fps
    wanted_ml, opening = volume_curve(rhythm, time_s)
    emptied = np.clip(1.0 - wanted_ml / facts.edv_ml, -0.2, 0.95)
    shortening = anatomy.length_mm * generator.normal(0.25, 0.02) * emptied
    stretch = 1.0 - shortening / anatomy.length_mm
    contraction, volume = _contract(anatomy, wanted_ml, stretch)
    ed_frame, es_frame = _labelled_frames(rhythm, labelled, volume, facts.fps)
    breathing = np.sin(2.0 * np.pi * (time_s / generator.uniform(3.0, 5.5) + generator.random()))
    drift = np.linspace(-0.5, 0.5, facts.num_frames) * time_s[-1]
    push = pose_scale * generator.standard_normal(5)
    return Motion(
        volume_ml=volume,
        shortening_mm=shortening,
        stretch=stretch,
        contraction=contraction,
        rv_inward_mm=anatomy.rv_width_mm * 0.5 * emptied * generator.uniform(0.6, 1.0),
        mitral_opening=opening,
        shift_x_mm=0.8 * push[0] * breathing + 0.3 * push[1] * drift,
        shift_z_mm=1.2 * push[2] * breathing + 0.3 * push[3] * drift,
        rotation_rad=np.deg2rad(0.8) * push[4] * breathing,
        ed_frame=ed_frame,
        es_frame=es_frame,
    )


def _contract(anatomy: Anatomy, wanted_ml: Floats, stretch: Floats) -> tuple[Floats, Floats]:
    """The contraction (T,) that gives the wanted volumes, and the volumes (T,) that the shape then really holds."""
    depths, squared = anatomy.profile()
    weight = anatomy.contraction_weight(depths)
    full_ml = np.pi * np.trapezoid(squared, depths) / 1000.0
    weighted_ml = np.pi * np.trapezoid(squared * weight, depths) / 1000.0
    contraction = (full_ml - wanted_ml / stretch) / weighted_ml
    fraction = np.maximum(1.0 - contraction[:, None] * weight[None, :], _SMALLEST_AREA_FRACTION)
    volume = np.pi * stretch * np.trapezoid(squared * fraction, depths, axis=1) / 1000.0
    return contraction, volume


def _labelled_frames(rhythm: Rhythm, labelled: int, volume_ml: Floats, fps: float) -> tuple[int, int]:
    """Frames of the largest and the smallest volume of the labelled beat's systole."""
    start = rhythm.starts_s[labelled]
    last = min(len(volume_ml), int((start + rhythm.systole_s + rhythm.isovolumic_relaxation_s) * fps) + 1)
    first = int(np.ceil(start * fps))
    middle = int((start + 0.5 * rhythm.systole_s) * fps) + 1
    # Of the frames that share the largest volume, the middle one of the isovolumic contraction.
    ed_frame = first + int(np.argmax(volume_ml[first:middle]))
    es_frame = middle + int(np.argmin(volume_ml[middle:last]))
    return ed_frame, es_frame
