"""Containers that were written to a pipe, in fragments, with gaps, or that are cut off."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from coreecho.errors import VideoError
from coreecho.video import read_video
from coreecho.video.container_ends import NOT_COUNTED_NOTE

Write = Callable[..., Path]


class Pipe(io.RawIOBase):
    """A file in which one cannot go back, as a pipe to a recorder's other end."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.content += bytes(data)
        return len(data)


def encode(file: Any, frames: Any, container: str, codec: str, **container_options: str) -> None:
    with av.open(file, "w", format=container, container_options=container_options) as output:
        stream = output.add_stream(codec, rate=50, options={"g": "10"})
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, axis=-1), "rgb24")))
        output.mux(stream.encode())


@pytest.mark.parametrize(("container", "codec"), [("avi", "mjpeg"), ("matroska", "libx264"), ("asf", "wmv2")])
def test_what_was_piped_is_read_with_a_note(tmp_path: Path, smooth_frames: Any, container: str, codec: str) -> None:
    """The header of such an AVI declares 2^30 frames."""
    pipe = Pipe()
    encode(pipe, smooth_frames, container, codec)
    (tmp_path / "a").write_bytes(pipe.content)
    video = read_video(tmp_path / "a")
    assert video.frames.shape == smooth_frames.shape
    assert video.fps == pytest.approx(50)
    assert video.notes == (NOT_COUNTED_NOTE,)


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe", "frag_every_frame+empty_moov"])
def test_fragments_are_read_with_a_note(tmp_path: Path, smooth_frames: Any, flags: str) -> None:
    """The header declares no frames, or those of the first fragment."""
    encode(str(tmp_path / "a.mp4"), smooth_frames, "mp4", "libx264", movflags=flags)
    video = read_video(tmp_path / "a.mp4")
    assert video.frames.shape == smooth_frames.shape
    assert video.fps == pytest.approx(50)
    assert video.notes == (NOT_COUNTED_NOTE,)
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"a\.mp4: (cut off|damaged)"):
        read_video(tmp_path / "a.mp4")


@pytest.mark.parametrize(("container", "codec"), [("matroska", "libx264"), ("webm", "libvpx"), ("asf", "wmv2")])
def test_a_cut_file_is_refused(tmp_path: Path, smooth_frames: Any, container: str, codec: str) -> None:
    path = tmp_path / "cut"
    encode(str(path), smooth_frames, container, codec)
    content = path.read_bytes()
    assert len(read_video(path).frames) == 40
    for length in (*range(16, len(content), len(content) // 37), len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"cut: "):
            read_video(path)


def write_with_gaps(path: Path, frames: Any, shown: list[int]) -> Path:
    """Give only some instants a frame: FFmpeg writes chunks without content between them."""
    with av.open(str(path), "w", format="avi") as output:
        stream = output.add_stream("rawvideo", rate=50)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "bgr24"
        for number in shown:
            picture = av.VideoFrame.from_ndarray(np.repeat(frames[number][..., None], 3, axis=-1), "bgr24")
            picture.pts, picture.time_base = number, Fraction(1, 50)
            output.mux(stream.encode(picture))
        output.mux(stream.encode())
    return path


def test_empty_frames_of_an_avi_show_the_one_before(tmp_path: Path, smooth_frames: Any) -> None:
    shown = [number for number in range(40) if number not in (5, 6, 20, 38)]
    video = read_video(write_with_gaps(tmp_path / "a.avi", smooth_frames, shown))
    expected = smooth_frames.copy()
    expected[[5, 6, 20, 38]] = expected[[4, 4, 19, 37]]
    np.testing.assert_array_equal(video.frames, expected)
    assert video.fps == 50


def test_empty_frames_at_the_end_of_an_avi_are_counted(tmp_path: Path, smooth_frames: Any) -> None:
    """The last three frames lose their content, in their chunks and in the index."""
    path = write_with_gaps(tmp_path / "a.avi", smooth_frames[:12], list(range(12)))
    content = bytearray(path.read_bytes())
    frame_bytes = 112 * 112 * 3
    index = content.rindex(b"idx1") + 8
    for number in (9, 10, 11):
        entry = index + 16 * number
        content[entry + 12 : entry + 16] = bytes(4)
    chunks = content[: content.index(b"00d", content.index(b"movi"))]
    for number in range(12):
        at = len(chunks)
        kept = number < 9
        start = content.index(b"movi") + 4 + number * (8 + frame_bytes)
        chunks += content[start : start + 4] + (frame_bytes if kept else 0).to_bytes(4, "little")
        chunks += content[start + 8 : start + 8 + frame_bytes] if kept else b""
        entry = index + 16 * number
        content[entry + 8 : entry + 12] = (at - chunks.index(b"movi")).to_bytes(4, "little")
    movi = chunks.index(b"movi")
    chunks[movi - 4 : movi] = (len(chunks) - movi).to_bytes(4, "little")
    whole = chunks + content[index - 8 :]
    whole[4:8] = (len(whole) - 8).to_bytes(4, "little")
    path.write_bytes(whole)
    video = read_video(path)
    assert len(video.frames) == 12
    for number in (9, 10, 11):
        np.testing.assert_array_equal(video.frames[number], smooth_frames[8])


def test_frames_that_are_missing_and_not_empty_are_damage(tmp_path: Path, smooth_frames: Any) -> None:
    shown = [number for number in range(40) if number not in (5, 6)]
    path = write_with_gaps(tmp_path / "a.avi", smooth_frames, shown)
    content = bytearray(path.read_bytes())
    length_at = content.index(b"strh") + 8 + 32
    content[length_at : length_at + 4] = (43).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(VideoError, match="declares 43 frames, but 38 could be decoded"):
        read_video(path)


@pytest.mark.parametrize("name", [b"M\xfcller 4ch.avi", "心尖四腔.avi".encode(), b"a\nb.avi"])
def test_names_of_any_bytes_are_opened(tmp_path: Path, smooth_frames: Any, write_clip: Write, name: bytes) -> None:
    plain = write_clip(tmp_path / "a.avi", smooth_frames)
    path = tmp_path / name.decode("utf-8", "surrogateescape")
    plain.rename(path)
    assert len(read_video(path).frames) == 40
