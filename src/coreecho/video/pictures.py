"""Animated pictures: GIF, WebP and PNG, and TIFF stacks, decoded with Pillow.

Pillow takes a file that stops between two frames as complete. So each kind's own structure is followed to its end
first.
"""

import mmap
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from coreecho.errors import UnsuitableError, VideoError
from coreecho.video.collecting import FrameCollector
from coreecho.video.colour import ColourLabel, colour_label
from coreecho.video.decoded import Decoded
from coreecho.video.depth import bits_in_use, black_level, depth_notes, highest_level, spread
from coreecho.video.geometry import believed_aspect
from coreecho.video.limits import check_density, check_size
from coreecho.video.temporal import FrameTimes, find_times

_AGAIN = "Copy the file again from its origin."
_NAMES = {"GIF": "GIF", "WEBP": "WebP picture", "PNG": "PNG picture", "TIFF": "TIFF picture"}
# GIF counts time in hundredths of a second, the others in thousandths.
_TICK_MS = {"GIF": 10.0, "WEBP": 1.0, "PNG": 1.0}
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_DEEP_BITS = 16
# The tag of a TIFF page that says what its numbers mean, and that the least of them is white.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
# Tags with the pixels to a unit of length, along a row and along a column.
_TIFF_RESOLUTION = (282, 283)
# The byte of a GIF file's head with a pixel's width over its height, in 64ths above 15; 0 says nothing of it.
_GIF_ASPECT_BYTE, _GIF_ASPECT_OFFSET, _GIF_ASPECT_UNIT = 12, 15, 64
# Pages of a deep stack that are looked at to find the bits in use.
_MAX_LOOKED_AT = 32
_UNTIMED_NOTE = "some of its frames have no duration; its frame rate is not known"
# How ImageJ writes the time of a stack into its first page.
_IMAGEJ_INTERVAL = re.compile(r"^(finterval|fps)=([0-9.eE+-]+)\s*$", re.MULTILINE)
_IMAGEJ_COUNT = re.compile(r"^images=(\d+)\s*$", re.MULTILINE)
# Whatever Pillow does with a damaged file.
_DAMAGE = (OSError, ValueError, EOFError, IndexError, KeyError, TypeError, SyntaxError, OverflowError, MemoryError)


def picture_kind(head: bytes) -> str | None:
    """Name the kind of an animated picture by its first bytes, as Pillow does; None for others."""
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    return "TIFF" if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+") else None


def read_picture(path: Path, source: str, kind: str) -> Decoded:
    """Read an animated picture. Whole screens are also looked through for colour.

    Args:
        path: the file.
        source: the path as it was given, for messages.
        kind: as `picture_kind` tells it.

    Raises:
        VideoError: it is a still, damaged, cut off, or beyond the limits.
    """
    try:
        num_bytes = path.stat().st_size
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            num_frames = _COUNT[kind](content)
            gif_aspect = content[_GIF_ASPECT_BYTE] if kind == "GIF" else 0
        if num_frames < 2:
            what = "it has one frame" if kind == "GIF" else f"a {_NAMES[kind]}"
            raise UnsuitableError(f"{source}: a still: {what}. An EF takes a clip of a beating heart.")
        with Image.open(path, formats=[kind]) as picture:
            width, height = picture.size
            check_size(source, num_frames, height, width)
            check_density(source, num_frames * height * width, num_bytes)
            aspect, notes = believed_aspect(_pixel_aspect(picture, gif_aspect))
            decoded = _decode(picture, kind, num_frames, source)
            return replace(decoded, pixel_aspect=aspect, notes=(*decoded.notes, *notes))
    except VideoError:
        raise
    except (*_DAMAGE, Image.DecompressionBombError, UnidentifiedImageError) as error:
        raise VideoError(f"{source}: this {_NAMES[kind]} is damaged or cut off ({error}). {_AGAIN}") from error


