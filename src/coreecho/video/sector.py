"""Finds the ultrasound sector on a scanner's screen, by what moves and by its shape.

Around the sector a screen shows names, dates, scales and a heart rate, which must never reach a preview, a log or a
network. Flags in the file do not tell where (a missing BurnedInAnnotation proves nothing), but time does: speckle
changes from frame to frame and text does not. A sector is convex, so the hull of what moves also covers its dark parts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from coreecho.errors import UnsuitableError
from coreecho.video.sector_shape import has_two_tips, nearest_sector

# Motion cannot be told from chance on fewer frames; a heart beat has more than this at any frame rate in use.
MIN_FRAMES = 8
# Enough to see all speckle change at least once; more costs time and finds the same.
_MAX_FRAMES = 64
# Grey levels. Still pixels have a standard deviation below 0.001 in files that code each frame by itself, and a little
# more in MP4, where the still part of the screen, a tenth of it at least, gives its own noise level.
_MIN_DEVIATION = 0.5
_MAX_DEVIATION = 8.0
_DEVIATION_OF_STILL = 4.0
_PERCENT_STILL = 10
# Openings, as shares of the shorter side, from the size of letters to that of an ECG band that touches the sector.
_OPENINGS = (0.01, 0.03, 0.06, 0.1)
# Share of its convex hull that a sector fills; two sectors that touch, or one with an ECG band on, fill less.
_MIN_SOLIDITY = 0.88
# More than that is convex: nothing hangs on it. What is opened keeps most of its area; around the sector that it then
# is most like, so wide a rim (as a share of the shorter side) is its own; and a tail takes at least such a share along.
_FULL_SOLIDITY = 0.97
_MOST = 0.75
_BESIDE = 0.01
_MIN_TAIL = 0.05
_MIN_KEPT = 0.5
_MIN_AREA = 0.04
_MAX_AREA = 0.97
# A second moving part this large beside the first is another sector, not an ECG.
_MIN_SECOND_AREA = 0.5
# Share of the motion that a region named by the file has to hold to be believed.
_MIN_INSIDE = 0.6
# Grey levels of a background that a scanner calls black.
_MAX_STILL_LEVEL = 24
# Deviation of a label, as a share of its brightness; how near to the border it is, as a share of the shorter side.
_DEVIATION_OF_LABEL = 0.03
_BORDER = 0.03
# Tissue that hardly changes, such as a pericardium at full white, is told from a label: it is thicker than a letter's
# stroke (half of its width, as a share of the shorter side), it is even (letters on a bright box are not), and much of
# its edge meets what moves.
_MIN_THICKNESS, _MIN_THICK_PIXELS = 0.015, 3.0
_MAX_UNEVEN = 0.02
_UNEVEN_LEVEL = 0.6
_MIN_MEETING = 0.3


@dataclass(frozen=True, eq=False)
class Sector:
    """Where the sector lies: `mask` (H, W), and the box around it, `bottom` and `right` excluded, in pixels."""

    mask: NDArray[np.bool_]
    top: int
    bottom: int
    left: int
    right: int


def find_sector(
    frames: NDArray[np.uint8], source: str = "clip", region: tuple[slice, slice] | None = None
) -> tuple[Sector, bool]:
    """Find the one sector that moves.

    Args:
        frames: (T, H, W) uint8.
        source: the file, for messages.
        region: rows and columns in which the file says that the sector lies.

    Returns:
        The sector, and whether the region was believed: one outside which most of the motion lies is not.

    Raises:
        VideoError: too few frames, nothing moves, everything moves, or two sectors move.
    """
    if len(frames) < MIN_FRAMES:
        raise UnsuitableError(
            f"{source}: has {len(frames)} frames; finding the moving sector takes at least {MIN_FRAMES}. "
            "Export the whole clip."
        )
    mean, deviation = temporal_statistics(frames)
    noise = float(np.percentile(deviation, _PERCENT_STILL))
    is_moving = deviation > np.clip(_DEVIATION_OF_STILL * noise, _MIN_DEVIATION, _MAX_DEVIATION)
    inside = np.ones_like(is_moving)
    if region is not None:
        inside = np.zeros_like(is_moving)
        inside[region] = True
    is_believed = region is not None and bool((is_moving & inside).sum() > _MIN_INSIDE * is_moving.sum())
    if is_believed:
        is_moving &= inside
    part = _most_solid_part(np.asarray(ndimage.binary_fill_holes(is_moving), dtype=np.bool_), source)
    if has_two_tips(part):
        raise _two_parts(source)
    is_still = (deviation < np.maximum(_MIN_DEVIATION, _DEVIATION_OF_LABEL * mean)) & (mean > _MAX_STILL_LEVEL)
    tissue = _still_tissue(is_still, part & ~is_still, mean)
    mask = convex_hull(part | tissue)
    mask &= ~_labels(mask, part, is_still & ~tissue)
    if is_believed:
        mask &= inside
    if mask.mean() > _MAX_AREA:
        raise UnsuitableError(
            f"{source}: no ultrasound sector found: the whole picture moves. Expected a grey sector on a still, dark "
            "screen. A clip that is cropped already is read as it is when it is a square of at most 128 pixels a side."
        )
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Sector(mask, int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1), is_believed


def temporal_statistics(frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each pixel over time, (H, W), from at most 64 frames spread over the clip."""
    chosen = frames[np.linspace(0, len(frames) - 1, min(len(frames), _MAX_FRAMES)).astype(int)]
    total = np.zeros(frames.shape[1:], dtype=np.uint32)
    squares = np.zeros(frames.shape[1:], dtype=np.uint32)
    for frame in chosen:
        level = frame.astype(np.uint32)
        total += level
        squares += level * level
    # Integers until here, so that a pixel that never changes has a deviation of exactly 0.
    variance = (len(chosen) * squares.astype(np.float64) - total.astype(np.float64) ** 2) / len(chosen) ** 2
    return (total / len(chosen)).astype(np.float32), np.sqrt(variance).astype(np.float32)


