"""From the true masks of simulated hearts to their beats: what segmentation at its best leads to."""

import numpy as np
import pytest

from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import RecordingPlan, plan_recording
from coreecho.phantom.truth import LV_LABEL, label_frame
from coreecho.ventricle import Beats, find_beats, frame_offset, ventricle_curve

SETTINGS = PhantomSettings(min_frames=150, max_frames=150)
# Of the cohort's first recordings: regular hearts with an EF from 20 to 71, the eighth has ectopic beats.
REGULAR, ECTOPIC = (0, 1, 6), 7


def _beats(index: int) -> tuple[RecordingPlan, Beats]:
    plan = plan_recording(SETTINGS, 21, index, "TEST")
    masks = np.stack([label_frame(plan, frame) == LV_LABEL for frame in range(plan.motion.num_frames)])
    curve = ventricle_curve(masks, mm_per_pixel=plan.view.mm_per_pixel)
    return plan, find_beats(curve, fps=plan.facts.fps)


@pytest.mark.parametrize("index", REGULAR)
def test_regular_hearts(index: int) -> None:
    plan, beats = _beats(index)
    motion = plan.motion
    assert motion.rhythm.kind == "sinus"
    assert beats.is_irregular is False
    assert beats.ef_percent == pytest.approx(motion.ef_percent, abs=2.5)
    assert [beat.edv for beat in beats.beats] == pytest.approx([motion.edv_ml] * len(beats.beats), rel=0.08)
    for found, traced in ((beats.ed_frames, motion.ed_frame), (beats.es_frames, motion.es_frame)):
        offset = frame_offset(found, traced)
        assert offset is not None
        assert abs(offset) <= 3


def test_an_ectopic_beat_makes_the_rhythm_irregular() -> None:
    plan, beats = _beats(ECTOPIC)
    assert plan.motion.rhythm.kind == "ectopic"
    assert beats.is_irregular is True
