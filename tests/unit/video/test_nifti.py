import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from coreecho.errors import VideoError
from coreecho.video.nifti import is_nifti, read_nifti
from coreecho.video.reading import read_video


def clip(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (7, 12, 9), dtype=np.uint8)


def write(path: Path, frames: np.ndarray, dtype: str = "uint8", description: str = "") -> Path:
    """As CAMUS stores it: columns first."""
    image = nib.Nifti1Image(frames.transpose(2, 1, 0).astype(dtype), np.diag([0.308, 0.308, 1.0, 1.0]), dtype=dtype)
    image.header["descrip"] = description
    nib.save(image, path)
    return path


@pytest.mark.parametrize("name", ["clip.nii", "clip.nii.gz"])
def test_frames_come_as_time_rows_columns(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, clip())
    assert is_nifti(path)
    decoded = read_nifti(path)
    np.testing.assert_array_equal(decoded.frames, clip())
    assert decoded.frames.dtype == np.uint8
    assert decoded.fps is None
    assert not decoded.is_phantom


def test_a_still_has_one_frame(tmp_path: Path) -> None:
    still = clip()[0]
    nib.save(nib.Nifti1Image(still.T.copy(), np.eye(4)), tmp_path / "still.nii.gz")
    np.testing.assert_array_equal(read_nifti(tmp_path / "still.nii.gz").frames, still[None])


def test_an_axis_of_length_one_may_stand_between(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(clip().transpose(2, 1, 0)[:, :, None], np.eye(4)), tmp_path / "four.nii")
    np.testing.assert_array_equal(read_nifti(tmp_path / "four.nii").frames, clip())


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_other_types_are_read_where_they_hold_whole_grey_levels(tmp_path: Path, dtype: str) -> None:
    np.testing.assert_array_equal(read_nifti(write(tmp_path / "clip.nii", clip(), dtype)).frames, clip())


def test_values_beyond_grey_levels_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "ct.nii", clip().astype("int16") - 1000, "int16")
    with pytest.raises(VideoError, match=r"ct\.nii: its pixels run from -1000 to .*expected whole grey levels"):
        read_nifti(path)


def test_a_scale_in_the_header_is_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image((clip() // 2).transpose(2, 1, 0), np.eye(4))
    image.header.set_slope_inter(2, 0)
    image.to_filename(tmp_path / "scaled.nii")
    np.testing.assert_array_equal(read_nifti(tmp_path / "scaled.nii").frames, nib_values(tmp_path / "scaled.nii"))


def nib_values(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).get_fdata()).transpose(2, 1, 0)


def test_a_phantom_says_so(tmp_path: Path) -> None:
    assert read_nifti(write(tmp_path / "clip.nii.gz", clip(), description="CoReEcho phantom")).is_phantom


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    for name in ("clip.nii", "clip.nii.gz"):
        path = write(tmp_path / name, clip())
        path.write_bytes(path.read_bytes()[:-60])
        with pytest.raises(VideoError, match=r"clip\.nii.*(cut off|damaged).*Copy the file again"):
            read_nifti(path)


def test_bytes_that_follow_the_pixels_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "long.nii", clip())
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(VideoError, match="are 756 bytes, but it holds more"):
        read_nifti(path)


def test_a_flipped_bit_in_a_compressed_file_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.nii.gz", clip())
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(VideoError, match=r"damaged"):
        read_nifti(path)


def test_huge_dimensions_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "bomb.nii", clip())
    data = bytearray(path.read_bytes())
    data[42:48] = np.array([30000, 30000, 30000], dtype="<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(data)))
    with pytest.raises(VideoError, match=r"bomb\.nii: declares frames of 30000 x 30000"):
        read_nifti(path)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"RIFF" * 200, b"\x1f\x8b" + bytes(600)])
def test_other_files_are_not_nifti(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.nii.gz"
    path.write_bytes(content)
    assert not is_nifti(path)
    with pytest.raises(VideoError, match=r"other\.nii\.gz"):
        read_nifti(path)


def test_read_video_knows_it_by_its_content(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.nii.gz", clip(), description="CoReEcho phantom").rename(tmp_path / "clip.bin")
    video = read_video(path)
    np.testing.assert_array_equal(video.frames, clip())
    assert video.is_phantom
    with pytest.raises(VideoError, match="a still: it has one frame"):
        read_video(write(tmp_path / "still.nii", clip()[:1]))
