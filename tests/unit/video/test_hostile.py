"""Files made to exhaust their reader: each is refused in bounded time and memory.

All are read by one process of its own, which notes for each what came of it, how long it took, and how far the peak of
its memory rose.
"""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless

from coreecho.video.jpeg_sizes import declared_size

MAX_SECONDS = 10
MAX_GROWTH_MIB = 300

READ = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
from coreecho.errors import VideoError
from coreecho.video import read_video
read_video(sys.argv[1])  # a sound clip: what is imported and allocated once is not counted
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for path in sys.argv[2:]:
    before, start = peak(), time.monotonic()
    try:
        outcome = f"read: {read_video(path).frames.shape}"
    except VideoError as error:
        outcome = f"VideoError: {error}"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    print(json.dumps([path, outcome, time.monotonic() - start, peak() - before]), flush=True)
"""

# Explicit VR, undefined length: (0008,1140) ReferencedImageSequence, and an item in it.
NESTED = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
EMPTY_ITEM = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"


def real_clip(change: Callable[[bytes], bytes]) -> bytes:
    """The real clip of pydicom with its first JPEG picture changed."""
    dataset = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm")))
    pictures = list(generate_frames(dataset.PixelData, number_of_frames=30))
    dataset.PixelData = encapsulate([change(pictures[0]), *pictures[1:]])
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def large_jpeg(picture: bytes) -> bytes:
    place = picture.index(b"\xff\xc0") + 5
    return picture[:place] + struct.pack(">HH", 65_500, 65_500) + picture[place + 4 :]


def large_jpeg2000(picture: bytes) -> bytes:
    """The size of the picture and that of its one tile."""
    side = struct.pack(">II", 60_000, 60_000)
    return picture[:8] + side + picture[16:24] + side + picture[32:]


def large_jpeg_ls(picture: bytes) -> bytes:
    place = picture.index(b"\xff\xf7") + 5
    return picture[:place] + struct.pack(">HH", 60_000, 60_000) + picture[place + 4 :]


def gif(width: int, height: int, num_frames: int, frame_side: int = 1) -> bytes:
    """A GIF whose pictures hold hardly any data."""
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, frame_side, frame_side) + b"\0\x02\x02\x44\x01\0"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6) + num_frames * frame + b"\x3b"


def packed_zeros(head: bytes, num_bytes: int) -> bytes:
    """A gzip file of a head and zeros, of which a MiB is packed once: behind a full flush, a part repeats as it is."""
    packer, zeros = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(2**20)
    start, part = (packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH) for content in (head, zeros))
    num_parts, check = num_bytes // 2**20, zlib.crc32(head)
    for _ in range(num_parts):
        check = zlib.crc32(zeros, check)
    end = struct.pack("<II", check, len(head) + num_bytes)
    return b"\x1f\x8b\x08" + bytes(7) + start + num_parts * part + packer.flush() + end


LARGE_MHA = (
    b"NDims = 3\nDimSize = 1024 1024 256\nElementType = MET_CHAR\nCompressedData = True\nElementDataFile = LOCAL\n"
)


def large_volume() -> bytes:
    """The head of a NIfTI file of 1024 x 1024 x 256 pixels."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int8)
    header.set_data_shape((1024, 1024, 256))
    header["vox_offset"], header["magic"] = 352, b"n+1"
    return bytes(header.binaryblock) + bytes(4)


def h264_of_one_level() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "40"})
        stream.height = stream.width = 1024
        stream.pix_fmt = "yuv420p"
        grey = av.VideoFrame.from_ndarray(np.zeros((1024, 1024, 3), np.uint8), format="rgb24").reformat(
            format="yuv420p"
        )
        for number in range(80):
            grey.pts = number
            container.mux(stream.encode(grey))
        container.mux(stream.encode())
    return file.getvalue()


