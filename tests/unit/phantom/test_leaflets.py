"""The mitral valve is closed in systole and wide open in rapid filling."""

import numpy as np

from coreecho.phantom.cohort import recording_generator
from coreecho.phantom.leaflets import make_leaflets

_POINTS = 40


def _gap(leaflets, frame) -> float:
    """Distance in mm between the tips of the anterior and the posterior mitral leaflet."""
    tips = [_POINTS - 1, 2 * _POINTS - 1]
    across, along = leaflets.x_mm[frame][tips], leaflets.z_mm[frame][tips]
    return float(np.hypot(across[1] - across[0], along[1] - along[0]))


def test_mitral_valve_opens_and_closes(plans) -> None:
    for plan in plans[:10]:
        leaflets = make_leaflets(plan.anatomy, plan.motion, recording_generator(0, 0, 6))
        closed = _gap(leaflets, (plan.motion.ed_frame + plan.motion.es_frame) // 2)
        opened = max(_gap(leaflets, frame) for frame in range(plan.motion.num_frames))
        assert closed < 7.0
        if plan.motion.valve_opening.max() > 0.9:
            assert opened > 12.0


def test_leaflets_hang_from_the_annulus_into_the_ventricle(plans) -> None:
    plan = plans[0]
    leaflets = make_leaflets(plan.anatomy, plan.motion, recording_generator(0, 0, 6))
    plane = plan.anatomy.length_mm - plan.motion.shortening_mm
    mitral = leaflets.z_mm[:, : 2 * _POINTS]
    assert np.all(mitral < plane[:, None] + 6.0)
    assert np.all(mitral > plane[:, None] - 45.0)


def test_tricuspid_leaflets_open_and_close_with_the_mitral_ones(plans) -> None:
    for plan in plans[:10]:
        leaflets = make_leaflets(plan.anatomy, plan.motion, recording_generator(0, 0, 6))
        tips = [3 * _POINTS - 1, 4 * _POINTS - 1]
        gap = np.hypot(np.diff(leaflets.x_mm[:, tips])[:, 0], np.diff(leaflets.z_mm[:, tips])[:, 0])
        closed = gap[(plan.motion.ed_frame + plan.motion.es_frame) // 2]
        assert closed < 9.0
        if plan.motion.valve_opening.max() > 0.9:
            assert gap.max() > closed + 4.0
        # They lie on the septal side, beyond the left ventricle.
        assert leaflets.x_mm[:, 2 * _POINTS :].max() < -plan.anatomy.annulus_mm + 6.0


def test_a_leaflet_across_the_beam_is_brighter_than_one_along_it(plans) -> None:
    plan = next(plan for plan in plans if plan.motion.valve_opening.max() > 0.9)
    leaflets = make_leaflets(plan.anatomy, plan.motion, recording_generator(0, 0, 6))
    closed, opened = np.argmin(plan.motion.valve_opening), np.argmax(plan.motion.valve_opening)
    assert leaflets.strength[closed].mean() > 1.3 * leaflets.strength[opened].mean()
