"""NIfTI and MetaImage files of any content: read back as written, or refused with a VideoError."""

import contextlib
import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from coreecho.errors import VideoError
from coreecho.video.mhd import read_mhd
from coreecho.video.nifti import read_nifti

CLIPS = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=9))
SAME_FOLDER = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADER = "ObjectType = Image\nNDims = 3\nDimSize = 4 3 5\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"


def nifti_bytes(frames: np.ndarray) -> bytes:
    return bytes(nib.Nifti1Image(np.ascontiguousarray(frames.T), np.eye(4)).to_bytes())


@SAME_FOLDER
@given(frames=CLIPS, is_packed=st.booleans())
def test_nifti_is_read_back(tmp_path: Path, frames: np.ndarray, is_packed: bool) -> None:
    data = nifti_bytes(frames)
    (tmp_path / "clip").write_bytes(gzip.compress(data) if is_packed else data)
    np.testing.assert_array_equal(read_nifti(tmp_path / "clip").frames, frames)


def mutate(data: bytes, changes: list[tuple[int, int]], end: int) -> bytes:
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    return bytes(changed[: len(changed) - end % (len(changed) // 2)])


CHANGES = st.lists(st.tuples(st.integers(0, 347), st.integers(0, 255)), max_size=6)


@SAME_FOLDER
@given(changes=CHANGES, end=st.integers(0, 400), is_packed=st.booleans())
def test_damaged_nifti_is_read_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]], end: int, is_packed: bool
) -> None:
    data = nifti_bytes(np.arange(60, dtype=np.uint8).reshape(5, 3, 4))
    data = gzip.compress(data) if is_packed else data
    (tmp_path / "clip").write_bytes(mutate(data, changes, end))
    with contextlib.suppress(VideoError):
        frames = read_nifti(tmp_path / "clip").frames
        assert frames.ndim == 3
        assert frames.dtype == np.uint8


@SAME_FOLDER
@given(changes=CHANGES, end=st.integers(0, 400))
def test_damaged_metaimage_is_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]], end: int) -> None:
    (tmp_path / "clip.mha").write_bytes(mutate(HEADER.encode() + bytes(range(60)), changes, end))
    with contextlib.suppress(VideoError):
        assert read_mhd(tmp_path / "clip.mha").frames.size in range(1, 61)


@pytest.mark.parametrize(
    "text", [b"", b"=", b"\xff\xfe=\x00", b"ElementDataFile = \x00\n", b"NDims = 3\nDimSize = -1 -1 -1\n"]
)
def test_odd_headers_are_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "clip.mhd").write_bytes(text + HEADER.encode()[:60])
    with pytest.raises(VideoError, match=r"clip\.mhd"):
        read_mhd(tmp_path / "clip.mhd")