def tiff_in_a_circle() -> bytes:
    """One page, behind which it comes itself."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(file, "TIFF")
    content = file.getvalue()
    first = int.from_bytes(content[4:8], "little")
    link = first + 2 + 12 * int.from_bytes(content[first : first + 2], "little")
    return content[:link] + content[4:8] + content[link + 4 :]


def hostile_files(write_dicom: Callable[..., Path], folder: Path) -> dict[str, tuple[bytes, str]]:
    """Name, content, and the reason for which each is to be refused."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 64, 64), dtype=np.uint8)
    plain = write_dicom(folder / "plain.dcm", noise).read_bytes()
    modality = plain.index(b"\x08\x00\x60\x00CS")

    def with_header(content: bytes) -> bytes:
        return plain[:modality] + content + plain[modality:]

    def compressed(syntax: str, change: Callable[[bytes], bytes]) -> bytes:
        dataset = pydicom.dcmread(write_dicom(folder / "compressed.dcm", noise, compression=syntax))
        pictures = list(generate_frames(dataset.PixelData, number_of_frames=8))
        dataset.PixelData = encapsulate([*pictures[:7], change(pictures[7])])
        file = io.BytesIO()
        dataset.save_as(file)
        return file.getvalue()

    def of_one_level(syntax: str, side: int, num_frames: int) -> bytes:
        """A clip without a picture, which packs to next to nothing."""
        dataset = pydicom.dcmread(write_dicom(folder / "level.dcm", np.zeros((1, side, side), np.uint8)))
        dataset.compress(syntax, generate_instance_uid=False)
        picture = next(generate_frames(dataset.PixelData, number_of_frames=1))
        dataset.NumberOfFrames = num_frames
        dataset.PixelData = encapsulate(num_frames * [picture])
        file = io.BytesIO()
        dataset.save_as(file)
        return file.getvalue()

    regions = b"\x18\x00\x11\x60SQ\x00\x00" + struct.pack("<I", 80_000) + 10_000 * EMPTY_ITEM
    volume = bytes(nib.Nifti1Image(np.zeros((64, 64, 8), np.uint8), np.eye(4)).to_bytes())
    return {
        "large JPEG in DICOM": (real_clip(large_jpeg), "frame 0 is 65500 x 65500 pixels in 3 channels"),
        "no JPEG in DICOM": (real_clip(lambda _: b"PK\x03\x04" + bytes(500)), "frame 0 is of no known size"),
        "large JPEG 2000": (compressed(JPEG2000Lossless, large_jpeg2000), "frame 7 is 60000 x 60000 pixels"),
        "large JPEG-LS": (compressed(JPEGLSLossless, large_jpeg_ls), "frame 7 is 60000 x 60000 pixels"),
        "deep sequences": (with_header(100_000 * NESTED), "damaged or not well formed"),
        "deep sequences after the pixels": (plain + 100_000 * NESTED, "damaged or not well formed"),
        "a million items": (
            with_header(NESTED[:12] + 1_000_000 * EMPTY_ITEM),
            "more elements than any ultrasound clip",
        ),
        "a million elements": (with_header(1_000_000 * b"\x08\x00\x05\x00CS\x00\x00"), "more elements than any"),
        "ten thousand regions": (plain[: plain.index(b"\x28\x00\x02\x00US")] + regions, "more ultrasound regions"),
        "an element of 4 GiB": (with_header(b"\x08\x00\x06\x00UN\x00\x00\xf0\xff\xff\xff"), ""),
        "a GIF of 65535 x 65535": (gif(65_535, 65_535, 3), "damaged or cut off"),
        "a GIF of 5 GB": (gif(5_000, 5_000, 200), "are 4.7 GiB decoded"),
        "a GIF of 300,000 frames": (gif(120, 120, 300_000), "are 4.0 GiB decoded"),
        "a GIF with large frames": (gif(64, 64, 3, frame_side=65_535), "damaged or cut off"),
        "1 GiB of zeros packed": (packed_zeros(volume, 2**30), "but it holds more"),
        "zeros packed, and not NIfTI": (packed_zeros(b"no header", 2**28), "packed by gzip, and no NIfTI volume"),
        "256 MiB of zeros packed": (packed_zeros(large_volume(), 2**28), "are said to hold 256 MiB of pixels"),
        "256 MiB of zeros in MHA": (LARGE_MHA + zlib.compress(bytes(2**28), 9), "are said to hold 256 MiB of pixels"),
        "JPEG-LS of one level": (of_one_level(JPEGLSLossless, 1024, 900), "are said to hold 900 MiB of pixels"),
        "H.264 of one level": (h264_of_one_level(), "pixels, more than any recording of moving tissue packs"),
        "a GIF of 1 GB": (gif(1024, 1024, 1000), "are said to hold 1,000 MiB of pixels"),
        "an NRRD of 3 GB": (b"NRRD0004\ntype: uchar\nsizes: 1024 1024 3000\nencoding: raw\n\n", "are 2.9 GiB decoded"),
        "a TIFF in a circle": (tiff_in_a_circle(), "follow each other in a circle"),
        "a zip named .avi": (b"PK\x03\x04" + bytes(1000), "a ZIP archive"),
    }


