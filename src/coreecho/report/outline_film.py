"""The outline of the left ventricle over the clip that it was found in, as pictures of a film."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from coreecho.names import counted
from coreecho.report.overlay import SIDE, UNKNOWN_FPS, label_pictures
from coreecho.report.volume_drawing import volume_title
from coreecho.report.volume_strip import ED_COLOUR, ES_COLOUR, VolumeStrip
from coreecho.ventricle.segmentation import Segmentation

_Colour = tuple[int, int, int]
_LINE, _MOMENT, _BLACK = (240, 228, 66), (200, 200, 200), (0, 0, 0)
# A frame whose outline is not the ventricle's, and what is said in it.
_ASIDE = ("outline lies elsewhere", (230, 150, 195))
_THRESHOLD = 0.5
# Pictures drawn at once; each takes a few MB.
_AT_ONCE = 32
# A single frame passes in 20 ms: for so long after it the film still says when end-diastole or end-systole was.
_SAID_FOR_S = 0.4


@dataclass(frozen=True)
class _Word:
    """In a corner of a picture: letters on a ground that keeps them readable on tissue."""

    text: str
    ink: _Colour
    ground: _Colour = _BLACK


def outline_pictures(
    found: Segmentation, frames: Sequence[int] | None = None, *, tells_moment: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Draw frames of a clip, enlarged, each with its outline.

    End-diastole and end-systole are named, and frames whose outline lies elsewhere than in most are told. Nothing
    outside of the sector is drawn.

    Args:
        found: in the clip.
        frames: of the clip; all when not given.
        tells_moment: write when each frame was taken, by which it is found on the curve of volumes, and for a while
            after end-diastole and end-systole when these were.

    Yields:
        (P, P, 3) uint8, one a frame.

    Raises:
        VideoError: the clip has no sector.
    """
    side = found.video.frames.shape[1]
    size = -(-SIDE // side) * side
    sector = _enlarged(found.sector.astype(np.float32), size) > _THRESHOLD
    ends = dict.fromkeys(found.ed_frames, ("ED", ED_COLOUR)) | dict.fromkeys(found.es_frames, ("ES", ES_COLOUR))
    for frame in range(found.num_frames) if frames is None else frames:
        grey = _enlarged(found.video.frames[frame], size) * sector
        picture = np.repeat(grey[..., None], 3, axis=-1)
        mask = (_enlarged(found.shares[frame], size) > _THRESHOLD) & sector
        name, colour = ends.get(frame, _ASIDE if frame in found.elsewhere else ("", _LINE))
        # Two pixels wide, on the mask itself. Coloured at the very frame alone, whatever is written after it.
        picture[mask & ~ndimage.binary_erosion(mask, iterations=2)] = colour
        said = _Word(name, _BLACK, ground=colour) if name else _Word("", _LINE)
        if tells_moment and not name:
            said = _said_after(found, frame, ends)
        yield _lettered(picture, said, _Word(_moment(found, frame) if tells_moment else "", _MOMENT))


def film_lines(found: Segmentation) -> list[str]:
    """What the film says below its pictures: the little that it has to say where it travels alone."""
    lines = [volume_title(found), f"Model: {found.model_in_short or found.model}"]
    if found.warnings:
        lines.append(f"{counted(len(found.warnings), 'cautions')}, in words in volume.png and beats.csv")
    return lines


def curve_pictures(found: Segmentation, frames: Sequence[int] | None = None) -> Iterator[NDArray[np.uint8]]:
    """As `outline_pictures`, which tell their moments, with the curve of volumes below and a line where a frame is."""
    strip, shown = None, range(found.num_frames) if frames is None else frames
    for frame, picture in zip(shown, outline_pictures(found, shown, tells_moment=True), strict=True):
        strip = strip or VolumeStrip(found, picture.shape[1])
        yield np.concatenate([picture, strip.at(frame)])


def film_pictures(found: Segmentation) -> Iterator[NDArray[np.uint8]]:
    """As `curve_pictures`, with words below: both sides are even, as films want them."""
    pictures, lines = curve_pictures(found), film_lines(found)
    while part := list(islice(pictures, _AT_ONCE)):
        yield from label_pictures(np.stack(part), lines, is_phantom=found.is_phantom)


def _said_after(found: Segmentation, frame: int, ends: dict[int, tuple[str, _Colour]]) -> _Word:
    """When the last end-diastole or end-systole was, where that is not long ago."""
    before = [end for end in ends if end < frame]
    if not before:
        return _Word("", _LINE)
    last, times = max(before), found.times_s
    seconds = (frame - last) / UNKNOWN_FPS if times is None else float(times[frame] - times[last])
    name, colour = ends[last]
    return _Word(f"{name} at {_moment(found, last)}" if seconds <= _SAID_FOR_S else "", colour)


def _moment(found: Segmentation, frame: int) -> str:
    times = found.times_s
    return f"frame {frame}" if times is None else f"{times[frame]:.2f} s"


def _lettered(picture: NDArray[np.uint8], left: _Word, right: _Word) -> NDArray[np.uint8]:
    """With words in its upper corners."""
    image = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=22)
    right_end = picture.shape[1] - 8 - pen.textlength(right.text, font=font)
    for word, at in ((left, (8.0, 6.0)), (right, (right_end, 6.0))):
        if word.text:
            start, top, end, bottom = pen.textbbox(at, word.text, font=font)
            # On tissue, or on words that lie in the clip, letters alone are hard to read.
            pen.rectangle((start - 5, top - 5, end + 5, bottom + 5), fill=word.ground)
            pen.text(at, word.text, fill=word.ink, font=font)
    return np.asarray(image)


def _enlarged(picture: NDArray[Any], size: int) -> NDArray[Any]:
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR))
