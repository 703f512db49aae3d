"""Every coding of pydicom's own files that is read at all, to the grey level, against what pydicom makes of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_color_lut

from coreecho.errors import UnsuitableError, VideoError
from coreecho.video import read_video
from coreecho.video.dicom_frames import StoredFrames, count_frames
from coreecho.video.dicom_pixels import decode

# Of each kind of 8 bits one that comes with pydicom: grey, RGB, YCbCr, palettes; RLE, JPEG, JPEG-LS, JPEG 2000.
EIGHT_BITS = [
    "SC_rgb_rle.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "SC_rgb_jpeg_app14_dcmd.dcm",
    "JPEGLSNearLossless_08.dcm",
    "examples_palette.dcm",
    "examples_jpeg2k.dcm",
    "examples_rgb_color.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "ExplVR_BigEnd.dcm",
    "examples_ybr_color.dcm",
]


def our_frames(path: str) -> NDArray[np.uint8]:
    """(T, H, W), decoded without asking whether the file is an ultrasound clip."""
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = max(1, count_frames(dataset))
    return decode(StoredFrames(dataset, path, Path(path)), path).frames


def grey_of(dataset: Any) -> NDArray[np.float64]:
    """The grey of a file of 8 bits, by the plain rule: pydicom's colours, and their luma."""
    pixels = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
        pixels = pixels / (257 if pixels.max() > 255 else 1)
    if pixels.shape[-1] == 3:
        pixels = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
    return np.asarray(pixels, dtype=np.float64)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EIGHT_BITS)
def test_every_coding_gives_the_grey_levels_of_its_picture(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None
    found = our_frames(str(path)).astype(np.float64)
    expected = grey_of(pydicom.dcmread(str(path)))
    # Between YCbCr, RGB and luma each step rounds by half a level.
    assert np.abs(found - expected.reshape(found.shape)).max() <= 2.0


@pytest.mark.filterwarnings("ignore")
def test_the_order_of_bytes_changes_no_level() -> None:
    """Signed levels of 16 bits in big-endian files were taken in the wrong order, and the picture was noise."""
    little, big = (our_frames(str(get_testdata_file(name))) for name in ("MR_small.dcm", "MR_small_bigendian.dcm"))
    assert np.ptp(little) > 100
    assert np.array_equal(little, big)


def test_a_clip_cut_off_says_so(tmp_path: Path) -> None:
    content = Path(str(get_testdata_file("examples_ybr_color.dcm"))).read_bytes()
    path = tmp_path / "cut.dcm"
    for length in (len(content) // 2, len(content) - 100):
        path.write_bytes(content[:length])
        with pytest.raises(VideoError, match="cut off: the file ends in the middle of its data") as refused:
            read_video(path)
        # Damage is no reason to leave a clip out in silence.
        assert not isinstance(refused.value, UnsuitableError)


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "CT_small.dcm", "DICOMDIR"])
def test_sound_files_that_are_no_clips_are_told_from_damage(name: str) -> None:
    with pytest.raises(UnsuitableError):
        read_video(str(get_testdata_file(name)))
