"""Clips made for the tests of reading: their files, and the screens of scanners that never were."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy import ndimage

from coreecho.video import read_video, video_file
from coreecho.video.video import Video

Frames = NDArray[np.uint8]


@pytest.fixture(scope="session")
def smooth_frames() -> Frames:
    """Forty frames of 112 x 112 that vary slowly in space and time, so that codecs keep them well."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).random((40, 112, 112)), (2, 4, 4))
    return np.interp(noise, (noise.min(), noise.max()), (0, 255)).astype(np.uint8)


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    """Write frames (T, H, W) or (T, H, W, 3) as a video file; Motion-JPEG in AVI where nothing else is said."""

    def write(
        path: Path,
        frames: Frames,
        *,
        fps: int = 50,
        container: str = "avi",
        codec: str = "mjpeg",
        pixel_format: str = "yuvj420p",
        comment: str | None = None,
        options: Mapping[str, str] | None = None,
        container_options: Mapping[str, str] | None = None,
    ) -> Path:
        with av.open(str(path), "w", format=container, options=dict(container_options or {})) as file:
            if comment is not None:
                file.metadata["comment"] = comment
            stream = file.add_stream(codec, rate=fps, options=dict(options or {}))
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = pixel_format
            for frame in frames:
                rgb = np.repeat(frame[..., None], 3, axis=-1) if frame.ndim == 2 else frame
                file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
            file.mux(stream.encode())
        return path

    return write


@pytest.fixture(scope="session")
def draw_screen() -> Callable[..., Frames]:
    """Draw a scanner's screen, (T, 240, 320, 3): a grey sector of changing speckle, and what lies around it."""

    def draw(
        *,
        num_frames: int = 12,
        apexes: tuple[tuple[int, int], ...] = ((160, 20),),
        radius: int = 180,
        has_text: bool = True,
        has_ecg: bool = False,
        flow_colour: tuple[int, int, int] | None = None,
        seed: int = 0,
    ) -> Frames:
        rng = np.random.default_rng(seed)
        height, width = 240, 320
        sector = np.zeros((height, width), dtype=bool)
        for apex in apexes:
            picture = Image.new("1", (width, height))
            box = (apex[0] - radius, apex[1] - radius, apex[0] + radius, apex[1] + radius)
            ImageDraw.Draw(picture).pieslice(box, 55, 125, fill=1)
            sector |= np.asarray(picture)
        base = Image.new("RGB", (width, height))
        if has_text:
            pen = ImageDraw.Draw(base)
            pen.text((4, 4), "DOE JANE 01/02/1960", fill=(255, 255, 255))
            pen.text((280, 30), "MI 0.9", fill=(80, 200, 160))
            for tick in range(20, 220, 20):
                pen.line((312, tick, 318, tick), fill=(255, 160, 0))
        frames = np.repeat(np.asarray(base)[None], num_frames, axis=0).copy()
        for index, frame in enumerate(frames):
            speckle = ndimage.gaussian_filter(rng.random((height, width)), 1.0)
            grey = np.interp(speckle, (0.3, 0.7), (10, 200)).astype(np.uint8)
            frame[sector] = grey[sector][:, None]
            if has_ecg:
                trace = Image.fromarray(frame)
                points = [(x, 225 + (-12 if (x + 7 * index) % 60 < 6 else 0)) for x in range(20, 300, 2)]
                ImageDraw.Draw(trace).line(points, fill=(0, 255, 0), width=1)
                frame[:] = np.asarray(trace)
            if flow_colour is not None:
                frame[90 + index : 130 + index, 140:175] = flow_colour
        return frames

    return draw


@pytest.fixture(scope="session")
def write_dicom() -> Callable[..., Path]:
    """Write frames (T, H, W) or (T, H, W, 3) as an ultrasound multi-frame DICOM file, with attributes as given."""

    def write(path: Path, frames: NDArray[Any], *, compression: str | None = None, **attributes: Any) -> Path:
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        dataset.SOPClassUID = meta.MediaStorageSOPClassUID
        dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        dataset.Modality = "US"
        dataset.PatientName = "Doe^Jane"
        dataset.NumberOfFrames = len(frames)
        dataset.Rows, dataset.Columns = frames.shape[1:3]
        dataset.SamplesPerPixel = 1 if frames.ndim == 3 else 3
        dataset.PhotometricInterpretation = "MONOCHROME2" if frames.ndim == 3 else "RGB"
        if frames.ndim == 4:
            dataset.PlanarConfiguration = 0
        dataset.BitsAllocated = 8 * frames.dtype.itemsize
        dataset.BitsStored = dataset.BitsAllocated
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = 0
        dataset.FrameTime = "20"
        dataset.PixelData = frames.tobytes()
        for keyword, value in attributes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        if compression is not None:
            dataset.compress(compression, generate_instance_uid=False)
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Ten arrays of 5 to 14 frames of 16 x 16, each of its own content."""
    folder = tmp_path / "videos"
    folder.mkdir()
    made = {}
    for index in range(10):
        frames = np.random.default_rng(index).integers(0, 256, (5 + index, 16, 16), dtype=np.uint8)
        np.save(folder / f"{index}.npy", frames)
        made[f"recording-{index}"] = folder / f"{index}.npy"
    return made


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are decoded, in their order."""
    names: list[str] = []

    def record(path: Path) -> Video:
        names.append(Path(path).name)
        return read_video(path)

    monkeypatch.setattr(video_file, "read_video", record)
    return names
