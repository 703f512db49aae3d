"""What each place sends back follows the view's losses and the heart's parts, each of which can be turned off."""

from dataclasses import replace

import numpy as np
import pytest

from coreecho.phantom.echogenicity import BLOOD_DB, draw_levels, locate

_STEP_MM = 1.0
_FLAT = {
    "contrast_db": 0.0,
    "unevenness_db": 0.0,
    "apical_dropout_db": 0.0,
    "atrial_dropout_db": 0.0,
    "midwall_db": 0.0,
    "foreshortening_rad": 0.0,
}


@pytest.fixture(scope="module")
def plan(plans):
    """A heart without an infarct, seen through a view without unevenness."""
    plan = next(plan for plan in plans if plan.anatomy.wall_motion.territory == "none")
    parts = {"papillary_mm": 0.0, "moderator_mm": 0.0, "aorta_mm": 0.0, "bend_mm": 0.0}
    return replace(plan, view=replace(plan.view, **_FLAT), anatomy=replace(plan.anatomy, **parts))


def _levels(plan, *, anatomy=None, **view):
    """Echo levels in dB of a grid over the heart, and its places; the patches are the same each time."""
    anatomy = replace(plan.anatomy, **(anatomy or {}))
    x_mm, z_mm = np.meshgrid(np.arange(-85.0, 80.0, _STEP_MM), np.arange(-10.0, anatomy.length_mm + 80.0, _STEP_MM))
    at = locate(anatomy, x_mm.ravel(), z_mm.ravel(), 0.0)
    seen = np.arange(x_mm.size)
    generator = np.random.default_rng(0)
    level = draw_levels(anatomy, replace(plan.view, **view), x_mm.shape, _STEP_MM, seen, at, generator)
    return level, at


def _in_wall(at, plan, low, high):
    """The wall of the left ventricle between two fractions of its length."""
    along = at.z_mm / plan.anatomy.length_mm
    return at.is_wall & (at.distance > at.endocardium + 2.0) & (along > low) & (along < high)


def test_walls_along_the_beam_are_weaker_than_those_across(plan) -> None:
    (plain, at), (angled, _) = _levels(plan, fibre_db=0.0), _levels(plan, fibre_db=12.0)
    apex, sides = _in_wall(at, plan, 0.03, 0.08), _in_wall(at, plan, 0.5, 0.8)
    change = angled - plain
    assert np.median(change[apex]) > np.median(change[sides]) + 4.0


def test_part_of_the_lateral_wall_drops_out(plan) -> None:
    where = {"apical_dropout_along": 0.5}
    (plain, at), (lost, _) = _levels(plan, **where), _levels(plan, apical_dropout_db=15.0, **where)
    loss = plain - lost
    middle, base = _in_wall(at, plan, 0.45, 0.55), _in_wall(at, plan, 0.95, 1.0)
    assert loss[middle & ~at.is_septal].min() > 12.0
    assert loss[middle & at.is_septal].max() < 3.0
    assert loss[base].max() < 1.0


def test_the_middle_layer_of_the_septum_stands_out(plan) -> None:
    (plain, at), (banded, _) = _levels(plan), _levels(plan, midwall_db=8.0)
    gain = banded - plain
    wall = _in_wall(at, plan, 0.3, 0.9)
    assert gain[wall & at.is_septal].max() == pytest.approx(8.0, abs=0.5)
    assert np.abs(gain[wall & ~at.is_septal]).max() == 0.0


def test_the_fossa_ovalis_drops_out(plan) -> None:
    (plain, at), (lost, _) = _levels(plan), _levels(plan, atrial_dropout_db=12.0)
    changed = (plain - lost) > 6.0
    assert changed.sum() > 3
    assert np.all(np.abs(at.x_mm[changed] + plan.anatomy.annulus_mm + 1.5) < 3.0)
    assert np.all(at.below[changed] > 0.0)


def test_regions_of_the_walls_differ(plan) -> None:
    (plain, at), (uneven, _) = _levels(plan), _levels(plan, unevenness_db=6.0)
    change = (uneven - plain)[_in_wall(at, plan, 0.1, 0.95)]
    assert 3.0 < change.std() < 9.0


@pytest.mark.parametrize(
    ("part", "is_left"), [({"papillary_mm": 6.0}, True), ({"moderator_mm": 4.0}, False)], ids=["papillary", "moderator"]
)
def test_muscles_stand_in_the_cavities(plan, part, is_left) -> None:
    (without, at), (with_it, _) = _levels(plan), _levels(plan, anatomy=part)
    grown = (without == BLOOD_DB) & (with_it > BLOOD_DB)
    assert grown.sum() > 20
    assert np.all(at.is_septal[grown] != is_left)
    assert np.all(at.is_ventricular[grown])


def test_the_descending_aorta_is_round_and_dark(plan) -> None:
    (without, at), (with_it, _) = _levels(plan), _levels(plan, anatomy={"aorta_mm": 10.0})
    hole = (without > BLOOD_DB) & (with_it == BLOOD_DB)
    assert hole.sum() * _STEP_MM**2 == pytest.approx(np.pi * 100.0, rel=0.25)
    assert at.below[hole].min() > plan.anatomy.atrium_mm
