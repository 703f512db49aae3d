import zlib
from pathlib import Path

import numpy as np
import pytest

from coreecho.errors import VideoError
from coreecho.video.mhd import is_mhd, read_mhd
from coreecho.video.reading import read_video


def clip() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 12, 9), dtype=np.uint8)


def write(folder: Path, frames: np.ndarray, data: bytes | None = None, **fields: str) -> Path:
    """The header as CAMUS writes it, changed by `fields`, and its pixels."""
    header = {
        "ObjectType": "Image",
        "NDims": str(frames.ndim),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "ElementSpacing": "0.154 0.308 1",
        "DimSize": " ".join(str(length) for length in reversed(frames.shape)),
        "ElementType": "MET_UCHAR",
        "ElementDataFile": "clip.raw",
    } | fields
    header["ElementDataFile"] = header.pop("ElementDataFile")
    text = "".join(f"{key} = {value}\n" for key, value in header.items())
    (folder / "clip.mhd").write_text(text)
    (folder / "clip.raw").write_bytes(frames.tobytes() if data is None else data)
    return folder / "clip.mhd"


def test_frames_come_as_time_rows_columns(tmp_path: Path) -> None:
    path = write(tmp_path, clip())
    assert is_mhd(path)
    np.testing.assert_array_equal(read_mhd(path).frames, clip())


def test_a_still_has_one_frame(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_mhd(write(tmp_path, clip()[0])).frames, clip()[:1])


@pytest.mark.parametrize(("order", "is_big"), [("<", "False"), (">", "True")])
def test_both_byte_orders_are_read(tmp_path: Path, order: str, is_big: str) -> None:
    data = clip().astype(f"{order}i2").tobytes()
    path = write(tmp_path, clip(), data, ElementType="MET_SHORT", BinaryDataByteOrderMSB=is_big)
    np.testing.assert_array_equal(read_mhd(path).frames, clip())


def test_compressed_pixels_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, clip(), zlib.compress(clip().tobytes()), CompressedData="True")
    np.testing.assert_array_equal(read_mhd(path).frames, clip())


def test_pixels_may_follow_the_header(tmp_path: Path) -> None:
    path = write(tmp_path, clip(), ElementDataFile="LOCAL")
    path.write_bytes(path.read_bytes() + clip().tobytes())
    np.testing.assert_array_equal(read_mhd(path).frames, clip())


@pytest.mark.parametrize("size", ["16", "-1"])
def test_bytes_before_the_pixels_are_skipped(tmp_path: Path, size: str) -> None:
    path = write(tmp_path, clip(), bytes(16) + clip().tobytes(), HeaderSize=size)
    np.testing.assert_array_equal(read_mhd(path).frames, clip())


def test_a_phantom_says_so(tmp_path: Path) -> None:
    assert read_mhd(write(tmp_path, clip(), Comment="CoReEcho phantom")).is_phantom


@pytest.mark.parametrize(("change", "found"), [(-1, "only 755"), (1, "more")])
def test_the_bytes_must_be_as_many_as_the_header_says(tmp_path: Path, change: int, found: str) -> None:
    data = (clip().tobytes() + b"x")[: 756 + change]
    with pytest.raises(VideoError, match=rf"DimSize 9 12 7 of MET_UCHAR are 756 bytes, but clip\.raw holds {found}"):
        read_mhd(write(tmp_path, clip(), data))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path, clip(), zlib.compress(bytes(10**7)), CompressedData="True")
    with pytest.raises(VideoError, match="holds more"):
        read_mhd(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"DimSize": "9 12"}, "NDims 3 and 2 sizes; expected an Image"),
        ({"DimSize": "nine 12 7"}, "no whole numbers for NDims and DimSize"),
        ({"DimSize": "0 12 7"}, "at least one pixel along each axis"),
        ({"DimSize": "99999 99999 7"}, "declares frames of 99999 x 99999"),
        ({"ElementType": "MET_STRING"}, "ElementType 'MET_STRING'; known are MET_CHAR"),
        ({"ElementDataFile": "../../etc/passwd"}, "expected a file in the same folder"),
        ({"ElementDataFile": "gone.raw"}, r"should lie in 'gone\.raw', which is missing"),
        ({"ElementNumberOfChannels": "three"}, "ElementNumberOfChannels = 'three'; expected a whole number"),
        ({"ElementNumberOfChannels": "3"}, "expected one channel"),
        # Whatever stands in a header is not quoted whole: it may be of a patient.
        ({"ElementType": "x" * 90}, r"ElementType 'x{24}\.\.\.';"),
        ({"ElementDataFile": "/" + "x" * 900}, r"is '/x{79}\.\.\.';"),
        ({"CompressedData": "True"}, "compressed pixels cannot be unpacked"),
    ],
)
def test_wrong_headers_are_refused(tmp_path: Path, fields: dict[str, str], message: str) -> None:
    with pytest.raises(VideoError, match=message):
        read_mhd(write(tmp_path, clip(), **fields))


def test_a_header_without_an_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mhd"
    path.write_text("ObjectType = Image\nNDims = 3\n")
    with pytest.raises(VideoError, match="no ElementDataFile"):
        read_mhd(path)
    with pytest.raises(VideoError, match=r"gone\.mhd: cannot be read"):
        read_mhd(tmp_path / "gone.mhd")


def test_read_video_knows_it_by_its_content(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_video(write(tmp_path, clip())).frames, clip())
