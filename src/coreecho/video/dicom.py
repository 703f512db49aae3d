"""DICOM clips: what may be read, what must be refused, and where the sector and the frame rate are said to be.

What scanners write is not always true; the comments say which claims are believed and which are checked against the
pixels. Nothing of the patient's data is read, and no message or note carries any.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.uid import DeflatedExplicitVRLittleEndian

from coreecho.errors import VideoError
from coreecho.video.decoded import Decoded, is_screen
from coreecho.video.dicom_pixels import decode_frames
from coreecho.video.dicom_video import decode_video, is_video
from coreecho.video.limits import check_size
from coreecho.video.screen import crop_to_sector
from coreecho.video.video import Video

# pydicom's warnings quote the values that they complain about, which may name a patient.
warnings.filterwarnings("ignore", module=r"pydicom\.")

# DICOM PS3.3 C.8.5.5.1.1 and C.8.5.5.1.2: a picture in two dimensions of space; tissue in it, as opposed to flow.
_SPATIAL_FORMAT_2D = 1
_DATA_TYPE_TISSUE = 1
# Boxes written for a larger screen than the pixels show, e.g. 640 x 480 for a clip that was exported at 320 x 240.
_SCREEN_SCALES = (1, 2, 3, 4)
# Two boxes are the same one, named twice, if they share this much of their union.
_MIN_SAME = 0.8
_MAX_FRAME_TIME_SPREAD = 0.1
# The group of a DICOM file that names its coding comes first and is far smaller.
_HEAD_BYTES = 4096
# The head of an element or of a sequence's item: tag, representation, length.
_MAX_HEAD_BYTES = 12
# Clips have some hundred elements, with a scanner's private ones some thousand; this many are read in seconds.
_MAX_HEADS = 100_000
# A region takes about 500 bytes.
_MAX_REGION_BYTES = 64 * 1024

Box = tuple[slice, slice]


def read_dicom(path: Path, source: str) -> Video:
    """Read an ultrasound clip from a DICOM file, cropped to its sector.

    Args:
        path: the file.
        source: the path as it was given, for messages.

    Raises:
        VideoError: damaged, not ultrasound, a still, colour Doppler, several sectors, none, or a codec is missing.
    """
    try:
        decoded, region, notes = _decode(path, source)
    except VideoError:
        raise
    # pydicom converts values when they are first looked at, and a damaged or hostile file can make that, and the
    # codecs, end in nearly any exception. Only its kind is told: its text may quote a value, such as a patient's name.
    except Exception as error:
        raise VideoError(
            f"{source}: this DICOM file is damaged or not well formed ({type(error).__name__}). "
            "Export it again from the archive or the scanner."
        ) from error
    if not is_screen(*decoded.frames.shape[1:]):
        return Video(decoded.frames, decoded.fps, source, notes=notes)
    return crop_to_sector(decoded, source, notes=notes, region=region)


def _decode(path: Path, source: str) -> tuple[Decoded, Box | None, tuple[str, ...]]:
    """Decode a file that may be read: its frames, where it says its tissue is, and what is to be said of it."""
    dataset = _open(path, source)
    _refuse_no_clip(dataset, source)
    boxes = _tissue_boxes(dataset, source)
    num_frames, height, width = int(dataset.NumberOfFrames), int(dataset.Rows), int(dataset.Columns)
    check_size(source, num_frames, height, width)
    fps, notes = _frame_rate(dataset)
    frames, coloured = decode_video(dataset, source) if is_video(dataset) else decode_frames(dataset, source)
    return Decoded(frames, fps, coloured), _region(boxes, height, width), notes


def _open(path: Path, source: str) -> Dataset:
    # An inflated file may be a thousand times larger than it was, and no scanner writes clips so.
    with path.open("rb") as file:
        is_deflated = DeflatedExplicitVRLittleEndian.encode() in file.read(_HEAD_BYTES)
    if is_deflated:
        raise VideoError(f"{source}: deflated DICOM is not read. Convert it first: dcmconv +te IN OUT (DCMTK).")
    # force: some archives leave out the 128 bytes before "DICM"; that it is DICOM was found by its first elements.
    with _CountedFile(io.FileIO(path), source) as file:
        dataset = pydicom.dcmread(file, force=True)
    # Read when it is looked at, and so not counted.
    regions = dataset.get_item("SequenceOfUltrasoundRegions")
    if isinstance(regions, RawDataElement) and len(regions.value or b"") > _MAX_REGION_BYTES:
        raise VideoError(f"{source}: declares more ultrasound regions than a screen can have. The file is damaged.")
    return dataset


class _CountedFile(io.BufferedReader):
    """A file that counts the heads of elements read from it: a million empty ones fit into 8 MB and take a minute."""

    def __init__(self, file: io.FileIO, source: str) -> None:
        super().__init__(file)
        self._source = source
        self._num_heads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and 0 <= size <= _MAX_HEAD_BYTES:
            self._num_heads += 1
            if self._num_heads > _MAX_HEADS:
                raise VideoError(
                    f"{self._source}: has more elements than any ultrasound clip. The file is damaged, or made to "
                    "keep its reader busy."
                )
        return super().read(size)


def _refuse_no_clip(dataset: Dataset, source: str) -> None:
    is_ultrasound = dataset.get("Modality") == "US" or "Ultrasound" in _sop_class_name(dataset)
    if not is_ultrasound:
        if "Modality" not in dataset:
            raise VideoError(
                f"{source}: names no modality: it is cut off, or not ultrasound. Expected an ultrasound clip."
            )
        modality = str(dataset.Modality)[:16]
        raise VideoError(f"{source}: not ultrasound: its modality is {modality!r}. Expected an ultrasound clip.")
    if "PixelData" not in dataset:
        raise VideoError(f"{source}: holds no pixel data: it is cut off, or a report. Export the clip again.")
    if int(dataset.get("NumberOfFrames") or 1) < 2:
        raise VideoError(f"{source}: a still: it has one frame. An EF takes a clip of a beating heart.")


def _sop_class_name(dataset: Dataset) -> str:
    uid = dataset.get("SOPClassUID")
    return str(uid.name) if isinstance(uid, pydicom.uid.UID) else ""


def _tissue_boxes(dataset: Dataset, source: str) -> list[tuple[int, int, int, int]]:
    """Boxes (top, bottom, left, right) of the regions that show tissue in two dimensions; each one once."""
    regions: Sequence[Dataset] = dataset.get("SequenceOfUltrasoundRegions") or []
    formats = {int(region.get("RegionSpatialFormat") or 0) for region in regions}
    boxes: list[tuple[int, int, int, int]] = []
    for region in regions:
        is_tissue = region.get("RegionDataType") == _DATA_TYPE_TISSUE
        if not is_tissue or region.get("RegionSpatialFormat") != _SPATIAL_FORMAT_2D:
            continue
        left, right = int(region.RegionLocationMinX0), int(region.RegionLocationMaxX1) + 1
        top, bottom = int(region.RegionLocationMinY0), int(region.RegionLocationMaxY1) + 1
        box = (top, bottom, left, right)
        if 0 <= left < right and 0 <= top < bottom and not any(_overlap(box, other) > _MIN_SAME for other in boxes):
            boxes.append(box)
    if len(boxes) > 1:
        raise VideoError(
            f"{source}: has {len(boxes)} tissue regions, as in biplane or side-by-side recordings. Export one view."
        )
    if not boxes and formats - {0, _SPATIAL_FORMAT_2D, 4}:
        raise VideoError(f"{source}: an M-mode or spectral Doppler recording. Expected a B-mode clip.")
    return boxes


def _overlap(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> float:
    """Area of the intersection of two boxes over that of their union."""
    height = min(first[1], second[1]) - max(first[0], second[0])
    width = min(first[3], second[3]) - max(first[2], second[2])
    shared = max(height, 0) * max(width, 0)
    areas = [(bottom - top) * (right - left) for top, bottom, left, right in (first, second)]
    return shared / (sum(areas) - shared)


def _region(boxes: list[tuple[int, int, int, int]], height: int, width: int) -> Box | None:
    """Rows and columns of the tissue, scaled down by the least whole number that brings the box into the picture."""
    for top, bottom, left, right in boxes:
        for scale in _SCREEN_SCALES:
            if bottom <= height * scale and right <= width * scale:
                return slice(top // scale, -(-bottom // scale)), slice(left // scale, -(-right // scale))
    return None


def _frame_rate(dataset: Dataset) -> tuple[float | None, tuple[str, ...]]:
    """Frames per second, and what is to be said of it: FrameTime, else FrameTimeVector, else the rates."""
    frame_time_ms = _positive(dataset.get("FrameTime"))
    if frame_time_ms is not None:
        return 1000 / frame_time_ms, ()
    # The first value of the vector belongs to the first frame and is 0; a vector of one value is no sequence.
    vector = dataset.get("FrameTimeVector")
    if isinstance(vector, Sequence) and not isinstance(vector, str) and len(vector) > 1:
        steps = np.array([float(step) for step in vector[1:]])
        if np.isfinite(steps).all() and steps.min() > 0:
            is_even = np.ptp(steps) <= _MAX_FRAME_TIME_SPREAD * steps.mean()
            notes = () if is_even else ("its frames are not evenly spaced in time; their mean rate is used",)
            return float(1000 / steps.mean()), notes
    rates = (_positive(dataset.get(keyword)) for keyword in ("CineRate", "RecommendedDisplayFrameRate"))
    fps = next((rate for rate in rates if rate is not None), None)
    return fps, () if fps is not None else ("the file does not say its frame rate",)


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