NAMES = [
    "large JPEG in DICOM", "no JPEG in DICOM", "large JPEG 2000", "large JPEG-LS", "deep sequences",
    "deep sequences after the pixels", "a million items", "a million elements", "ten thousand regions",
    "an element of 4 GiB", "a GIF of 65535 x 65535", "a GIF of 5 GB", "a GIF of 300,000 frames",
    "a GIF with large frames", "1 GiB of zeros packed", "zeros packed, and not NIfTI", "256 MiB of zeros packed",
    "256 MiB of zeros in MHA", "JPEG-LS of one level", "H.264 of one level", "a GIF of 1 GB", "an NRRD of 3 GB",
    "a TIFF in a circle", "a zip named .avi",
]  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(write_dicom: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """For each file: the reason expected, what came of it, seconds, and MiB."""
    folder = tmp_path_factory.mktemp("hostile")
    made = hostile_files(write_dicom, folder)
    assert list(made) == NAMES
    paths = []
    for number, (content, _) in enumerate(made.values()):
        paths.append(folder / str(number))
        paths[-1].write_bytes(content)
    sound = str(get_testdata_file("examples_ybr_color.dcm"))
    command = [sys.executable, "-c", READ, sound, *map(str, paths)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=MAX_SECONDS * len(made), check=True)
    lines = map(json.loads, process.stdout.splitlines())
    return {name: (reason, *line[1:]) for (name, (_, reason)), line in zip(made.items(), lines, strict=True)}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_in_bounded_time_and_memory(outcomes: dict[str, Any], name: str) -> None:
    reason, outcome, seconds, growth_mib = outcomes[name]
    assert outcome.startswith(("VideoError: ", "UnsuitableError: "))
    assert reason in outcome
    assert seconds < MAX_SECONDS
    assert growth_mib < MAX_GROWTH_MIB


# --- the size that a picture declares ---------------------------------------------------------------------------------


def test_a_size_is_found_behind_other_markers_and_filling() -> None:
    frame = b"\xff\xc2\x00\x11\x08" + struct.pack(">HH", 240, 320) + b"\x03" + bytes(9)
    comment = b"\xff\xfe\x00\x06" + b"\xff\xc0\x00\x11"
    assert declared_size(b"\xff\xd8" + comment + b"\xff\xff\xff\xdb\x00\x04ab" + frame) == (240, 320, 3)


def test_an_offset_of_jpeg2000_is_taken_off() -> None:
    size = struct.pack(">HHIIII", 47, 0, 70, 50, 6, 2) + bytes(16) + struct.pack(">H", 1)
    assert declared_size(b"\xff\x4f\xff\x51" + size) == (48, 64, 1)


@pytest.mark.parametrize(
    "picture", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\x4f\xff\x51\x00", b"GIF89a", b"\xff\xd8" + bytes(99)]
)
def test_a_picture_that_does_not_say_has_no_size(picture: bytes) -> None:
    assert declared_size(picture) is None


@pytest.mark.parametrize("length", range(2, 60, 3))
def test_a_picture_cut_anywhere_never_fails(length: int) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm")))
    picture = next(generate_frames(dataset.PixelData, number_of_frames=30))
    assert declared_size(picture[:length]) is None
    assert declared_size(picture) == (240, 320, 3)


def test_a_value_that_pydicom_complains_about_is_told_nowhere(tmp_path: Path) -> None:
    sound = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False))).read_bytes()
    number_of_frames = b"\x28\x00\x08\x00IS\x02\x00"
    spoiled = sound.replace(number_of_frames + b"30", number_of_frames + b"Jo")
    assert spoiled != sound
    path = tmp_path / "clip.dcm"
    path.write_bytes(spoiled)
    code = "import sys; from coreecho.video import read_video; read_video(sys.argv[1])"
    shown = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    last = shown.stderr.strip().splitlines()[-1]
    assert "VideoError" in last
    assert "Jo" not in last


# --- clips that are read, however large -------------------------------------------------------------------------------


def test_a_large_recording_is_read_within_a_gigabyte(tmp_path: Path) -> None:
    """An H.264 recording of 210 screens of 1024 x 1280 is 263 MiB of grey levels, and is held at half its size."""
    height, width = 1024, 1280
    rows, columns = np.mgrid[:height, :width]
    fan = (np.hypot(rows - 20, columns - width / 2) < 850) & (abs(columns - width / 2) < 0.7 * (rows - 20))
    rng = np.random.default_rng(0)
    screens = []
    for _ in range(8):
        coarse = rng.integers(30, 255, (height // 16, width // 16), dtype=np.uint8)
        grey = np.where(fan, np.kron(coarse, np.ones((16, 16), np.uint8)), 0).astype(np.uint8)
        screens.append(av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p"))
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=50, options={"preset": "ultrafast", "crf": "35"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(210):
            screen = screens[number % len(screens)]
            screen.pts = number
            container.mux(stream.encode(screen))
        container.mux(stream.encode())
    sound = str(get_testdata_file("examples_ybr_color.dcm"))
    shown = subprocess.run([sys.executable, "-c", READ, sound, str(path)], capture_output=True, text=True, check=True)
    _, outcome, _, growth_mib = json.loads(shown.stdout)
    assert outcome.startswith("read: (210, ")
    assert growth_mib < 450
