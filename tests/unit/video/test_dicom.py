import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import convert_color_space
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from coreecho.errors import VideoError
from coreecho.video import dicom_frames, limits, read_video
from coreecho.video.colour import to_grey
from coreecho.video.dicom_pixels import decode_frames
from coreecho.video.screen import CROPPED_NOTE, NOT_BELIEVED_NOTE

Draw = Callable[..., Any]
Write = Callable[..., Path]


def box(left: int, top: int, right: int, bottom: int, spatial_format: int = 1, data_type: int = 1) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = spatial_format, data_type
    region.RegionLocationMinX0, region.RegionLocationMinY0 = left, top
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = right, bottom
    return region


# --- the clips that come with pydicom ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def real_clip() -> Path:
    """An apical four-chamber view with its patient's name burned in, in every pydicom wheel (MIT)."""
    return Path(str(get_testdata_file("examples_ybr_color.dcm")))


def test_a_real_clip_is_cropped_to_its_sector(real_clip: Path) -> None:
    video = read_video(real_clip)
    assert video.frames.shape == (30, 256, 256)
    assert video.fps == pytest.approx(30, abs=0.01)
    # The file's region is for 640 x 480 pixels and the picture has 320 x 240: read as half of it, it fits.
    assert video.notes == (CROPPED_NOTE,)
    assert not video.is_phantom
    assert video.frames.std(axis=0)[64:192, 64:192].mean() > 5


def test_the_burned_in_name_is_gone(real_clip: Path) -> None:
    """On the screen the name stands in the upper left, scales on the right, and buttons below."""
    screen = to_grey(pydicom.dcmread(real_clip).pixel_array)
    assert screen[:, :40, :60].max() > 100
    frames = read_video(real_clip).frames
    upper = frames[:, 32:72]  # the sector's box begins at row 32 or later, with the narrow end of the sector
    assert not upper[:, :, :64].any()
    assert not upper[:, :, 192:].any()
    # Text is bright and still. What remains so is nothing.
    is_still = frames.std(axis=0) < 0.001
    assert frames.max(axis=0)[is_still].max() <= 12


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("examples_rgb_color.dcm", "a still: it has one frame"),
        ("examples_palette.dcm", "a still: it has one frame"),
        ("examples_jpeg2k.dcm", "a still: it has one frame"),
        ("CT_small.dcm", "not ultrasound: its modality is 'CT'"),
        ("rtdose.dcm", "not ultrasound: its modality is 'RTDOSE'"),
        ("test-SR.dcm", "not ultrasound: its modality is 'SR'"),
        ("DICOMDIR", "the table of contents of a DICOM medium, which holds no pictures"),
        ("ExplVR_BigEndNoMeta.dcm", "not ultrasound: its modality is 'RTPLAN'"),
        ("emri_small_jpeg_2k_lossless_too_short.dcm", "cut off: the file ends in the middle of its data"),
        ("image_dfl.dcm", "deflated DICOM is not read. Convert it first"),
        ("color-px.dcm", "a still: it has one frame"),
        ("OBXXXX1A_rle_2frame.dcm", "has 2 frames; finding the moving sector takes at least 8"),
    ],
)
def test_what_is_no_clip_is_refused(name: str, reason: str) -> None:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is in the package pydicom-data")
    with pytest.raises(VideoError, match=reason):
        read_video(str(path))


# --- codings ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def screen(draw_screen: Draw) -> Any:
    return draw_screen(num_frames=10)


