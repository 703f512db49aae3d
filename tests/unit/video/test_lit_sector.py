from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from coreecho.errors import VideoError
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.video import read_video
from coreecho.video.lit_sector import lit_sector

Frames = Callable[..., NDArray[np.uint8]]


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_is_the_triangle(sector_frames: Frames) -> None:
    frames = sector_frames(20)
    assert overlap(lit_sector(frames), frames.max(axis=0) > 0) > 0.97


def test_a_faint_ring_around_it_is_not_part_of_it(sector_frames: Frames) -> None:
    """As JPEG leaves it: up to 8 pixels wide, a few grey levels, moving."""
    frames = sector_frames(20, size=112)
    lit = frames.max(axis=0) > 0
    ring = np.random.default_rng(0).integers(0, 7, frames.shape)
    frames = np.where(lit, frames, ring).astype(np.uint8)
    frames[:, :, :8] = frames[:, :20, :40] = 0
    assert overlap(lit_sector(frames), lit) > 0.95


def test_tissue_that_is_white_in_every_frame_is_part_of_it(sector_frames: Frames) -> None:
    """At the lower edge, where no moving tissue surrounds it."""
    frames = sector_frames(20)
    lit = frames.max(axis=0) > 0
    frames[:, 46:, 22:36] = 255
    assert overlap(lit_sector(frames), lit) > 0.97


def test_bright_tissue_that_hardly_moves_is_part_of_it(sector_frames: Frames) -> None:
    """By two percent of its brightness, as the pericardium behind the heart."""
    frames = sector_frames(20)
    lit = frames.max(axis=0) > 0
    tissue = np.random.default_rng(0).normal(180, 4, (20, 10, 20))
    frames[:, 46:, 18:38] = tissue.clip(0, 255).astype(np.uint8)
    assert overlap(lit_sector(frames), lit) > 0.97


@pytest.mark.parametrize("is_coded", [False, True])
def test_letters_are_not_part_of_it(sector_frames: Frames, tmp_path: Path, is_coded: bool) -> None:
    """Still and bright, in a dark corner that the hull covers; also as Motion JPEG smears them."""
    frames = sector_frames(20, size=112)
    frames[:, 84:, 70:] = 0
    picture = Image.fromarray(np.zeros((112, 112), dtype=np.uint8))
    ImageDraw.Draw(picture).text((76, 94), "J. DOE", fill=255)
    letters = np.asarray(picture) > 128
    frames[:, letters] = 255
    if is_coded:
        write_mjpeg_avi(tmp_path / "clip.avi", frames, 50)
        frames = read_video(tmp_path / "clip.avi").frames
    assert letters.sum() > 50
    assert lit_sector(frames)[letters].mean() < 0.05


def test_no_sector(sector_frames: Frames) -> None:
    with pytest.raises(VideoError, match="clip: no ultrasound sector found"):
        lit_sector(np.repeat(sector_frames(1), 20, axis=0))
    with pytest.raises(VideoError, match=r"a\.avi: has 5 frames"):
        lit_sector(sector_frames(5), "a.avi")
