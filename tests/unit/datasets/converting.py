"""Clips to be converted, and tables to be read."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from coreecho.video.writing import write_mjpeg_avi


def disc(num_frames: int = 20, size: int = 112, seed: int = 0) -> list[np.ndarray]:
    """A prepared clip: a disc of changing speckle."""
    rng = np.random.default_rng(seed)
    grid = np.arange(size) - size / 2
    inside = np.hypot(grid[:, None], grid[None]) < 0.4 * size
    return [(inside * rng.integers(20, 220, (size, size))).astype(np.uint8) for _ in range(num_frames)]


def real_dicom(path: Path, **attributes: Any) -> Path:
    """The first twelve frames of pydicom's real clip, whose pixels show a name, with a patient's data in its header."""
    dataset = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm")))
    frames = list(generate_frames(dataset.PixelData, number_of_frames=30))[:12]
    dataset.PixelData = encapsulate(frames)
    dataset.NumberOfFrames = 12
    dataset.PatientName = "Ziegelbart^Hildegunde"
    dataset.PatientID = "PAT-77341"
    dataset.PatientBirthDate = "19341127"
    dataset.StudyInstanceUID = "1.2.826.0.1.9988776655"
    dataset.InstitutionName = "Sanatorium Quackenbrueck"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def clips_of_three_patients(folder: Path) -> Path:
    """Four prepared clips in folders of three patients."""
    for number, name in enumerate(("a/1.avi", "a/2.avi", "b/1.avi", "c/1.avi")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_mjpeg_avi(folder / name, disc(seed=number), 50.0 if number else 25.0)
    (folder / "notes.txt").write_text("beside the clips")
    return folder
