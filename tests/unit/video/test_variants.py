"""Codec x pixel format x range x rate x aspect x rotation: grey levels are right, exactly where the codec is lossless.

Frames are handed to the encoders as planes, so no conversion but the reader's own lies between what is written and what
is expected.
"""

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from numpy.typing import NDArray
from pydicom.pixels import convert_color_space

from coreecho.errors import VideoError
from coreecho.video import read_video
from coreecho.video.colour import YCBCR_NOTE
from coreecho.video.container_ends import NOT_COUNTED_NOTE
from coreecho.video.containers import read_container
from coreecho.video.geometry import NOT_UPRIGHT_NOTE
from coreecho.video.luma import WRONG_RANGE_NOTE
from coreecho.video.reading import TURNED_NOTE, UNEVEN_NOTE
from coreecho.video.temporal import PAUSE_NOTE


@pytest.fixture(autouse=True)
def own_priority() -> Iterator[None]:
    """SVT-AV1's encoder puts the thread that calls it under the superuser's real-time scheduling, and leaves it there.

    All later tests of the process would then starve each other's threads.
    """
    earlier = (os.sched_getscheduler(0), os.sched_getparam(0)) if hasattr(os, "sched_getscheduler") else None
    yield
    if earlier is not None:
        os.sched_setscheduler(0, *earlier)


NUM_FRAMES, SIDE = 12, 48
_LIMITED = (16.0, 219.0)


@pytest.fixture(scope="module")
def levels() -> NDArray[np.uint8]:
    """Every grey level, over and over, and a black corner as a sector leaves it; no frame is like another."""
    frames = np.arange(NUM_FRAMES * SIDE * SIDE).reshape(NUM_FRAMES, SIDE, SIDE) * 7 % 256
    frames[:, :12, :12] = 0
    return frames.astype(np.uint8)


