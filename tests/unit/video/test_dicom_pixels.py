"""Colours of 16 bits, few bits and inverted levels of DICOM clips: the picture is that of the plain file."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from coreecho.errors import VideoError
from coreecho.video import read_video
from coreecho.video.colour import RGB_NOTE, YCBCR_NOTE
from coreecho.video.dicom import named_damage

Write = Callable[..., Path]
IN_USE = "its pixels use {} of the {} bits that the file declares; read by those in use"


@pytest.fixture(scope="module")
def prepared() -> Any:
    """A prepared clip of all grey levels, with black corners."""
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64), dtype=np.uint8)
    frames[:, :30] = 0
    return frames


@pytest.mark.parametrize(("shift", "stored"), [(0, 16), (4, 12), (8, 16)])
@pytest.mark.parametrize("label", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("is_rgb", [True, False])
def test_colours_of_16_bits_are_read_as_they_are(
    tmp_path: Path, prepared: Any, write_dicom: Write, shift: int, stored: int, label: str, is_rgb: bool
) -> None:
    channels = np.full((*prepared.shape, 3), 128, np.uint16)
    channels[..., :: 1 if is_rgb else 3] = prepared[..., None]
    path = write_dicom(
        tmp_path / "a.dcm",
        channels << shift,
        BitsStored=stored,
        HighBit=stored - 1,
        PhotometricInterpretation=label,
        # Of grey levels alone.
        WindowCenter="100",
        WindowWidth="50",
    )
    video = read_video(path)
    np.testing.assert_array_equal(video.frames, prepared)
    wrong = RGB_NOTE if is_rgb else YCBCR_NOTE
    assert (wrong in video.notes) == (is_rgb != (label == "RGB"))


@pytest.mark.parametrize(("bits", "high_bit", "allocated"), [(7, 6, 8), (6, 5, 8), (7, 7, 8), (7, 6, 16), (4, 3, 8)])
def test_fewer_than_8_bits_are_spread_over_all_grey_levels(
    tmp_path: Path, prepared: Any, write_dicom: Write, bits: int, high_bit: int, allocated: int
) -> None:
    stored = (prepared >> (8 - bits) << (high_bit + 1 - bits)).astype(f"u{allocated // 8}")
    video = read_video(write_dicom(tmp_path / "a.dcm", stored, BitsStored=bits, HighBit=high_bit))
    np.testing.assert_array_equal(video.frames, prepared >> (8 - bits) << (8 - bits))
    assert video.notes == ()


@pytest.mark.parametrize(
    ("black", "shift", "used"), [(65535, 0, 8), (65535, 8, 16), (4095, 4, 12), (4095, 0, 8), (255, 0, 8)]
)
@pytest.mark.parametrize("hot", [None, 0, 65535])
def test_where_the_least_level_is_white_the_levels_in_use_are_those_that_are_shown(
    tmp_path: Path, prepared: Any, write_dicom: Write, black: int, shift: int, used: int, hot: int | None
) -> None:
    stored = (black - (prepared.astype(np.int32) << shift)).astype(np.uint16)
    if hot is not None:
        stored[:, 40, 10:13] = hot
    video = read_video(write_dicom(tmp_path / "a.dcm", stored, PhotometricInterpretation="MONOCHROME1"))
    is_sound = np.ones(prepared.shape, bool)
    is_sound[:, 40, 10:13] = hot is None
    np.testing.assert_array_equal(video.frames[is_sound], prepared[is_sound])
    assert (IN_USE.format(used, 16) in video.notes) == (used < 16)
    if hot is not None:
        assert (video.frames[:, 40, 10:13] == (255 if hot == 0 else 0)).all()


class PanicException(BaseException):
    """What a decoder that is written in Rust ends in."""


def test_a_decoder_that_panics_is_damage_and_a_stop_is_not() -> None:
    with (
        pytest.raises(VideoError, match=r"a\.dcm: .*damaged or not well formed \(PanicException\)"),
        named_damage("a.dcm"),
    ):
        raise PanicException
    with pytest.raises(KeyboardInterrupt), named_damage("a.dcm"):
        raise KeyboardInterrupt


def named_rgb(frame: Any) -> bytes:
    """A JPEG picture in RGB that says so by its channels' names alone, as encoders of scanners write it."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=95, keep_rgb=True)
    content = file.getvalue()
    assert content[2:4] == b"\xff\xee"
    return content[:2] + content[4 + int.from_bytes(content[4:6], "big") :]


@pytest.mark.parametrize(("label", "notes"), [("RGB", ()), ("YBR_FULL_422", (RGB_NOTE,))])
def test_jpeg_pictures_that_name_their_channels_rgb_are_read(
    tmp_path: Path, smooth_frames: Any, write_dicom: Write, label: str, notes: tuple[str, ...]
) -> None:
    frames = smooth_frames[:4].copy()
    frames[:, :40] = 0
    path = write_dicom(tmp_path / "a.dcm", np.repeat(frames[..., None], 3, -1))
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([named_rgb(frame) for frame in np.repeat(frames[..., None], 3, -1)])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PhotometricInterpretation = label
    dataset.save_as(path)
    video = read_video(path)
    np.testing.assert_allclose(video.frames.astype(int), frames, atol=8)
    assert video.notes == notes
