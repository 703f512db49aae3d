"""Animated GIF, WebP and PNG, and TIFF stacks."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from coreecho.errors import VideoError
from coreecho.video import read_video
from coreecho.video.depth import HOT_NOTE
from coreecho.video.reading import UNEVEN_NOTE
from coreecho.video.screen import CROPPED_NOTE
from coreecho.video.temporal import PAUSE_NOTE

NUM_FRAMES = 12
KINDS: dict[str, dict[str, Any]] = {
    "gif": {"loop": 0},
    "webp": {"lossless": True},
    "png": {},
    "tif": {"compression": "tiff_lzw"},
}
TIMED = ["gif", "webp", "png"]


@pytest.fixture
def prepared(smooth_frames: Any) -> Any:
    return smooth_frames[:NUM_FRAMES, ::2, ::2]


def write(path: Path, frames: Any, **settings: Any) -> Path:
    pictures = [Image.fromarray(frame) for frame in frames]
    options = {"duration": 20, **KINDS.get(path.suffix[1:], {}), **settings}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_animated_pictures_are_read_exactly(tmp_path: Path, prepared: Any, kind: str) -> None:
    video = read_video(write(tmp_path / f"a.{kind}", prepared))
    np.testing.assert_array_equal(video.frames, prepared)
    assert video.fps == (None if kind == "tif" else 50)
    assert video.notes == ()


@pytest.mark.parametrize("kind", KINDS)
def test_screens_are_cropped_and_colour_is_seen(tmp_path: Path, draw_screen: Callable[..., Any], kind: str) -> None:
    assert CROPPED_NOTE in read_video(write(tmp_path / f"a.{kind}", draw_screen())).notes
    with pytest.raises(VideoError, match="as in colour Doppler"):
        read_video(write(tmp_path / f"b.{kind}", draw_screen(flow_colour=(230, 20, 20))))


@pytest.mark.parametrize("kind", TIMED)
def test_how_long_the_last_frame_is_held_tells_nothing(tmp_path: Path, prepared: Any, kind: str) -> None:
    video = read_video(write(tmp_path / f"a.{kind}", prepared, duration=[*11 * [20], 1000]))
    assert video.fps == 50
    assert video.notes == ()


@pytest.mark.parametrize("kind", TIMED)
def test_equal_frames_that_were_merged_are_held_as_long(tmp_path: Path, prepared: Any, kind: str) -> None:
    frames = prepared.copy()
    frames[5] = frames[6] = frames[4]
    video = read_video(write(tmp_path / f"a.{kind}", frames))
    assert len(video.frames) == NUM_FRAMES
    assert video.fps == 50
    np.testing.assert_array_equal(video.frames[[0, 4, 7, 11]], frames[[0, 4, 7, 11]])


@pytest.mark.parametrize("kind", TIMED)
def test_uneven_durations_are_resampled(tmp_path: Path, prepared: Any, kind: str) -> None:
    video = read_video(write(tmp_path / f"a.{kind}", prepared, duration=[*6 * [20], *6 * [60]]))
    assert video.fps == 50
    assert len(video.frames) == 6 + 5 * 3 + 1
    assert video.notes == (UNEVEN_NOTE.format(50),)


@pytest.mark.parametrize("kind", TIMED)
def test_a_pause_on_the_first_frame_is_left_out(tmp_path: Path, prepared: Any, kind: str) -> None:
    video = read_video(write(tmp_path / f"a.{kind}", prepared, duration=[2000, *11 * [40]]))
    assert video.fps == 25
    assert len(video.frames) == NUM_FRAMES
    assert video.notes == (PAUSE_NOTE,)


def test_hundredths_of_a_second_that_are_rounded_are_even(tmp_path: Path, prepared: Any) -> None:
    """30 frames a second in a GIF: 30, 30 and 40 ms."""
    video = read_video(write(tmp_path / "a.gif", prepared, duration=[30, 30, 40] * 4))
    assert video.fps == pytest.approx(30, rel=0.02)
    assert video.notes == ()


def test_a_gif_without_durations_has_no_rate(tmp_path: Path, prepared: Any) -> None:
    assert read_video(write(tmp_path / "a.gif", prepared, duration=0)).fps is None


@pytest.mark.parametrize("kind", KINDS)
def test_one_picture_is_a_still(tmp_path: Path, prepared: Any, kind: str) -> None:
    Image.fromarray(prepared[0]).save(tmp_path / f"a.{kind}")
    with pytest.raises(VideoError, match="a still: "):
        read_video(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("kind", ["webp", "png", "tif"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, prepared: Any, kind: str) -> None:
    content = write(tmp_path / f"whole.{kind}", prepared).read_bytes()
    cut = tmp_path / "cut"
    # The last bytes of a TIFF file may be padding.
    for length in (*range(1, len(content), len(content) // 41), len(content) - 12):
        cut.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"cut: "):
            read_video(cut)


@pytest.mark.parametrize(("shift", "note"), [(0, 8), (4, 12), (8, None)])
def test_a_deep_stack_is_read_by_the_bits_in_use(tmp_path: Path, prepared: Any, shift: int, note: int | None) -> None:
    video = read_video(write(tmp_path / "a.tif", prepared.astype(np.uint16) << shift))
    np.testing.assert_array_equal(video.frames, prepared)
    assert [f"use {note} of the 16 bits" in text for text in video.notes] == ([True] if note else [])


def test_a_hot_pixel_leaves_no_black_stack(tmp_path: Path, prepared: Any) -> None:
    deep = prepared.astype(np.uint16)
    deep[3, 0, 0] = 65535
    video = read_video(write(tmp_path / "a.tif", deep))
    np.testing.assert_array_equal(video.frames[:, 1:], prepared[:, 1:])
    assert HOT_NOTE in video.notes


@pytest.mark.parametrize("unit", [257, 1])
def test_a_deep_stack_whose_zero_is_white_is_turned_back(tmp_path: Path, prepared: Any, unit: int) -> None:
    path = write(tmp_path / "a.tif", 65535 - prepared.astype(np.uint16) * unit)
    # The tag of what the numbers mean, a short number: 1 says that zero is black.
    content = path.read_bytes()
    assert content.count(struct.pack("<HHIHH", 262, 3, 1, 1, 0)) == len(prepared)
    path.write_bytes(content.replace(struct.pack("<HHIHH", 262, 3, 1, 1, 0), struct.pack("<HHIHH", 262, 3, 1, 0, 0)))
    np.testing.assert_array_equal(read_video(path).frames, prepared)


def oblong(path: Path, frames: Any) -> Path:
    """A file that says that its pixels are twice as wide as high."""
    if path.suffix == ".tif":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[282], tags[283] = 36.0, 72.0
        return write(path, frames, tiffinfo=tags)
    if path.suffix == ".png":
        return write(path, frames, dpi=(36, 72))
    content = bytearray(write(path, frames).read_bytes())
    content[12] = 2 * 64 - 15
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["tif", "png", "gif"])
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, prepared: Any, kind: str) -> None:
    video = read_video(oblong(tmp_path / f"a.{kind}", prepared))
    assert video.frames.shape == prepared.shape
    quarter = len(prepared[0]) // 4
    assert not video.frames[:, :quarter].any()
    assert not video.frames[:, -quarter:].any()
    np.testing.assert_allclose(video.frames[:, quarter:-quarter].mean(), prepared.mean(), rtol=0.02)
    assert video.notes == ("its pixels are 2 times as wide as high; they were made square",)


@pytest.mark.parametrize(("text", "fps"), [("ImageJ=1\nimages=12\nfinterval=0.02\n", 50), ("ImageJ=1\nfps=25.0\n", 25)])
def test_the_time_of_an_imagej_stack_is_read(tmp_path: Path, prepared: Any, text: str, fps: float) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = text
    assert read_video(write(tmp_path / "a.tif", prepared, tiffinfo=tags)).fps == pytest.approx(fps)


def test_a_stack_whose_pages_are_hidden_or_of_several_sizes_is_refused(tmp_path: Path, prepared: Any) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "ImageJ=1.5\nimages=400\n"
    with pytest.raises(VideoError, match="declares 400 frames, and has 12 pages"):
        read_video(write(tmp_path / "a.tif", prepared, tiffinfo=tags))
    pictures = [Image.fromarray(frame) for frame in (prepared[0], prepared[1, ::2], prepared[2])]
    pictures[0].save(tmp_path / "b.tif", save_all=True, append_images=pictures[1:])
    with pytest.raises(VideoError, match="page 1 has another size than the first"):
        read_video(tmp_path / "b.tif")


def test_a_stack_of_32_bits_is_refused(tmp_path: Path, prepared: Any) -> None:
    with pytest.raises(VideoError, match="its pixels have 32 bits"):
        read_video(write(tmp_path / "a.tif", prepared.astype(np.float32)))


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_of_a_prepared_clip_it_is_told_how_much_of_it_is_coloured(tmp_path: Path, prepared: Any, kind: str) -> None:
    grey = np.repeat(prepared[..., None] // 2 + 20, 3, axis=-1)
    doppler = grey.copy()
    doppler[:, 10:30, 10:30] = (230, 20, 20)
    # A line of an ECG is no flow.
    doppler[:, 50, :] = (20, 230, 20)
    seen = read_video(write(tmp_path / f"a.{kind}", doppler))
    assert seen.coloured == pytest.approx(400 / grey[0, ..., 0].size)
    assert read_video(write(tmp_path / f"b.{kind}", grey)).coloured == 0
