"""Where a DICOM file says that its tissue is, and how far apart its pixels are.

Neither is always true; what is read here is held against the pixels later.
"""

from collections.abc import Sequence
from typing import Any

from pydicom import Dataset

from coreecho.errors import UnsuitableError

# DICOM PS3.3 C.8.5.5.1.1 and C.8.5.5.1.2: a picture in two dimensions of space; tissue in it, as opposed to flow.
_SPATIAL_FORMAT_2D = 1
_DATA_TYPE_TISSUE = 1
# C.8.5.5.1.15: distances in centimetres.
_CENTIMETRES = 3
# Boxes written for a larger screen than the pixels show, e.g. 640 x 480 for a clip that was exported at 320 x 240.
_SCREEN_SCALES = (1, 2, 3, 4)
# Two boxes are the same one, named twice, if they share this much of their union.
_MIN_SAME = 0.8

Box = tuple[slice, slice]
# Top, bottom, left, right; bottom and right excluded.
PixelBox = tuple[int, int, int, int]


def tissue_boxes(instance: Dataset, source: str) -> list[PixelBox]:
    """Boxes (top, bottom, left, right) of the regions that show tissue in two dimensions; each one once."""
    regions: Sequence[Dataset] = instance.get("SequenceOfUltrasoundRegions") or []
    formats = {int(region.get("RegionSpatialFormat") or 0) for region in regions}
    boxes: list[PixelBox] = []
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
        raise UnsuitableError(
            f"{source}: has {len(boxes)} tissue regions, as in biplane or side-by-side recordings. Export one view."
        )
    if not boxes and formats - {0, _SPATIAL_FORMAT_2D, 4}:
        raise UnsuitableError(f"{source}: an M-mode or spectral Doppler recording. Expected a B-mode clip.")
    return boxes


def _overlap(first: PixelBox, second: PixelBox) -> float:
    """Area of the intersection of two boxes over that of their union."""
    height = min(first[1], second[1]) - max(first[0], second[0])
    width = min(first[3], second[3]) - max(first[2], second[2])
    shared = max(height, 0) * max(width, 0)
    areas = [(bottom - top) * (right - left) for top, bottom, left, right in (first, second)]
    return shared / (sum(areas) - shared)


def fitting_region(boxes: list[PixelBox], height: int, width: int, reduction: int = 1) -> Box | None:
    """Rows and columns of the tissue, scaled down by the least whole number that brings the box into the picture.

    Args:
        boxes: as `tissue_boxes` gives them.
        height: rows of the stored picture.
        width: columns of the stored picture.
        reduction: of how many stored pixels along each side one that is read is the mean.
    """
    for top, bottom, left, right in boxes:
        scale = _fitting_scale((top, bottom, left, right), height, width)
        if scale is not None:
            scale *= reduction
            return slice(top // scale, -(-bottom // scale)), slice(left // scale, -(-right // scale))
    return None


def _fitting_scale(box: PixelBox, height: int, width: int) -> int | None:
    """By what a box is to be scaled down to lie in a picture; None where it cannot."""
    scales = (scale for scale in _SCREEN_SCALES if box[1] <= height * scale and box[3] <= width * scale)
    return next(scales, None)


def pixel_mm(instance: Dataset, boxes: list[PixelBox], height: int, width: int) -> tuple[float, float] | None:
    """Height and width of a pixel in mm: by the tissue's scale, else by PixelSpacing; None where the file has neither.

    Args:
        instance: of the clip.
        boxes: as `tissue_boxes` gives them; one that was written for a larger screen has its scale, too.
        height: rows of the stored picture.
        width: columns of the stored picture.
    """
    deltas = _tissue_deltas(instance)
    if deltas is not None:
        scale = next((found for box in boxes if (found := _fitting_scale(box, height, width))), 1)
        return 10 * scale * deltas[0], 10 * scale * deltas[1]
    spacing = instance.get("PixelSpacing")
    if isinstance(spacing, Sequence) and not isinstance(spacing, str) and len(spacing) == 2:
        down, across = (_positive(number) for number in spacing)
        if down and across:
            return down, across
    return None


def _tissue_deltas(instance: Dataset) -> tuple[float, float] | None:
    """Distance of rows and of columns in the region that shows tissue, else in the first in two dimensions, in cm."""
    found: list[tuple[bool, int, float, float]] = []
    for region in instance.get("SequenceOfUltrasoundRegions") or []:
        units = {region.get(f"PhysicalUnits{axis}Direction") for axis in "XY"}
        across, down = (_positive(region.get(f"PhysicalDelta{axis}")) for axis in "XY")
        if region.get("RegionSpatialFormat") == _SPATIAL_FORMAT_2D and units == {_CENTIMETRES} and across and down:
            found.append((region.get("RegionDataType") != _DATA_TYPE_TISSUE, len(found), down, across))
    _, _, down_cm, across_cm = min(found, default=(True, 0, 0.0, 0.0))
    return (down_cm, across_cm) if found else None


def pixel_aspect(instance: Dataset) -> float:
    """Width of a pixel over its height: by the tissue's scale, else by PixelSpacing, else by PixelAspectRatio."""
    deltas = _tissue_deltas(instance)
    if deltas is not None:
        return deltas[1] / deltas[0]
    # Both give what belongs to the rows first.
    for keyword in ("PixelSpacing", "PixelAspectRatio"):
        value = instance.get(keyword)
        if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
            down, across = (_positive(number) for number in value)
            if across and down:
                return across / down
    return 1.0


def _positive(value: Any) -> float | None:
    """A distance that is given, whatever its direction."""
    try:
        number = abs(float(value))
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
