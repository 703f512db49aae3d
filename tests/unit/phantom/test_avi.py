"""The video file: what is written is read back, nearly, and the same pictures give the same bytes."""

import av
import numpy as np
import pytest

from coreecho.phantom.avi import write_mjpeg_avi


@pytest.fixture
def frames(videos):
    return list(videos[0][:12])


def test_pictures_survive_the_compression(frames, tmp_path) -> None:
    assert write_mjpeg_avi(tmp_path / "heart.avi", frames, 50.0) == 12
    with av.open(str(tmp_path / "heart.avi")) as container:
        read = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])
    assert np.abs(read.astype(float) - np.stack(frames)).mean() < 2.5
    assert [path.name for path in tmp_path.iterdir()] == ["heart.avi"]


def test_same_pictures_same_bytes(frames, tmp_path) -> None:
    for name in ("a.avi", "b.avi"):
        write_mjpeg_avi(tmp_path / name, frames, 30.0)
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()


@pytest.mark.parametrize("fps", [18.0, 46.0, 50.0, 138.0])
def test_frame_rate_is_kept(frames, tmp_path, fps) -> None:
    write_mjpeg_avi(tmp_path / "heart.avi", frames, fps)
    with av.open(str(tmp_path / "heart.avi")) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(fps)


def test_a_missing_folder_is_an_oserror(frames, tmp_path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_mjpeg_avi(tmp_path / "nowhere" / "heart.avi", frames, 50.0)