@pytest.fixture(scope="session")
def expected(screen: Any, write_dicom: Write, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return read_video(write_dicom(tmp_path_factory.mktemp("dicom") / "a.dcm", screen)).frames


@pytest.mark.parametrize("compression", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_lossless_codings_give_the_same_frames(
    tmp_path: Path, screen: Any, expected: Any, write_dicom: Write, compression: str
) -> None:
    path = write_dicom(tmp_path / "a.dcm", screen, compression=compression)
    np.testing.assert_array_equal(read_video(path).frames, expected)


def test_jpeg_lossless_is_decoded() -> None:
    path = get_testdata_file("JPGLosslessP14SV1_1s_1f_8b.dcm", download=False)
    dataset = pydicom.dcmread(str(path))
    dataset.NumberOfFrames = 1
    frames, _ = decode_frames(dataset, "lossless.dcm")
    assert frames.shape == (1, dataset.Rows, dataset.Columns)
    # An ultrasound picture: mostly black, with texts at full white.
    assert np.median(frames) < 30
    assert frames.max() > 200


def test_uncompressed_luminance_and_chrominance(tmp_path: Path, screen: Any, expected: Any, write_dicom: Write) -> None:
    ybr = convert_color_space(screen.copy(), "RGB", "YBR_FULL", per_frame=True)
    path = write_dicom(tmp_path / "ybr.dcm", ybr, PhotometricInterpretation="YBR_FULL")
    found = read_video(path).frames.astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 2


def test_grey_codings_give_the_same_frames(tmp_path: Path, screen: Any, write_dicom: Write) -> None:
    grey = to_grey(screen)
    expected = read_video(write_dicom(tmp_path / "a.dcm", grey)).frames
    inverted = write_dicom(tmp_path / "b.dcm", 255 - grey, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_video(inverted).frames, expected)
    deep = write_dicom(tmp_path / "c.dcm", grey.astype(np.uint16) << 4, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read_video(deep).frames, expected)
    signed = write_dicom(tmp_path / "d.dcm", (grey.astype(np.int16) - 128) << 8, PixelRepresentation=1)
    np.testing.assert_array_equal(read_video(signed).frames, expected)


def test_a_palette_is_looked_up(tmp_path: Path, screen: Any, write_dicom: Write) -> None:
    grey = to_grey(screen)
    expected = read_video(write_dicom(tmp_path / "a.dcm", grey)).frames
    order = np.random.default_rng(0).permutation(256)
    indices = np.argsort(order)[grey].astype(np.uint8)
    for bits, table in ((16, order * 257), (16, order)):  # some tables claim 16 bits and use 8
        data = table.astype("<u2").tobytes()
        palette = {
            f"{name}PaletteColorLookupTable{part}": value
            for name in ("Red", "Green", "Blue")
            for part, value in (("Descriptor", [256, 0, bits]), ("Data", data))
        }
        path = write_dicom(tmp_path / "b.dcm", indices, PhotometricInterpretation="PALETTE COLOR", **palette)
        np.testing.assert_array_equal(read_video(path).frames, expected)


def test_without_preamble_it_is_still_dicom(tmp_path: Path, screen: Any, expected: Any, write_dicom: Write) -> None:
    path = write_dicom(tmp_path / "a.dcm", screen)
    path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read_video(path).frames, expected)


def test_a_coding_that_is_not_named_is_that_by_which_the_file_was_read(
    tmp_path: Path, screen: Any, expected: Any, write_dicom: Write
) -> None:
    content = write_dicom(tmp_path / "a.dcm", screen).read_bytes()
    # The group of the file's own elements begins behind "DICM", and tells its length in its first element.
    length = int.from_bytes(content[140:144], "little")
    path = tmp_path / "b.dcm"
    path.write_bytes(content[144 + length :])
    np.testing.assert_array_equal(read_video(path).frames, expected)
    content = write_dicom(tmp_path / "a.dcm", screen, compression=RLELossless).read_bytes()
    path.write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])
    with pytest.raises(VideoError, match="its pixels are compressed, and it does not say how"):
        read_video(path)


def test_a_coding_without_its_codec_names_the_extra(
    tmp_path: Path, screen: Any, write_dicom: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "a.dcm", screen, compression=JPEGLSLossless)
    monkeypatch.setattr(dicom_frames, "get_decoder", lambda _: type("Bare", (), {"available_plugins": ()}))
    with pytest.raises(VideoError, match=r'JPEG-LS Lossless .* takes a codec: pip install "coreecho\[dicom\]"'):
        read_video(path)


# --- regions ----------------------------------------------------------------------------------------------------------


def test_a_region_that_cuts_the_heart_off_is_not_believed(
    tmp_path: Path, screen: Any, expected: Any, write_dicom: Write
) -> None:
    path = write_dicom(tmp_path / "a.dcm", screen, SequenceOfUltrasoundRegions=[box(0, 0, 90, 60)])
    video = read_video(path)
    assert video.notes == (NOT_BELIEVED_NOTE, CROPPED_NOTE)
    np.testing.assert_array_equal(video.frames, expected)


def test_a_region_for_a_larger_screen_is_scaled(tmp_path: Path, draw_screen: Draw, write_dicom: Write) -> None:
    """With the region, an ECG that crosses the sector's lower end is cut off."""
    frames = draw_screen(num_frames=10)
    regions = [box(2 * 60, 2 * 18, 2 * 260, 2 * 190), box(0, 440, 639, 479, 4, 10)]
    video = read_video(write_dicom(tmp_path / "a.dcm", frames, SequenceOfUltrasoundRegions=regions))
    assert video.notes == (CROPPED_NOTE,)
    content = np.flatnonzero(video.frames.any(axis=(0, 2)))
    # From the apex, in row 20, to the region's end in row 190; the sector would go on to row 200.
    assert 165 <= np.ptp(content) + 1 <= 171


def test_several_tissue_regions_are_refused(tmp_path: Path, screen: Any, write_dicom: Write) -> None:
    regions = [box(0, 20, 150, 200), box(160, 20, 310, 200)]
    path = write_dicom(tmp_path / "a.dcm", screen, SequenceOfUltrasoundRegions=regions)
    with pytest.raises(VideoError, match="has 2 tissue regions, as in biplane"):
        read_video(path)


