import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from coreecho.errors import VideoError
from coreecho.video import limits, read_video

Write = Callable[..., Path]


@pytest.fixture
def clip(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> Path:
    return write_clip(tmp_path / "clip.avi", smooth_frames)


def test_content_decides_and_not_the_name(tmp_path: Path, clip: Path, smooth_frames: Any) -> None:
    for name in ("clip.mp4", "clip.dcm", "clip", "clip.txt"):
        clip = clip.rename(tmp_path / name)
        assert len(read_video(clip).frames) == 40
    np.save(tmp_path / "frames.npy", smooth_frames)
    (tmp_path / "frames.npy").rename(tmp_path / "frames.avi")
    np.testing.assert_array_equal(read_video(tmp_path / "frames.avi").frames, smooth_frames)


def test_a_path_may_be_text(clip: Path) -> None:
    assert read_video(str(clip)).source == str(clip)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.avi", b"", r"a\.avi: is empty \(0 bytes\)\. Copy the file again"),
        ("a.avi", b"Dear colleague, please find the clip", r"a\.avi: not a video although it is named \.avi"),
        ("letter", b"Dear colleague", "not a video. AVI, MP4, MOV, MKV, .*clips are read"),
        ("a.avi", b"RIFF\x10\x00\x00\x00WAVEfmt 1234", "not a video although"),
        ("a.avi", b"RIFF", "not a video although"),
        ("a.mp4", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "a still picture"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(200), "a still: a PNG picture. An EF takes a clip"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(200), "a still: a JPEG picture"),
        ("a.mkv", b"\x1a\x45\xdf\xa3" + bytes(200), r"a\.mkv: (cut off|damaged)"),
        ("a.flv", b"FLV\x01" + bytes(200), r"a\.flv: (holds no video|damaged)"),
        ("a.ts", (b"G" + bytes(187)) * 4, r"a\.ts: (holds no video|damaged)"),
        ("a.ts", b"G" + bytes(700), r"not a video although it is named \.ts"),
        ("a.swf", b"FWS\x06" + bytes(200), "a Flash program.* convert it with ffmpeg"),
        ("a.h264", b"\0\0\0\x01\x67" + bytes(200), "a bare H.264 stream, which does not say how fast it runs"),
        ("a.dcm", bytes(128) + b"DICM", "names no modality: it is cut off, or not ultrasound"),
        ("a.zip", b"PK\x03\x04" + bytes(200), "a ZIP archive. Unpack it first"),
    ],
)
def test_what_is_no_clip_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=message):
        read_video(tmp_path / name)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"nowhere\.avi: no such file"):
        read_video(tmp_path / "nowhere.avi")
    with pytest.raises(VideoError, match=r"is a folder\. Give a clip file in it"):
        read_video(tmp_path)
    with pytest.raises(VideoError, match="cannot be read"):
        read_video("a\0b.avi")


def test_what_never_ends_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(VideoError, match="is not a regular file"):
        read_video(tmp_path / "pipe")
    with pytest.raises(VideoError, match="is not a regular file"):
        read_video("/dev/zero")


def test_a_file_without_permission_is_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip.chmod(0)
    if os.geteuid() == 0:  # root reads everything: let the system answer as it would to others

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(VideoError, match=r"may not be read \(permission denied\)\. Ask its owner"):
        read_video(clip)


def test_files_beyond_the_limit_are_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coreecho.video.reading.MAX_FILE_BYTES", 1000)
    with pytest.raises(VideoError, match=r"has 0\.0 GiB; at most \d GiB are read"):
        read_video(clip)


def test_arrays_grey_and_coloured(tmp_path: Path, smooth_frames: Any) -> None:
    np.save(tmp_path / "grey.npy", smooth_frames)
    video = read_video(tmp_path / "grey.npy")
    np.testing.assert_array_equal(video.frames, smooth_frames)
    assert video.fps is None
    np.save(tmp_path / "rgb.npy", np.repeat(smooth_frames[..., None], 3, axis=-1))
    np.testing.assert_array_equal(read_video(tmp_path / "rgb.npy").frames, smooth_frames)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(smooth_frames))
    frames = read_video(tmp_path / "fortran.npy").frames
    np.testing.assert_array_equal(frames, smooth_frames)
    assert frames.flags.c_contiguous


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 8, 8), np.float32), r"shape \(3, 8, 8\) of float32; expected \(T, H, W\)"),
        (np.zeros((8, 8), np.uint8), r"shape \(8, 8\) of uint8; expected"),
        (np.zeros((3, 8, 8, 4), np.uint8), r"expected \(T, H, W\)"),
        (np.zeros((0, 8, 8), np.uint8), "holds no frames"),
        (np.zeros((3, 0, 8), np.uint8), "size of its frames is missing"),
        (np.zeros((1, 8, 8), np.uint8), "a still: it has one frame"),
        (np.array([{"a": 1}], dtype=object), "damaged, cut off, or not an array of numbers"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: Any, message: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(VideoError, match=message):
        read_video(tmp_path / "a.npy")


def test_arrays_that_end_early_or_late_are_refused(tmp_path: Path, smooth_frames: Any) -> None:
    np.save(tmp_path / "a.npy", smooth_frames)
    content = (tmp_path / "a.npy").read_bytes()
    for length in (*range(1, 200, 7), len(content) // 2, len(content) - 1):
        (tmp_path / "a.npy").write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"a\.npy: "):
            read_video(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(content + b"\0")
    with pytest.raises(VideoError, match="longer than its header says"):
        read_video(tmp_path / "a.npy")


def test_an_array_with_a_huge_header_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", np.zeros((20, 100, 100), np.uint8))
    content = (tmp_path / "a.npy").read_bytes().replace(b"(20, 100, 100), }      ", b"(20, 99999, 99999), }")
    (tmp_path / "a.npy").write_bytes(content.ljust(len(content) + 2))
    with pytest.raises(VideoError, match=r"a\.npy: "):
        read_video(tmp_path / "a.npy")
    monkeypatch.setattr(limits, "MAX_SIDE", 50)
    np.save(tmp_path / "b.npy", np.zeros((20, 100, 100), np.uint8))
    with pytest.raises(VideoError, match="declares frames of 100 x 100 pixels; at most 50 a side"):
        read_video(tmp_path / "b.npy")


@pytest.fixture
def gif(tmp_path: Path, smooth_frames: Any) -> Path:
    pictures = [Image.fromarray(frame) for frame in smooth_frames[:12]]
    path = tmp_path / "a.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, loop=0)
    return path


def test_gif_is_read(gif: Path, smooth_frames: Any) -> None:
    video = read_video(gif)
    np.testing.assert_array_equal(video.frames, smooth_frames[:12])
    assert video.fps == 25.0


def test_a_gif_cut_anywhere_is_refused(tmp_path: Path, gif: Path) -> None:
    """Also between two frames, where Pillow takes what is there for the whole."""
    content = gif.read_bytes()
    cut = tmp_path / "cut.gif"
    for length in (*range(1, len(content), len(content) // 97), len(content) - 1):
        cut.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"cut\.gif: |not a video"):
            read_video(cut)


def test_a_gif_of_one_picture_is_a_still(tmp_path: Path) -> None:
    Image.new("L", (64, 64)).save(tmp_path / "a.gif")
    with pytest.raises(VideoError, match="a still: it has one frame"):
        read_video(tmp_path / "a.gif")
