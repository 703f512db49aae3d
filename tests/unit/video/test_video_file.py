from pathlib import Path

import numpy as np
import pytest

from coreecho.errors import VideoError
from coreecho.video.store import FrameStore
from coreecho.video.video_file import AtFrameRate, VideoFile


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """Ten frames whose grey is 10 t + 10; the format holds no frame rate."""
    greys = (10 * np.arange(10) + 10).astype(np.uint8)
    np.save(tmp_path / "ramp.npy", np.broadcast_to(greys[:, None, None], (10, 16, 16)))
    return tmp_path / "ramp.npy"


def test_frames_are_brought_to_a_rate(ramp: Path) -> None:
    prepared = AtFrameRate(target_fps=48.0, fps=24.0)(ramp, 16)
    assert prepared.fps == 48.0
    np.testing.assert_array_equal(prepared.frames[:, 8, 8], 5 * np.arange(19) + 10)


def test_a_file_that_does_not_say_its_rate_is_refused(ramp: Path) -> None:
    with pytest.raises(VideoError, match="does not say its frame rate, so it cannot be brought to 48"):
        AtFrameRate(target_fps=48.0)(ramp, 16)


def test_another_rate_makes_stored_frames_stale(ramp: Path, tmp_path: Path) -> None:
    lengths = []
    for target in (48.0, 24.0, 12.0):
        timed = AtFrameRate(target, 24.0)
        files = {"ramp": VideoFile(ramp, timed.preparation, timed)}
        lengths.append(FrameStore.build(tmp_path / "store", files, frame_size=16, workers=1).num_frames("ramp"))
    assert lengths == [19, 10, 5]