def _labels(mask: NDArray[np.bool_], part: NDArray[np.bool_], is_still: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find what shines and hardly changes by the mask's border, or beside the moving part: ticks, a marker, letters.

    A codec lets a label flicker with the moving block that it lies in, so still is relative to its brightness; speckle
    changes by a tenth of its brightness and more.
    """
    labels, _ = ndimage.label(mask & is_still, np.ones((3, 3)))
    depth = np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]
    suspected = np.unique(labels[(depth <= _BORDER * min(mask.shape)) | ~part])
    found = np.isin(labels, suspected[suspected > 0])
    # Codecs smear the edge of a label by a pixel or two.
    return np.asarray(ndimage.binary_dilation(found, iterations=2)) if found.any() else found


def _still_tissue(
    is_still: NDArray[np.bool_], moving: NDArray[np.bool_], mean: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Find what shines and hardly changes, and is tissue all the same: thick, even, with much of its edge in motion."""
    found = np.zeros_like(is_still)
    min_thickness = max(_MIN_THICK_PIXELS, _MIN_THICKNESS * min(is_still.shape))
    labels, count = ndimage.label(is_still)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        if areas[number] < np.pi * min_thickness**2:
            continue
        box = tuple(slice(max(side.start - 3, 0), side.stop + 3) for side in place)
        patch = labels[box] == number
        inner = np.asarray(ndimage.distance_transform_edt(np.pad(patch, 1)))[1:-1, 1:-1]
        edge = ndimage.binary_dilation(patch, iterations=2) & ~patch
        filled = np.asarray(ndimage.binary_fill_holes(patch))
        is_dark = mean[box][filled] < _UNEVEN_LEVEL * np.median(mean[box][patch])
        if inner.max() >= min_thickness and moving[box][edge].mean() >= _MIN_MEETING and is_dark.mean() <= _MAX_UNEVEN:
            found[box] |= patch
    return found


def _most_solid_part(moving: NDArray[np.bool_], source: str) -> NDArray[np.bool_]:
    """Largest part that moves, opened just as much as it takes to part it from what else moves."""
    inner = np.asarray(ndimage.distance_transform_edt(np.pad(moving, 1)))[1:-1, 1:-1]
    first: NDArray[np.bool_] | None = None
    for opening in _OPENINGS:
        radius = max(1.0, opening * min(moving.shape))
        part = _largest_part(_grow(inner > radius, radius), source)
        if part is None:
            break
        if first is None:
            first = part
        if part.sum() < _MIN_KEPT * first.sum():
            break
        if part.sum() >= _MIN_SOLIDITY * convex_hull(part).sum():
            return _without_tail(part)
    if first is None or first.mean() < _MIN_AREA:
        raise UnsuitableError(
            f"{source}: no ultrasound sector found: nothing large moves in the picture. Expected a B-mode clip of a "
            "beating heart, not a still or a report page."
        )
    return first


def _without_tail(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cut off what hangs on the arc of a sector, such as an ECG that touches it: its hull would take names along.

    Only where a whole sector is left once it is opened, and much of the hull lies beyond that one.
    """
    hull = convex_hull(part)
    if part.sum() >= _FULL_SOLIDITY * hull.sum():
        return part
    side = min(part.shape)
    inner = np.asarray(ndimage.distance_transform_edt(np.pad(part, 1)))[1:-1, 1:-1]
    for opening in _OPENINGS:
        opened = _grow(inner > opening * side, opening * side)
        if opened.sum() < _MOST * part.sum():
            break
        whole = nearest_sector(opened) if opened.sum() >= _FULL_SOLIDITY * convex_hull(opened).sum() else None
        if whole is not None:
            beyond = hull & ~_grow(whole, _BESIDE * side)
            return part & whole if beyond.sum() >= _MIN_TAIL * hull.sum() else part
    return part


def _grow(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Add all pixels within `radius` of the mask: with an erosion before it, an opening by a disc."""
    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask) <= radius)


