"""Who is in a cohort: the drawn facts of each recording, before anything is simulated.

The marginal distributions are those of EchoNet-Dynamic (EF, frame rate, length, split); each recording is drawn from
its own counter-based generator, so recording 7 of seed 3 is the same heart in a cohort of 10 and of 10,000, made by 1
worker or by 64.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from coreecho.phantom.knobs import HeartKnobs
from coreecho.phantom.scanners import draw_scanner
from coreecho.phantom.settings import SCANNERS, PhantomSettings, Scanner

Split = Literal["TRAIN", "VAL", "TEST"]
HeartKind = Literal["usual", "dilated", "ischaemic", "aneurysm", "infiltrated", "hypertrophic", "large"]

# Quantiles of EF in percent. Through the published points (below 35: 9.5 %, 40: 12.6 %, 50: 22.4 %; 6.9 to 97.0), the
# rest set so that mean and sd are 55.75 and 12.37; the lowest is 5, below EchoNet-Dynamic's.
_EF_PROBABILITY = np.array([0.0, 0.01, 0.04, 0.095, 0.126, 0.224, 0.45, 0.70, 0.90, 0.98, 1.0])
_EF_PERCENT = np.array([5.0, 22.0, 29.0, 35.0, 40.0, 50.0, 57.8, 62.6, 67.4, 73.0, 90.0])

# The same for `clinic`: failing hearts are as common as healthy ones, since a model must learn from both.
_CLINIC_PROBABILITY = np.array([0.0, 0.03, 0.10, 0.20, 0.32, 0.45, 0.60, 0.77, 0.91, 0.98, 1.0])
_CLINIC_EF_PERCENT = np.array([5.0, 12.0, 20.0, 28.0, 38.0, 48.0, 56.0, 62.5, 69.0, 77.0, 90.0])

# How common each kind of heart is at an EF of 25, 40, 52 and 65 %, and its EDV over the median of its EF. Chosen so
# that all kinds are frequent: no registry has these shares. Infiltrated and hypertrophied cavities are small.
_KIND_EF = (25.0, 40.0, 52.0, 65.0)
_KIND_SHARES: dict[HeartKind, tuple[float, float, float, float]] = {
    "usual": (0.12, 0.28, 0.58, 0.60),
    "dilated": (0.45, 0.25, 0.05, 0.0),
    "ischaemic": (0.22, 0.25, 0.13, 0.03),
    "aneurysm": (0.10, 0.09, 0.02, 0.0),
    "infiltrated": (0.11, 0.10, 0.06, 0.02),
    "hypertrophic": (0.0, 0.01, 0.06, 0.20),
    "large": (0.0, 0.02, 0.10, 0.15),
}
_KIND_EDV: dict[HeartKind, float] = {
    "usual": 1.0,
    "dilated": 1.3,
    "ischaemic": 1.05,
    "aneurysm": 1.2,
    "infiltrated": 0.65,
    "hypertrophic": 0.75,
    "large": 1.55,
}
# The stream of a recording's random numbers from which `clinic` draws its facts.
_CLINIC_STREAM = 8

# Shares of EchoNet-Dynamic's 10,030 recordings.
_SPLIT_SHARES: dict[Split, float] = {"VAL": 1288 / 10030, "TEST": 1277 / 10030}


@dataclass(frozen=True, kw_only=True)
class RecordingFacts:
    """What is decided about a recording before its heart is simulated."""

    index: int
    stem: str
    split: Split
    ef_percent: float
    ef_score: float
    """EF's place in the cohort's distribution as a standard normal value, to tie other things to it."""
    label_error: float
    """What a reader's EF is too high by, in points."""
    edv_ml: float
    heart_rate_bpm: float
    fps: float
    num_frames: int
    kind: HeartKind | None = None
    """The kind of heart; drawn for `clinic` only."""


def recording_generator(seed: int, index: int, purpose: int) -> np.random.Generator:
    """The generator of one recording for one purpose: Philox, a counter-based generator, keyed by both numbers.

    Args:
        seed: the cohort's seed.
        index: the recording's place in the cohort, from 0.
        purpose: separates streams, so that a new draw for one purpose moves no other.
    """
    return np.random.Generator(np.random.Philox(key=[seed, (index << 8) | purpose]))


def draw_splits(recordings: int, seed: int, more_test: int = 0) -> list[Split]:
    """A split for each recording, in EchoNet-Dynamic's proportions; from 3 recordings on, each split has at least one.

    Args:
        recordings: to be dealt out.
        seed: of the cohort.
        more_test: recordings after those, all TEST; the first ones stay as they are without them.
    """
    counts: dict[Split, int] = {name: round(share * recordings) for name, share in _SPLIT_SHARES.items()}
    if recordings >= 3:
        counts = {name: max(1, count) for name, count in counts.items()}
    order = np.random.Generator(np.random.Philox(key=[seed, 2**63])).permutation(recordings)
    splits: list[Split] = ["TRAIN"] * recordings
    position = 0
    for name, count in counts.items():
        for index in order[position : position + count]:
            splits[index] = name
        position += count
    return splits + ["TEST"] * more_test