def _decode(picture: Image.Image, kind: str, num_frames: int, source: str) -> Decoded:
    description = str(getattr(picture, "tag_v2", {}).get(270, "")) if kind == "TIFF" else ""
    _refuse_hidden_pages(description, num_frames, source)
    first = 1 if getattr(picture, "default_image", False) else 0
    to_levels, notes = _levels(picture, num_frames, source)
    collector = FrameCollector(source, picture.height, picture.width, num_frames - first)
    durations_ms = []
    label: ColourLabel | None = None
    for page in _pages(picture, range(first, num_frames), source):
        rgb = None if page.mode in ("L", "1", *_DEEP_MODES) else np.asarray(page.convert("RGB"))
        if rgb is not None and label is None:
            label = colour_label([rgb], "RGB")
        collector.add(to_levels(page) if rgb is None or label is None else label.to_grey(rgb))
        if rgb is not None and label is not None and collector.wants_colour:
            collector.look_at(label.to_rgb(rgb))
        durations_ms.append(float(page.info.get("duration", 0)))
    fps, times_ms, time_notes = _times(durations_ms, _TICK_MS[kind]) if kind in _TICK_MS else _imagej_time(description)
    coloured, reduction, size_notes = collector.coloured(), collector.reduction, collector.notes
    return Decoded(
        collector.frames(),
        fps,
        coloured,
        times_ms=times_ms,
        reduction=reduction,
        stored_size=(picture.height, picture.width),
        notes=(*notes, *(label.notes if label is not None else ()), *size_notes, *time_notes),
    )


def _pixel_aspect(picture: Image.Image, gif_aspect: int) -> float:
    """Width of a pixel over its height as the file gives it; 1 where it does not."""
    if gif_aspect:
        return (gif_aspect + _GIF_ASPECT_OFFSET) / _GIF_ASPECT_UNIT
    tags: Mapping[int, Any] = getattr(picture, "tag_v2", {})
    across: Any
    down: Any
    if tags:
        across, down = (tags.get(tag) for tag in _TIFF_RESOLUTION)
    else:
        # Of PNG: a ratio, or the pixels to an inch.
        across, down = picture.info.get("aspect", picture.info.get("dpi", (None, None)))
    try:
        return float(down) / float(across)
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0


def _pages(picture: Image.Image, numbers: range, source: str) -> Iterator[Image.Image]:
    size = picture.size
    for number in numbers:
        picture.seek(number)
        if picture.size != size:
            raise VideoError(
                f"{source}: page {number} has another size than the first, as in files with small previews or several "
                "pictures. Expected the frames of one clip."
            )
        picture.load()
        yield picture


def _levels(
    picture: Image.Image, num_frames: int, source: str
) -> tuple[Callable[[Image.Image], NDArray[np.uint8]], tuple[str, ...]]:
    """How a page without colours becomes grey levels, and what is to be said of it."""
    picture.seek(0)
    if picture.mode in ("F", "I"):
        raise VideoError(f"{source}: its pixels have 32 bits; expected 8 or 16. Save the stack with 8 bits a pixel.")
    if picture.mode not in _DEEP_MODES:
        return lambda page: np.asarray(page.convert("L")), ()
    chosen = sorted({round(place) for place in np.linspace(0, num_frames - 1, min(num_frames, _MAX_LOOKED_AT))})

    def stored(page: Image.Image) -> NDArray[np.int32]:
        return np.asarray(page).astype(np.int32)

    def stored_at(number: int) -> NDArray[np.int32]:
        picture.seek(number)
        return stored(picture)

    # Pillow inverts pages of 8 bits in which 0 is white, and not deep ones.
    is_inverted = getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    black = black_level(stored_at, chosen) if is_inverted else None

    def levels(page: Image.Image) -> NDArray[np.int32]:
        return stored(page) if black is None else np.maximum(black - stored(page), 0)

    def look(number: int) -> NDArray[np.int32]:
        picture.seek(number)
        return levels(picture)

    highest, notes = highest_level(look, chosen)
    bits = bits_in_use(highest)
    return lambda page: spread(levels(page), 0, 1 << bits), (*notes, *depth_notes(bits, _DEEP_BITS))


def _times(durations_ms: list[float], tick_ms: float) -> FrameTimes:
    """By how long each frame is held; that of the last tells nothing."""
    steps = durations_ms[:-1]
    if not any(durations_ms):
        return FrameTimes(None)
    if not all(steps):
        return FrameTimes(None, None, (_UNTIMED_NOTE,))
    return find_times(np.concatenate([[0.0], np.cumsum(steps)]), tick_ms)


