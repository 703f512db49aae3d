"""What a gate asks of an outline: the same in a calibration and in a clip that comes later."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coreecho
from coreecho.models.segmenter import load_segmenter
from coreecho.ventricle.gauging import OutlineGauge, gauge_segmentation, gauged_frames


def test_at_least_twenty_frames_a_second_are_looked_at_for_about_two_seconds() -> None:
    for fps in (19.0, 30.0, 48.0, 50.0, 112.75):
        part = gauged_frames(10_000, fps)
        assert fps / part.step >= min(fps, 20)
        assert len(range(10_000)[part]) == 48
        assert len(range(10)[gauged_frames(10, fps)]) >= 2
    assert gauged_frames(100, None) == gauged_frames(100, 50.0)


def test_a_clip_is_measured_as_the_recordings_of_the_calibration_were(
    bright_segmenter: Path, bright_heart: Callable[..., Any]
) -> None:
    heart = bright_heart()
    found = coreecho.segment(heart.frames, model=bright_segmenter, fps=50)
    gauge = OutlineGauge(load_segmenter(bright_segmenter))
    values = gauge(heart.frames, 50.0)
    assert gauge_segmentation(found) == values
    assert values.num_beats == 3
    assert values.ef_percent == pytest.approx(heart.ef_percent, abs=3)
    assert (values.lv_unseen, values.lv_cut) == (0, 0)


def test_a_heart_that_is_cut_off_or_missing_is_told_from_one_that_is_not(
    bright_segmenter: Path, bright_heart: Callable[..., Any]
) -> None:
    frames = bright_heart().frames
    gauge = OutlineGauge(load_segmenter(bright_segmenter))
    # The sector ends in the middle of the ventricle.
    cut = frames.copy()
    cut[:, :, 56:] = 0
    assert gauge(cut, 50.0).lv_cut > 0.25
    dark = np.minimum(frames, 60)
    missing = gauge(dark, 50.0)
    assert (missing.lv_unseen, missing.lv_area, missing.num_beats) == (1, 0, 0)
    still = np.repeat(frames[:1], len(frames), axis=0)
    assert gauge(still, 50.0).num_beats == 0


def test_what_was_measured_is_kept_for_the_same_weights_and_frames(
    bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = bright_heart().frames
    segmenter = load_segmenter(bright_segmenter)
    first = OutlineGauge(segmenter, tmp_path / "kept")
    values, dark = first(frames, 50.0), first(np.minimum(frames, 60), 50.0)
    first.save()
    (file,) = (tmp_path / "kept").iterdir()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it is outlined again")

    with monkeypatch.context() as patched:
        patched.setattr(type(segmenter), "probabilities", never)
        again = OutlineGauge(segmenter, tmp_path / "kept")
        assert again(frames, 50.0) == values
        np.testing.assert_equal(vars(again(np.minimum(frames, 60), 50.0)), vars(dark))
        with pytest.raises(AssertionError, match="outlined again"):
            again(frames, 25.0)
    file.write_text("{")
    assert OutlineGauge(segmenter, tmp_path / "kept")(frames, 50.0) == values
