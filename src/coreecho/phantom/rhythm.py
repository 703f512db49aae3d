"""When the heart beats, and the volume of its left ventricle over time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.cohort import RecordingFacts

Floats = NDArray[np.float64]
RhythmKind = Literal["sinus", "ectopic", "atrial fibrillation", "paced"]

# How often a recording shows ectopic beats or atrial fibrillation.
_KINDS: tuple[RhythmKind, ...] = ("sinus", "ectopic", "atrial fibrillation", "paced")
_KIND_SHARES = (0.90, 0.06, 0.04)


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """The timing of one recording's beats; times in seconds from the first frame, one entry per beat."""

    kind: RhythmKind
    starts_s: Floats
    edv_ml: Floats
    esv_ml: Floats
    labelled: int
    """The beat whose EF is the recording's label; its end-diastole and end-systole lie inside the video."""
    isovolumic_contraction_s: float
    ejection_s: float
    isovolumic_relaxation_s: float
    rapid_filling_share: float
    """Share of the stroke volume that the rapid filling brings."""
    atrial_share: float
    """Share that the atrial kick brings; the rest comes in diastasis."""

    @property
    def is_paced(self) -> bool:
        """Whether a pacemaker gives the beat, so that one wall contracts late."""
        return self.kind == "paced"

    @property
    def systole_s(self) -> float:
        """From the start of a beat to the end of ejection."""
        return self.isovolumic_contraction_s + self.ejection_s


def draw_rhythm(
    facts: RecordingFacts,
    generator: np.random.Generator,
    *,
    is_steady: bool = False,
    shares: Sequence[float] = _KIND_SHARES,
) -> Rhythm:
    """The beats of a recording.

    Ejection lasts 0.413 - 0.0017 HR seconds (Weissler et al. 1968, men). An ectopic beat comes after about 60 % of the
    usual interval, finds a ventricle that is not filled, ejects less, and is followed by a compensatory pause.

    Args:
        facts: the recording.
        generator: of this recording.
        is_steady: sinus rhythm only.
        shares: how often it is sinus, ectopic, atrial fibrillation and, with a fourth share, paced.
    """
    kind: RhythmKind = generator.choice(list(_KINDS[: len(shares)]), p=list(shares))
    if is_steady:
        kind = "sinus"
    rate = facts.heart_rate_bpm
    isovolumic_contraction = generator.uniform(0.035, 0.06)
    ejection = (0.413 - 0.0017 * rate) * float(np.clip(generator.normal(1.0, 0.14), 0.7, 1.35))
    isovolumic_relaxation = generator.uniform(0.06, 0.09)
    duration = facts.num_frames / facts.fps
    span = isovolumic_contraction + ejection + 0.5 * isovolumic_relaxation + 2.0 / facts.fps
    first = generator.uniform(0.5 / facts.fps, max(0.6 / facts.fps, min(duration - span, 60.0 / rate)))
    labelled = int(np.ceil(first * rate / 60.0 * 1.6)) + 3
    count = labelled + int(np.ceil(duration * rate / 60.0 * 1.8)) + 3
    spread = {"atrial fibrillation": 0.16, "paced": 0.004}.get(kind, 0.03)
    intervals = 60.0 / rate * np.exp(spread * generator.standard_normal(count))
    edv = facts.edv_ml * np.exp(0.015 * generator.standard_normal(count))
    ef = np.clip(facts.ef_percent + generator.standard_normal(count), 4.0, 92.0)
    if kind == "atrial fibrillation":
        # A beat ejects more after a longer interval.
        edv[1:] *= np.clip(intervals[:-1] * rate / 60.0, 0.6, 1.2) ** 0.3
    if kind == "ectopic":
        _insert_ectopic_beats(intervals, edv, ef, labelled, generator)
    edv[labelled], ef[labelled] = facts.edv_ml, facts.ef_percent
    # A ventricle that hardly ejects is fuller than a short next interval would have it: it never empties in diastole.
    edv[labelled + 1] = max(edv[labelled + 1], 1.03 * edv[labelled] * (1.0 - ef[labelled] / 100.0))
    esv = edv * (1.0 - ef / 100.0)
    esv[:-1] = np.minimum(esv[:-1], 0.98 * edv[1:])
    starts = np.concatenate([[0.0], np.cumsum(intervals)[:-1]])
    atrial_share = 0.0 if kind == "atrial fibrillation" else generator.uniform(0.15, 0.42)
    return Rhythm(
        kind=kind,
        starts_s=starts + first - starts[labelled],
        edv_ml=edv,
        esv_ml=esv,
        labelled=labelled,
        isovolumic_contraction_s=float(isovolumic_contraction),
        ejection_s=float(ejection),
        isovolumic_relaxation_s=float(isovolumic_relaxation),
        rapid_filling_share=float(0.95 - atrial_share),
        atrial_share=float(atrial_share),
    )