def _imagej_time(description: str) -> FrameTimes:
    for name, text in _IMAGEJ_INTERVAL.findall(description):
        try:
            number = float(text)
        except ValueError:
            continue
        if 0 < number < float("inf"):
            return FrameTimes(number if name == "fps" else 1 / number)
    return FrameTimes(None)


def _refuse_hidden_pages(description: str, num_frames: int, source: str) -> None:
    """ImageJ writes stacks above 4 GiB with one page, behind which the others lie unnamed."""
    count = _IMAGEJ_COUNT.search(description)
    if count is not None and int(count[1][:12]) != num_frames:
        raise VideoError(
            f"{source}: declares {count[1][:12]} frames, and has {num_frames} pages. Save the stack again, in a file "
            "below 4 GiB."
        )


def _count_gif_frames(content: mmap.mmap) -> int:
    """Walk the blocks of a GIF up to its end mark.

    Raises:
        ValueError: the blocks do not lead to the end mark.
        IndexError: the file ends within a block.
    """
    position = 13 + _colour_table_bytes(content[10])
    num_frames = 0
    while (mark := content[position]) != 0x3B:
        if mark == 0x2C:  # a picture: its place, its colour table, the size of a code, then the data
            num_frames += 1
            position += 11 + _colour_table_bytes(content[position + 9])
        elif mark == 0x21:  # an extension: its kind, then the data
            position += 2
        else:
            raise ValueError(f"no block begins at byte {position}")
        while content[position]:
            position += 1 + content[position]
        position += 1
    return num_frames


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _count_png_frames(content: mmap.mmap) -> int:
    """Walk the chunks of a PNG file to its end: those that control a frame are counted; a still has none."""
    position, num_frames = 8, 0
    while position + 12 <= len(content):
        size, name = int.from_bytes(content[position : position + 4], "big"), content[position + 4 : position + 8]
        num_frames += name == b"fcTL"
        position += 12 + size
        if name == b"IEND":
            break
    else:
        position = len(content) + 1
    if position > len(content) and num_frames:
        raise ValueError("it ends within a chunk")
    # A picture that is no part of the animation may come first, and is passed over later.
    return num_frames + (1 if content.find(b"fcTL") > content.find(b"IDAT") > 0 and num_frames else 0)


def _count_webp_frames(content: mmap.mmap) -> int:
    """Walk the chunks of a WebP file to its end, and count its frames."""
    end = int.from_bytes(content[4:8], "little") + 8
    if end > len(content):
        raise ValueError("it ends before its header says")
    position, num_frames = 12, 0
    while position + 8 <= end:
        num_frames += content[position : position + 4] == b"ANMF"
        size = int.from_bytes(content[position + 4 : position + 8], "little")
        position += 8 + size + size % 2
    if position > end and num_frames:
        raise ValueError("it ends within a chunk")
    return num_frames


def _count_tiff_pages(content: mmap.mmap) -> int:
    """Follow the pages' directories to the last; each tells where the next one lies."""
    order: Literal["little", "big"] = "little" if content[:2] == b"II" else "big"
    is_big = 43 in content[2:4]
    place_bytes, count_bytes, entry_bytes = (8, 8, 20) if is_big else (4, 2, 12)
    head = 8 if is_big else 4
    seen: set[int] = set()
    position = int.from_bytes(content[head : head + place_bytes], order)
    while position:
        if position in seen:
            raise ValueError("its pages follow each other in a circle")
        seen.add(position)
        num_entries = int.from_bytes(content[position : position + count_bytes], order)
        link = position + count_bytes + num_entries * entry_bytes
        if link + place_bytes > len(content) or num_entries == 0:
            raise ValueError(f"page {len(seen) - 1} lies behind its end")
        position = int.from_bytes(content[link : link + place_bytes], order)
    return len(seen)


_COUNT: dict[str, Callable[[mmap.mmap], int]] = {
    "GIF": _count_gif_frames,
    "PNG": _count_png_frames,
    "WEBP": _count_webp_frames,
    "TIFF": _count_tiff_pages,
}
