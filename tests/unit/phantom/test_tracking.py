"""What a tracker makes of the speckle: it follows the wall and loses the blood, in the echo and in finished frames.

Finished frames hold clutter, noise, frame averaging and the grey map as well. What stands still tells nothing of what
moves: so from each pixel its mean over the whole video is taken before patches are correlated. It holds the near
field's clutter, while the wall's speckle moves through the pixels. All at 50 frames a second.
"""

import numpy as np
import pytest

from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import Scene, plan_recording, render_recording
from coreecho.phantom.tissue import trace_tissue
from coreecho.phantom.ultrasound import envelope_db
from coreecho.phantom.view import FRAME_SIZE


@pytest.fixture(scope="module")
def plan():
    return plan_recording(PhantomSettings(difficulty="easy", min_frames=40, max_frames=40), 3, 1, "TRAIN")


@pytest.fixture(scope="module")
def films():
    """Six standard recordings: plans, and frames (T, H, W)."""
    settings = PhantomSettings(min_frames=50, max_frames=50)
    plans = [plan_recording(settings, 5, index, "TRAIN") for index in range(12)]
    plans = [plan for plan in plans if plan.facts.fps == 50.0][:6]
    return [(plan, np.stack(list(render_recording(plan))).astype(float)) for plan in plans]


def _patch(picture, column, row, reach):
    top, left = round(row) - reach, round(column) - reach
    return picture[top : top + 2 * reach + 1, left : left + 2 * reach + 1]


def _correlation(first, second) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _match(first, second, column, row, reach=6, search=4):
    """Displacement (columns, rows) of a block by normalised cross-correlation, refined by a parabola each way."""
    block = _patch(first, column, row, reach)
    shifts = range(-search, search + 1)
    score = np.array(
        [[_correlation(block, _patch(second, column + dx, row + dy, reach)) for dx in shifts] for dy in shifts]
    )
    best_y, best_x = np.unravel_index(score.argmax(), score.shape)
    found = []
    for line, best in ((score[best_y, :], best_x), (score[:, best_x], best_y)):
        offset = 0.0
        if 0 < best < len(line) - 1:
            left, centre, right = line[best - 1 : best + 2]
            offset = 0.5 * (left - right) / (left - 2 * centre + right)
        found.append(best - search + offset)
    return np.array(found)


@pytest.fixture(scope="module")
def pictures_and_scene(plan):
    """Tissue alone as log pictures (T, H, W), three times larger than usual in depth of grey: floats, no clutter."""
    scene = Scene(plan)
    pictures = np.zeros((plan.motion.num_frames, FRAME_SIZE, FRAME_SIZE))
    for frame in range(plan.motion.num_frames):
        level = np.maximum(envelope_db(scene.tissue_echo(frame) * scene.grid.compensation), -30.0)
        pictures[frame][scene.grid.sector] = scene.grid.scan_converter @ level.ravel()
    return pictures, scene


def test_block_matching_recovers_the_wall_s_displacement(plan, pictures_and_scene) -> None:
    pictures, scene = pictures_and_scene
    tissue = scene.points.tissue
    first, last = plan.motion.ed_frame, plan.motion.es_frame
    ed_x, ed_z = tissue.place(plan.motion, first)
    anatomy = plan.anatomy
    distance = np.abs(ed_x - anatomy.bend(ed_z))
    level = np.clip(ed_z, 0, anatomy.length_mm)
    depth_in_wall = distance - np.sqrt(anatomy.endocardium_squared(level))
    thickness = anatomy.epicardium(level) - np.sqrt(anatomy.endocardium_squared(level))
    in_wall = (np.abs(depth_in_wall - 0.5 * thickness) < 0.2 * thickness) & (ed_z > 0.25 * anatomy.length_mm)
    chosen = np.flatnonzero(in_wall & (ed_z < 0.95 * anatomy.length_mm))[::15]
    errors, moved = [], []
    step = 3
    for frame in range(first, last - step, step):
        before = plan.to_pixels(*tissue.place(plan.motion, frame), frame)
        after = plan.to_pixels(*tissue.place(plan.motion, frame + step), frame + step)
        for point in chosen:
            column, row = float(before[0][point]), float(before[1][point])
            true = np.array([after[0][point] - column, after[1][point] - row], dtype=float)
            if not 12 < column < 99:
                continue
            found = _match(pictures[frame], pictures[frame + step], column, row)
            errors.append(np.hypot(*(found - true)))
            moved.append(np.hypot(*true))
    assert len(errors) > 100
    # A tracker that saw nothing move would err by this much.
    assert np.median(moved) > 0.8
    assert np.median(errors) < 0.5


