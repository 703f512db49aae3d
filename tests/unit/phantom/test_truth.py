"""Masks lie where the pictures and the tracings say."""

import json

import numpy as np
import pytest

from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import plan_recording, render_recording
from coreecho.phantom.tracings import trace_frame
from coreecho.phantom.truth import LV_LABEL, MYOCARDIUM_LABEL, contractility_key, label_frame, latents
from coreecho.phantom.wall_motion import SEGMENT_NUMBERS, TERRITORIES


def test_mask_of_the_cavity_has_the_area_of_the_tracing(plans) -> None:
    for plan in plans[:10]:
        for frame in (plan.motion.ed_frame, plan.motion.es_frame):
            rows = np.array([row[:4] for row in trace_frame(plan, frame)])
            lengths = np.hypot(rows[:, 2] - rows[:, 0], rows[:, 3] - rows[:, 1])
            traced = lengths[1:].mean() * lengths[0]
            assert np.sum(label_frame(plan, frame) == LV_LABEL) == pytest.approx(traced, rel=0.06)


def test_cavity_is_darker_than_the_wall_in_the_picture() -> None:
    settings = PhantomSettings(difficulty="easy", min_frames=24, max_frames=24)
    darker = []
    for index in range(8):
        plan = plan_recording(settings, 2, index, "TRAIN")
        frames = list(render_recording(plan))
        frame = plan.motion.es_frame
        labels = label_frame(plan, frame)
        darker.append(frames[frame][labels == LV_LABEL].mean() < 0.6 * frames[frame][labels == MYOCARDIUM_LABEL].mean())
    assert np.mean(darker) >= 0.85


def test_latents_tell_the_nuisances_by_name(plans) -> None:
    record = latents(plans[0])
    assert record["ef_percent"] == pytest.approx(plans[0].motion.ef_percent)
    assert record["rhythm"] == plans[0].motion.rhythm.kind
    assert all(isinstance(value, str | int | float) for value in record.values())
    assert {"half_angle_rad", "noise_db", "shadow_db", "edv_ml", "fps", "apex_x_mm"} <= set(record)


def test_latents_tell_the_contractility_of_each_segment(plans) -> None:
    plan = next(plan for plan in plans if plan.anatomy.wall_motion.territory == "LCx")
    record = latents(plan)
    assert contractility_key("mid anterolateral") == "contractility_mid_anterolateral"
    for segment in SEGMENT_NUMBERS:
        found = record[contractility_key(segment)]
        assert (found < 0.9) == (segment in TERRITORIES["LCx"])
        assert found == plan.anatomy.wall_motion.segments.get(segment, 1.0)


def test_latents_tell_the_whole_beat(plans) -> None:
    for plan in plans[:40]:
        record, rhythm = latents(plan), plan.motion.rhythm
        for name in ("isovolumic_contraction_s", "isovolumic_relaxation_s", "ejection_s", "rapid_filling_share"):
            assert record[name] == getattr(rhythm, name)
        starts = json.loads(record["beat_starts_s"])
        duration = plan.motion.num_frames / plan.facts.fps
        assert starts == sorted(starts)
        assert all(0.0 <= start < duration for start in starts)
        assert round(record["labelled_beat_s"], 4) in starts
        # ED is the fullest frame about the start of the labelled beat, which is isovolumic.
        assert -0.02 < record["ed_frame"] / plan.facts.fps - record["labelled_beat_s"] < 0.16


def test_latents_tell_sway_and_papillary_muscle(plans) -> None:
    for plan in plans[:10]:
        record = latents(plan)
        assert record["breath_z_mm"] == plan.motion.sway.breath_z_mm
        assert record["drift_x_mm_per_s"] == plan.motion.sway.drift_x_mm_per_s
        assert record["papillary_along"] == plan.anatomy.papillary_along
        assert record["papillary_mm"] == plan.anatomy.papillary_mm
