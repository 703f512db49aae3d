"""What lies in the frames that were read is brought back to the pixels of the file, wherever the reader put it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from coreecho.video import read_video, resize_frames
from coreecho.video.decoded import Decoded
from coreecho.video.geometry import UPRIGHT, Turn
from coreecho.video.placement import Placement, whole_picture
from coreecho.video.reader_process import ReaderProcesses, read_resized
from coreecho.video.reading import _finish
from coreecho.video.video import Video

HEIGHT, WIDTH = 130, 190
SECTOR = ((slice(10, 110), slice(60, 150)), (60.0, 105.0), (50.0, 45.0))


def ramp(axis: int) -> NDArray[np.float64]:
    """One grey level a pixel, along one axis."""
    return np.asarray(np.indices((HEIGHT, WIDTH))[axis] + 30.0)


def ellipse() -> NDArray[np.bool_]:
    rows, columns = np.indices((HEIGHT, WIDTH))
    return np.asarray(((rows - 60) / 50) ** 2 + ((columns - 105) / 45) ** 2 <= 1)


def screen(axis: int, **settings: Any) -> Decoded:
    """Ten frames of a sector that flickers about a ramp, which is their mean over time."""
    noise = np.random.default_rng(0).uniform(8, 30, (5, HEIGHT, WIDTH)).round()
    signed = np.stack([noise, -noise], axis=1).reshape(10, HEIGHT, WIDTH)
    frames = ((ramp(axis) + signed) * ellipse()).clip(0, 255)
    return Decoded(frames.astype(np.uint8), 50.0, **settings)


TURNS = [UPRIGHT, Turn(True, False, True), Turn(True, True, False), Turn(False, True, True)]


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("aspect", [1.0, 1.5, 0.7])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_screen_that_was_cropped_squared_padded_turned_and_resized(turn: Turn, aspect: float, axis: int) -> None:
    video = _finish(screen(axis, turn=turn, pixel_aspect=aspect), None, "clip")
    assert video.placement is not None
    seen = resize_frames(video.frames, 64)
    (back,) = video.placement.in_file(seen.mean(axis=0, keepdims=True))
    assert back.shape == (HEIGHT, WIDTH)
    inner = ndimage.binary_erosion(ellipse(), iterations=6)
    # Of a ramp, a grey level is a pixel.
    assert np.abs(back - ramp(axis))[inner].max() < 0.75
    assert np.abs((back - ramp(axis))[inner].mean()) < 0.1
    assert not back[~ndimage.binary_dilation(ellipse(), iterations=4)].any()


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (64, 64), (112, 112)])
@pytest.mark.parametrize("size", [32, 64, 100])
def test_an_array_that_was_padded_and_resized(shape: tuple[int, int], size: int) -> None:
    rows, columns = np.indices(shape)
    picture = (rows + columns).astype(np.uint8)
    placement = whole_picture(Decoded(np.stack([picture, picture]), None))
    inner = (slice(4, -4), slice(4, -4))
    for back in placement.in_file(resize_frames(np.stack([picture, picture]), size)):
        assert np.abs(back - picture)[inner].max() < 1.1


def test_pixels_that_were_read_in_blocks() -> None:
    picture = np.indices((101, 151)).sum(axis=0) // 2
    blocks = picture[:100, :150].reshape(50, 2, 75, 2).mean(axis=(1, 3))
    decoded = Decoded(np.stack([blocks.astype(np.uint8)] * 2), None, reduction=2, stored_size=(101, 151))
    back = next(whole_picture(decoded).in_file(resize_frames(decoded.frames, 75)))
    assert back.shape == picture.shape
    assert np.abs(back - picture)[3:97, 3:147].max() < 1.1
    assert not back[100].any()


@pytest.mark.parametrize("turn", TURNS)
def test_the_sector_lies_where_the_frames_are_not_black(turn: Turn) -> None:
    video = _finish(screen(0, turn=turn, pixel_aspect=1.3), None, "clip")
    assert video.placement is not None
    side = video.frames.shape[1]
    lit = video.frames.max(axis=0) > 0
    found = video.placement.sector_in_frames(side)
    assert 2 * (lit & found).sum() / (lit.sum() + found.sum()) > 0.985


@pytest.mark.parametrize("turn", [UPRIGHT, TURNS[1]])
def test_a_pixel_of_the_frames_has_the_size_that_the_file_gives(turn: Turn) -> None:
    decoded = screen(0, turn=turn, pixel_aspect=1.5, pixel_mm=(0.4, 0.6))
    video = _finish(decoded, None, "clip")
    assert video.placement is not None
    # The reader keeps the shorter side of a pixel.
    scale = video.frames.shape[1] / 64
    assert video.placement.frame_pixel_mm(64) == pytest.approx((0.4 * scale, 0.4 * scale), rel=0.02)
    assert replace(video.placement, pixel_mm=None).frame_pixel_mm(64) is None
    # What is taken as it is keeps its proportions.
    whole = whole_picture(Decoded(np.zeros((2, 40, 80), np.uint8), None, turn=turn, pixel_mm=(0.5, 0.25)))
    expected = (0.25, 0.125) if turn == UPRIGHT else (0.125, 0.25)
    assert whole.turned(turn, None).frame_pixel_mm(160) == pytest.approx(expected)


@pytest.mark.parametrize("turn", [UPRIGHT, TURNS[1]])
def test_a_placement_goes_through_a_pipe(turn: Turn) -> None:
    video = _finish(screen(0, turn=turn, times_ms=np.arange(10.0) ** 1.1, pixel_mm=(0.4, 0.4)), None, "clip")
    assert video.placement is not None
    plain, sector = video.placement.to_plain()
    again = Placement.from_plain(json.loads(json.dumps(plain)), sector.tobytes())
    assert again.to_plain()[0] == plain
    np.testing.assert_array_equal(again.sector, video.placement.sector)
    for wrong in ({"rows": [5, 5]}, {"side": 0}, {"sector": [1, 1]}, {"times_ms": [1.0]}):
        with pytest.raises(ValueError, match=r"placement|span|reshape"):
            Placement.from_plain(plain | wrong, sector.tobytes())


def test_frames_at_uneven_times_are_given_as_they_are_where_that_is_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pages = [Image.fromarray(rng.integers(0, 255, (32, 32), np.uint8)) for _ in range(9)]
    durations = [40, 40, 120, 40, 40, 80, 40, 40, 40]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:], duration=durations)
    with ReaderProcesses(1) as processes:
        own = processes.read(tmp_path / "a.gif", 32, keeps_times=True)
    even = read_video(tmp_path / "a.gif")
    assert (own.num_frames, even.num_frames) == (9, 12)
    assert own.video.placement is not None
    assert own.video.placement.times_ms is not None
    np.testing.assert_allclose(own.video.placement.times_ms, np.cumsum([0, *durations[:-1]]))
    assert own.fps == even.fps == pytest.approx(25)
    assert even.placement is None


def test_frames_may_be_larger_than_the_model_needs_where_the_file_has_the_pixels(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, (9, 70, 100), np.uint8))
    assert read_resized(tmp_path / "a.npy", 24, up_to=8).video.frames.shape == (9, 96, 96)
    assert read_resized(tmp_path / "a.npy", 24, up_to=2).video.frames.shape == (9, 48, 48)
    assert read_resized(tmp_path / "a.npy", 112, up_to=4).video.frames.shape == (9, 112, 112)


@pytest.mark.parametrize(("unit", "millimetres"), [("mm", 0.25), ("meter", 250.0), ("unknown", None)])
def test_the_size_of_a_pixel_in_nifti_needs_a_unit(tmp_path: Path, unit: str, millimetres: float | None) -> None:
    make: Any = nib.Nifti1Image
    image = make(np.random.default_rng(0).integers(0, 255, (20, 30, 9)).astype(np.uint8), np.eye(4))
    image.header.set_zooms((0.25, 0.25, 1))
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    assert _size(read_video(tmp_path / "a.nii")) == (None if millimetres is None else (millimetres,) * 2)


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("a.mha", "ElementSpacing = 0.25 0.5 1", (0.5, 0.25)),
        ("a.mha", "ElementSpacing = 1 1 1", None),
        ("a.nrrd", 'spacings: 0.25 0.5 1\nunits: "mm" "mm" "s"', (0.5, 0.25)),
        ("a.nrrd", "spacings: 0.25 0.5 1", None),
    ],
)
def test_the_size_of_a_pixel_in_other_arrays(
    tmp_path: Path, name: str, line: str, expected: tuple[float, float] | None
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (9, 30, 20)).astype(np.uint8)
    head = (
        f"ObjectType = Image\nNDims = 3\nDimSize = 20 30 9\nElementType = MET_UCHAR\n{line}\nElementDataFile = LOCAL\n"
        if name.endswith("mha")
        else f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 20 30 9\nkinds: domain domain time\n{line}\n"
        "encoding: raw\n\n"
    )
    (tmp_path / name).write_bytes(head.encode() + pixels.tobytes())
    assert _size(read_video(tmp_path / name)) == expected


def _size(video: Video) -> tuple[float, float] | None:
    assert video.placement is not None
    return video.placement.pixel_mm
