"""What is burned in lies outside of the sector, stands still, and is there only when asked for."""

import numpy as np

from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import Scene, plan_recording, render_recording


def _video(overlay):
    settings = PhantomSettings(overlay=overlay, min_frames=30, max_frames=30)
    plan = plan_recording(settings, 9, 2, "TRAIN")
    return np.stack(list(render_recording(plan))), Scene(plan).grid.sector


def test_overlays_leave_the_sector_alone() -> None:
    plain, sector = _video("none")
    assert plain[:, ~sector].max() == 0
    for overlay in ("ticks", "full"):
        burned, _ = _video(overlay)
        np.testing.assert_array_equal(burned[:, sector], plain[:, sector])
        assert burned[:, ~sector].max() > 100


def test_text_stands_still_and_the_ecg_runs() -> None:
    burned, _ = _video("full")
    np.testing.assert_array_equal(burned[:, :11, :22].std(axis=0), 0.0)
    assert burned[0, :11, :22].max() > 100
    bottom = burned[:, 96:, :].astype(int)
    assert np.any(np.diff(np.where(bottom == 150, bottom, 0), axis=0) != 0)
