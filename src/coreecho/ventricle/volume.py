"""Area and volume of the left ventricle over time, from its masks in one view.

Two rules of the clinic, each for a body that is as deep as it is wide:

    area and length   V = 8 A^2 / (3 pi L)
    discs             V = sum over n discs of pi / 4 * d_i^2 * L / n, with d_i the mean width of the mask in disc i

Both are exact for an ellipse turned about its long axis, V = pi / 6 * L * d^2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.ventricle.axis import LongAxis, Profile, measure, shared_direction
from coreecho.ventricle.smoothing import smooth_masks
from coreecho.video.parts import largest_part

Floats = NDArray[np.float64]
Method = Literal["discs", "area-length"]
METHODS: tuple[Method, ...] = ("discs", "area-length")
# As the guidelines of ASE call them.
METHOD_WORDS: dict[Method, str] = {
    "discs": "method of disks (modified Simpson), single plane",
    "area-length": "area-length method, single plane",
}

# As in the clinic, and in EchoNet-Dynamic's tracings.
NUM_DISCS = 20
_CUBIC_MM_PER_ML = 1000.0


@dataclass(frozen=True, eq=False)
class VentricleCurve:
    """The left ventricle over time.

    Attributes:
        areas: (T,), pixels of the mask's largest part.
        lengths: (T,), of the long axis in pixels; NaN in a frame without a mask.
        volumes: (T,), mL where the size of a pixel is known, else cubic pixels, of which ejection fractions are as
            true; NaN in a frame without a mask.
        axes: the long axis of each frame; None in a frame without a mask.
        method: how the volumes were found.
        mm_per_pixel: size of a pixel; None where it is unknown.
        smoothed_over: frames over which the masks were smoothed before; 1 where they were not.
    """

    areas: Floats
    lengths: Floats
    volumes: Floats
    axes: tuple[LongAxis | None, ...]
    method: Method
    mm_per_pixel: float | None
    smoothed_over: int = 1

    @property
    def unit(self) -> str:
        """Of the volumes."""
        return "pixel³" if self.mm_per_pixel is None else "mL"

    @property
    def num_missing(self) -> int:
        """Frames without a mask."""
        return int(np.isnan(self.volumes).sum())


def ventricle_curve(
    masks: NDArray[np.bool_],
    *,
    method: Method = "discs",
    mm_per_pixel: float | None = None,
    is_apex_up: bool = True,
    smooth_over: int = 1,
) -> VentricleCurve:
    """Measure the ventricle in each frame of a clip, by one method; see `ventricle_curves`."""
    return ventricle_curves(
        masks, methods=(method,), mm_per_pixel=mm_per_pixel, is_apex_up=is_apex_up, smooth_over=smooth_over
    )[method]


def ventricle_curves(
    masks: NDArray[np.bool_],
    *,
    methods: Sequence[Method] = METHODS,
    mm_per_pixel: float | None = None,
    is_apex_up: bool = True,
    smooth_over: int = 1,
) -> dict[Method, VentricleCurve]:
    """Measure the ventricle in each frame of a clip.

    Of each mask the largest connected part counts. The long axis has one direction in all frames; see
    `shared_direction`.

    Args:
        masks: (T, H, W), the cavity.
        methods: of the volumes.
        mm_per_pixel: size of a (square) pixel, where it is known.
        is_apex_up: the apex is the upper end of the long axis.
        smooth_over: frames over which the masks are smoothed first, odd; see `smooth_masks`. 1 does not.

    Raises:
        ValueError: the masks have another shape or are not Boolean, the size of a pixel is not a positive number, or
            the frames to smooth over are an even number.
    """
    if masks.ndim != 3 or masks.dtype != np.bool_:
        raise ValueError(f"ventricle_curve expects Boolean masks (T, H, W), got {masks.dtype} {masks.shape}")
    if mm_per_pixel is not None and not 0 < mm_per_pixel < np.inf:
        raise ValueError(f"mm_per_pixel must be a positive number, got {mm_per_pixel}")
    masks = smooth_masks(masks, smooth_over)
    parts = np.stack([largest_part(mask) for mask in masks]) if len(masks) > 0 else masks
    areas = parts.sum(axis=(1, 2)).astype(np.float64)
    direction = shared_direction(parts)
    profiles = [None if direction is None else measure(part, direction, is_apex_up=is_apex_up) for part in parts]
    scale = 1.0 if mm_per_pixel is None else mm_per_pixel**3 / _CUBIC_MM_PER_ML
    axes = tuple(None if profile is None else profile.axis for profile in profiles)
    lengths = np.array([np.nan if axis is None else axis.length for axis in axes])
    return {
        method: VentricleCurve(
            areas=areas,
            lengths=lengths,
            volumes=scale * np.array([_volume(*measured, method) for measured in zip(profiles, areas, strict=True)]),
            axes=axes,
            method=method,
            mm_per_pixel=mm_per_pixel,
            smoothed_over=smooth_over,
        )
        for method in methods
    }


def _volume(profile: Profile | None, area: float, method: Method) -> float:
    """Volume in cubic pixels; NaN without a mask, and where a mask is too thin to have a length."""
    if profile is None or profile.axis.length == 0:
        return np.nan
    if method == "area-length":
        return area_length_volume(area, profile.axis.length)
    return disc_volume(_disc_widths(profile), profile.axis.length)


def area_length_volume(area: float, length: float) -> float:
    """V = 8 A^2 / (3 pi L).

    Args:
        area: of the cavity in a long-axis view, in pixels squared, say.
        length: of the long axis, in pixels.

    Returns:
        The volume in cubic pixels.
    """
    return 8.0 * area**2 / (3.0 * np.pi * length)


def disc_volume(widths: Floats, length: float) -> float:
    """V = sum over the discs of pi / 4 * width^2 * length / n: the method of discs in one plane.

    Args:
        widths: (n,), of the discs, in pixels, say.
        length: of the long axis, in pixels.

    Returns:
        The volume in cubic pixels.
    """
    return float(np.pi / 4.0 * np.sum(np.square(widths)) * length / len(widths))


def _disc_widths(profile: Profile) -> Floats:
    """Mean width of the mask in each of NUM_DISCS discs of equal height: each has the area that the mask has there."""
    area = np.concatenate([[0.0], np.cumsum((profile.widths[1:] + profile.widths[:-1]) / 2 * np.diff(profile.along))])
    bounds = np.linspace(0.0, profile.along[-1], NUM_DISCS + 1)
    return np.asarray(np.diff(np.interp(bounds, profile.along, area)) / np.diff(bounds))


def ejection_fraction(edv: float, esv: float) -> float:
    """EF in percent: what part of the end-diastolic volume leaves the ventricle.

    Args:
        edv: end-diastolic volume, in any unit.
        esv: end-systolic volume, in the same.
    """
    return 100.0 * (edv - esv) / edv
