"""Pictures of where a model looks: the map in colour over the grey clip, as a film and as a sheet.

Nothing outside the ultrasound sector is ever drawn, and no name of a file: both can carry a patient's name.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from coreecho.errors import CoReEchoError
from coreecho.files import replacing
from coreecho.names import printable
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.phantom.avi import PHANTOM_COMMENT
from coreecho.report.heat import HEAT
from coreecho.report.pictures import SMALL, new_figure, save_figure

Pictures = NDArray[np.uint8]

# Where the map is largest, this much of the picture is colour: the anatomy stays to be seen.
_OPACITY = 0.7
# Frames are enlarged by a whole number to at least this many pixels.
SIDE = 448
_LINE_HEIGHT, _LETTER_WIDTH = 20, 7
# First that this build of FFmpeg has. H.264 plays in every browser; MPEG-4 part 2 in players.
_CODECS = ("libx264", "libopenh264", "mpeg4")
# GIF counts in hundredths of a second, and browsers slow down what is faster than 50 a second.
_MAX_GIF_FPS = 50
UNKNOWN_FPS = 25.0


def colour_frames(
    frames: NDArray[np.uint8], maps: NDArray[np.float32], sector: NDArray[np.bool_], *, scale: float | None = None
) -> Pictures:
    """Lay maps over frames.

    Args:
        frames: (T, H, W) uint8.
        maps: (T, H, W), at least 0; NaN where nothing is known, which stays grey.
        sector: (H, W), outside of which all is black.
        scale: value of the maps that gets the full colour; their largest inside the sector when not given.

    Returns:
        (T, H, W, 3) uint8, red, green, blue.

    Raises:
        ValueError: shapes disagree.
    """
    if frames.shape != maps.shape or frames.shape[1:] != sector.shape:
        raise ValueError(f"frames {frames.shape}, maps {maps.shape} and sector {sector.shape} do not fit together")
    known = np.where(np.isnan(maps) | ~sector, 0, maps)
    scale = float(known.max()) if scale is None else scale
    strength = np.clip(known / scale, 0, 1) if scale > 0 else np.zeros_like(known)
    colours = np.asarray(HEAT(strength), dtype=np.float32)[..., :3]
    opacity = (_OPACITY * strength)[..., None]
    grey = (frames * sector / 255).astype(np.float32)[..., None]
    mixed = (1 - opacity) * grey + opacity * colours
    return np.asarray(np.rint(255 * mixed), dtype=np.uint8) * sector[..., None]


def label_pictures(
    pictures: Pictures, lines: Sequence[str], *, is_phantom: bool, meaning: str = ""
) -> Iterator[Pictures]:
    """Enlarge pictures, and write lines of text into a band below them; the last line is the notice.

    Args:
        pictures: (T, H, W, 3) uint8.
        lines: of text, such as the predicted EF; long ones are wrapped.
        is_phantom: the heart is simulated, which is then said too.
        meaning: what the bright colours of a map say; a bar of the colours then stands above the lines.

    Yields:
        (H', W', 3) uint8; both sides even, as films want them.
    """
    factor = max(1, -(-SIDE // pictures.shape[2]))
    height, width = (factor * side // 2 * 2 for side in pictures.shape[1:3])
    band = _text_band(width, [*lines, *([PHANTOM_LABEL] if is_phantom else []), NOTICE])
    if meaning:
        band = np.concatenate([_colour_band(width, meaning), band])
    for picture in pictures:
        enlarged = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        yield np.concatenate([np.asarray(enlarged), band])


def _text_band(width: int, lines: Sequence[str]) -> NDArray[np.uint8]:
    """Lines of text on black, (height, width, 3)."""
    lines = [part for line in lines for part in textwrap.wrap(printable(line), width // _LETTER_WIDTH)]
    band = Image.new("RGB", (width, _LINE_HEIGHT * len(lines) + 8))
    draw, font = ImageDraw.Draw(band), ImageFont.load_default(size=14)
    for number, line in enumerate(lines):
        draw.text((6, 3 + number * _LINE_HEIGHT), line, fill=(235, 235, 235), font=font)
    return np.asarray(band)


def _colour_band(width: int, meaning: str) -> NDArray[np.uint8]:
    """A bar of the map's colours on black with what they mean, (height, width, 3)."""
    bar_width, height = width // 4, _LINE_HEIGHT + 4
    band = np.zeros((height, width, 3), dtype=np.uint8)
    font, middle = ImageFont.load_default(size=14), _LINE_HEIGHT // 2
    low, high = "little", f"most: {meaning}"
    left = 6 + round(font.getlength(low)) + 8
    colours = np.asarray(HEAT(np.linspace(0, 1, bar_width)))[:, :3]
    band[6 : middle + 8, left : left + bar_width] = np.rint(255 * colours).astype(np.uint8)
    image = Image.fromarray(band)
    draw = ImageDraw.Draw(image)
    draw.text((6, 3), low, fill=(235, 235, 235), font=font)
    draw.text((left + bar_width + 8, 3), high, fill=(235, 235, 235), font=font)
    return np.asarray(image)


