"""The widest cohort: hearts as clinics see them, motion free of EF, framing and pictures of many makers."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from coreecho.errors import DatasetError
from coreecho.phantom import CAMUS_SETTINGS, PhantomSettings, write_hmc_qu_phantoms
from coreecho.phantom.camus_layout import two_chamber_recording
from coreecho.phantom.contours import Surfaces
from coreecho.phantom.motion import cavity_squared
from coreecho.phantom.overlay import BurnedIn
from coreecho.phantom.simulation import Scene, plan_recording, render_recording
from coreecho.phantom.tracings import disc_volume, trace_frame
from coreecho.phantom.truth import LV_LABEL, label_frame, latents

_CLINIC = PhantomSettings(difficulty="clinic", scanner="any", min_frames=64, max_frames=64)


@pytest.fixture(scope="module")
def hearts():
    """Five hundred planned recordings."""
    return [plan_recording(_CLINIC, 7, index, "TRAIN") for index in range(500)]


def _of(hearts, name):
    return np.array([getattr(plan.motion, name) for plan in hearts])


def _correlation(first, second) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def test_failing_hearts_are_as_common_as_healthy_ones(hearts) -> None:
    ef = _of(hearts, "ef_percent")
    assert 0.25 < np.mean(ef < 40) < 0.45
    assert 0.3 < np.mean(ef > 55) < 0.55
    assert ef.min() < 12
    assert ef.max() > 75


def test_edv_rises_as_ef_falls_and_passes_250(hearts) -> None:
    ef, edv = _of(hearts, "ef_percent"), _of(hearts, "edv_ml")
    assert np.median(edv[ef < 30]) > 1.6 * np.median(edv[ef > 55])
    assert 0.08 < np.mean(edv[ef < 30] > 250) < 0.4
    assert np.mean(edv[ef > 55] > 250) < 0.02
    assert _correlation(ef, np.log(edv)) < -0.4


def test_large_failing_ventricles_are_round_and_thin_and_hypertrophied_ones_small_and_thick(hearts) -> None:
    def median(kind, value):
        return np.median([value(plan) for plan in hearts if plan.facts.kind == kind])

    def roundness(plan):
        return plan.anatomy.radius_mm / (plan.anatomy.length_mm - plan.anatomy.apex_mm)

    assert median("dilated", roundness) > 1.2 * median("usual", roundness)
    assert median("dilated", lambda plan: plan.anatomy.wall_mm) < 0.9 * median("usual", lambda p: p.anatomy.wall_mm)
    assert median("hypertrophic", lambda plan: plan.anatomy.wall_mm) > 12.0
    assert median("hypertrophic", lambda plan: plan.motion.edv_ml) < 0.9 * median("usual", lambda p: p.motion.edv_ml)
    assert median("hypertrophic", lambda plan: plan.motion.ef_percent) > 60.0
    assert {plan.facts.kind for plan in hearts} >= {"aneurysm", "ischaemic", "infiltrated", "large"}


def test_cavities_hold_the_drawn_volume_and_empty_as_drawn(hearts) -> None:
    for plan in hearts[:100]:
        depth, squared = plan.anatomy.profile()
        assert np.pi * np.trapezoid(squared, depth) / 1000.0 == pytest.approx(plan.facts.edv_ml, rel=1e-6)
    difference = np.array([plan.motion.ef_percent - plan.facts.ef_percent for plan in hearts])
    assert np.median(np.abs(difference)) < 0.5
    assert np.mean(np.abs(difference) < 3.0) > 0.95


def test_ef_by_discs_from_the_true_contour_agrees_with_the_label(hearts) -> None:
    differences = []
    for plan in hearts:
        edv, esv = (disc_volume(trace_frame(plan, frame)) for frame in (plan.motion.ed_frame, plan.motion.es_frame))
        differences.append(100.0 * (edv - esv) / edv - plan.motion.ef_percent)
    # Uneven walls and planes beside the long axis make one plane's discs differ from the volume, as in patients.
    assert np.median(np.abs(differences)) < 1.2
    assert np.mean(np.abs(differences)) < 2.0
    assert abs(np.mean(differences)) < 1.2


def test_the_true_contour_holds_the_volume_of_each_frame_in_delayed_hearts_too(hearts) -> None:
    delayed = [plan for plan in hearts if plan.motion.skew is not None]
    assert 0.15 < len(delayed) / len(hearts) < 0.5
    for plan in delayed[:10]:
        surfaces = Surfaces(replace(plan.anatomy, bend_mm=0.0), 0.0)
        for frame in range(0, plan.motion.num_frames, 9):
            inner = surfaces.endocardium(plan.motion, frame, levels=1201)
            squared = inner.septal_x**2 + inner.lateral_x**2
            volume = np.pi / 2.0 * np.trapezoid(squared, inner.depth) / 1000.0
            assert volume == pytest.approx(plan.motion.volume_ml[frame], rel=0.006)


def test_in_a_delayed_heart_one_wall_comes_in_before_the_other(hearts) -> None:
    plan = max(
        (plan for plan in hearts if plan.motion.skew is not None and plan.motion.ef_percent > 30),
        key=lambda plan: np.ptp(plan.motion.skew),
    )
    middle = np.array(0.5 * plan.anatomy.length_mm)
    walls = [cavity_squared(plan.anatomy, middle, side, plan.motion.side_contraction(side)) for side in (True, False)]
    lags = range(-6, 7)
    first, second = (np.diff(wall) - np.diff(wall).mean() for wall in walls)
    fit = [_correlation(first[6:-6], second[6 + lag : len(second) - 6 + lag]) for lag in lags]
    assert lags[int(np.argmax(fit))] != 0


def test_the_left_ventricle_fills_up_to_a_third_of_the_frame(hearts) -> None:
    share = np.array([np.mean(label_frame(plan, plan.motion.ed_frame) == LV_LABEL) for plan in hearts[:250]])
    assert 0.11 < np.median(share) < 0.19
    assert np.percentile(share, 2) < 0.09
    assert share.max() > 0.29
    edv = _of(hearts[:250], "edv_ml")
    assert 0.2 < _correlation(np.log(edv), np.log(share)) < 0.8


def test_hardly_any_of_the_left_ventricle_lies_outside_the_frame(hearts) -> None:
    for plan in hearts[:100]:
        outline = plan.endocardium(plan.motion.ed_frame)
        columns, rows = plan.to_pixels(*outline.polygon(), plan.motion.ed_frame)
        inside = (columns > -1) & (columns < 112) & (rows > -1) & (rows < 112)
        assert inside.mean() > 0.6
    assert np.mean([plan.view.framing.probe_row < -8 for plan in hearts]) > 0.02


def test_what_is_not_the_ventricle_s_own_motion_is_free_of_ef(hearts) -> None:
    ef = _of(hearts, "ef_percent")
    movements = {
        name: np.array([np.std(getattr(plan.motion, name)) for plan in hearts])
        for name in ("shift_x_mm", "shift_z_mm", "rotation_rad")
    }
    movements |= {
        name: np.array([np.ptp(getattr(plan.motion.free, name)) for plan in hearts])
        for name in ("rv_descent_mm", "atrial_mm", "through_plane_rad", "clutter_rad", "gain_db")
    }
    movements["rv"] = np.array([np.ptp(plan.motion.rv_inward_mm) / plan.anatomy.rv_width_mm for plan in hearts])
    for name, size in movements.items():
        # Of 500 independent pairs, 997 in 1,000 have a smaller correlation than 0.135.
        assert abs(_correlation(ef, size)) < 0.135, name


def test_the_ventricle_s_own_motion_still_tells_its_ef(hearts) -> None:
    own = [np.ptp(plan.motion.shortening_mm) / plan.anatomy.length_mm for plan in hearts]
    assert _correlation(_of(hearts, "ef_percent"), own) > 0.7


def test_some_hearts_swing_without_contracting_and_some_stand_still(hearts) -> None:
    swing = np.array([np.ptp(plan.motion.shift_x_mm) + np.ptp(plan.motion.shift_z_mm) for plan in hearts])
    failing = _of(hearts, "ef_percent") < 25
    assert np.sum(failing & (swing > 10.0)) >= 5
    assert np.sum(failing & (swing < 1.0)) >= 1
    assert np.percentile(swing, 50) < 0.5 * np.percentile(swing, 95)


def test_a_low_output_opens_the_mitral_valve_less(hearts) -> None:
    stroke = _of(hearts, "edv_ml") - _of(hearts, "esv_ml")
    opening = np.array([plan.motion.free.valve_scale for plan in hearts])
    assert np.median(opening[stroke < 25]) < 0.9 * np.median(opening[stroke > 70])
    # But not so that the valve alone tells the EF.
    assert _correlation(_of(hearts, "ef_percent"), opening) < 0.5


def test_rhythms_and_rates_of_all_kinds_occur(hearts) -> None:
    kinds = [plan.motion.rhythm.kind for plan in hearts]
    for kind, least in (("sinus", 0.5), ("ectopic", 0.06), ("atrial fibrillation", 0.07), ("paced", 0.03)):
        assert kinds.count(kind) / len(kinds) > least
    fps = np.array([plan.facts.fps for plan in hearts])
    assert fps.min() < 20
    assert fps.max() > 110
    assert 0.4 < np.mean(fps == 50) < 0.65


def test_each_recording_has_its_own_machine(hearts) -> None:
    machines = [plan.scanner for plan in hearts[:100]]
    assert len({machine.wavelength_mm for machine in machines}) == 100
    assert {machine.looks for machine in machines} == {1, 2, 3}
    assert plan_recording(_CLINIC, 7, 3, "TRAIN").scanner == hearts[3].scanner
    assert 0.1 < np.mean([machine.jpeg_quality > 0 for machine in machines]) < 0.35


def test_latents_tell_the_knobs(hearts) -> None:
    record = latents(hearts[0])
    assert record["kind"] == hearts[0].facts.kind
    assert record["framing.mm_per_pixel"] == hearts[0].view.framing.mm_per_pixel
    assert record["echoes.septum_db"] == hearts[0].view.echoes.septum_db
    assert {"layers.haze_db", "trabeculae_mm", "swing_x_mm", "effusion_mm"} <= set(record)
    assert all(isinstance(value, str | int | float) for value in record.values())
    assert all(list(latents(plan)) == list(record) for plan in hearts[:20])


@pytest.mark.parametrize("group", ["hearts", "motion", "framing", "pictures"])
def test_a_group_that_is_left_out_is_drawn_as_for_standard(group) -> None:
    plan = plan_recording(replace(_CLINIC, leave_out=group), 7, 0, "TRAIN")
    whole = plan_recording(_CLINIC, 7, 0, "TRAIN")
    wide = {
        "hearts": plan.facts.kind is not None and plan.anatomy.trabeculae_mm is not None,
        "motion": plan.motion.free is not None,
        "framing": plan.view.framing is not None,
        "pictures": plan.view.layers is not None,
    }
    assert wide == {name: name != group for name in wide}
    assert plan.facts.ef_percent == whole.facts.ef_percent
    assert len(list(render_recording(plan))) == 64


def test_only_of_clinic_something_can_be_left_out() -> None:
    with pytest.raises(DatasetError, match="leave_out is 'motion' and difficulty 'standard'"):
        PhantomSettings(leave_out="motion")
    with pytest.raises(DatasetError, match="leave_out is 'valves', expected one of nothing, hearts"):
        PhantomSettings(difficulty="clinic", leave_out="valves")


def test_hmc_qu_s_labels_refuse_the_clinic_s_diseases(tmp_path) -> None:
    with pytest.raises(DatasetError, match="HMC-QU's labels know infarcts"):
        write_hmc_qu_phantoms(tmp_path, recordings=1, seed=0, settings=PhantomSettings(difficulty="clinic"))


def test_a_cue_ties_its_nuisance_to_ef_in_clinic_too() -> None:
    settings = replace(_CLINIC, cue="gain", cue_strength=0.9)
    tied, free = (
        abs(_correlation([plan.facts.ef_score for plan in plans], [np.log(plan.view.mean_grey) for plan in plans]))
        for plans in (
            [plan_recording(settings, 6, index, split) for index in range(150)] for split in ("TRAIN", "TEST")
        )
    )
    assert tied > 0.7
    assert free < 0.25


@pytest.fixture(scope="module")
def films(hearts):
    """Twelve rendered recordings."""
    return [(plan, np.stack(list(render_recording(plan)))) for plan in hearts[:12]]


def test_pictures_have_the_brightness_of_real_ones_and_differ_widely(films) -> None:
    means = np.array([film.mean() / 255.0 for _, film in films])
    # EchoNet-Dynamic's pixels have mean 0.127.
    assert 0.09 < means.mean() < 0.18
    assert means.std() > 0.02
    for plan, film in films:
        assert film.shape == (plan.facts.num_frames, 112, 112)
        assert film.max() > 100


def test_gain_and_clutter_change_over_time_without_the_heart(hearts) -> None:
    plan = min(hearts[:60], key=lambda plan: abs(np.ptp(plan.motion.free.clutter_rad) - 0.5 * np.pi))
    scene = Scene(plan)
    first, last = scene.clutter_at(0), scene.clutter_at(plan.motion.num_frames - 1)
    assert np.mean(first**2) == pytest.approx(np.mean(last**2), rel=0.5)
    assert abs(_correlation(first.ravel(), last.ravel())) < 0.2


def test_speckle_fades_as_the_plane_is_left(hearts) -> None:
    plan = hearts[0]
    turned = np.zeros(plan.motion.num_frames)
    turned[1] = 1.0
    still = np.zeros_like(turned)
    same = {
        name: np.full_like(turned, getattr(plan.motion, name)[0])
        for name in (
            "contraction",
            "stretch",
            "shortening_mm",
            "rv_inward_mm",
            "shift_x_mm",
            "shift_z_mm",
            "rotation_rad",
        )
    }
    correlation = []
    for phase in (still, turned):
        free = replace(plan.motion.free, through_plane_rad=phase, rv_descent_mm=still, atrial_mm=still)
        held = replace(plan.motion, free=free, skew=None, **same)
        scene = Scene(replace(plan, motion=held))
        scene.leaflets = replace(scene.leaflets, strength=np.zeros_like(scene.leaflets.strength))
        first, second = scene.tissue_echo(0), scene.tissue_echo(1)
        # All places count alike, however strong their echo.
        strength = np.sqrt(gaussian_filter(first**2 + second**2, (6, 1, 6)) + 1e-9)
        correlation.append(_correlation((first / strength).ravel(), (second / strength).ravel()))
    assert correlation[0] == pytest.approx(1.0, abs=1e-6)
    assert correlation[1] == pytest.approx(np.cos(1.0), abs=0.12)


def test_an_effusion_is_dark_around_the_heart(hearts) -> None:
    plan = next(plan for plan in hearts if plan.motion.ef_percent > 30)
    levels = []
    for width in (0.0, 12.0):
        anatomy = replace(plan.anatomy, effusion_mm=width)
        points = Scene(replace(plan, anatomy=anatomy)).points
        across, depth = points.tissue.place(plan.motion, plan.motion.ed_frame)
        outside = across - anatomy.bend(depth) - anatomy.epicardium(np.clip(depth, 0.0, anatomy.length_mm))
        ring = (outside > 2.0) & (outside < 7.0) & (depth > 0.4 * anatomy.length_mm) & (depth < 0.9 * anatomy.length_mm)
        levels.append(np.sum(points.amplitude[ring] ** 2))
    assert levels[1] < 0.2 * levels[0]


def test_marks_stand_beside_the_sector_in_half_of_the_videos(hearts) -> None:
    marked = [plan for plan in hearts if plan.view.framing.mark_column is not None]
    assert 0.4 < len(marked) / len(hearts) < 0.6
    plan = marked[0]
    background = BurnedIn(replace(plan.settings, overlay="none"), plan.view, plan.facts, plan.motion.rhythm).draw(0)
    assert 5 < np.count_nonzero(background) < 120


def test_a_steered_sector_lacks_one_side(hearts) -> None:
    plan = next(plan for plan in hearts if plan.view.framing.right_share < 1.0)
    whole = replace(plan.view, framing=replace(plan.view.framing, right_share=1.0))
    cut, full = (Scene(replace(plan, view=view)).grid.sector for view in (plan.view, whole))
    assert np.sum(cut) < 0.95 * np.sum(full)
    assert not np.any(cut & ~full)


def test_camus_s_layout_has_the_clinic_s_hearts_in_both_views() -> None:
    settings = replace(CAMUS_SETTINGS, difficulty="clinic", scanner="any")
    plan = plan_recording(settings, 3, 0, "TRAIN")
    other = two_chamber_recording(plan)
    assert other.scanner == plan.scanner
    assert other.view.framing != plan.view.framing
    assert other.motion is plan.motion
    frames = list(islice(render_recording(other), 2))
    assert frames[0].shape == (112, 112)
    assert frames[0].max() > 60
