from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from coreecho.errors import VideoError
from coreecho.video import containers, limits, read_video
from coreecho.video.containers import read_container

Write = Callable[..., Path]


def mean_error(first: Any, second: Any) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def test_motion_jpeg_in_avi_as_in_echonet(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    video = read_video(write_clip(tmp_path / "a.avi", smooth_frames, fps=50))
    assert video.frames.shape == (40, 112, 112)
    assert video.frames.dtype == np.uint8
    assert video.fps == 50.0
    assert video.source == str(tmp_path / "a.avi")
    assert not video.is_phantom
    assert video.notes == ()
    assert mean_error(video.frames, smooth_frames) < 5


def test_lossless_avi_is_read_exactly(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    path = write_clip(tmp_path / "a.avi", smooth_frames, codec="ffv1", pixel_format="gray")
    assert mean_error(read_video(path).frames, smooth_frames) < 1
    raw = write_clip(tmp_path / "b.avi", smooth_frames, codec="rawvideo", pixel_format="bgr24")
    np.testing.assert_array_equal(read_video(raw).frames, smooth_frames)


def test_words_in_a_file_need_not_be_utf_8(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    path = write_clip(tmp_path / "a.avi", smooth_frames, comment="Herz des Hr. Mxyzzyller")
    path.write_bytes(path.read_bytes().replace(b"xyzz", b"\xfc\xff\xe9\xdf"))
    assert len(read_video(path).frames) == len(smooth_frames)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_limited_range_is_brought_to_full_range(
    tmp_path: Path, smooth_frames: Any, write_clip: Write, pixel_format: str
) -> None:
    """Limited-range luma taken as it is would lie in 16 to 235, and be off by up to 20 levels."""
    path = write_clip(
        tmp_path / "a.mp4",
        smooth_frames,
        container="mp4",
        codec="libx264",
        pixel_format=pixel_format,
        options={"crf": "5"},
    )
    frames = read_video(path).frames
    assert mean_error(frames, smooth_frames) < 2
    assert frames.min() < 6
    assert frames.max() > 249


def test_b_frames_and_a_fractional_rate(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    path = write_clip(
        tmp_path / "a.mp4", smooth_frames, fps=37, container="mp4", codec="libx264", pixel_format="yuv420p",
        options={"crf": "5", "bf": "3"},
    )  # fmt: skip
    video = read_video(path)
    assert len(video.frames) == 40
    assert video.fps == pytest.approx(37, rel=1e-3)
    # In the order shown, not in the order stored.
    assert mean_error(video.frames[-1], smooth_frames[-1]) < 3


@pytest.mark.parametrize(
    ("codec", "pixel_format", "options"),
    [
        ("libx265", "yuv420p", {"x265-params": "crf=10:log-level=none:pools=1"}),
        ("libx265", "yuv420p10le", {"x265-params": "crf=10:log-level=none:pools=1"}),
        ("mpeg4", "yuv420p", {"b": "8000000"}),
    ],
)
def test_hevc_of_8_and_10_bits_and_mpeg4(
    tmp_path: Path, smooth_frames: Any, write_clip: Write, codec: str, pixel_format: str, options: dict[str, str]
) -> None:
    try:
        av.codec.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    path = tmp_path / "a.mp4"
    write_clip(path, smooth_frames, fps=30, container="mp4", codec=codec, pixel_format=pixel_format, options=options)
    video = read_video(path)
    assert video.frames.shape == smooth_frames.shape
    assert video.fps == 30
    assert mean_error(video.frames, smooth_frames) < 3


@pytest.mark.parametrize("container", ["avi", "mp4", "mov"])
def test_a_phantom_says_so(tmp_path: Path, smooth_frames: Any, write_clip: Write, container: str) -> None:
    path = write_clip(tmp_path / "a", smooth_frames, container=container, comment="CoReEcho phantom, seed 7")
    assert read_video(path).is_phantom
    path = write_clip(tmp_path / "b", smooth_frames, container=container, comment="a real heart")
    assert not read_video(path).is_phantom


def test_a_file_cut_anywhere_is_refused(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    """Cut at every 53rd byte and at each of the last 64: in the header, in a frame, between frames, in the index."""
    content = write_clip(tmp_path / "whole.avi", smooth_frames[:8]).read_bytes()
    path = tmp_path / "cut.avi"
    for length in (*range(1, len(content), 53), *range(len(content) - 64, len(content))):
        path.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"cut\.avi: "):
            read_video(path)


@pytest.mark.parametrize("flags", ["", "faststart"])
def test_a_cut_mp4_is_refused(tmp_path: Path, smooth_frames: Any, write_clip: Write, flags: str) -> None:
    path = write_clip(
        tmp_path / "whole.mp4", smooth_frames, container="mp4", codec="libx264", pixel_format="yuv420p",
        container_options={"movflags": flags} if flags else {},
    )  # fmt: skip
    content = path.read_bytes()
    path = tmp_path / "cut.mp4"
    for length in range(1, len(content), len(content) // 61):
        path.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"cut\.mp4: "):
            read_video(path)


def test_a_header_that_counts_too_many_frames_is_refused(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    path = write_clip(tmp_path / "a.avi", smooth_frames)
    content = bytearray(path.read_bytes())
    length_at = content.index(b"strh") + 8 + 32
    assert int.from_bytes(content[length_at : length_at + 4], "little") == 40
    content[length_at : length_at + 4] = (60).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"declares 60 frames, but 40 could be decoded"):
        read_video(path)


def test_a_frame_of_noise_is_refused(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    path = write_clip(tmp_path / "a.avi", smooth_frames)
    content = bytearray(path.read_bytes())
    frame_at = content.index(b"00dc", content.index(b"00dc") + 4)
    content[frame_at + 8 : frame_at + 8 + 400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"a\.avi: damaged"):
        read_video(path)


def test_a_video_without_frames_is_refused(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    with pytest.raises(VideoError, match=r"a\.avi: "):
        read_video(write_clip(tmp_path / "a.avi", smooth_frames[:0]))


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "sound.avi"
    with av.open(str(path), "w", format="avi") as file:
        stream = file.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with pytest.raises(VideoError, match="holds no video stream"):
        read_video(path)


def test_one_frame_is_a_still(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    with pytest.raises(VideoError, match="a still: it has one frame"):
        read_video(write_clip(tmp_path / "a.avi", smooth_frames[:1]))


def test_a_huge_declared_size_is_refused_before_decoding(
    tmp_path: Path, smooth_frames: Any, write_clip: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.avi", smooth_frames, codec="rawvideo", pixel_format="bgr24")
    monkeypatch.setattr(containers, "_packets", lambda *_: pytest.fail("frames were decoded"))
    with monkeypatch.context() as context:
        context.setattr(limits, "MAX_SIDE", 100)
        with pytest.raises(VideoError, match=r"declares frames of 112 x 112 pixels; at most 100 a side"):
            read_video(path)
    content = bytearray(path.read_bytes())
    size_at = content.index(b"strf") + 8 + 4
    content[size_at : size_at + 8] = 2 * (17_000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(VideoError, match="size of its frames is missing, or beyond any that is read"):
        read_video(path)


def test_a_frame_larger_than_its_container_says_is_refused(
    tmp_path: Path, smooth_frames: Any, write_clip: Write
) -> None:
    """Motion-JPEG frames carry a size of their own, which decides what the decoder would allocate."""
    path = write_clip(tmp_path / "a.avi", smooth_frames)
    content = bytearray(path.read_bytes())
    frame_header = content.index(b"\xff\xc0")
    content[frame_header + 5 : frame_header + 9] = (60_000).to_bytes(2, "big") * 2
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"a\.avi: damaged"):
        read_video(path)


def test_more_than_the_limit_of_decoded_bytes_is_refused(
    tmp_path: Path, smooth_frames: Any, write_clip: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.avi", smooth_frames)
    monkeypatch.setattr(limits, "MAX_DECODED_BYTES", 40 * 112 * 112 - 1)
    with pytest.raises(VideoError, match=r"40 frames of 112 x 112 pixels are 0\.0 GiB decoded"):
        read_video(path)


def test_names_that_look_like_addresses_are_files(
    tmp_path: Path, smooth_frames: Any, write_clip: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = write_clip(tmp_path / "a.avi", smooth_frames)
    whole.rename(tmp_path / "http:a b%d.avi")
    assert len(read_video("http:a b%d.avi").frames) == 40


def test_two_readings_are_equal(tmp_path: Path, smooth_frames: Any, write_clip: Write) -> None:
    path = write_clip(tmp_path / "a.avi", smooth_frames)
    first, second = (read_container(path, "avi", "a.avi") for _ in range(2))
    np.testing.assert_array_equal(first.frames, second.frames)