def test_tissue_stays_correlated_and_blood_does_not(plan) -> None:
    scene = Scene(plan)
    # Clutter stands still whatever the blood does.
    scene.clutter[:] = 0.0
    frame = plan.motion.ed_frame
    pictures = np.zeros((2, FRAME_SIZE, FRAME_SIZE))
    for picture, shown in zip(pictures, (frame, frame + 1), strict=True):
        picture[scene.grid.sector] = scene.grid.scan_converter @ scene.level_db(shown).ravel()

    def correlation(x_mm: float, z_mm: float) -> float:
        column, row = plan.to_pixels(np.array(x_mm), np.array(z_mm), frame)
        return _correlation(*(_patch(picture, float(column), float(row), 3) for picture in pictures))

    tissue, blood = [], []
    for along in (0.35, 0.5, 0.65):
        level = np.array(along * plan.anatomy.length_mm)
        inner, outer = np.sqrt(plan.anatomy.endocardium_squared(level)), plan.anatomy.epicardium(level)
        tissue.append(correlation(-0.5 * float(inner + outer), float(level)))
        blood.append(correlation(0.0, float(level)))
    assert np.min(tissue) > 0.9
    assert np.mean(np.abs(blood)) < 0.45


def _wall_places(plan, frame):
    """Pixel coordinates (2, N) of places in the middle of both walls at a frame."""
    anatomy = plan.anatomy
    level = np.linspace(0.35, 0.85, 5) * anatomy.length_mm
    middle = 0.5 * (np.sqrt(anatomy.endocardium_squared(level)) + anatomy.epicardium(level))
    x_mm = np.concatenate([-middle, middle]) + np.tile(anatomy.bend(level), 2)
    tissue = trace_tissue(anatomy, plan.view, x_mm, np.tile(level, 2))
    return np.array(plan.to_pixels(*tissue.place(plan.motion, frame), frame), dtype=float)


def _cavity_places(plan, frame):
    """Pixel coordinates (2, N) of places on the axis of the cavity, away from apex and valve."""
    level = np.linspace(0.45, 0.7, 3) * plan.anatomy.length_mm
    return np.array(plan.to_pixels(plan.anatomy.bend(level), level, frame), dtype=float)


def test_in_finished_frames_the_wall_holds_together_and_the_blood_does_not(films) -> None:
    wall, blood = [], []
    for plan, frames in films:
        moving = frames - frames.mean(axis=0)
        for frame in range(len(frames) - 1):
            before, after = _wall_places(plan, frame), _wall_places(plan, frame + 1)
            for start, end in zip(before.T, after.T, strict=True):
                if 8 < start[0] < 104:
                    wall.append(_correlation(_patch(moving[frame], *start, 3), _patch(moving[frame + 1], *end, 3)))
            for place in _cavity_places(plan, frame).T:
                blood.append(_correlation(*(_patch(moving[shown], *place, 3) for shown in (frame, frame + 1))))
    assert np.mean(wall) > 0.75
    assert np.mean(blood) < 0.4
    # Now and then the blood of a frame would repeat that of the one before.
    assert np.percentile(blood, 95) < np.median(wall)


def test_in_finished_frames_block_matching_follows_the_wall_and_not_the_blood(films) -> None:
    step, errors, moved, drifted = 3, [], [], []
    for plan, frames in films:
        for frame in range(plan.motion.ed_frame, plan.motion.es_frame - step, step):
            before, after = _wall_places(plan, frame), _wall_places(plan, frame + step)
            for start, end in zip(before.T, after.T, strict=True):
                if 12 < start[0] < 99:
                    found = _match(frames[frame], frames[frame + step], *start)
                    errors.append(np.hypot(*(found - (end - start))))
                    moved.append(np.hypot(*(end - start)))
        moving = frames - frames.mean(axis=0)
        for frame in range(0, len(frames) - 1, 5):
            for place in _cavity_places(plan, frame).T:
                drifted.append(np.hypot(*_match(moving[frame], moving[frame + 1], *place, reach=3)))
    assert np.median(moved) > 1.0
    assert np.median(errors) < 0.5
    # Chance alone, in a search of 4 pixels each way, lands 3.6 pixels away in the median.
    assert np.median(drifted) > 2.0