def test_a_region_named_twice_and_flow_on_it_are_one(tmp_path: Path, screen: Any, write_dicom: Write) -> None:
    regions = [box(50, 18, 270, 203), box(51, 18, 270, 204), box(80, 40, 200, 150, 1, 2), box(0, 0, 20, 100, 0, 13)]
    path = write_dicom(tmp_path / "a.dcm", screen, SequenceOfUltrasoundRegions=regions)
    assert read_video(path).notes == (CROPPED_NOTE,)


def test_an_m_mode_is_refused(tmp_path: Path, screen: Any, write_dicom: Write) -> None:
    path = write_dicom(tmp_path / "a.dcm", screen, SequenceOfUltrasoundRegions=[box(0, 0, 300, 200, 2, 1)])
    with pytest.raises(VideoError, match="an M-mode or spectral Doppler recording"):
        read_video(path)


def test_colour_doppler_is_found_in_the_pixels_and_not_in_the_flag(
    tmp_path: Path, draw_screen: Draw, screen: Any, write_dicom: Write
) -> None:
    flow = draw_screen(num_frames=10, flow_colour=(230, 20, 20))
    with pytest.raises(VideoError, match="as in colour Doppler"):
        read_video(write_dicom(tmp_path / "a.dcm", flow, UltrasoundColorDataPresent=0))
    grey = write_dicom(tmp_path / "b.dcm", screen, UltrasoundColorDataPresent=1)
    assert read_video(grey).notes == (CROPPED_NOTE,)


