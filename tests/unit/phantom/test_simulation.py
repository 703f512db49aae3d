"""What changes from one frame to the next: noise, frame averaging, and the heart's place under the probe."""

from dataclasses import replace

import numpy as np
import pytest

from coreecho.phantom.settings import SCANNERS, PhantomSettings
from coreecho.phantom.simulation import Scene, plan_recording, render_recording

_SHORT = PhantomSettings(min_frames=30, max_frames=30)


def test_neighbouring_frames_show_stretches_of_noise_far_apart() -> None:
    settings = PhantomSettings(min_frames=300, max_frames=300)
    for index in range(3):
        scene = Scene(plan_recording(settings, 2, index, "TRAIN"))
        rows = scene.tape_rows
        assert len(rows) == 300
        assert rows.min() >= 0
        assert rows.max() <= scene.grid.num_samples
        assert np.abs(np.diff(rows)).min() >= 20
        assert len(np.unique(rows)) > 90


def test_frame_averaging_mixes_in_the_frame_before(monkeypatch) -> None:
    films = {}
    for persistence in (0.0, 0.5):
        monkeypatch.setitem(SCANNERS, "A", replace(SCANNERS["A"], persistence=persistence))
        plan = next(
            plan
            for plan in (
                plan_recording(PhantomSettings(min_frames=40, max_frames=40), 1, index, "TRAIN") for index in range(20)
            )
            if plan.facts.fps == 50.0
        )
        films[persistence] = np.stack(list(render_recording(plan))).astype(float)
    sharp, mixed = films[0.0], films[0.5]
    np.testing.assert_array_equal(sharp[0], mixed[0])
    np.testing.assert_allclose(mixed[1], 0.5 * (sharp[0] + sharp[1]), atol=1.0)
    np.testing.assert_allclose(mixed[2], 0.25 * sharp[0] + 0.25 * sharp[1] + 0.5 * sharp[2], atol=1.0)


def test_the_picture_moves_with_breathing_and_drift() -> None:
    plan = plan_recording(_SHORT, 1, 0, "TRAIN")
    place = np.array([0.0]), np.array([60.0])
    shift = {"shift_x_mm": 3.0, "shift_z_mm": -2.0}
    moved = replace(
        plan, motion=replace(plan.motion, **{name: getattr(plan.motion, name) + by for name, by in shift.items()})
    )
    before, after = np.array(plan.to_scan(*place, 5)), np.array(moved.to_scan(*place, 5))
    np.testing.assert_allclose((after - before).ravel(), [3.0, -2.0], atol=1e-9)
    # The beams meet other scatterers, so that the picture is another one.
    still, shifted = (Scene(each).tissue_echo(5) for each in (plan, moved))
    assert np.corrcoef(np.abs(still).ravel(), np.abs(shifted).ravel())[0, 1] < 0.9


def test_the_gain_gives_the_operator_s_mean() -> None:
    for index in range(4):
        plan = plan_recording(_SHORT, 1, index, "TRAIN")
        frames = np.stack(list(render_recording(plan))) / 255.0
        assert frames.mean() == pytest.approx(plan.view.mean_grey, rel=0.05)
