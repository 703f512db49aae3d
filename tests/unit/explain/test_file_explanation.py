import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from coreecho.errors import CoReEchoError, RecipeError, VideoError
from coreecho.explain.file_explanation import explain_file
from coreecho.models.ef_model import EFModel
from coreecho.models.video_prediction import predict_video
from coreecho.phantom.avi import write_mjpeg_avi

Frames = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def clip(tmp_path: Path, sector_frames: Frames) -> Path:
    path = tmp_path / "JANE DOE.avi"
    write_mjpeg_avi(path, sector_frames(24), 50)
    return path


def test_writes_the_folder(model: EFModel, clip: Path, tmp_path: Path, assert_png: Callable[[Path], None]) -> None:
    out = tmp_path / "out"
    explained = explain_file(model, clip, out, film="both", clips=2)
    assert sorted(path.name for path in out.iterdir()) == [
        "contact_sheet.png", "explanation.json", "map.npz", "overlay.gif", "overlay.mp4",
    ]  # fmt: skip
    assert_png(out / "contact_sheet.png")
    with np.load(out / "map.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["video_map"], explained.explanation.video_map())
        assert archive["video_map"].shape == (24, 56, 56)
        assert archive["clip_maps"].shape == (2, 6, 56, 56)
        assert str(archive["stage"]) == "stage2"
    document = json.loads((out / "explanation.json").read_text())
    predicted = predict_video(model, explained.clip.frames, explained.explanation.starts)
    assert document["ef_percent"] == pytest.approx(predicted.ef_percent, rel=1e-5)
    assert document["is_phantom"] is True
    assert "not a medical device" in document["notice"]
    assert document["warnings"] == ["nothing is known of the data that this model was trained on"]
    # Files are often named after patients.
    assert not any(b"JANE" in path.read_bytes() for path in out.iterdir())


def test_a_clip_without_a_sector_is_refused(model: EFModel, tmp_path: Path) -> None:
    path = tmp_path / "still.avi"
    write_mjpeg_avi(path, [np.full((56, 56), 90, dtype=np.uint8)] * 20, 50)
    with pytest.raises(VideoError, match="no ultrasound sector found"):
        explain_file(model, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_settings_are_checked_before_reading(model: EFModel, tmp_path: Path, clip: Path) -> None:
    with pytest.raises(RecipeError, match="clips: expected at least 1, got 0"):
        explain_file(model, tmp_path / "absent.avi", tmp_path, clips=0)
    (tmp_path / "taken").write_text("")
    with pytest.raises(CoReEchoError, match="Give another `--out`"):
        explain_file(model, clip, tmp_path / "taken")
