"""Scatterers stay in the tissue that they belong to, whatever the heart does."""

import numpy as np
import pytest

from coreecho.phantom.cohort import recording_generator
from coreecho.phantom.motion import cavity_squared
from coreecho.phantom.tissue import make_scatterers, trace_tissue


def _wall_points(anatomy):
    """Points at three depths in the wall, on both sides, at five levels: X, Z, and the share of the wall inside."""
    levels = np.linspace(0.3, 0.9, 5) * anatomy.length_mm
    inner, outer = np.sqrt(anatomy.endocardium_squared(levels)), anatomy.epicardium(levels)
    x_mm, z_mm, share = [], [], []
    for depth in (0.1, 0.5, 0.9):
        squared = inner**2 + depth * (outer**2 - inner**2)
        for side in (-1.0, 1.0):
            x_mm.append(side * np.sqrt(squared) + anatomy.bend(levels))
            z_mm.append(levels)
            share.append(np.full_like(levels, depth))
    return np.concatenate(x_mm), np.concatenate(z_mm), np.concatenate(share)


def test_points_of_the_wall_keep_their_share_of_the_wall_s_volume(plans) -> None:
    for plan in [plan for plan in plans if plan.view.foreshortening_rad < 0.01][:5]:
        anatomy, motion = plan.anatomy, plan.motion
        x_mm, z_mm, share = _wall_points(anatomy)
        tissue = trace_tissue(anatomy, plan.view, x_mm, z_mm)
        for frame in (motion.ed_frame, motion.es_frame):
            across, _ = tissue.place(motion, frame)
            distance2 = (across - anatomy.bend(z_mm)) ** 2
            inner2 = cavity_squared(anatomy, z_mm, x_mm < anatomy.bend(z_mm), motion.contraction[frame])
            wall2 = (anatomy.epicardium(z_mm) ** 2 - anatomy.endocardium_squared(z_mm)) / motion.stretch[frame]
            np.testing.assert_allclose((distance2 - inner2) / wall2, share, atol=0.03)


def test_far_from_the_heart_nothing_moves(plans) -> None:
    plan = plans[0]
    tissue = trace_tissue(plan.anatomy, plan.view, np.array([80.0, 75.0]), np.array([60.0, 150.0]))
    for frame in range(0, plan.motion.num_frames, 7):
        across, along = tissue.place(plan.motion, frame)
        np.testing.assert_allclose(across, [80.0, 75.0], atol=0.5)
        np.testing.assert_allclose(along, [60.0, 150.0], atol=1.0)


def test_movement_is_continuous_across_the_epicardium(plans) -> None:
    plan = plans[1]
    anatomy = plan.anatomy
    levels = np.linspace(0.3, 0.95, 9) * anatomy.length_mm
    surface = anatomy.epicardium(levels)
    for side in (-1.0, 1.0):
        inside, outside = (
            trace_tissue(anatomy, plan.view, side * (surface + shift) + anatomy.bend(levels), levels).place(
                plan.motion, plan.motion.es_frame
            )
            for shift in (-0.05, 0.05)
        )
        assert np.abs(inside[0] - outside[0]).max() < 0.6
        assert np.abs(inside[1] - outside[1]).max() < 0.6


def test_cavities_hold_no_scatterers(plans) -> None:
    plan = next(plan for plan in plans if plan.view.foreshortening_rad < 0.01)
    points = make_scatterers(plan.anatomy, plan.view, recording_generator(0, 0, 4), per_mm2=1.0)
    across, along = points.tissue.place(plan.motion, plan.motion.ed_frame)
    level = 0.5 * plan.anatomy.length_mm
    radius = float(np.sqrt(plan.anatomy.endocardium_squared(np.array(level))))
    near_axis = (np.abs(across - plan.anatomy.bend(along)) < 0.5 * radius) & (np.abs(along - level) < 10.0)
    assert not near_axis.any()
    assert len(points.tissue) == len(points.real) > 5000


def test_density_does_not_change_the_echo_s_power(plans) -> None:
    power = []
    for density in (1.0, 2.0):
        points = (
            make_scatterers(plan.anatomy, plan.view, recording_generator(0, index, 4), per_mm2=density)
            for index, plan in enumerate(plans[:40])
        )
        power.append(np.mean([np.log(np.sum(some.real**2 + some.imaginary**2)) for some in points]))
    # Each density has patches of its own: their spread over forty hearts, not a factor of two.
    assert power[0] == pytest.approx(power[1], abs=0.35)


def test_above_the_visible_apex_of_a_foreshortened_heart_nothing_is_torn(plans) -> None:
    plan = max(plans, key=lambda candidate: candidate.view.foreshortening_rad)
    assert plan.view.foreshortening_rad > np.deg2rad(4)
    x_mm, z_mm = np.array([-0.5, 0.5, -3.0, 3.0]), np.full(4, -3.0)
    across, _ = trace_tissue(plan.anatomy, plan.view, x_mm, z_mm).place(plan.motion, plan.motion.es_frame)
    np.testing.assert_allclose(across, x_mm, atol=0.1)


def test_the_free_wall_of_the_right_ventricle_comes_towards_the_septum(plans) -> None:
    plan = next(plan for plan in plans if plan.motion.rv_inward_mm.max() > 5.0)
    anatomy, motion = plan.anatomy, plan.motion
    level = np.array([0.95 * anatomy.length_mm])
    free_wall = -(anatomy.epicardium(level) + anatomy.rv_cavity(level) + 0.5 * anatomy.rv_wall_mm)
    septum = -anatomy.epicardium(level) + 0.5
    across = {}
    for frame in (motion.ed_frame, motion.es_frame):
        wall, _ = trace_tissue(anatomy, plan.view, free_wall, level).place(motion, frame)
        side, _ = trace_tissue(anatomy, plan.view, septum, level).place(motion, frame)
        across[frame] = float(side[0] - wall[0])
    narrowed = across[motion.ed_frame] - across[motion.es_frame]
    assert narrowed > 0.5 * (motion.rv_inward_mm[motion.es_frame] - motion.rv_inward_mm[motion.ed_frame])
