"""One recording from its number to its frames: who, which heart, how it moves, how it is seen.

Planning (`plan_recording`) is cheap and knows all the truth; rendering (`render_recording`) makes the pictures.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.anatomy import Anatomy, draw_anatomy
from coreecho.phantom.artefacts import clutter_layers, noise_amplitude, noise_tape, transmission
from coreecho.phantom.clinic_heart import widen_anatomy
from coreecho.phantom.cohort import RecordingFacts, Split, draw_facts, recording_generator, scanner_of
from coreecho.phantom.contours import Outline, Surfaces
from coreecho.phantom.leaflets import make_leaflets
from coreecho.phantom.motion import Motion, simulate_free_motion, simulate_motion
from coreecho.phantom.overlay import BurnedIn
from coreecho.phantom.picture import FRAME_SIZE
from coreecho.phantom.settings import PhantomSettings, Scanner
from coreecho.phantom.storing import sharpen, store_as_jpeg
from coreecho.phantom.tissue import make_scatterers
from coreecho.phantom.ultrasound import BeamGrid, GreyMap, envelope_db
from coreecho.phantom.view import View, draw_view

Floats = NDArray[np.floating[Any]]
Singles = NDArray[np.float32]


# Streams of a recording's random numbers; facts use 0, 7, 8 and 9.
_ANATOMY, _MOTION, _VIEW, _TISSUE, _NOISE, _LEAFLETS = 1, 2, 3, 4, 5, 6
_WIDE_ANATOMY, _BEHIND = 10, 11
_GAIN_FRAMES = 4
_TURN_STEP_RAD = 0.05
# Share of the frame that EchoNet-Dynamic's sectors cover: the mean of a smaller one's picture is lower.
_USUAL_SECTOR = 0.6
# Rows of the noise tape between frames: too far for a tracker to find the noise of one frame in the next.
_TAPE_STEP = 20


@dataclass(frozen=True, kw_only=True)
class RecordingPlan:
    """All that is true of a recording."""

    facts: RecordingFacts
    anatomy: Anatomy
    motion: Motion
    view: View
    settings: PhantomSettings
    seed: int
    scanner: Scanner
    """The machine that films it."""

    def to_scan(self, x_mm: Floats, z_mm: Floats, frame: int) -> tuple[Floats, Floats]:
        """Places under the probe, in mm, of places in heart coordinates (any shape, any float type) at a frame."""
        angle = self.view.tilt_rad + float(self.motion.rotation_rad[frame])
        cosine, sine = math.cos(angle), math.sin(angle)
        left = self.view.apex_x_mm + float(self.motion.shift_x_mm[frame])
        top = self.view.apex_z_mm + float(self.motion.shift_z_mm[frame])
        return cosine * x_mm + sine * z_mm + left, cosine * z_mm - sine * x_mm + top

    def to_heart(self, x_mm: Floats, z_mm: Floats, frame: int) -> tuple[Floats, Floats]:
        """Heart coordinates of places under the probe: the inverse of `to_scan`."""
        angle = self.view.tilt_rad + self.motion.rotation_rad[frame]
        cosine, sine = np.cos(angle), np.sin(angle)
        right = x_mm - self.view.apex_x_mm - self.motion.shift_x_mm[frame]
        down = z_mm - self.view.apex_z_mm - self.motion.shift_z_mm[frame]
        return cosine * right - sine * down, sine * right + cosine * down

    def to_pixels(self, x_mm: Floats, z_mm: Floats, frame: int) -> tuple[Floats, Floats]:
        """Pixel coordinates (column, row) of places in heart coordinates at a frame."""
        x_scan, z_scan = self.to_scan(x_mm, z_mm, frame)
        return self.view.to_pixels(x_scan, z_scan)

    def endocardium(self, frame: int) -> Outline:
        """The visible cavity of the left ventricle at a frame."""
        return self._surfaces.endocardium(self.motion, frame)

    def epicardium(self, frame: int) -> Outline:
        """The outer border of the left ventricle at a frame."""
        return self._surfaces.epicardium(self.motion, frame)

    @cached_property
    def _surfaces(self) -> Surfaces:
        return Surfaces(self.anatomy, self.view.foreshortening_rad)


def plan_recording(settings: PhantomSettings, seed: int, index: int, split: Split) -> RecordingPlan:
    """Draw and simulate everything about a recording but its pictures."""
    facts = draw_facts(settings, seed, index, split)
    anatomy = draw_anatomy(facts, recording_generator(seed, index, _ANATOMY), is_even=settings.is_steady)
    if settings.is_wide("hearts"):
        anatomy = widen_anatomy(anatomy, facts, recording_generator(seed, index, _WIDE_ANATOMY))
    scanner = scanner_of(settings, seed, index)
    return RecordingPlan(
        facts=facts,
        anatomy=anatomy,
        motion=_draw_motion(settings, facts, anatomy, recording_generator(seed, index, _MOTION)),
        view=draw_view(settings, facts, anatomy, recording_generator(seed, index, _VIEW), scanner),
        settings=settings,
        seed=seed,
        scanner=scanner,
    )


def _draw_motion(
    settings: PhantomSettings, facts: RecordingFacts, anatomy: Anatomy, generator: np.random.Generator
) -> Motion:
    if settings.is_wide("motion"):
        return simulate_free_motion(facts, anatomy, generator)
    scale, is_steady = settings.nuisance_scale, settings.is_steady
    return simulate_motion(facts, anatomy, generator, pose_scale=scale, is_steady=is_steady)


def render_recording(plan: RecordingPlan) -> Iterator[NDArray[np.uint8]]:
    """The frames of a recording, (112, 112) uint8 each, in order."""
    scene = Scene(plan)
    gain_db = scene.gain()
    scanner = scene.grid.scanner
    # The machine averages over time, not over frames.
    persistence = np.float32(min(scanner.persistence ** (plan.facts.fps / 50.0) ** -1.0, 0.75))
    previous: Singles | None = None
    sector = scene.grid.sector
    overlay = BurnedIn(plan.settings, plan.view, plan.facts, plan.motion.rhythm)
    change_db = np.zeros(plan.motion.num_frames) if plan.motion.free is None else plan.motion.free.gain_db
    for frame in range(plan.motion.num_frames):
        grey = scene.grey(scene.level_db(frame), gain_db + float(change_db[frame]))
        if previous is not None:
            grey += persistence * (previous - grey)
        previous = grey
        if scanner.sharpening:
            grey = sharpen(grey, sector, scanner.sharpening)
        picture = overlay.draw(frame)
        picture[sector] = (grey * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
        yield store_as_jpeg(picture, scanner.jpeg_quality) if scanner.jpeg_quality else picture


class Scene:
    """The static parts of a recording's picture, and its echo at each frame.

    Args:
        plan: the recording.
    """

    def __init__(self, plan: RecordingPlan) -> None:
        self.plan = plan
        self.grid = BeamGrid(plan.scanner, plan.view)
        seed, index = plan.seed, plan.facts.index
        self.points = make_scatterers(
            plan.anatomy,
            plan.view,
            recording_generator(seed, index, _TISSUE),
            per_mm2=self.grid.scanner.scatterers_per_mm2,
        )
        self.leaflets = make_leaflets(
            plan.anatomy,
            plan.motion,
            recording_generator(seed, index, _LEAFLETS),
            more_db=plan.view.echoes.leaflets_db,
        )
        self._real = np.concatenate([self.points.real, self.leaflets.real])
        self._imaginary = np.concatenate([self.points.imaginary, self.leaflets.imaginary])
        generator = recording_generator(seed, index, _NOISE)
        self.transmission = transmission(self.grid, generator) * self.grid.compensation
        free = plan.motion.free
        self.clutter, *others = clutter_layers(self.grid, generator, count=1 if free is None else 2)
        self._other_clutter = others
        self._clutter_turned = 0.0, self.clutter
        self._turned = 0.0
        self._tape = noise_tape(self.grid, generator)
        self._noise_amplitude = noise_amplitude(self.grid)
        machine = self.grid.scanner
        self._grey_map = GreyMap(plan.view.dynamic_range_db, plan.view.grey_power, machine.reject, machine.shoulder)
        self.tape_rows = _draw_tape_rows(plan.motion.num_frames, self.grid.num_samples + 1, generator)
        if free is not None:
            # What lies before and behind the image plane, and comes into it.
            fresh = recording_generator(seed, index, _BEHIND)
            count = len(self.points.amplitude)
            self._behind = [
                self.points.amplitude * fresh.standard_normal(count, dtype=np.float32) for _ in ("real", "imaginary")
            ]

    def tissue_echo(self, frame: int) -> Singles:
        """Complex echo (samples, 2, beams) of heart and surroundings alone, at a frame."""
        across, along = self.points.tissue.place(self.plan.motion, frame)
        across = np.concatenate([across, self.leaflets.x_mm[frame]])
        along = np.concatenate([along, self.leaflets.z_mm[frame]])
        x_mm, z_mm = self.plan.to_scan(across, along, frame)
        strength = self.leaflets.strength[frame]
        self._real[len(self.points.real) :] = strength * self.leaflets.real
        self._imaginary[len(self.points.real) :] = strength * self.leaflets.imaginary
        if self.plan.motion.free is not None:
            self._turn_over(_step(self.plan.motion.free.through_plane_rad[frame]))
        return self.grid.insonify(x_mm, z_mm, self._real, self._imaginary)

    def _turn_over(self, turn: float) -> None:
        """Let scatterers from before and behind the image plane take the place of those in it."""
        if turn == self._turned:
            return
        self._turned = turn
        cosine, sine = np.float32(math.cos(turn)), np.float32(math.sin(turn))
        for all_points, here, behind in zip(
            (self._real, self._imaginary), (self.points.real, self.points.imaginary), self._behind, strict=True
        ):
            all_points[: len(here)] = cosine * here + sine * behind

    def clutter_at(self, frame: int) -> Singles:
        """Complex echo (samples, 2, beams) of near field and haze, which may slowly become another one."""
        free = self.plan.motion.free
        if free is None:
            return self.clutter
        turn = _step(free.clutter_rad[frame])
        if turn != self._clutter_turned[0]:
            mixed = np.float32(math.cos(turn)) * self.clutter + np.float32(math.sin(turn)) * self._other_clutter[0]
            self._clutter_turned = turn, mixed
        return self._clutter_turned[1]

    def noise(self, frame: int) -> Singles:
        """Complex echo (samples, 2, beams) of blood, which has changed by the next frame, and electronic noise."""
        start = int(self.tape_rows[frame])
        return self._noise_amplitude * self._tape[start : start + self.grid.num_samples]

    def level_db(self, frame: int) -> Singles:
        """Echo level in dB, (samples, beams), at a frame: tissue, clutter, blood and noise."""
        echo = self.tissue_echo(frame)
        echo *= self.transmission
        echo += self.clutter_at(frame)
        echo += self.noise(frame)
        level = envelope_db(echo, self.grid.scanner.looks)
        level += self.grid.edge_db
        return level

    def grey(self, level_db: Singles, gain_db: float) -> Singles:
        """Grey levels 0 to 1 of the pixels in the sector."""
        return np.asarray(self.grid.scan_converter @ self._grey_map(level_db, gain_db).ravel())

    def gain(self) -> float:
        """The gain in dB with which the mean of a few frames is what the operator wants."""
        frames = np.linspace(0, self.plan.motion.num_frames - 1, _GAIN_FRAMES).astype(int)
        levels = np.stack([self.level_db(int(frame)).ravel() for frame in frames])
        # What each sample of the beam grid adds to the mean of the picture.
        shares = np.asarray(self.grid.scan_converter.sum(axis=0)).ravel() / FRAME_SIZE**2
        wanted = self.plan.view.mean_grey
        if self.plan.view.framing is not None:
            wanted *= float(self.grid.sector.mean()) / _USUAL_SECTOR
        low, high = -80.0, 60.0
        for _ in range(12):
            middle = 0.5 * (low + high)
            mean = float(np.mean(self._grey_map(levels, middle) @ shares))
            low, high = (middle, high) if mean < wanted else (low, middle)
        return 0.5 * (low + high)


def _step(turn_rad: float) -> float:
    """A phase to the nearest step, too small to be seen: what has not turned need not be mixed again."""
    return _TURN_STEP_RAD * round(float(turn_rad) / _TURN_STEP_RAD)


def _draw_tape_rows(frames: int, rows: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """First row of the noise tape for each frame, (T,) below `rows`; neighbours lie `_TAPE_STEP` rows apart or more."""
    steps = generator.integers(_TAPE_STEP, rows - _TAPE_STEP, size=frames, endpoint=True)
    return np.asarray(np.cumsum(steps) % rows)