@pytest.mark.parametrize("name", ["color-px.dcm", "examples_rgb_color.dcm"])
def test_real_colour_doppler_is_refused(tmp_path: Path, write_dicom: Write, name: str) -> None:
    """A heart's colour flow and a lymph node's power Doppler, stills both, whose tissue is made to move here."""
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is in the package pydicom-data")
    still = pydicom.dcmread(str(path)).pixel_array
    height, width = still.shape[:2]
    # Half a screen of still background around what moves, as scanners have it; their texts would move here as well.
    tissue = np.zeros((2 * height, 2 * width, 3), dtype=np.uint8)
    tissue[height // 2 : height // 2 + height, width // 2 : width // 2 + width] = still
    speckle = np.random.default_rng(0).uniform(0.6, 1.0, (12, *tissue.shape[:2], 1))
    with pytest.raises(VideoError, match=r"% of the sector is coloured, as in colour Doppler"):
        read_video(write_dicom(tmp_path / "a.dcm", (tissue * speckle).astype(np.uint8)))
    # The same pictures without their colours are read.
    grey = np.repeat(to_grey(tissue)[..., None], 3, axis=-1)
    assert CROPPED_NOTE in read_video(write_dicom(tmp_path / "grey.dcm", (grey * speckle).astype(np.uint8))).notes


def test_a_prepared_clip_passes_unchanged(tmp_path: Path, smooth_frames: Any, write_dicom: Write) -> None:
    video = read_video(write_dicom(tmp_path / "a.dcm", smooth_frames))
    np.testing.assert_array_equal(video.frames, smooth_frames)
    assert video.notes == ()


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "fps", "note"),
    [
        ({"FrameTime": "20"}, 50.0, None),
        ({"FrameTime": "20", "CineRate": 33}, 50.0, None),
        ({"FrameTime": "0", "CineRate": 33}, 33.0, None),
        ({"FrameTime": None, "FrameTimeVector": ["0"] + 39 * ["25"]}, 40.0, None),
        ({"FrameTime": None, "FrameTimeVector": ["0"] + 39 * ["25"], "CineRate": 33}, 40.0, None),
        ({"FrameTime": None, "FrameTimeVector": ["0", "10", "30"] + 37 * ["20"]}, 50.0, "not evenly spaced"),
        ({"FrameTime": None, "RecommendedDisplayFrameRate": 30}, 30.0, None),
        ({"FrameTime": None}, None, "does not say its frame rate"),
    ],
)
def test_frame_rate(
    tmp_path: Path, smooth_frames: Any, write_dicom: Write, attributes: Any, fps: float | None, note: str | None
) -> None:
    video = read_video(write_dicom(tmp_path / "a.dcm", smooth_frames, **attributes))
    assert video.fps == fps
    assert len(video.notes) == (note is not None)
    assert note is None or note in video.notes[0]


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_a_file_cut_anywhere_is_refused(
    tmp_path: Path, smooth_frames: Any, write_dicom: Write, compression: str | None
) -> None:
    content = write_dicom(tmp_path / "whole.dcm", smooth_frames[:4, :64, :64], compression=compression).read_bytes()
    path = tmp_path / "cut.dcm"
    for length in (*range(1, len(content) - 16, len(content) // 41), len(content) - 16):
        path.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"cut\.dcm: "):
            read_video(path)


def test_a_cut_real_clip_is_refused(tmp_path: Path, real_clip: Path) -> None:
    content = real_clip.read_bytes()
    path = tmp_path / "cut.dcm"
    for length in range(1, len(content), len(content) // 23):
        path.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"cut\.dcm: "):
            read_video(path)


def test_a_cut_frame_is_refused_though_the_file_is_whole(tmp_path: Path, real_clip: Path) -> None:
    """Some decoders fill the missing half of a JPEG picture with grey and say nothing."""
    dataset = pydicom.dcmread(real_clip)
    pictures = list(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=30))
    pictures[7] = pictures[7][: len(pictures[7]) // 2]
    dataset.PixelData = encapsulate(pictures)
    dataset.save_as(tmp_path / "a.dcm")
    with pytest.raises(VideoError, match=r"a\.dcm: this DICOM file is damaged"):
        read_video(tmp_path / "a.dcm")


@pytest.mark.parametrize("declared", [39, 41, 4000])
def test_a_wrong_number_of_frames_is_refused(
    tmp_path: Path, smooth_frames: Any, write_dicom: Write, declared: int
) -> None:
    for compression in (None, RLELossless):
        path = write_dicom(tmp_path / "a.dcm", smooth_frames, compression=compression)
        dataset = pydicom.dcmread(path)
        dataset.NumberOfFrames = declared
        dataset.save_as(path)
        with pytest.raises(VideoError, match=r"a\.dcm: "):
            read_video(path)


def test_huge_dimensions_are_refused_before_decoding(
    tmp_path: Path, smooth_frames: Any, write_dicom: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coreecho.video.dicom.decode", lambda *_: pytest.fail("frames were decoded"))
    path = write_dicom(tmp_path / "a.dcm", smooth_frames, Rows=60000, Columns=60000)
    with pytest.raises(VideoError, match="declares frames of 60000 x 60000 pixels"):
        read_video(path)
    path = write_dicom(tmp_path / "a.dcm", smooth_frames, NumberOfFrames=2_000_000)
    with pytest.raises(VideoError, match=r"2000000 frames of 112 x 112 pixels are 23\.4 GiB decoded"):
        read_video(path)


def test_messages_carry_nothing_of_the_patient(tmp_path: Path, smooth_frames: Any, write_dicom: Write) -> None:
    path = write_dicom(tmp_path / "a.dcm", smooth_frames, Modality="CT", SOPClassUID="1.2.3")
    with pytest.raises(VideoError) as caught:
        read_video(path)
    assert "Doe" not in str(caught.value)


def test_unknown_codings_are_refused(tmp_path: Path, smooth_frames: Any, write_dicom: Write) -> None:
    path = write_dicom(tmp_path / "a.dcm", smooth_frames)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.94"  # JPIP: pixels that lie on a server
    dataset.PixelData = encapsulate([b"http://server"])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    with pytest.raises(VideoError, match=r"its coding, JPIP Referenced, is not read"):
        read_video(path)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.4.94", b"Doe^Jane.1.2.3.4.5.6.7"))
    with pytest.raises(VideoError, match=r"its coding, unknown, is not read"):
        read_video(path)


@pytest.mark.parametrize("compression", [RLELossless, JPEGLSLossless])
def test_a_file_that_keeps_its_decoder_busy_is_given_up(
    tmp_path: Path, screen: Any, write_dicom: Write, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Some JPEG-LS pictures of 500 bytes take seconds each, and a file holds as many as it likes.
    path = write_dicom(tmp_path / "a.dcm", screen, compression=compression)
    clock = itertools.count(step=3.0)
    monkeypatch.setattr(limits, "time", SimpleNamespace(thread_time=lambda: next(clock)))
    with pytest.raises(VideoError, match=r"given up: it was not decoded within 1\d seconds"):
        read_video(path)


def test_levels_of_more_bits_than_there_are_do_not_end_the_program(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("SC_rgb_jpeg_gdcm.dcm", download=False)))
    [picture] = generate_frames(dataset.PixelData, number_of_frames=1)
    start = picture.index(b"\xff\xc3") + 4
    spoiled = picture[:start] + b"\x88" + picture[start + 1 :]
    dataset.NumberOfFrames, dataset.Modality = 8, "US"
    dataset.PixelData = encapsulate([spoiled, *[picture] * 7])
    dataset.save_as(tmp_path / "a.dcm")
    program = "import sys; from coreecho.video import read_video; read_video(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.dcm")], capture_output=True, text=True)
    assert done.returncode == 1, "GDCM died"
    assert "frame 0 has levels of 136 bits, of at most 8" in done.stderr
