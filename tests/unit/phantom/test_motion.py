"""The heart keeps its myocardium, empties as it is told, and shows it in its contours."""

from dataclasses import replace

import numpy as np
import pytest

from coreecho.phantom.anatomy import draw_anatomy
from coreecho.phantom.cohort import recording_generator
from coreecho.phantom.contours import endocardium_at, epicardium_at
from coreecho.phantom.motion import simulate_motion
from coreecho.phantom.rhythm import draw_rhythm, volume_curve
from coreecho.phantom.tissue import trace_tissue
from coreecho.phantom.tracings import disc_volume, trace_frame


def _volume_ml(outline) -> float:
    """Volume in mL of two half bodies of revolution about a straight axis."""
    squared = outline.septal_x**2 + outline.lateral_x**2
    return float(np.pi / 2.0 * np.trapezoid(squared, outline.depth) / 1000.0)


def _straight(plan):
    """The recording's heart with a straight axis, so that volumes are plain integrals."""
    return replace(plan.anatomy, bend_mm=0.0)


def test_mass_of_the_myocardium_is_conserved(plans) -> None:
    for plan in plans[:20]:
        anatomy, motion = _straight(plan), plan.motion
        mass = []
        for frame in range(0, motion.num_frames, 5):
            outer = epicardium_at(anatomy, motion, frame, foreshortening_rad=0.0, levels=1201)
            inner = endocardium_at(anatomy, motion, frame, foreshortening_rad=0.0, levels=1201)
            mass.append(_volume_ml(outer) - _volume_ml(inner))
        assert np.ptp(mass) / np.mean(mass) < 0.005


def test_the_wall_thickens_when_the_ventricle_empties(plans) -> None:
    for plan in [plan for plan in plans if plan.facts.ef_percent > 55][:20]:
        thickness = {}
        for frame in (plan.motion.ed_frame, plan.motion.es_frame):
            outer, inner = (
                shape(_straight(plan), plan.motion, frame, foreshortening_rad=0.0)
                for shape in (epicardium_at, endocardium_at)
            )
            middle = 0.5 * inner.depth[-1]
            thickness[frame] = np.interp(middle, outer.depth, outer.lateral_x) - np.interp(
                middle, inner.depth, inner.lateral_x
            )
        assert thickness[plan.motion.es_frame] > 1.15 * thickness[plan.motion.ed_frame]


def test_the_contours_hold_the_simulated_volumes(plans) -> None:
    for plan in plans[:20]:
        for frame in (plan.motion.ed_frame, plan.motion.es_frame):
            inner = endocardium_at(_straight(plan), plan.motion, frame, foreshortening_rad=0.0, levels=1201)
            assert _volume_ml(inner) == pytest.approx(plan.motion.volume_ml[frame], rel=0.005)


def test_ef_of_the_simulated_volumes_is_the_drawn_one(plans) -> None:
    difference = [plan.motion.ef_percent - plan.facts.ef_percent for plan in plans]
    assert np.median(np.abs(difference)) < 0.1
    assert np.max(np.abs(difference)) < 3.0


def test_ef_by_discs_from_the_tracings_agrees_with_the_volumes(plans) -> None:
    differences = []
    for plan in plans:
        edv, esv = (disc_volume(trace_frame(plan, frame)) for frame in (plan.motion.ed_frame, plan.motion.es_frame))
        differences.append(100.0 * (edv - esv) / edv - plan.motion.ef_percent)
    assert np.median(np.abs(differences)) < 1.0
    assert np.mean(np.abs(differences)) < 1.5


def test_end_systole_follows_end_diastole_by_the_time_of_a_systole(plans) -> None:
    gaps = np.array([(plan.motion.es_frame - plan.motion.ed_frame) / plan.facts.fps * 50.0 for plan in plans])
    assert gaps.min() > 0
    # EchoNet-Dynamic: median 16 frames, 5 to 95 % from 11 to 24.
    assert np.median(gaps) == pytest.approx(16, abs=2)
    low, high = np.percentile(gaps, [5, 95])
    assert low == pytest.approx(11, abs=3)
    assert high == pytest.approx(24, abs=4)


def test_the_annulus_comes_down_and_the_apex_stays(plans) -> None:
    plan = next(plan for plan in plans if plan.facts.ef_percent > 60)
    points = np.array([0.0, plan.anatomy.annulus_mm + 2.0])
    depths = np.array([2.0, plan.anatomy.length_mm])
    tissue = trace_tissue(plan.anatomy, plan.view, points, depths)
    _, ed = tissue.place(plan.motion, plan.motion.ed_frame)
    _, es = tissue.place(plan.motion, plan.motion.es_frame)
    assert abs(es[0] - ed[0]) < 1.0
    # Mitral annular plane systolic excursion of a healthy heart: 8 to 20 mm.
    assert 8.0 < ed[1] - es[1] < 20.0


def test_curve_has_isovolumic_phases_filling_and_kick(plans) -> None:
    facts = next(plan.facts for plan in plans if plan.motion.rhythm.kind == "sinus" and plan.facts.heart_rate_bpm < 60)
    rhythm = draw_rhythm(facts, recording_generator(5, facts.index, 2))
    start, stop = rhythm.starts_s[rhythm.labelled : rhythm.labelled + 2]
    time = np.linspace(start, stop, 2001)[:-1]
    volume, opening = volume_curve(rhythm, time)
    since = time - start
    contracting = since < rhythm.isovolumic_contraction_s
    relaxing = (since > rhythm.systole_s) & (since < rhythm.systole_s + rhythm.isovolumic_relaxation_s)
    assert np.ptp(volume[contracting]) == pytest.approx(0.0, abs=1e-6)
    assert np.ptp(volume[relaxing]) < 0.01 * facts.edv_ml
    assert opening[contracting].max() == 0.0
    assert opening[since < rhythm.systole_s].max() == 0.0
    rate = np.gradient(volume, time)
    early = rate[(since > rhythm.systole_s) & (since < rhythm.systole_s + 0.3)].max()
    middle = since > rhythm.systole_s + rhythm.isovolumic_relaxation_s + 0.19
    diastasis = rate[middle & (since < stop - start - 0.14)]
    late = rate[since > stop - start - 0.12].max()
    assert early > 5 * abs(diastasis).mean()
    assert late > 2 * abs(diastasis).mean()


