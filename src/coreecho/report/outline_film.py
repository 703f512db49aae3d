"""The outline of the left ventricle over the clip that it was found in, as pictures of a film."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from coreecho.report.overlay import SIDE, label_pictures
from coreecho.ventricle.segmentation import Segmentation

# Light forms of the colours of figures: told apart on grey tissue, and with every common form of colour blindness.
_LINE, _ED, _ES = (240, 228, 66), (86, 180, 233), (255, 130, 60)
_MOMENT = (200, 200, 200)
_THRESHOLD = 0.5
# Pictures drawn at once; each takes a few MB.
_AT_ONCE = 32


def outline_pictures(
    found: Segmentation, frames: Sequence[int] | None = None, *, tells_moment: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Draw frames of a clip, enlarged, each with its outline; end-diastole and end-systole are named.

    Nothing outside of the sector is drawn.

    Args:
        found: in the clip.
        frames: of the clip; all when not given.
        tells_moment: write when each frame was taken, by which it is found on the curve of volumes.

    Yields:
        (P, P, 3) uint8, one a frame.

    Raises:
        VideoError: the clip has no sector.
    """
    side = found.video.frames.shape[1]
    size = -(-SIDE // side) * side
    sector = _enlarged(found.sector.astype(np.float32), size) > _THRESHOLD
    named = dict.fromkeys(found.ed_frames, ("ED", _ED)) | dict.fromkeys(found.es_frames, ("ES", _ES))
    times = found.times_s
    for frame in range(found.num_frames) if frames is None else frames:
        grey = _enlarged(found.video.frames[frame], size) * sector
        picture = np.repeat(grey[..., None], 3, axis=-1)
        mask = (_enlarged(found.shares[frame], size) > _THRESHOLD) & sector
        name, colour = named.get(frame, ("", _LINE))
        # Two pixels wide, on the mask itself.
        picture[mask & ~ndimage.binary_erosion(mask, iterations=2)] = colour
        moment = f"frame {frame}" if times is None else f"{times[frame]:.2f} s"
        yield _lettered(picture, name, colour, moment if tells_moment else "")


def film_pictures(found: Segmentation, lines: Sequence[str]) -> Iterator[NDArray[np.uint8]]:
    """As `outline_pictures`, with words in a band below: both sides are even, as films want them."""
    pictures = outline_pictures(found, tells_moment=True)
    while part := list(islice(pictures, _AT_ONCE)):
        yield from label_pictures(np.stack(part), lines, is_phantom=found.is_phantom)


def _lettered(picture: NDArray[np.uint8], name: str, colour: tuple[int, int, int], moment: str) -> NDArray[np.uint8]:
    """With a name in the upper left corner, and a moment in the upper right one."""
    image = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=22)
    right_end = picture.shape[1] - 8 - pen.textlength(moment, font=font)
    for words, at, ink in ((name, (8.0, 6.0), colour), (moment, (right_end, 6.0), _MOMENT)):
        if words:
            left, top, right, bottom = pen.textbbox(at, words, font=font)
            # On tissue, or on words that lie in the clip, letters alone are hard to read.
            pen.rectangle((left - 5, top - 5, right + 5, bottom + 5), fill=(0, 0, 0))
            pen.text(at, words, fill=ink, font=font)
    return np.asarray(image)


def _enlarged(picture: NDArray[Any], size: int) -> NDArray[Any]:
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR))