def planes_of(grey: NDArray[np.uint8], pixel_format: str, color_range: str) -> av.VideoFrame:
    """A frame whose luma, or whose three equal colours, are the grey levels; its chroma is at rest."""
    frame = av.VideoFrame(SIDE, SIDE, pixel_format)
    bits = frame.format.components[0].bits
    packed_bytes = {"rgb24": 3, "bgr24": 3, "bgr0": 4}.get(pixel_format, 0)
    is_rgb = packed_bytes > 0 or pixel_format.startswith("gbr")
    low, width = _LIMITED if color_range == "limited" and not is_rgb else (0.0, 255.0)
    # As ITU-R BT.709 and BT.2100 quantise: limited range is shifted, and full range of grey keeps its levels' order.
    top = (1 << bits) - 1 if bits > 8 and low == 0 else width * (1 << (bits - 8))
    luma = np.rint(low * (1 << (bits - 8)) + grey * (top / 255)).astype(np.uint16 if bits > 8 else np.uint8)
    if pixel_format in ("yuyv422", "uyvy422"):
        pairs = np.full((SIDE, SIDE, 2), 128, np.uint8)
        pairs[..., int(pixel_format == "uyvy422")] = luma
        frame.planes[0].update(pairs.tobytes())
        frame.color_range = ColorRange.MPEG
        return frame
    for number, plane in enumerate(frame.planes):
        item = luma.itemsize
        rows = np.zeros((plane.height, plane.line_size // item), luma.dtype)
        if packed_bytes:
            rows[:, : SIDE * packed_bytes] = np.repeat(grey, packed_bytes, axis=1)
        elif number == 0 or is_rgb:
            rows[:, :SIDE] = luma
        else:
            rows[:] = 1 << (bits - 1)
        plane.update(rows.tobytes()[: plane.buffer_size].ljust(plane.buffer_size, b"\0"))
    if not is_rgb:
        frame.color_range = ColorRange.MPEG if color_range == "limited" else ColorRange.JPEG
    return frame


def write(
    path: Path, frames: list[av.VideoFrame], codec: str, options: dict[str, str] | None = None, **settings: Any
) -> Path:
    """Encode frames. `times` are in ms; `aspect` is that of a pixel; `color_range` is the label of the stream."""
    with av.open(str(path), "w", container_options=settings.get("container_options", {})) as file:
        stream = file.add_stream(codec, rate=settings.get("rate", 50), options=options or {})
        stream.height, stream.width, stream.pix_fmt = frames[0].height, frames[0].width, frames[0].format.name
        if "color_range" in settings:
            stream.codec_context.color_range = settings["color_range"]
        if "aspect" in settings:
            stream.codec_context.sample_aspect_ratio = settings["aspect"]
        times = settings.get("times")
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            if times is not None:
                frame.pts, frame.time_base = int(times[number]), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


X264 = {"qp": "0", "preset": "ultrafast"}
VP9 = {"lossless": "1", "deadline": "realtime", "cpu-used": "8"}
LOSSLESS: list[tuple[str, str, str, str, dict[str, str]]] = [
    ("avi", "rawvideo", "bgr24", "full", {}),
    ("avi", "rawvideo", "yuv420p", "limited", {}),
    ("avi", "rawvideo", "yuyv422", "limited", {}),
    ("mov", "rawvideo", "uyvy422", "limited", {}),
    ("avi", "rawvideo", "gray", "full", {}),
    ("avi", "rawvideo", "yuv411p", "limited", {}),
    ("avi", "jpegls", "gray", "full", {}),
    ("avi", "v210", "yuv422p10le", "limited", {}),
    ("avi", "huffyuv", "rgb24", "full", {}),
    ("avi", "huffyuv", "yuv422p", "limited", {}),
    ("avi", "utvideo", "gbrp", "full", {}),
    ("avi", "ffv1", "gray", "full", {}),
    ("avi", "ffv1", "bgr0", "full", {}),
    ("avi", "magicyuv", "gray", "full", {}),
    ("avi", "png", "rgb24", "full", {}),
    ("avi", "zmbv", "bgr0", "full", {}),
    ("mov", "png", "gray", "full", {}),
    ("mov", "qtrle", "rgb24", "full", {}),
    ("mov", "rawvideo", "rgb24", "full", {}),
    ("mp4", "libx264", "gray", "full", X264),
    ("mp4", "libx264", "yuv420p", "limited", X264),
    ("mp4", "libx264", "yuv444p", "full", X264),
    ("mp4", "libx264", "yuv420p10le", "limited", X264),
    ("mp4", "libx264", "yuv422p10le", "full", X264),
    ("mp4", "libx264rgb", "rgb24", "full", X264),
    ("mkv", "ffv1", "gray10le", "full", {}),
    ("mkv", "ffv1", "gray12le", "full", {}),
    ("mkv", "ffv1", "gray16le", "full", {}),
    ("mkv", "ffv1", "yuv420p", "full", {}),
    ("mkv", "ffv1", "yuv444p16le", "limited", {"strict": "experimental"}),
    ("mkv", "ffv1", "bgr0", "full", {}),
    ("mkv", "libx264", "yuv420p", "limited", X264),
    ("webm", "libvpx-vp9", "yuv420p", "limited", VP9),
    ("webm", "libvpx-vp9", "yuv444p", "full", VP9),
]


@pytest.mark.parametrize(("container", "codec", "pixel_format", "color_range", "options"), LOSSLESS)
def test_lossless_codecs_give_every_grey_level(
    tmp_path: Path,
    levels: NDArray[np.uint8],
    container: str,
    codec: str,
    pixel_format: str,
    color_range: str,
    options: dict[str, str],
) -> None:
    frames = [planes_of(grey, pixel_format, color_range) for grey in levels]
    label = ColorRange.MPEG if color_range == "limited" else ColorRange.JPEG
    path = write(tmp_path / f"a.{container}", frames, codec, options, color_range=label)
    video = read_video(path)
    assert video.frames.shape == levels.shape
    assert video.fps == 50
    is_8_bits = frames[0].format.components[0].bits == 8
    # 8 bits of limited range have 220 levels, so some grey levels cannot be told apart.
    tolerance = 1 if color_range == "limited" and is_8_bits else 0
    assert np.abs(video.frames.astype(int) - levels).max() <= tolerance
    assert video.notes == ()


# Containers that are made to be broadcast, or do not say how many frames they hold: name, codec, how exact.
STREAMS: list[tuple[str, str, dict[str, str], int]] = [
    ("ts", "libx264", X264, 1),
    ("m2ts", "libx264", X264, 1),
    ("flv", "libx264", {"qp": "1", "preset": "ultrafast"}, 3),
    ("mpg", "mpeg2video", {"qmin": "1", "qmax": "1"}, 8),
    ("m2v", "mpeg2video", {"qmin": "1", "qmax": "1"}, 8),
    ("wtv", "mpeg2video", {"qmin": "1", "qmax": "1"}, 8),
    ("ogv", "libvpx", {"crf": "4", "b": "8000000"}, 8),
    ("rm", "rv20", {"qmin": "1", "qmax": "1"}, 12),
    ("ivf", "libvpx-vp9", VP9, 1),
    ("y4m", "wrapped_avframe", {}, 1),
]


@pytest.mark.parametrize(("container", "codec", "options", "tolerance"), STREAMS)
def test_streams_are_read_with_a_note(
    tmp_path: Path, container: str, codec: str, options: dict[str, str], tolerance: int
) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    waves = np.stack([120 + 80 * np.sin((columns + 2 * number) / 9) * np.cos(rows / 8) for number in range(NUM_FRAMES)])
    waves[:, :16, :16] = 0
    grey = waves.astype(np.uint8)
    frames = [planes_of(frame, "yuv420p", "limited") for frame in grey]
    path = write(tmp_path / f"a.{container}", frames, codec, options)
    video = read_video(path.rename(tmp_path / "a"))
    assert video.frames.shape == grey.shape
    assert video.fps == pytest.approx(50)
    assert np.abs(video.frames.astype(int) - grey).max() <= tolerance
    assert video.notes == (NOT_COUNTED_NOTE,)


LOSSY: list[tuple[str, str, str, dict[str, str], float]] = [
    ("avi", "mjpeg", "yuvj420p", {"qmin": "2", "qmax": "2"}, 4),
    ("avi", "mpeg4", "yuv420p", {"qmin": "2", "qmax": "2"}, 4),
    ("mp4", "libx265", "yuv420p10le", {"x265-params": "crf=4:log-level=none:pools=1", "preset": "ultrafast"}, 4),
    ("mp4", "libsvtav1", "yuv420p", {"crf": "4", "preset": "12"}, 4),
    ("mov", "prores_ks", "yuv422p10le", {}, 4),
    ("webm", "libvpx", "yuv420p", {"crf": "4", "b": "8000000"}, 6),
    ("wmv", "wmv2", "yuv420p", {"qmin": "2", "qmax": "2"}, 4),
]


@pytest.mark.parametrize(("container", "codec", "pixel_format", "options", "tolerance"), LOSSY)
def test_lossy_codecs_keep_grey_levels_on_the_whole(
    tmp_path: Path,
    smooth_frames: NDArray[np.uint8],
    container: str,
    codec: str,
    pixel_format: str,
    options: dict[str, str],
    tolerance: float,
) -> None:
    """A range that is taken wrongly moves black or white by 16 levels and more."""
    try:
        av.codec.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    rgb = np.repeat(smooth_frames[:10, :, :, None], 3, axis=-1)
    frames = [av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format) for picture in rgb]
    video = read_video(write(tmp_path / f"a.{container}", frames, codec, options))
    assert len(video.frames) == 10
    assert np.abs(video.frames.astype(int) - smooth_frames[:10]).mean() < tolerance
    for percent in (1, 99):
        assert abs(np.percentile(video.frames, percent) - np.percentile(smooth_frames[:10], percent)) < 6


def test_a_wrong_label_of_the_range_is_found(tmp_path: Path, levels: NDArray[np.uint8]) -> None:
    frames = [planes_of(grey, "yuv420p", "full") for grey in levels]
    for frame in frames:
        frame.color_range = ColorRange.MPEG
    video = read_video(write(tmp_path / "a.mp4", frames, "libx264", X264, color_range=ColorRange.MPEG))
    np.testing.assert_array_equal(video.frames, levels)
    assert video.notes == (WRONG_RANGE_NOTE,)


@pytest.mark.parametrize("bright", [False, True])
def test_ycbcr_that_is_called_rgb_is_found(tmp_path: Path, draw_screen: Callable[..., Any], bright: bool) -> None:
    """A clip without colour is read as its luma, and one with colour flow is refused, as in its own colours."""
    screen = draw_screen(has_text=False, flow_colour=(230, 20, 20) if bright else None)
    ycbcr = convert_color_space(screen, "RGB", "YBR_FULL", per_frame=True)
    frames = [av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24") for picture in ycbcr]
    path = write(tmp_path / "a.avi", [frame.reformat(format="bgr24") for frame in frames], "rawvideo")
    if bright:
        with pytest.raises(VideoError, match="as in colour Doppler"):
            read_video(path)
        return
    video = read_video(path)
    assert YCBCR_NOTE in video.notes
    plain = [av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr24") for picture in screen]
    np.testing.assert_array_equal(video.frames, read_video(write(tmp_path / "b.avi", plain, "rawvideo")).frames)


@pytest.mark.parametrize("container", ["avi", "mp4", "mkv", "wmv"])
@pytest.mark.parametrize("rate", [Fraction(7), Fraction(24000, 1001), Fraction(30), Fraction(37), Fraction(150)])
def test_the_frame_rate_is_told(tmp_path: Path, levels: NDArray[np.uint8], container: str, rate: Fraction) -> None:
    """Matroska and Windows Media round times to milliseconds."""
    frames = [planes_of(grey, "yuv420p", "limited") for grey in levels]
    video = read_video(write(tmp_path / f"a.{container}", frames, "wmv2" if container == "wmv" else "mpeg4", rate=rate))
    assert video.fps == pytest.approx(float(rate), rel=0.01)
    assert len(video.frames) == NUM_FRAMES
    assert video.notes == ()


TIMES = {
    "steps of 20 ms and then of 60": ([0, 20, 40, 60, 80, 100, 120, 180, 240, 300, 360, 420], 50, 22),
    "dropped frames": ([0, 20, 40, 80, 100, 120, 140, 160, 220, 240, 260, 280], 50, 15),
    "one dropped at the end": ([0, 40, 80, 120, 160, 200, 240, 280, 320, 360, 400, 480], 25, 13),
    "a pause": ([0, 20, 40, 60, 80, 2080, 2100, 2120, 2140, 2160, 2180, 2200], 50, 12),
}


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("name", TIMES)
def test_uneven_times_are_resampled(tmp_path: Path, levels: NDArray[np.uint8], container: str, name: str) -> None:
    times, fps, num_frames = TIMES[name]
    frames = [planes_of(grey, "yuv420p", "limited") for grey in levels]
    video = read_video(write(tmp_path / f"a.{container}", frames, "libx264", {**X264, "bf": "0"}, times=times))
    assert video.fps == pytest.approx(fps, rel=0.001)
    assert len(video.frames) == num_frames
    assert np.abs(video.frames[-1].astype(int) - levels[-1]).max() <= 1
    assert (PAUSE_NOTE if name == "a pause" else UNEVEN_NOTE.format(fps)) in video.notes


def turned_file(path: Path, frames: list[av.VideoFrame], matrix: tuple[int, ...], **settings: Any) -> Path:
    """An MP4 file with the display matrix a, b, c, d in its track header."""
    write(path, frames, "libx264", X264, **settings)
    content = bytearray(path.read_bytes())
    # Version 0 of the header has 4 bytes for each time; the matrix lies 40 bytes behind the version.
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = matrix
    numbers = [65536 * number for number in (a, b, 0, c, d, 0, 0, 0)] + [1 << 30]
    content[at : at + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in numbers)
    path.write_bytes(content)
    return path


TURNS: dict[tuple[int, int, int, int], Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    (1, 0, 0, 1): lambda frames: frames,
    (0, 1, -1, 0): lambda frames: np.rot90(frames, -1, (1, 2)),
    (-1, 0, 0, -1): lambda frames: np.rot90(frames, 2, (1, 2)),
    (0, -1, 1, 0): lambda frames: np.rot90(frames, 1, (1, 2)),
    (-1, 0, 0, 1): lambda frames: frames[:, :, ::-1],
    (1, 0, 0, -1): lambda frames: frames[:, ::-1],
    (0, 1, 1, 0): lambda frames: frames.swapaxes(1, 2),
    (0, -1, -1, 0): lambda frames: np.rot90(frames, 2, (1, 2)).swapaxes(1, 2),
}


@pytest.mark.parametrize("matrix", TURNS)
def test_display_matrices_are_obeyed(
    tmp_path: Path, levels: NDArray[np.uint8], matrix: tuple[int, int, int, int]
) -> None:
    frames = [planes_of(grey, "yuv420p", "full") for grey in levels]
    path = turned_file(tmp_path / "a.mp4", frames, matrix, color_range=ColorRange.JPEG)
    video = read_video(path)
    np.testing.assert_array_equal(video.frames, TURNS[matrix](levels))
    assert video.notes == (() if matrix == (1, 0, 0, 1) else (TURNED_NOTE,))


def test_a_turn_by_another_angle_is_told(tmp_path: Path, levels: NDArray[np.uint8]) -> None:
    frames = [planes_of(grey, "yuv420p", "full") for grey in levels]
    path = turned_file(tmp_path / "a.mp4", frames, (1, 1, -1, 1), color_range=ColorRange.JPEG)
    assert read_video(path).notes == (NOT_UPRIGHT_NOTE,)


def test_a_turned_screen_is_that_of_the_upright_one(tmp_path: Path, draw_screen: Callable[..., Any]) -> None:
    screen = draw_screen()
    frames = [av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p") for picture in screen]
    upright = read_video(turned_file(tmp_path / "a.mp4", frames, (1, 0, 0, 1))).frames
    turned = read_video(turned_file(tmp_path / "b.mp4", frames, (0, 1, -1, 0))).frames
    np.testing.assert_array_equal(turned, np.rot90(upright, -1, (1, 2)))


@pytest.mark.parametrize(("container", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("mov", "mpeg4")])
@pytest.mark.parametrize("aspect", [Fraction(2), Fraction(16, 15), Fraction(8, 9), Fraction(1, 2)])
def test_oblong_pixels_are_made_square(
    tmp_path: Path, draw_screen: Callable[..., Any], container: str, codec: str, aspect: Fraction
) -> None:
    """The sector of the drawn screen is 180 rows high and 207 columns wide; here its columns stand for more or less."""
    frames = [
        av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        for picture in draw_screen(has_text=False)
    ]
    path = write(tmp_path / f"a.{container}", frames, codec, {"qp": "0"} if codec == "libx264" else {}, aspect=aspect)
    assert read_container(path, {"mp4": "mov", "mkv": "matroska"}.get(container, container), "a").pixel_aspect == (
        pytest.approx(float(aspect), rel=1e-3)
    )
    video = read_video(path)
    assert any("times as wide as high" in note for note in video.notes)
    lit = video.frames.max(axis=0) > 0
    rows, columns = (np.ptp(np.flatnonzero(lit.any(axis=axis))) + 1 for axis in (1, 0))
    assert columns / rows == pytest.approx(207 / 180 * float(aspect), rel=0.06)


def test_a_prepared_clip_of_oblong_pixels_keeps_its_size(tmp_path: Path, levels: NDArray[np.uint8]) -> None:
    frames = [planes_of(grey, "yuv420p", "limited") for grey in levels]
    video = read_video(write(tmp_path / "a.mp4", frames, "libx264", X264, aspect=Fraction(2)))
    assert video.frames.shape == levels.shape
    # Twice as wide as high: so half as high as before, between black bands.
    assert not video.frames[:, : SIDE // 4].any()
    assert not video.frames[:, -SIDE // 4 :].any()
    assert video.frames[:, SIDE // 4].any()
