"""Whatever the bytes, reading ends in a Video or in a VideoError."""

import contextlib
import functools
import gzip
import io
import tempfile
import warnings
from pathlib import Path

import av
import numpy as np
import pydicom
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file

from coreecho.errors import DatasetError, VideoError
from coreecho.video import Video, read_start_index, read_video

MAGIC = [
    b"RIFF\xff\x00\x00\x00AVI LIST",
    b"\x00\x00\x00\x20ftypisom",
    b"\x00\x00\x00\x08moov",
    b"GIF89a\x08\x00\x08\x00\x80\x00\x00",
    b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', ",
    bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00",
    b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100",
]


def read_or_refuse(content: bytes) -> Video | None:
    """Read the bytes as a file; every end but a Video and a VideoError is a failure."""
    with tempfile.NamedTemporaryFile() as file, contextlib.suppress(VideoError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of what is odd before it fails
        Path(file.name).write_bytes(content)
        video = read_video(file.name)
        assert video.frames.dtype == np.uint8
        assert len(video.frames) >= 2
        return video
    return None


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(MAGIC), st.binary(max_size=400))
@example(MAGIC[4], b"'fortran_order': False, 'shape': (99999999999999999999, 9, 9), }")
@example(MAGIC[5], b"\x00\x00\x00\x00" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff" * 40)
def test_random_bytes_behind_a_right_beginning(magic: bytes, rest: bytes) -> None:
    read_or_refuse(magic + rest)


def avi_content() -> bytes:
    file = io.BytesIO()
    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    with av.open(file, "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.height = stream.width = 32
        stream.pix_fmt = "yuvj420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def mp4_content() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height = stream.width = 32
        stream.pix_fmt = "yuv420p"
        for level in range(0, 250, 50):
            picture = np.full((32, 32, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def gif_content() -> bytes:
    file = io.BytesIO()
    pictures = [Image.effect_noise((32, 32), 60) for _ in range(4)]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=40)
    return file.getvalue()


def npy_content() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((4, 32, 32), np.uint8))
    return file.getvalue()


def pictures(kind: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.effect_noise((32, 32), 60) for _ in range(4)]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=40)
    return file.getvalue()


def npz_content() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, frames=np.random.default_rng(0).integers(0, 256, (4, 32, 32), dtype=np.uint8), fps=50)
    return file.getvalue()


def nrrd_content() -> bytes:
    header = b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 32 32 4\nencoding: gzip\n\n"
    return header + gzip.compress(np.random.default_rng(0).bytes(4096))


def container_content(container: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=30)
        stream.height = stream.width = 32
        stream.pix_fmt = "yuv420p"
        for level in range(50, 250, 50):
            picture = np.full((32, 32, 3), level, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def dicom_content() -> bytes:
    """The first eight frames of the real clip, so that mutations fall on its header as often as on its pixels."""
    dataset = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm")))
    frames = list(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=30))[:8]
    dataset.PixelData = pydicom.encaps.encapsulate(frames)
    dataset.NumberOfFrames = 8
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


MAKERS = {
    "avi": avi_content,
    "mp4": mp4_content,
    "gif": gif_content,
    "npy": npy_content,
    "dicom": dicom_content,
    "webp": lambda: pictures("WEBP"),
    "png": lambda: pictures("PNG"),
    "tiff": lambda: pictures("TIFF"),
    "npz": npz_content,
    "nrrd": nrrd_content,
    "mkv": lambda: container_content("matroska", "mpeg4"),
    "wmv": lambda: container_content("asf", "wmv2"),
}


@functools.cache
def real_file(kind: str) -> bytes:
    return MAKERS[kind]()


@pytest.mark.parametrize("kind", MAKERS)
def test_the_files_are_read_before_they_are_spoiled(kind: str) -> None:
    assert read_or_refuse(real_file(kind)) is not None


@settings(deadline=None, max_examples=40)
@given(st.data())
@pytest.mark.parametrize("kind", MAKERS)
def test_real_files_with_bytes_changed_left_out_or_doubled(kind: str, data: st.DataObject) -> None:
    content = bytearray(real_file(kind))
    # Most of what can go wrong goes wrong in the first kilobyte, where the headers are.
    places = st.one_of(st.integers(0, min(1000, len(content) - 1)), st.integers(0, len(content) - 1))
    for _ in range(data.draw(st.integers(1, 4))):
        place = min(data.draw(places), len(content))
        length = data.draw(st.integers(0, 8))
        content[place : place + length] = data.draw(st.one_of(st.just(b"\xff" * length), st.binary(max_size=8)))
    read_or_refuse(bytes(content))


@settings(deadline=None, max_examples=100)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda rest: b"\x80\x04" + rest)))
def test_random_bytes_are_no_start_index(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        with contextlib.suppress(DatasetError):
            read_start_index(file.name)