def ef_quantile(probability: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """EF in percent at a probability (any shape): the inverse of the cohort's cumulative distribution."""
    return np.asarray(np.interp(probability, _EF_PROBABILITY, _EF_PERCENT))


def ef_score(ef_percent: float) -> float:
    """An EF's place in the cohort's distribution as a standard normal value: what `ef_quantile` undoes."""
    probability = float(np.interp(ef_percent, _EF_PERCENT, _EF_PROBABILITY))
    return float(ndtri(np.clip(probability, 1e-6, 1.0 - 1e-6)))


def median_edv_ml(ef_percent: float) -> float:
    """Failing hearts dilate: the median EDV is 82 mL over the cohort, and about twice that at an EF of 20 %."""
    return float(79.0 * np.exp(0.016 * max(0.0, 55.0 - ef_percent)))


def draw_num_frames(generator: np.random.Generator) -> int:
    """Number of frames: median 171, 24.7 % below 144, 28 to 1,002; a log-normal core with a wide minority."""
    spread = 0.2413 if generator.random() < 0.94 else 0.60
    return int(np.clip(round(171.0 * np.exp(spread * generator.standard_normal())), 28, 1002))


def scanner_of(settings: PhantomSettings, seed: int, index: int) -> Scanner:
    """The machine that films one recording of a cohort."""
    if settings.is_by_many_scanners:
        return draw_scanner(recording_generator(seed, index, purpose=9))
    return SCANNERS[settings.scanner]


def draw_facts(settings: PhantomSettings, seed: int, index: int, split: Split) -> RecordingFacts:
    """Draw the facts of one recording."""
    generator = recording_generator(seed, index, purpose=0)
    stem = "0X" + "".join(generator.choice(list("0123456789ABCDEF"), size=int(generator.integers(14, 17))))
    probability = float(np.clip(generator.random(), 1e-6, 1.0 - 1e-6))
    ef_percent = float(ef_quantile(probability))
    edv_ml = float(np.clip(median_edv_ml(ef_percent) * np.exp(0.28 * generator.standard_normal()), 35.0, 320.0))
    heart_rate = float(np.clip(generator.normal(75.0 + 0.2 * max(0.0, 50.0 - ef_percent), 11.0), 48.0, 125.0))
    if settings.is_steady:
        heart_rate = float(np.clip(generator.normal(92.0, 5.0), 80.0, 105.0))
    rates, shares = np.array(scanner_of(settings, seed, index).fps).T
    fps = float(generator.choice(rates, p=shares / shares.sum()))
    if settings.is_steady:
        fps = float(rates[np.argmax(shares)])
    num_frames = int(np.clip(draw_num_frames(generator), settings.min_frames, settings.max_frames))
    num_frames, fps = _fit_a_systole(num_frames, fps, settings)
    usual = RecordingFacts(
        index=index,
        stem=stem,
        split=split,
        ef_percent=ef_percent,
        ef_score=float(ndtri(probability)),
        label_error=settings.label_noise * float(recording_generator(seed, index, purpose=7).standard_normal()),
        edv_ml=edv_ml,
        heart_rate_bpm=heart_rate,
        fps=fps,
        num_frames=num_frames,
    )
    return _spread_ef(usual, settings, seed, probability) if settings.is_clinic else usual


def _spread_ef(facts: RecordingFacts, settings: PhantomSettings, seed: int, probability: float) -> RecordingFacts:
    """The same recording with the EF that has its place in `clinic`'s distribution, and a heart that goes with it.

    All of clinic has its spread of EF, with `hearts` left out as well, so that the group alone makes the difference.
    """
    ef_percent = float(np.interp(probability, _CLINIC_PROBABILITY, _CLINIC_EF_PERCENT))
    if settings.is_wide("hearts"):
        generator = recording_generator(seed, facts.index, _CLINIC_STREAM)
        return _clinic_facts(replace(facts, ef_percent=ef_percent), HeartKnobs(), generator)
    edv_ml = facts.edv_ml * median_edv_ml(ef_percent) / median_edv_ml(facts.ef_percent)
    return replace(facts, ef_percent=ef_percent, edv_ml=float(np.clip(edv_ml, 35.0, 320.0)))


def _clinic_facts(facts: RecordingFacts, knobs: HeartKnobs, generator: np.random.Generator) -> RecordingFacts:
    """The same recording with a kind of heart, an EDV and a heart rate as clinics see them at its EF."""
    ef_percent = facts.ef_percent
    shares = np.array([np.interp(ef_percent, _KIND_EF, shares) for shares in _KIND_SHARES.values()])
    kind: HeartKind = list(_KIND_SHARES)[int(generator.choice(len(shares), p=shares / shares.sum()))]
    median = knobs.edv_ml * np.exp(knobs.edv_per_ef * max(0.0, 55.0 - ef_percent)) * _KIND_EDV[kind]
    edv_ml = float(np.clip(median * np.exp(knobs.edv_spread * generator.standard_normal()), *knobs.edv_limits_ml))
    rate, spread = knobs.heart_rate_normal
    heart_rate = float(np.clip(generator.normal(rate + 0.25 * max(0.0, 50.0 - ef_percent), spread), 42.0, 140.0))
    return replace(facts, kind=kind, edv_ml=edv_ml, heart_rate_bpm=heart_rate)


def _fit_a_systole(num_frames: int, fps: float, settings: PhantomSettings) -> tuple[int, float]:
    """Lengthen a video, or else lower its frame rate, until it has room for end-diastole and end-systole."""
    needed_s = 0.50
    num_frames = int(np.clip(np.ceil(needed_s * fps) + 2, num_frames, settings.max_frames))
    return num_frames, float(min(fps, np.floor((num_frames - 2) / needed_s)))
