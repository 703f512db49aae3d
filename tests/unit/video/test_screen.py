from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from coreecho.errors import VideoError
from coreecho.video import read_video
from coreecho.video.colour import is_coloured, to_grey
from coreecho.video.screen import CROPPED_NOTE

Draw = Callable[..., Any]
Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("container", "codec", "pixel_format", "options"),
    [
        ("avi", "mjpeg", "yuvj420p", {"qmin": "2", "qmax": "4"}),
        ("mp4", "libx264", "yuv420p", {"crf": "23"}),
        ("mp4", "libx264", "yuv420p", {"crf": "32"}),
    ],
)
def test_the_sector_is_cut_out_of_a_screen(
    tmp_path: Path, draw_screen: Draw, write_clip: Write, container: str, codec: str, pixel_format: str, options: Any
) -> None:
    screen = draw_screen(num_frames=24, has_ecg=True)
    path = write_clip(
        tmp_path / "a", screen, container=container, codec=codec, pixel_format=pixel_format, options=options
    )
    video = read_video(path)
    assert video.notes == (CROPPED_NOTE,)
    # The sector's box is 180 rows high and 2 x 180 sin 35 deg = 207 columns wide; codecs blur it by a block of 16.
    assert video.frames.shape[1] == video.frames.shape[2]
    assert 195 <= video.frames.shape[1] <= 230
    # What lies beside the sector is black in every frame, whatever was written there.
    side = video.frames.shape[1]
    assert not video.frames[:, : side // 8, : side // 4].any()
    assert not video.frames[:, : side // 8, -side // 4 :].any()
    assert video.frames[:, side // 2 : 3 * side // 4, side // 3 : 2 * side // 3].mean() > 60


def test_the_marker_beside_a_real_sector_is_masked(tmp_path: Path, write_clip: Write) -> None:
    """A green dot that marks the probe's side stands in blocks of pixels that move with the sector's edge."""
    screen = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm"))).pixel_array
    assert screen[:, 17:24, 187:194].max(axis=(1, 2, 3)).min() > 100
    # Moved by 5 pixels, the dot shares a block of the codec with the sector, and flickers with it.
    screen = np.roll(screen, (5, 5), axis=(1, 2))
    path = write_clip(tmp_path / "a.avi", screen, fps=30, options={"qmin": "5", "qmax": "5"})
    frames = read_video(path).frames
    side = frames.shape[1]
    apex = np.flatnonzero(frames.max(axis=(0, 2)) > 40)[0]
    beside = frames[:, apex : apex + side // 12, side // 2 + side // 12 :]
    assert beside.max() < 80  # the dot has 150


def test_a_gif_of_a_screen_is_cropped(tmp_path: Path, draw_screen: Draw) -> None:
    pictures = [Image.fromarray(frame) for frame in draw_screen()]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=20)
    assert read_video(tmp_path / "a.gif").notes == (CROPPED_NOTE,)


@pytest.mark.parametrize("colour", [(220, 20, 10), (10, 30, 230), (250, 240, 20)])
def test_colour_doppler_is_refused(tmp_path: Path, draw_screen: Draw, write_clip: Write, colour: Any) -> None:
    path = write_clip(tmp_path / "a.avi", draw_screen(flow_colour=colour))
    with pytest.raises(VideoError, match=r"a\.avi: \d+ % of the sector is coloured, as in colour Doppler"):
        read_video(path)


def test_a_tinted_grey_map_is_no_colour_doppler(tmp_path: Path, draw_screen: Draw, write_clip: Write) -> None:
    tint = np.array([1.0, 0.85, 0.65])
    path = write_clip(tmp_path / "a.avi", (draw_screen() * tint).astype(np.uint8))
    assert read_video(path).notes == (CROPPED_NOTE,)


def test_small_squares_pass_unchanged(tmp_path: Path, draw_screen: Draw, write_clip: Write) -> None:
    prepared = draw_screen()[:, 20:148, 90:218]
    path = write_clip(tmp_path / "a.avi", prepared, codec="rawvideo", pixel_format="bgr24")
    video = read_video(path)
    np.testing.assert_array_equal(video.frames, to_grey(prepared))
    assert video.notes == ()


def test_grey_levels_are_kept_and_colours_weighed() -> None:
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_grey(np.repeat(levels[:, None], 3, axis=-1)), levels)
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.abs(to_grey(rgb) - rgb @ np.array([0.299, 0.587, 0.114])).max() < 1.2


def test_what_counts_as_coloured() -> None:
    coloured = np.array([[200, 0, 0], [0, 0, 255], [90, 20, 20], [0, 255, 255]], np.uint8)
    grey = np.array([[0, 0, 0], [255, 255, 255], [255, 217, 166], [40, 30, 0], [120, 110, 100]], np.uint8)
    assert is_coloured(coloured).all()
    assert not is_coloured(grey).any()
