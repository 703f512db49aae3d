from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from tests.shared.weights import small_card

from coreecho.models.building import build_model
from coreecho.models.card import TrainedOn
from coreecho.models.echo_model import EchoModel, ModelInput

TRAINED_ON = TrainedOn(
    dataset="echonet",
    is_phantom=False,
    num_recordings=100,
    fps_range=(46.0, 55.0),
    label_range=(0.0, 100.0),
    recipe="tiny",
    epoch=3,
    best_validation=4.5,
)


@pytest.fixture
def model() -> EchoModel:
    """An untrained model whose clips are 4 frames, every 2nd, of 32 pixels; its card says that it was trained."""
    torch.manual_seed(0)
    model_input = ModelInput(num_frames=4, stride=2, frame_size=32)
    model = build_model("uniformer_xs", model_input, last_bias=55.0)
    model.card = small_card(model_input, source="a run", trained_on=TRAINED_ON)
    return model.eval()


@pytest.fixture
def retrain() -> Callable[..., EchoModel]:
    """Change what the card says of the training."""

    def change(model: EchoModel, **changes: object) -> EchoModel:
        assert model.card is not None
        assert model.card.trained_on is not None
        model.card = replace(model.card, trained_on=replace(model.card.trained_on, **changes))
        return model

    return change


@pytest.fixture
def write_clip(tmp_path: Path) -> Callable[..., Path]:
    """Write a Motion-JPEG AVI of a moving blob."""

    def write(name: str, *, num_frames: int = 20, fps: int = 50, size: int = 32, is_phantom: bool = False) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        grid = np.arange(size)
        with av.open(str(path), "w", format="avi") as container:
            if is_phantom:
                container.metadata["comment"] = "CoReEcho phantom"
            stream = container.add_stream("mjpeg", rate=fps)
            stream.width = stream.height = size
            stream.pix_fmt = "yuvj420p"
            for frame in range(num_frames):
                radius = size * (0.3 + 0.1 * np.sin(frame / 3))
                blob = np.hypot(grid[:, None] - size / 2, grid[None] - size / 2) < radius
                picture = np.repeat((200 * blob)[..., None], 3, axis=2).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture
def write_single_frames() -> Callable[..., list[Path]]:
    """Write the frames of a moving disc as DICOM files of one frame each; gives them in the order of the frames."""

    def write(folder: Path, num_frames: int, *, size: int = 64) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        grid = np.arange(size) - size / 2
        files = []
        for number in range(num_frames):
            blob = np.hypot(grid[:, None], grid[None]) < size * (0.3 + 0.1 * np.sin(number / 3))
            meta = FileMetaDataset()
            meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
            meta.MediaStorageSOPInstanceUID = generate_uid()
            meta.TransferSyntaxUID = ExplicitVRLittleEndian
            path = folder / f"IM{number:03d}"
            dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
            dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
            dataset.Modality, dataset.SeriesInstanceUID, dataset.InstanceNumber = "US", "1.2.3.4", number + 1
            dataset.Rows = dataset.Columns = size
            dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
            dataset.BitsAllocated = dataset.BitsStored = 8
            dataset.HighBit, dataset.PixelRepresentation = 7, 0
            dataset.FrameTime = "20"
            dataset.PixelData = (200 * blob).astype(np.uint8).tobytes()
            dataset.save_as(path, enforce_file_format=True)
            files.append(path)
        return files

    return write
