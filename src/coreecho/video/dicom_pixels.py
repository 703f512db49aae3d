"""The pixels of a DICOM clip, whatever their coding, as grey frames of 8 bits.

Frames are decoded one at a time, so a clip in colour never lies in memory as a whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from coreecho.errors import VideoError
from coreecho.video.collecting import FrameCollector
from coreecho.video.colour import ColourLabel, colour_label
from coreecho.video.dicom_frames import Frames, StoredFrames
from coreecho.video.dicom_levels import ToLevels, find_levels, palette

_COLOURS = 3
# Decoders give what JPEG 2000 keeps as YBR_ICT and YBR_RCT as RGB.
_YCBCR = ("YBR_FULL", "YBR_FULL_422")
_RGB = ("RGB", "YBR_ICT", "YBR_RCT")

ToGrey = Callable[[NDArray[Any]], tuple[NDArray[np.uint8], NDArray[np.uint8] | None]]


@dataclass(frozen=True, eq=False)
class DicomFrames:
    """Grey frames (T, H, W), where some frame is coloured in patches (H, W) or None, their reduction, and notes."""

    frames: NDArray[np.uint8]
    coloured: NDArray[np.bool_] | None
    reduction: int = 1
    notes: tuple[str, ...] = ()


def decode_frames(instance: Dataset, source: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Decode all frames of one file. See `decode`."""
    decoded = decode(StoredFrames(instance, source), source)
    return decoded.frames, decoded.coloured


def decode(stored: Frames, source: str) -> DicomFrames:
    """Decode all frames.

    Args:
        stored: the frames, whose size was checked.
        source: the file, for messages.

    Raises:
        VideoError: the pixels are of a kind that is not read, or frames are missing.
        Exception: any that pydicom and its decoders raise on damaged pixels.
    """
    instance = stored.instance
    photometric = str(instance.PhotometricInterpretation)
    to_grey_frame, label_notes, notes = _converter(stored, photometric, source)
    # pydicom gives RGB for all of 8 bits that is stored as YBR: nothing is to be converted again.
    is_raw = bool(label_notes) or photometric not in _YCBCR or int(instance.BitsAllocated) != 8
    collector = FrameCollector(source, int(instance.Rows), int(instance.Columns), len(stored))
    for pixels in stored.all(raw=is_raw):
        grey, rgb = to_grey_frame(pixels)
        collector.add(grey)
        if rgb is not None and collector.wants_colour:
            collector.look_at(rgb)
    coloured = collector.coloured()
    notes = (*stored.notes, *label_notes, *notes, *collector.notes)
    return DicomFrames(collector.frames(), coloured, collector.reduction, notes)


def _label(stored: Frames, levels: ToLevels, photometric: str) -> ColourLabel:
    """Hold the label of the colours against some frames."""
    numbers = sorted({0, len(stored) // 2, len(stored) - 1})
    pictures = [levels(stored.one(number)) for number in numbers]
    is_ycbcr = photometric in _YCBCR
    label = colour_label(pictures, "YCbCr" if is_ycbcr else "RGB")
    # pydicom converts no colours of more than 8 bits.
    is_left = is_ycbcr and not label.is_wrong and int(stored.instance.BitsAllocated) != 8
    return ColourLabel(luma=0) if is_left else label


def _converter(stored: Frames, photometric: str, source: str) -> tuple[ToGrey, tuple[str, ...], tuple[str, ...]]:
    """Choose how a frame becomes grey, and RGB where it has colours; with notes on its colours, and on its levels."""
    instance = stored.instance
    if int(instance.BitsAllocated) not in (8, 16):
        raise VideoError(f"{source}: has {int(instance.BitsAllocated)} bits a pixel; 8 or 16 are read.")
    if photometric == "PALETTE COLOR":
        grey, table = palette(instance)
        return lambda pixels: (grey[pixels], table[pixels]), (), ()
    has_colours = int(instance.SamplesPerPixel) == _COLOURS
    if photometric not in (_YCBCR + _RGB if has_colours else ("MONOCHROME1", "MONOCHROME2")):
        raise VideoError(f"{source}: pixels of kind {photometric!r} are not read.")
    levels, notes = find_levels(instance, stored.one, len(stored), source)
    if not has_colours:
        return lambda pixels: (levels(pixels), None), (), notes
    label = _label(stored, levels, photometric)
    return lambda pixels: (label.to_grey(channels := levels(pixels)), label.to_rgb(channels)), label.notes, notes