def _insert_ectopic_beats(
    intervals: Floats, edv: Floats, ef: Floats, labelled: int, generator: np.random.Generator
) -> None:
    """Make some beats, never the labelled one nor the two before it, premature; in place."""
    for beat in range(1, len(intervals) - 1):
        if labelled - 2 <= beat <= labelled or generator.random() > 0.22:
            continue
        interval = intervals[beat]
        coupling = generator.uniform(0.55, 0.72)
        intervals[beat - 1] *= coupling
        intervals[beat] = interval * (1.95 - coupling)
        edv[beat] *= 0.82
        ef[beat] *= generator.uniform(0.45, 0.8)
        edv[beat + 1] *= 1.08


def _smoothstep(fraction: Floats) -> Floats:
    fraction = np.clip(fraction, 0.0, 1.0)
    return fraction * fraction * (3.0 - 2.0 * fraction)


def volume_curve(rhythm: Rhythm, time_s: Floats) -> tuple[Floats, Floats]:
    """Volume of the left ventricle in mL, and opening of the mitral valve (0 to 1), at times (n,).

    Isovolumic contraction, ejection, isovolumic relaxation, rapid filling, diastasis, atrial kick. A short diastole
    loses its diastasis first.
    """
    beat = np.clip(np.searchsorted(rhythm.starts_s, time_s, side="right") - 1, 0, len(rhythm.starts_s) - 2)
    since = time_s - rhythm.starts_s[beat]
    length = np.diff(rhythm.starts_s)[beat]
    # A premature beat cuts its own systole short, down to 70 %.
    pace = np.clip(length / (rhythm.systole_s + rhythm.isovolumic_relaxation_s + 0.12), 0.7, 1.0)
    since = since / pace
    filling_start = rhythm.systole_s + rhythm.isovolumic_relaxation_s
    diastole = np.maximum(length / pace - filling_start, 0.06)
    rapid = np.minimum(0.17, 0.5 * diastole)
    kick = np.minimum(0.13, 0.4 * diastole)
    ejected = _smoothstep(np.clip((since - rhythm.isovolumic_contraction_s) / rhythm.ejection_s, 0.0, 1.0) ** 0.85)
    in_diastole = since - filling_start
    rapid_part = _smoothstep(in_diastole / rapid)
    slow_part = np.clip((in_diastole - rapid) / np.maximum(diastole - rapid - kick, 1e-6), 0.0, 1.0)
    kick_part = _smoothstep((in_diastole - (diastole - kick)) / kick)
    slow_share = 1.0 - rhythm.rapid_filling_share - rhythm.atrial_share
    filled = rhythm.rapid_filling_share * rapid_part + slow_share * slow_part + rhythm.atrial_share * kick_part
    edv, esv, next_edv = rhythm.edv_ml[beat], rhythm.esv_ml[beat], rhythm.edv_ml[beat + 1]
    volume = np.where(in_diastole > 0.0, esv + (next_edv - esv) * filled, edv + (esv - edv) * ejected)
    early = np.clip(1.2 * np.sin(np.pi * np.clip(in_diastole / (1.15 * rapid), 0.0, 1.0)), 0.0, 1.0)
    late = np.sin(np.pi * np.clip((in_diastole - (diastole - kick)) / kick, 0.0, 1.0))
    late *= 0.75 if rhythm.atrial_share > 0.0 else 0.0
    drifting = 0.25 * ((slow_part > 0.0) & (kick_part < 1.0))
    return volume, np.maximum(np.maximum(early, late), drifting)


def ejected_share(rhythm: Rhythm, time_s: Floats) -> Floats:
    """Share (n,) of each beat's stroke volume that is ejected and not yet filled again, at times (n,): 0 to 1."""
    beats = np.ones_like(rhythm.edv_ml)
    volume, _ = volume_curve(replace(rhythm, edv_ml=beats, esv_ml=np.zeros_like(beats)), time_s)
    return 1.0 - volume
