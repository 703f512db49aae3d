"""One study from its number to its frames: who, which heart, how it moves, how it is seen.

Planning (`plan_study`) is cheap and knows all the truth; rendering (`render_study`) makes the pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from coreecho.phantom.anatomy import Anatomy, draw_anatomy
from coreecho.phantom.cohort import Split, StudyFacts, draw_facts, study_generator
from coreecho.phantom.motion import Motion, simulate_motion
from coreecho.phantom.settings import SCANNERS, PhantomSettings
from coreecho.phantom.tissue import Scatterers, endocardial_contour, make_scatterers, place_scatterers
from coreecho.phantom.ultrasound import FRAME_SIZE, BeamGrid, View, compress, envelope_db

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# Streams of a study's random numbers; facts use 0.
_ANATOMY, _MOTION, _VIEW, _TISSUE, _NOISE = 1, 2, 3, 4, 5
# Grey level of myocardium at 0 dB is set by the gain; blood lies about this far below it.
_BLOOD_DB = -33.0
_GAIN_FRAMES = 4


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where the heart lies under the probe, and what stands between."""

    apex_x_mm: float
    apex_z_mm: float
    tilt_rad: float
    foreshortening_rad: float
    depth_slope_db: float
    """What the time-gain compensation leaves: dB from the top of the picture to its bottom."""
    lateral_dropout_db: float
    haze_db: float
    """Level of the near field's clutter."""
    noise_db: float
    """Level of the electronic noise at full depth."""
    mean_grey: float
    """Mean of the picture, as a fraction of full scale, towards which the gain is set."""


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """All that is true of a study."""

    facts: StudyFacts
    anatomy: Anatomy
    motion: Motion
    view: View
    placement: Placement
    settings: PhantomSettings
    seed: int

    def to_scan(self, x_mm: Floats, z_mm: Floats, frame: int) -> tuple[Floats, Floats]:
        """Places under the probe, in mm, of places in heart coordinates (any shape) at a frame."""
        angle = self.placement.tilt_rad + self.motion.rotation_rad[frame]
        cosine, sine = np.cos(angle), np.sin(angle)
        left = self.placement.apex_x_mm + self.motion.shift_x_mm[frame]
        top = self.placement.apex_z_mm + self.motion.shift_z_mm[frame]
        return left + cosine * x_mm + sine * z_mm, top - sine * x_mm + cosine * z_mm

    def contour(self, frame: int) -> tuple[Floats, Floats]:
        """Depth and half-width (n,) in mm of the visible cavity, in heart coordinates."""
        return endocardial_contour(
            self.anatomy, self.motion, frame, foreshortening_rad=self.placement.foreshortening_rad
        )


def plan_study(settings: PhantomSettings, seed: int, index: int, split: Split) -> StudyPlan:
    """Draw and simulate everything about a study but its pictures."""
    facts = draw_facts(settings, seed, index, split)
    anatomy = draw_anatomy(facts, study_generator(seed, index, _ANATOMY))
    is_easy = settings.difficulty == "easy"
    motion = simulate_motion(facts, anatomy, study_generator(seed, index, _MOTION), pose_scale=0.5 if is_easy else 1.0)
    view, placement = _draw_view(settings, anatomy, study_generator(seed, index, _VIEW), scale=0.4 if is_easy else 1.0)
    return StudyPlan(
        facts=facts, anatomy=anatomy, motion=motion, view=view, placement=placement, settings=settings, seed=seed
    )


def _draw_view(
    settings: PhantomSettings, anatomy: Anatomy, generator: np.random.Generator, *, scale: float
) -> tuple[View, Placement]:
    """The operator's settings and the place of the heart; `scale` shrinks the spread of the nuisances."""
    scanner = SCANNERS[settings.scanner]
    apex_z = 20.0 + 8.0 * scale * generator.random()
    lowest = apex_z + anatomy.length_mm + 0.75 * anatomy.atrium_mm
    view = View(
        depth_mm=float(max(generator.uniform(*scanner.depth_mm), lowest)),
        half_angle_rad=float(np.deg2rad(generator.uniform(*scanner.half_angle_deg))),
        dynamic_range_db=float(generator.uniform(*scanner.dynamic_range_db)),
    )
    spread = scale * generator.standard_normal(6)
    placement = Placement(
        apex_x_mm=float(8.0 + 5.0 * spread[0]),
        apex_z_mm=float(apex_z),
        tilt_rad=float(np.deg2rad(1.0 + 6.0 * spread[1])),
        foreshortening_rad=float(np.deg2rad(abs(4.0 * spread[2]))),
        depth_slope_db=float(-3.0 + 3.0 * spread[3]),
        lateral_dropout_db=float(scale * generator.uniform(0.0, 18.0)),
        haze_db=float(-12.0 + 10.0 * scale * generator.uniform(-1.0, 1.0)),
        noise_db=float(-30.0 + 5.0 * scale * generator.uniform(-1.0, 1.0)),
        mean_grey=float(scanner.mean_grey * np.exp(0.22 * spread[4])),
    )
    return view, placement