def test_volume_has_no_jumps_in_any_rhythm(plans) -> None:
    kinds = set()
    for plan in plans:
        kinds.add(plan.motion.rhythm.kind)
        # The fastest ejection empties the stroke volume in a quarter of a second.
        step = np.abs(np.diff(plan.motion.volume_ml)) * plan.facts.fps
        assert step.max() < 14.0 * plan.facts.edv_ml
    assert kinds == {"sinus", "ectopic", "atrial fibrillation"}


def test_an_ectopic_beat_comes_early_and_ejects_less(plans) -> None:
    long_facts = [plan.facts for plan in plans if plan.motion.rhythm.kind == "ectopic"]
    seen = 0
    for facts in long_facts:
        rhythm = draw_rhythm(facts, recording_generator(5, facts.index, 2))
        interval = np.diff(rhythm.starts_s)
        ejected = rhythm.edv_ml - rhythm.esv_ml
        early = np.flatnonzero(interval[:-1] < 0.8 * np.median(interval))
        for beat in early:
            assert ejected[beat + 1] < 0.85 * np.median(ejected)
            seen += 1
    assert seen > 0


def test_an_infarct_moves_less_than_the_wall_opposite(plans) -> None:
    plan = next(plan for plan in plans if plan.anatomy.wall_motion.territory == "LCx")
    frame_ed, frame_es = plan.motion.ed_frame, plan.motion.es_frame
    ed, es = (
        endocardium_at(_straight(plan), plan.motion, frame, foreshortening_rad=0.0) for frame in (frame_ed, frame_es)
    )
    middle = len(ed.depth) * 2 // 3
    lateral = ed.lateral_x[middle] - es.lateral_x[middle]
    septal = es.septal_x[middle] - ed.septal_x[middle]
    assert lateral < 0.8 * septal


def test_anatomy_holds_exactly_the_drawn_volume(plans) -> None:
    for plan in plans[:50]:
        depth, squared = plan.anatomy.profile()
        assert np.pi * np.trapezoid(squared, depth) / 1000.0 == pytest.approx(plan.facts.edv_ml, rel=1e-6)


def test_same_generator_same_heart(plans) -> None:
    facts = plans[4].facts
    anatomy = draw_anatomy(facts, recording_generator(5, 4, 1))
    assert anatomy == plans[4].anatomy
    motion = simulate_motion(facts, anatomy, recording_generator(5, 4, 2))
    np.testing.assert_array_equal(motion.volume_ml, plans[4].motion.volume_ml)


@pytest.mark.parametrize("ef_percent", [5.0, 20.0, 70.0, 85.0])
def test_hearts_from_5_to_85_percent_can_be_simulated(plans, ef_percent) -> None:
    for plan in plans[:80]:
        facts = replace(plan.facts, ef_percent=ef_percent)
        anatomy = draw_anatomy(facts, recording_generator(5, facts.index, 1))
        motion = simulate_motion(facts, anatomy, recording_generator(5, facts.index, 2))
        assert motion.ef_percent == pytest.approx(ef_percent, abs=1.0)
        assert motion.volume_ml.min() > 0.0


def test_no_ventricle_empties_in_diastole(plans) -> None:
    for plan in plans:
        rhythm = draw_rhythm(replace(plan.facts, ef_percent=5.0), recording_generator(5, plan.facts.index, 2))
        assert np.all(rhythm.esv_ml[:-1] < rhythm.edv_ml[1:])


def test_the_heart_sways_with_breathing_drift_and_beat(plans) -> None:
    facts, anatomy = plans[0].facts, plans[0].anatomy
    moving, held = (
        simulate_motion(facts, anatomy, recording_generator(5, 0, 2), pose_scale=scale) for scale in (1.0, 0.0)
    )
    for name in ("shift_x_mm", "shift_z_mm", "rotation_rad"):
        assert np.ptp(getattr(held, name)) == 0.0
        assert np.ptp(getattr(moving, name)) > 0.0
    np.testing.assert_array_equal(moving.volume_ml, held.volume_ml)


def test_breathing_is_a_sine_and_drift_a_line(plans) -> None:
    facts = replace(plans[0].facts, fps=50.0, num_frames=600)
    motion = simulate_motion(facts, plans[0].anatomy, recording_generator(5, 0, 2))
    sway, time_s = motion.sway, np.arange(600) / 50.0
    breathing = np.sin(2.0 * np.pi * (time_s / sway.breath_s + sway.breath_phase))
    design = np.stack([breathing, time_s, np.ones(600)], axis=1)
    found, residual, _, _ = np.linalg.lstsq(design, motion.shift_z_mm, rcond=None)
    np.testing.assert_allclose(found[:2], [sway.breath_z_mm, sway.drift_z_mm_per_s], atol=1e-6)
    assert residual[0] < 1e-9
    assert 3.0 <= sway.breath_s <= 5.5
