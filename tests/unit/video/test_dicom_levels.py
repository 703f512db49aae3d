"""Depths, windows and colour labels of DICOM clips: the picture is that of the plain file, whatever was declared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_color_lut
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from coreecho.errors import VideoError
from coreecho.video import read_video
from coreecho.video.colour import RGB_NOTE, YCBCR_NOTE, to_grey
from coreecho.video.depth import HOT_NOTE
from coreecho.video.dicom_frames import OFFSETS_NOTE, PLANES_NOTE, StoredFrames
from coreecho.video.dicom_levels import WINDOW_NOTE
from coreecho.video.dicom_pixels import decode

Write = Callable[..., Path]

IN_USE = "its pixels use {} of the {} bits that the file declares; read by those in use"


@pytest.fixture(scope="module")
def prepared() -> Any:
    """A prepared clip of all grey levels, with black corners."""
    frames = np.random.default_rng(0).integers(0, 256, (10, 64, 64), dtype=np.uint8)
    frames[:, :30] = 0
    return frames


def window(centre: float, width: float) -> dict[str, str]:
    return {"WindowCenter": str(centre), "WindowWidth": str(width)}


DEEP: list[tuple[int, int, dict[str, Any], str | None]] = [
    # Shift of the levels, bits declared, attributes, note.
    (0, 16, {}, IN_USE.format(8, 16)),
    (2, 16, {}, IN_USE.format(10, 16)),
    (4, 16, {}, IN_USE.format(12, 16)),
    (4, 12, {}, None),
    (8, 16, {}, None),
    (0, 16, window(128, 256), WINDOW_NOTE),
    (4, 16, window(2048, 4096), WINDOW_NOTE),
    (4, 12, window(2048, 4096), None),
    (8, 16, window(32768, 65536), None),
    # Windows of another clip: white, black, and next to nothing.
    (8, 16, window(128, 256), None),
    (0, 16, window(32768, 65536), IN_USE.format(8, 16)),
    (4, 16, window(100, 1), IN_USE.format(12, 16)),
    (4, 16, window(-4000, 300), IN_USE.format(12, 16)),
    (4, 16, {**window(1024, 4096), "RescaleIntercept": "-1024", "RescaleSlope": "1"}, WINDOW_NOTE),
    (8, 8, {"HighBit": 15}, None),
    (4, 12, {"HighBit": 15}, IN_USE.format(8, 12)),
    (0, 8, {"HighBit": 7}, None),
    (4, 16, {"PixelRepresentation": 1}, IN_USE.format(12, 16)),
    (0, 12, {"PixelRepresentation": 1}, IN_USE.format(8, 12)),
]


@pytest.mark.parametrize(("shift", "stored", "attributes", "note"), DEEP)
def test_levels_are_those_in_use(
    tmp_path: Path, prepared: Any, write_dicom: Write, shift: int, stored: int, attributes: Any, note: str | None
) -> None:
    deep = prepared.astype(np.uint16) << shift
    path = write_dicom(tmp_path / "a.dcm", deep, **{"BitsStored": stored, "HighBit": stored - 1, **attributes})
    video = read_video(path)
    np.testing.assert_array_equal(video.frames, prepared)
    assert video.notes == (() if note is None else (note,))


@pytest.mark.parametrize(("centre", "width", "is_used"), [(32, 64, True), (128, 256, False), (32, 4, False)])
def test_a_window_on_8_bits_is_used_where_it_fits(
    tmp_path: Path, prepared: Any, write_dicom: Write, centre: int, width: int, is_used: bool
) -> None:
    video = read_video(write_dicom(tmp_path / "a.dcm", prepared // 4, **window(centre, width)))
    assert video.notes == ((WINDOW_NOTE,) if is_used else ())
    np.testing.assert_array_equal(video.frames, prepared // 4 * 4 if is_used else prepared // 4)


def test_signed_levels_around_zero_keep_their_order(tmp_path: Path, prepared: Any, write_dicom: Write) -> None:
    signed = (prepared.astype(np.int16) - 128) * 4
    path = write_dicom(tmp_path / "a.dcm", signed, PixelRepresentation=1)
    np.testing.assert_array_equal(read_video(path).frames, prepared)


def test_an_inverted_clip_of_few_bits_is_read(tmp_path: Path, prepared: Any, write_dicom: Write) -> None:
    deep = (255 - prepared).astype(np.uint16) * 16
    path = write_dicom(tmp_path / "a.dcm", deep, PhotometricInterpretation="MONOCHROME1", **window(2048, 4096))
    np.testing.assert_array_equal(read_video(path).frames, prepared)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("attributes", [{}, window(2048, 4096)])
def test_levels_that_a_rescaling_inverts_are_turned_back(
    tmp_path: Path, prepared: Any, write_dicom: Write, attributes: Any, photometric: str
) -> None:
    deep = prepared.astype(np.uint16) << 4
    stored = 4095 - deep if photometric == "MONOCHROME2" else deep
    rescaling = {"RescaleSlope": "-1", "RescaleIntercept": "4095", "PhotometricInterpretation": photometric}
    path = write_dicom(tmp_path / "a.dcm", stored, BitsStored=12, HighBit=11, **rescaling, **attributes)
    np.testing.assert_array_equal(read_video(path).frames, prepared)


@pytest.mark.parametrize(("shift", "num_used"), [(0, 8), (4, 12)])
def test_letters_at_full_scale_leave_no_black_clip(
    tmp_path: Path, prepared: Any, write_dicom: Write, shift: int, num_used: int
) -> None:
    deep = prepared.astype(np.uint16) << shift
    deep[:, 2:6, 4:20] = 65535
    video = read_video(write_dicom(tmp_path / "a.dcm", deep))
    np.testing.assert_array_equal(video.frames[:, 6:], prepared[:, 6:])
    assert (video.frames[:, 2:6, 4:20] == 255).all()
    assert video.notes == (HOT_NOTE, IN_USE.format(num_used, 16))


@pytest.mark.parametrize(("dtype", "level"), [(np.uint16, 0), (np.uint16, 700), (np.uint8, 3)])
def test_a_black_clip_has_no_number(tmp_path: Path, write_dicom: Write, dtype: Any, level: int) -> None:
    path = write_dicom(tmp_path / "a.dcm", np.full((10, 64, 64), level, dtype), **window(32768, 65536))
    with pytest.raises(VideoError, match=r"all have one level|its picture is black"):
        read_video(path)


# --- colours ----------------------------------------------------------------------------------------------------------


def ybr_422(grey: Any) -> bytes:
    """Two pixels and the chroma that they share: Y Y Cb Cr."""
    pairs = np.full((*grey.shape[:2], grey.shape[2] // 2, 4), 128, np.uint8)
    pairs[..., 0], pairs[..., 1] = grey[:, :, ::2], grey[:, :, 1::2]
    return pairs.tobytes()


def ycbcr(grey: Any) -> Any:
    channels = np.full((*grey.shape, 3), 128, np.uint8)
    channels[..., 0] = grey
    return channels


def rgb(grey: Any) -> Any:
    return np.repeat(grey[..., None], 3, axis=-1)


COLOURS: dict[str, tuple[str, Callable[[Any], Any], tuple[str, ...]]] = {
    "RGB": ("RGB", rgb, ()),
    "YCbCr": ("YBR_FULL", ycbcr, ()),
    "YCbCr labelled RGB": ("RGB", ycbcr, (YCBCR_NOTE,)),
    "RGB labelled YCbCr": ("YBR_FULL", rgb, (RGB_NOTE,)),
    "subsampled": ("YBR_FULL_422", ybr_422, ()),
    "three bytes a pixel labelled subsampled": ("YBR_FULL_422", ycbcr, ()),
    "RGB labelled subsampled": ("YBR_FULL_422", rgb, (RGB_NOTE,)),
    "planes labelled as pixels": ("RGB", lambda grey: rgb(grey).transpose(0, 3, 1, 2), (PLANES_NOTE,)),
    "planes of YCbCr labelled as pixels": ("YBR_FULL", lambda grey: ycbcr(grey).transpose(0, 3, 1, 2), (PLANES_NOTE,)),
}


@pytest.mark.parametrize("compression", [None, RLELossless])
@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_read_as_they_are_and_not_as_they_are_labelled(
    tmp_path: Path, prepared: Any, write_dicom: Write, name: str, compression: str | None
) -> None:
    label, make, notes = COLOURS[name]
    if compression and (label == "YBR_FULL_422" or PLANES_NOTE in notes):
        return
    content = make(prepared)
    pixels = content if isinstance(content, bytes) else content.tobytes()
    path = write_dicom(
        tmp_path / "a.dcm", rgb(prepared), compression=compression, PhotometricInterpretation=label, PixelData=pixels
    )
    video = read_video(path)
    np.testing.assert_array_equal(video.frames, prepared)
    assert video.notes == notes


@pytest.mark.parametrize("is_rgb", [True, False])
def test_tinted_colours_are_told_by_the_black_around_them(
    tmp_path: Path, prepared: Any, write_dicom: Write, is_rgb: bool
) -> None:
    tinted = np.stack([prepared, prepared * 0.85, prepared * 0.6], axis=-1).astype(np.uint8)
    stored = tinted if is_rgb else np.stack([np.asarray(Image.fromarray(frame).convert("YCbCr")) for frame in tinted])
    labels = ["RGB", "YBR_FULL"] if is_rgb else ["YBR_FULL", "RGB"]
    right, wrong = (
        read_video(write_dicom(tmp_path / f"{label}.dcm", stored, PhotometricInterpretation=label)) for label in labels
    )
    assert right.notes == ()
    assert wrong.notes == (RGB_NOTE if is_rgb else YCBCR_NOTE,)
    np.testing.assert_allclose(wrong.frames, right.frames, atol=1)


def test_what_was_blanked_with_zeros_does_not_make_ycbcr_rgb(tmp_path: Path, prepared: Any, write_dicom: Write) -> None:
    stored = ycbcr(prepared)
    stored[:, :10] = 0
    video = read_video(write_dicom(tmp_path / "a.dcm", stored, PhotometricInterpretation="YBR_FULL"))
    assert video.notes == ()
    np.testing.assert_array_equal(video.frames[:, 10:], prepared[:, 10:])


def test_jpeg_frames_labelled_rgb_are_found_to_be_ycbcr(tmp_path: Path) -> None:
    """The real clip keeps YCbCr in its JPEG frames; archives that convert only the label are common."""
    sound = str(get_testdata_file("examples_ybr_color.dcm"))
    dataset = pydicom.dcmread(sound)
    dataset.PhotometricInterpretation = "RGB"
    dataset.save_as(tmp_path / "a.dcm")
    video = read_video(tmp_path / "a.dcm")
    assert YCBCR_NOTE in video.notes
    expected = read_video(sound).frames
    assert video.frames.shape == expected.shape
    # The luma as it is stored, and that of RGB whose channels were cut off at 0 and 255, differ where there is colour.
    assert np.mean(video.frames != expected) < 0.01


def test_colour_flow_is_seen_behind_a_wrong_label(
    tmp_path: Path, draw_screen: Callable[..., Any], write_dicom: Write
) -> None:
    flow = draw_screen(num_frames=10, flow_colour=(230, 20, 20))
    path = write_dicom(tmp_path / "a.dcm", flow, PhotometricInterpretation="YBR_FULL")
    with pytest.raises(VideoError, match="as in colour Doppler"):
        read_video(path)


@pytest.mark.parametrize("photometric", ["YBR_PARTIAL_422", "HSV", "MONOCHROME2"])
def test_other_colours_are_refused(tmp_path: Path, prepared: Any, write_dicom: Write, photometric: str) -> None:
    path = write_dicom(tmp_path / "a.dcm", rgb(prepared), PhotometricInterpretation=photometric)
    with pytest.raises(VideoError, match=f"pixels of kind '{photometric}' are not read"):
        read_video(path)


# --- how many frames --------------------------------------------------------------------------------------------------


def test_too_little_and_too_much_raw_data_is_counted(tmp_path: Path, prepared: Any, write_dicom: Write) -> None:
    path = write_dicom(tmp_path / "a.dcm", prepared, PixelData=prepared[:4].tobytes())
    with pytest.raises(VideoError, match="declares 10 frames and holds 4: it is cut off"):
        read_video(path)
    path = write_dicom(tmp_path / "a.dcm", prepared, NumberOfFrames=7)
    with pytest.raises(VideoError, match="declares 7 frames and holds 10"):
        read_video(path)
    path = write_dicom(tmp_path / "a.dcm", prepared, PixelData=prepared.tobytes() + bytes(6))
    with pytest.raises(VideoError, match="declares 10 frames and holds 6 bytes more"):
        read_video(path)


@pytest.mark.parametrize("declared", [None, 0])
@pytest.mark.parametrize("compression", [None, RLELossless])
def test_frames_that_are_not_declared_are_counted(
    tmp_path: Path, prepared: Any, write_dicom: Write, compression: str | None, declared: int | None
) -> None:
    path = write_dicom(tmp_path / "a.dcm", prepared, compression=compression)
    dataset = pydicom.dcmread(path)
    if declared is None:
        del dataset.NumberOfFrames
    else:
        dataset.NumberOfFrames = declared
    dataset.save_as(path)
    np.testing.assert_array_equal(read_video(path).frames, prepared)


@pytest.mark.parametrize("name", ["subsampled", "three bytes a pixel labelled subsampled", "RGB labelled subsampled"])
def test_subsampled_frames_that_are_not_declared_are_counted(
    tmp_path: Path, prepared: Any, write_dicom: Write, name: str
) -> None:
    """20 frames of three bytes a pixel are as long as 30 of two."""
    label, make, _ = COLOURS[name]
    grey = np.concatenate([prepared, prepared])
    content = make(grey)
    pixels = content if isinstance(content, bytes) else content.tobytes()
    attributes = {"PhotometricInterpretation": label, "PixelData": pixels, "NumberOfFrames": None}
    np.testing.assert_array_equal(read_video(write_dicom(tmp_path / "a.dcm", rgb(grey), **attributes)).frames, grey)


def test_retired_subsampling_is_named(tmp_path: Path, prepared: Any, write_dicom: Write) -> None:
    attributes = {"PhotometricInterpretation": "YBR_PARTIAL_422", "PixelData": ybr_422(prepared)}
    with pytest.raises(VideoError, match="pixels of kind 'YBR_PARTIAL_422' are not read"):
        read_video(write_dicom(tmp_path / "a.dcm", rgb(prepared), **attributes))


def test_a_table_of_zeros_is_not_needed_where_frames_lie_in_fragments(tmp_path: Path) -> None:
    sound = str(get_testdata_file("examples_ybr_color.dcm"))
    dataset = pydicom.dcmread(sound)
    pictures = list(generate_frames(dataset.PixelData, number_of_frames=30))
    content = encapsulate(pictures, fragments_per_frame=2, has_bot=True)
    for is_wrong in (False, True):
        dataset.PixelData = content[:8] + (bytes(120) if is_wrong else content[8:128]) + content[128:]
        dataset.save_as(tmp_path / "a.dcm")
        video = read_video(tmp_path / "a.dcm")
        assert (OFFSETS_NOTE in video.notes) == is_wrong
        np.testing.assert_array_equal(video.frames, read_video(sound).frames)


@pytest.mark.parametrize("make_table", [lambda table: bytes(len(table)), lambda table: table[4:] + b"\xff" * 4])
def test_a_wrong_table_of_offsets_is_not_needed(tmp_path: Path, make_table: Callable[[bytes], bytes]) -> None:
    sound = str(get_testdata_file("examples_ybr_color.dcm"))
    dataset = pydicom.dcmread(sound)
    pictures = list(generate_frames(dataset.PixelData, number_of_frames=30))
    content = encapsulate(pictures, has_bot=True)
    dataset.PixelData = content[:8] + make_table(content[8:128]) + content[128:]
    assert dataset.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    dataset.save_as(tmp_path / "a.dcm")
    video = read_video(tmp_path / "a.dcm")
    assert OFFSETS_NOTE in video.notes
    np.testing.assert_array_equal(video.frames, read_video(sound).frames)


# --- the ultrasound files of pydicom ----------------------------------------------------------------------------------

STILLS = [
    "JPGLosslessP14SV1_1s_1f_8b.dcm", "OBXXXX1A.dcm", "OBXXXX1A_2frame.dcm", "OBXXXX1A_expb_2frame.dcm",
    "OBXXXX1A_rle_2frame.dcm", "US1_J2KI.dcm", "US1_J2KR.dcm", "US1_UNCI.dcm", "US1_UNCR.dcm", "color-pl.dcm",
    "color-px.dcm", "gdcm-US-ALOKA-16.dcm", "gdcm-US-ALOKA-16_big.dcm", "ExplVR_BigEnd.dcm", "examples_jpeg2k.dcm",
    "examples_palette.dcm", "examples_rgb_color.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_jpeg_gdcm.dcm",
]  # fmt: skip


@pytest.mark.parametrize("name", STILLS)
def test_frames_of_public_files_are_those_of_pydicom(name: str) -> None:
    """All are stills, which `read_video` refuses; their pixels are right to the grey level."""
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is in the package pydicom-data")
    dataset = pydicom.dcmread(str(path))
    decoded = decode(StoredFrames(dataset, name), name)
    expected = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        expected = apply_color_lut(expected, dataset)
        expected = (expected >> 8 if expected.max() > 255 else expected).astype(np.uint8)
    grey = to_grey(expected) if expected.shape[-1] == 3 else expected
    np.testing.assert_array_equal(decoded.frames, grey.reshape(decoded.frames.shape))
    assert decoded.notes == ()
    with pytest.raises(VideoError, match=r"a still: it has one frame|has 2 frames|not ultrasound"):
        read_video(str(path))


# --- large files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["RGB", "YCbCr", "subsampled", "RGB labelled subsampled", "YCbCr labelled RGB"])
def test_pixels_that_are_left_in_a_large_file_are_the_same(
    tmp_path: Path, prepared: Any, write_dicom: Write, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    label, make, notes = COLOURS[name]
    content = make(prepared)
    pixels = content if isinstance(content, bytes) else content.tobytes()
    path = write_dicom(tmp_path / "a.dcm", rgb(prepared), PhotometricInterpretation=label, PixelData=pixels)
    monkeypatch.setattr("coreecho.video.dicom._DEFERRED_BYTES", 1000)
    monkeypatch.setattr(pydicom.Dataset, "__getattr__", refuse_pixels)
    video = read_video(path)
    np.testing.assert_array_equal(video.frames, prepared)
    assert video.notes == notes


plain_attribute = pydicom.Dataset.__getattr__


def refuse_pixels(dataset: pydicom.Dataset, name: str) -> Any:
    """Fail where a file's whole pixels are asked for, as opposed to those of one frame."""
    value = plain_attribute(dataset, name)
    assert name != "PixelData" or len(value) < 64 * 64 * 3 + 2
    return value


def test_large_grey_files_of_16_bits_and_big_endian_are_the_same(
    tmp_path: Path, prepared: Any, write_dicom: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coreecho.video.dicom._DEFERRED_BYTES", 1000)
    deep = write_dicom(tmp_path / "a.dcm", prepared.astype(np.uint16) << 4, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read_video(deep).frames, prepared)
    odd = write_dicom(tmp_path / "b.dcm", np.ascontiguousarray(prepared[:, :63, :61]))
    np.testing.assert_array_equal(read_video(odd).frames[:, 1:62].max(), 255)
    frames, height, width = (int(value) for value in (10, 63, 61))
    assert decode(StoredFrames(pydicom.dcmread(odd), "b"), "b").frames.shape == (frames, height, width)


def test_a_large_compressed_file_is_refused_before_it_is_read(
    tmp_path: Path, prepared: Any, write_dicom: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "a.dcm", prepared, compression=RLELossless)
    monkeypatch.setattr("coreecho.video.dicom._MAX_COMPRESSED_BYTES", 1000)
    with pytest.raises(VideoError, match="MiB of compressed pixels; at most"):
        read_video(path)
