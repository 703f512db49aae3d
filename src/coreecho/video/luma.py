"""The grey level of FFmpeg's frames, in 8 bits and full range, whatever their pixel format."""

from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from coreecho.video.colour import ColourLabel, colour_label

WRONG_RANGE_NOTE = "labelled as limited range, and its levels run from black to white in full range; read as such"

_SAMPLINGS = ("410", "411", "420", "422", "440", "444")
# Pixel formats whose plane 0 is the luma. "yuvj" is full range by definition, "yuv" mostly limited, grey always full.
_LUMA_FIRST = {f"yuv{j}{sampling}p" for j in ("", "j") for sampling in _SAMPLINGS} | {
    f"yuva{k}p" for k in ("420", "422", "444")
}
_LUMA_FIRST |= {"nv12", "nv21", "nv16", "nv24", "gray"}
_DEEP = (9, 10, 12, 14, 16)
# The same with more bits, each in two bytes, the least significant used; their names end in the byte order.
_DEEP_LUMA_FIRST = {f"yuv{sampling}p{bits}" for sampling in _SAMPLINGS for bits in _DEEP} | {
    f"gray{bits}" for bits in _DEEP
}

# Formats of two bytes a pixel in one plane, in every second of which lies the luma, from that one on.
_PACKED_LUMA = {"yuyv422": 0, "yvyu422": 0, "uyvy422": 1}

# ITU-R BT.601 and BT.709, limited ("MPEG") range: 16 is black and 235 is white.
_FROM_LIMITED_RANGE = np.clip(np.round((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)
# Black of the full range is 0, where the limited range has 16: this much of a screen is black. And the levels that the
# limited range leaves to overshoot are used.
_BELOW_BLACK, _MIN_BELOW_BLACK = 8, 0.05
_BEYOND_LIMITED = ((2, 13), (241, 255))
_MIN_BEYOND_LIMITED = 0.005


class LumaReader:
    """Reads the grey level of each frame of one clip; the first frame tells whether its range is as labelled."""

    def __init__(self) -> None:
        self._is_full_range: bool | None = None
        self._label: ColourLabel | None = None
        self.notes: tuple[str, ...] = ()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """(H, W) uint8, full range, 0 black to 255 white."""
        name = frame.format.name
        deep_name, order = name[:-2], name[-2:]
        is_deep = deep_name in _DEEP_LUMA_FIRST and order in ("le", "be")
        if not is_deep and name not in _LUMA_FIRST and name not in _PACKED_LUMA:
            return self._find_label(frame).to_grey(_rgb_frame(frame))
        if name in _PACKED_LUMA:
            luma = (_plane(frame, np.dtype("<u2")) >> 8 * _PACKED_LUMA[name]).astype(np.uint8)
        else:
            luma = _plane(frame, np.dtype("u1" if not is_deep else f"{'<' if order == 'le' else '>'}u2"))
        shift = frame.format.components[0].bits - 8 if is_deep else 0
        if self._is_full_range is None:
            self._is_full_range = self._find_range(frame, luma >> shift if shift else luma)
        if not is_deep:
            return np.array(luma if self._is_full_range else _FROM_LIMITED_RANGE[luma], dtype=np.uint8)
        if self._is_full_range:
            return np.asarray(luma >> shift, dtype=np.uint8)
        levels = (luma.astype(np.float32) - (16 << shift)) * np.float32(255 / (219 << shift))
        return np.asarray(np.rint(levels).clip(0, 255), dtype=np.uint8)

    def rgb(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, where the frame has colours."""
        rgb = _rgb_frame(frame)
        return rgb if self._label is None else self._label.to_rgb(rgb)

    def _find_label(self, frame: av.VideoFrame) -> ColourLabel:
        """Tell by the first frame whether what is called RGB is RGB."""
        if self._label is None:
            self._label = colour_label([_rgb_frame(frame)], "RGB")
            self.notes = self._label.notes
        return self._label

    def _find_range(self, frame: av.VideoFrame, luma: NDArray[Any]) -> bool:
        name = frame.format.name
        if name.startswith(("yuvj", "gray")) or frame.color_range == ColorRange.JPEG:
            return True
        counts = np.bincount(np.minimum(luma, 255).astype(np.uint8).reshape(-1), minlength=256) / luma.size
        beyond = sum(float(counts[low : high + 1].sum()) for low, high in _BEYOND_LIMITED)
        if counts[:_BELOW_BLACK].sum() > _MIN_BELOW_BLACK and beyond > _MIN_BEYOND_LIMITED:
            self.notes = (WRONG_RANGE_NOTE,)
            return True
        return False


def is_grey(frame: av.VideoFrame) -> bool:
    """Tell whether a frame's format has no colours at all."""
    return str(frame.format.name).startswith("gray")


def _rgb_frame(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8."""
    return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def _plane(frame: av.VideoFrame, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Plane 0, (H, W)."""
    plane: Any = frame.planes[0]
    rows = np.frombuffer(plane, dtype=np.uint8)[: frame.height * plane.line_size].reshape(frame.height, plane.line_size)
    return rows[:, : frame.width * dtype.itemsize].view(dtype)