def _largest_part(mask: NDArray[np.bool_], source: str) -> NDArray[np.bool_] | None:
    labels, count = ndimage.label(mask)
    if count == 0:
        return None
    areas = np.bincount(labels.ravel())[1:]
    order = np.argsort(areas)[::-1]
    if areas[order[0]] < _MIN_AREA * mask.size:
        return None
    if count > 1 and areas[order[1]] > _MIN_SECOND_AREA * areas[order[0]]:
        raise _two_parts(source)
    return np.asarray(labels == order[0] + 1)


def _two_parts(source: str) -> UnsuitableError:
    return UnsuitableError(
        f"{source}: two parts of the picture move, as in biplane or side-by-side recordings. Export one view alone."
    )


def convex_hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the convex hull of a mask, (H, W), that has pixels in at least three directions."""
    rows = np.flatnonzero(mask.any(axis=1))
    # The first and last pixel of each row are all that a hull can touch.
    firsts = mask[rows].argmax(axis=1)
    lasts = mask.shape[1] - 1 - mask[rows][:, ::-1].argmax(axis=1)
    points = np.concatenate([np.column_stack([firsts, rows]), np.column_stack([lasts, rows])])
    # Takes long to import.
    from scipy.spatial import ConvexHull

    corners = points[ConvexHull(points).vertices]
    picture = Image.new("1", (mask.shape[1], mask.shape[0]))
    ImageDraw.Draw(picture).polygon([(int(x), int(y)) for x, y in corners], fill=1, outline=1)
    return np.array(picture)


def mask_outside(frames: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Set everything outside the mask to 0: frames (T, H, W), mask (H, W)."""
    return frames * mask