def write_mp4(path: Path, pictures: Iterable[Pictures], *, fps: float | None, is_phantom: bool) -> str:
    """Write a film: H.264 where this build of FFmpeg has an encoder for it, else MPEG-4.

    Args:
        path: the file to write.
        pictures: at least one; (H, W, 3) uint8 each, all alike, both sides even.
        fps: frames per second; 25 where it is not known.
        is_phantom: mark the file as simulated, as `read_video` understands it.

    Returns:
        The encoder that was used.

    Raises:
        CoReEchoError: there is no encoder, or the file cannot be written.
    """
    codec = next(_available_codecs(), None)
    if codec is None:
        raise CoReEchoError(f"{path}: this build of PyAV has none of the encoders {', '.join(_CODECS)}. Write a GIF.")
    try:
        with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
            if is_phantom:
                container.metadata["comment"] = PHANTOM_COMMENT
            _encode(container, codec, pictures, Fraction(fps or UNKNOWN_FPS).limit_denominator(1000))
    except OSError as error:
        raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}.") from error
    return codec


def _encode(container: OutputContainer, codec: str, pictures: Iterable[Pictures], rate: Fraction) -> None:
    films = iter(pictures)
    first = next(films)
    stream = container.add_stream(codec, rate=rate)
    if not isinstance(stream, VideoStream):
        raise TypeError(f"{codec} is no video encoder")
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.options = {"crf": "18"} if codec == "libx264" else {"b:v": "4000000"}
    for picture in chain([first], films):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
    container.mux(stream.encode(None))


def _available_codecs() -> Iterator[str]:
    for name in _CODECS:
        try:
            av.Codec(name, "w")
        except ValueError:
            continue
        yield name


def write_gif(path: Path, pictures: Iterable[Pictures], *, fps: float | None, is_phantom: bool) -> None:
    """Write an animation that plays anywhere, for ever; frames beyond 50 a second are left out.

    Args:
        path: the file to write.
        pictures: at least one; (H, W, 3) uint8 each, all alike.
        fps: frames per second; 25 where it is not known.
        is_phantom: mark the file as simulated, in its comment.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    rate = fps or UNKNOWN_FPS
    every = max(1, round(rate / _MAX_GIF_FPS))
    images = (Image.fromarray(picture) for picture in islice(pictures, 0, None, every))
    duration_ms = max(20, round(1000 * every / rate))
    comment = PHANTOM_COMMENT if is_phantom else ""
    try:
        with replacing(path) as temporary:
            next(images).save(
                temporary, "GIF", save_all=True, append_images=images, duration=duration_ms, loop=0, comment=comment
            )
    except OSError as error:
        raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}.") from error


def contact_sheet(
    path: Path,
    frames: NDArray[np.uint8],
    pictures: Pictures,
    sector: NDArray[np.bool_],
    *,
    title: str,
    fps: float | None,
    model: str = "",
    cautions: Sequence[str] = (),
    is_phantom: bool,
    meaning: str = "",
    columns: int = 8,
) -> None:
    """Draw frames of a clip, evenly taken, each above itself with the map, and a bar of the map's colours.

    Args:
        path: PNG to write.
        frames: (T, H, W) uint8.
        pictures: (T, H, W, 3) uint8, from `colour_frames`.
        sector: (H, W), outside of which the frames are black.
        title: over the sheet.
        fps: frames per second; frames then carry their time, and else their number.
        model: what was explained.
        cautions: what speaks against trusting it.
        is_phantom: the heart is simulated.
        meaning: what is bright, for the bar.
        columns: frames shown at most.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    shown = np.unique(np.linspace(0, len(frames) - 1, min(columns, len(frames))).round().astype(int))
    count = len(shown)
    figure, axes = new_figure(
        title,
        (max(5.5, 1.5 * count), 4.2),
        rows=2,
        columns=count,
        model=model,
        cautions=cautions,
        is_phantom=is_phantom,
    )
    for above, below, frame in zip(axes[:count], axes[count:], shown, strict=True):
        above.imshow(frames[frame] * sector, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
        below.imshow(pictures[frame], interpolation="bilinear")
        above.set_title(f"frame {frame}" if fps is None else f"{frame / fps:.2f} s", fontsize=9)
        above.set_axis_off()
        below.set_axis_off()
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), HEAT), ax=axes, shrink=0.7, ticks=[0, 1])
    bar.ax.set_yticklabels(["little", "most"], fontsize=SMALL)
    bar.set_label(meaning, fontsize=SMALL)
    save_figure(figure, path)
