"""The volume of the left ventricle over time as a strip below a film, with a line at the frame that is shown."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from coreecho.ventricle.segmentation import Segmentation

# Light forms of the colours of figures: told apart on grey tissue, and with every common form of colour blindness.
ED_COLOUR, ES_COLOUR = (86, 180, 233), (255, 130, 60)
_CURVE, _WORD, _NOW = (150, 150, 150), (200, 200, 200), (255, 255, 255)
# Pixels; the words stand left of the curve.
_HEIGHT, _LEFT, _MARGIN = 60, 72, 8
# Drawn so many times larger and then made smaller: lines of Pillow have steps.
_FINER = 4
_DOT = 4


class VolumeStrip:
    """The strip, drawn once but for the line at the frame.

    Args:
        found: in the clip.
        width: of the strip, in pixels.
    """

    def __init__(self, found: Segmentation, width: int) -> None:
        times = found.times_s
        places = np.arange(found.num_frames, dtype=np.float64) if times is None else times
        volumes = found.volume
        largest = float(np.nan_to_num(volumes).max(initial=0)) or 1.0
        span = float(places[-1] - places[0]) or 1.0
        self._across = _LEFT + (places - places[0]) / span * (width - _LEFT - _MARGIN)
        # From nothing, so that half the height is half the volume.
        self._down = _HEIGHT - _MARGIN - volumes / largest * (_HEIGHT - 2 * _MARGIN)
        self._still = self._drawn(found, width)

    def at(self, frame: int) -> NDArray[np.uint8]:
        """The strip while a frame is shown, (h, width, 3)."""
        picture = self._still.copy()
        pen, across = ImageDraw.Draw(picture), round(float(self._across[frame]))
        pen.line((across, 2, across, _HEIGHT - 3), fill=_NOW)
        return np.asarray(picture)

    def _drawn(self, found: Segmentation, width: int) -> Image.Image:
        fine = Image.new("RGB", (width * _FINER, _HEIGHT * _FINER))
        pen = ImageDraw.Draw(fine)
        points = [(_FINER * float(x), _FINER * float(y)) for x, y in zip(self._across, self._down, strict=True)]
        for one, other in pairwise(points):
            # A frame without a mask has no volume.
            if np.isfinite([*one, *other]).all():
                pen.line((*one, *other), fill=_CURVE, width=round(1.5 * _FINER))
        size = _FINER * _DOT
        for ed, es in zip(found.ed_frames, found.es_frames, strict=True):
            for frame, draw, colour in ((ed, pen.ellipse, ED_COLOUR), (es, pen.rectangle, ES_COLOUR)):
                x, y = points[frame]
                if np.isfinite(y):
                    draw((x - size, y - size, x + size, y + size), fill=colour)
        strip = fine.reduce(_FINER)
        self._name(ImageDraw.Draw(strip), has_beats=bool(found.ed_frames))
        return strip

    @staticmethod
    def _name(pen: ImageDraw.ImageDraw, *, has_beats: bool) -> None:
        """Say what the curve is, and what its marks are."""
        font = ImageFont.load_default(size=13)
        pen.text((6, 3), "Volume", fill=_WORD, font=font)
        if not has_beats:
            return
        pen.ellipse((7, 26, 15, 34), fill=ED_COLOUR)
        pen.text((20, 21), "ED", fill=ED_COLOUR, font=font)
        pen.rectangle((7, 44, 15, 52), fill=ES_COLOUR)
        pen.text((20, 39), "ES", fill=ES_COLOUR, font=font)
