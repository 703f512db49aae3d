"""Colour pictures of grey clips: their grey level, and where they are truly coloured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# A pixel is coloured where max(R, G, B) - min(R, G, B) is above both of these. Grey that went through JPEG's chroma has
# a spread below 20; tinted B-mode maps reach 100 in white tissue, but stay below half of their brightest channel;
# colour Doppler is of nearly pure hues.
_MIN_SPREAD = 48
_MIN_SPREAD_OF_MAXIMUM = 0.5
# Share of a frame below which what is coloured is a marker, and not worth the time of a closer look.
_MIN_COLOURED = 0.0005
# Grey levels by which JPEG moves the chroma of a grey picture; the share of the pixels that must tell the same.
_MAX_CHROMA_ERROR = 6
_MIN_TELLING = 0.6
# A tinted picture has neither equal channels nor chroma at rest, but black around it: three channels at 0 are no colour
# in YCbCr, and luma at 0 with chroma at rest is a dark green in RGB. Share of the pixels that must be the one, and that
# at which the other speaks against it, since regions are blanked with zeros whatever the colours.
_MIN_BLACK, _MAX_OTHER_BLACK = 0.1, 0.01
RGB_NOTE = "its colours are labelled YCbCr and are RGB, by what is grey or black in them; read as such"
YCBCR_NOTE = "its colours are labelled RGB and are YCbCr, by what is grey or black in them; read as such"


def to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma (ITU-R BT.601, weights in 1/256) of (..., 3) uint8 pictures; a grey pixel keeps its level exactly."""
    # 77 + 150 + 29 = 256, so the sum fits 16 bits, which is several times faster than a product with a weight vector.
    luma = rgb[..., 0] * np.uint16(77)
    luma += rgb[..., 1] * np.uint16(150)
    luma += rgb[..., 2] * np.uint16(29)
    luma += np.uint16(128)
    return (luma >> np.uint16(8)).astype(np.uint8)


def is_coloured(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell for each pixel of (..., 3) uint8 pictures whether it has a hue of its own, beyond tints and JPEG errors."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    highest = np.maximum(np.maximum(red, green), blue)
    spread = highest - np.minimum(np.minimum(red, green), blue)
    return (spread > _MIN_SPREAD) & (spread > highest * np.float32(_MIN_SPREAD_OF_MAXIMUM))


class ColourTally:
    """Collects where a clip is coloured in patches, one frame at a time.

    Lines and letters do not count: an ECG trace, a depth scale and labels are often coloured on grey clips.
    """

    def __init__(self, height: int, width: int) -> None:
        self.mask = np.zeros((height, width), dtype=np.bool_)
        # Lines of overlays are one to three pixels wide, in proportion to the screen.
        self._line_width = max(1, min(height, width) // 240)

    def add(self, rgb: NDArray[np.uint8]) -> None:
        """Take one frame, (H, W, 3) uint8, into the mask, (H, W)."""
        coloured = is_coloured(rgb)
        if coloured.mean() > _MIN_COLOURED:
            self.mask |= ndimage.binary_opening(coloured, np.ones((3, 3), dtype=np.bool_), iterations=self._line_width)


@dataclass(frozen=True)
class ColourLabel:
    """What the three channels of a clip are in truth.

    Attributes:
        is_wrong: the label of the file says otherwise.
        luma: the channel that is the grey level where they are YCbCr; None for RGB, and where the label is right.
        notes: say that it is wrong.
    """

    is_wrong: bool = False
    luma: int | None = None
    notes: tuple[str, ...] = ()

    def to_grey(self, channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Grey level (H, W) of channels (H, W, 3) as they are stored."""
        return to_grey(channels) if self.luma is None else np.asarray(channels[..., self.luma])

    def to_rgb(self, channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """RGB (H, W, 3) of channels as they are stored (ITU-R BT.601, full range)."""
        if self.luma is None:
            return channels
        luma = channels[..., self.luma].astype(np.float32)
        blue, red = (channels[..., other].astype(np.float32) - 128 for other in range(3) if other != self.luma)
        rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], axis=-1)
        return np.asarray(np.rint(rgb).clip(0, 255), dtype=np.uint8)


def colour_label(pictures: Sequence[NDArray[np.uint8]], labelled: str) -> ColourLabel:
    """Find by their statistics whether the channels of a clip are what its label says.

    Grey pictures have three equal channels in RGB, and chroma at 128 in YCbCr; a screen's black background is grey,
    and tells of tinted pictures, too.

    Args:
        pictures: some frames, (H, W, 3) uint8, their channels as they are stored.
        labelled: "RGB" or "YCbCr".

    Returns:
        The label, wrong or right.
    """
    if labelled == "YCbCr":
        equal = [np.asarray(np.ptp(picture, axis=-1) <= _MAX_CHROMA_ERROR) for picture in pictures]
        # Grey at 128 itself is the same in both.
        is_telling = [
            np.asarray(np.abs(picture[..., 0].astype(int) - 128) > 2 * _MAX_CHROMA_ERROR) for picture in pictures
        ]
        share = _share(equal, is_telling)
        is_rgb = share > _MIN_TELLING or _is_black_of(0, 128, pictures)
        return ColourLabel(True, None, (RGB_NOTE,)) if is_rgb else ColourLabel()
    neutral = [np.asarray(np.abs(picture.astype(np.int16) - 128) <= _MAX_CHROMA_ERROR) for picture in pictures]
    for luma in range(3):
        chroma = [channel for channel in range(3) if channel != luma]
        at_rest = [np.asarray(picture[..., chroma].all(axis=-1)) for picture in neutral]
        if _share(at_rest, [~picture[..., luma] for picture in neutral]) > _MIN_TELLING:
            return ColourLabel(True, luma, (YCBCR_NOTE,))
    return ColourLabel(True, 0, (YCBCR_NOTE,)) if _is_black_of(128, 0, pictures) else ColourLabel()


def _is_black_of(chroma: int, other_chroma: int, pictures: Sequence[NDArray[np.uint8]]) -> bool:
    """Tell whether black pixels have one level in their second and third channels, and none another."""
    shares = [
        np.mean(
            [
                np.mean((np.abs(picture.astype(np.int16) - (0, level, level)) <= _MAX_CHROMA_ERROR).all(axis=-1))
                for picture in pictures
            ]
        )
        for level in (chroma, other_chroma)
    ]
    return bool(shares[0] >= _MIN_BLACK and shares[1] <= _MAX_OTHER_BLACK)


def neutral_share(channels: NDArray[np.uint8]) -> float:
    """Share of the pixels of (H, W, 3) that are grey, as RGB or as YCbCr."""
    rgb = np.ptp(channels, axis=-1) <= _MAX_CHROMA_ERROR
    ycbcr = (np.abs(channels[..., 1:].astype(np.int16) - 128) <= _MAX_CHROMA_ERROR).all(axis=-1)
    return float(max(rgb.mean(), ycbcr.mean()))


def _share(found: Sequence[NDArray[np.bool_]], among: Sequence[NDArray[np.bool_]]) -> float:
    """Share of the pixels among which it could be told, in which it was found; 0 where there are hardly any."""
    num_among = sum(int(mask.sum()) for mask in among)
    if num_among < _MIN_TELLING * sum(mask.size for mask in among):
        return 0.0
    return sum(int((hit & mask).sum()) for hit, mask in zip(found, among, strict=True)) / num_among