def render_study(plan: StudyPlan) -> Iterator[NDArray[np.uint8]]:
    """The frames of a study, (112, 112) uint8 each, in order."""
    grid = BeamGrid(SCANNERS[plan.settings.scanner], plan.view)
    points = make_scatterers(
        plan.anatomy,
        study_generator(plan.seed, plan.facts.index, _TISSUE),
        foreshortening_rad=plan.placement.foreshortening_rad,
    )
    scene = _Scene(plan, grid, points)
    gain_db = scene.gain()
    persistence = np.float32(scene.scanner.persistence ** (50.0 / max(plan.facts.fps, 10.0)) ** -1.0)
    persistence = np.float32(min(float(persistence), 0.6))
    previous: Singles | None = None
    sector = grid.sector
    for frame in range(plan.motion.num_frames):
        grey = grid.scan_converter @ compress(scene.level_db(frame) + gain_db, plan.view.dynamic_range_db).ravel()
        if previous is not None:
            grey += persistence * (previous - grey)
        previous = grey
        picture = np.zeros((FRAME_SIZE, FRAME_SIZE), dtype=np.uint8)
        picture[sector] = (grey * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
        yield picture


class _Scene:
    """The static parts of a study's picture, and its echo level at each frame."""

    def __init__(self, plan: StudyPlan, grid: BeamGrid, points: Scatterers) -> None:
        self.plan = plan
        self.grid = grid
        self.points = points
        self.scanner = grid.scanner
        generator = study_generator(plan.seed, plan.facts.index, _NOISE)
        self.transmission = self._transmission(generator)
        self.clutter = self._clutter(generator)
        self._noise_tape = self._noise(generator)
        self._noise_starts = generator.integers(0, grid.num_samples, size=plan.motion.num_frames)

    def _transmission(self, generator: np.random.Generator) -> Singles:
        """Amplitude (samples, 1, beams) that gets through: left-over compensation, dropout, edges, patches."""
        plan, grid = self.plan, self.grid
        depth = grid.depths_mm[:, None] / plan.view.depth_mm
        sine = grid.sines[None, :] / grid.sine_limit
        level = plan.placement.depth_slope_db * depth
        level = level - plan.placement.lateral_dropout_db * np.clip((sine - 0.35) / 0.6, 0.0, 1.0) ** 1.5
        level = level - 7.0 * np.clip((np.abs(sine) - 0.8) / 0.2, 0.0, 1.0) ** 2
        patches = generator.standard_normal((grid.num_samples, grid.num_beams))
        patches = gaussian_filter(patches, (18.0, 7.0), mode="nearest")
        level = level + 2.5 * patches / patches.std()
        return np.asarray(10.0 ** (level / 20.0), dtype=np.float32)[:, None, :]

    def _clutter(self, generator: np.random.Generator) -> Singles:
        """Static echo (samples, 2, beams) of the chest wall and of reverberations between it and the probe."""
        depths = self.grid.depths_mm[:, None]
        level = self.plan.placement.haze_db - 0.33 * np.maximum(depths - 12.0, 0.0)
        spacing = generator.uniform(6.0, 11.0)
        bands = 5.0 * np.cos(2.0 * np.pi * depths / spacing) * np.exp(-depths / 20.0)
        white = generator.standard_normal((self.grid.num_samples, 2, self.grid.num_beams), dtype=np.float32)
        amplitude = 10.0 ** ((level + bands) / 20.0)
        return self.grid.blur(white * amplitude.astype(np.float32)[:, None, :])

    def _noise(self, generator: np.random.Generator) -> Singles:
        """Blood and electronic noise: a tape (2 * samples, 2, beams) of which each frame shows a random stretch."""
        count = self.grid.num_samples
        white = generator.standard_normal((2 * count, 2, self.grid.num_beams), dtype=np.float32)
        return np.concatenate([self.grid.blur(white[:count]), self.grid.blur(white[count:])])

    def level_db(self, frame: int) -> Singles:
        """Echo level in dB, (samples, beams), at a frame."""
        plan = self.plan
        across, along = place_scatterers(self.points, plan.motion, frame)
        x_mm, z_mm = self._to_scan(across, along, frame)
        echo = self.grid.insonify(x_mm, z_mm, self.points.real, self.points.imaginary)
        echo *= self.transmission
        echo += self.clutter
        start = int(self._noise_starts[frame])
        echo += self._noise_amplitude() * self._noise_tape[start : start + self.grid.num_samples]
        return envelope_db(echo)

    def _noise_amplitude(self) -> Singles:
        relative = self.grid.depths_mm / self.plan.view.depth_mm
        electronic = self.plan.placement.noise_db - 25.0 * (1.0 - relative)
        amplitude = np.hypot(10.0 ** (electronic / 20.0), 10.0 ** (_BLOOD_DB / 20.0))
        return np.asarray(amplitude, dtype=np.float32)[:, None, None]

    def _to_scan(self, x_mm: Singles, z_mm: Singles, frame: int) -> tuple[Singles, Singles]:
        plan = self.plan
        angle = plan.placement.tilt_rad + plan.motion.rotation_rad[frame]
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        left = np.float32(plan.placement.apex_x_mm + plan.motion.shift_x_mm[frame])
        top = np.float32(plan.placement.apex_z_mm + plan.motion.shift_z_mm[frame])
        return cosine * x_mm + sine * z_mm + left, cosine * z_mm - sine * x_mm + top

    def gain(self) -> np.float32:
        """The gain in dB with which the mean of a few frames is what the operator wants."""
        frames = np.linspace(0, self.plan.motion.num_frames - 1, _GAIN_FRAMES).astype(int)
        levels = [self.level_db(int(frame)) for frame in frames]
        low, high = -80.0, 40.0
        for _ in range(14):
            middle = 0.5 * (low + high)
            grey = [
                (
                    self.grid.scan_converter
                    @ compress(level + np.float32(middle), self.plan.view.dynamic_range_db).ravel()
                )
                for level in levels
            ]
            mean = float(np.sum(grey)) / (_GAIN_FRAMES * FRAME_SIZE**2)
            low, high = (middle, high) if mean < self.plan.placement.mean_grey else (low, middle)
        return np.float32(0.5 * (low + high))
