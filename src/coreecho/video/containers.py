"""AVI, MP4 and MOV files, decoded with PyAV (FFmpeg).

FFmpeg is forgiving by design and returns what it can of a damaged file. A clip with frames missing would silently
become another heart rate, so here every sign of damage is an error: the decoder runs with `err_detect=explode`, packets
and frames that FFmpeg marks as corrupt are refused, and the frames decoded are counted against the frames declared.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.video.colour import ColourTally, to_grey
from coreecho.video.decoded import Decoded, is_screen
from coreecho.video.limits import MAX_FRAME_PIXELS, check_size

PHANTOM_COMMENT = "CoReEcho phantom"

# Pixel formats of 8 bits whose plane 0 is the luma. "yuvj" is full range by definition, "yuv" mostly limited.
_LUMA_FIRST = {f"yuv{j}{layout}p" for j in ("", "j") for layout in ("410", "411", "420", "422", "440", "444")}
_LUMA_FIRST |= {"nv12", "nv21", "nv16", "gray"}

# ITU-R BT.601, limited ("MPEG") range: 16 is black and 235 is white.
_FROM_LIMITED_RANGE = np.clip(np.round((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)


def read_container(path: Path, container_format: str, source: str) -> Decoded:
    """Decode a whole AVI, MP4 or MOV file, on one thread.

    Whole screens are also looked through for colour.

    Args:
        path: the file.
        container_format: FFmpeg's name of the container, found by content. Naming it keeps FFmpeg from guessing, and so
            from following play lists to other files.
        source: the path as it was given, for messages.

    Raises:
        VideoError: the file is damaged, cut off, empty, without a video stream, or beyond the limits.
    """
    _check_length(path, container_format, source)
    # "file:" keeps a name such as "http:x.avi" from being taken for an address.
    return _open_and_decode(f"file:{path.resolve()}", container_format, source, num_declared=None)


def read_encapsulated(content: bytes, container_format: str, source: str, num_declared: int) -> Decoded:
    """Decode a video that lies within another file.

    Args:
        content: the video's bytes.
        container_format: FFmpeg's name of their container, or of the codec of a bare stream.
        source: the path of the file around it, for messages.
        num_declared: how many frames that file says there are.

    Raises:
        VideoError: as `read_container`, or there are more or fewer frames.
    """
    return _open_and_decode(io.BytesIO(content), container_format, source, num_declared)


def _open_and_decode(file: str | io.BytesIO, container_format: str, source: str, num_declared: int | None) -> Decoded:
    # The decoder's limit is set here, since FFmpeg decodes a first frame while it opens.
    limit = {"max_pixels": str(MAX_FRAME_PIXELS)}
    try:
        with av.open(file, "r", format=container_format, options=limit, metadata_errors="replace") as container:
            return _decode(container, source, num_declared)
    except (av.error.FFmpegError, ValueError, OverflowError, MemoryError) as error:
        raise VideoError(
            f"{source}: damaged: {_reason(error)}. Copy the file again from its origin, or check it with ffprobe."
        ) from error


def _check_length(path: Path, container_format: str, source: str) -> None:
    """Refuse a file that ends before its header says, even where only an index or a comment at its end is lost."""
    length = path.stat().st_size
    with path.open("rb") as file:
        declared = _avi_length(file) if container_format == "avi" else _iso_length(file, length)
    if length < declared:
        raise VideoError(
            f"{source}: cut off: by its header it has {declared} bytes, but there are {length}. "
            "Copy the file again from its origin."
        )


def _avi_length(file: IO[bytes]) -> int:
    length = int.from_bytes(file.read(8)[4:], "little")
    # Recorders that write to a pipe leave the greatest number in place of a length that they do not know.
    return 0 if length == 0xFFFF_FFFF else length + 8


def _iso_length(file: IO[bytes], length: int) -> int:
    """Where the last of the boxes ends of which an MP4 or MOV file is made."""
    end = 0
    while end < length:
        file.seek(end)
        header = file.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:  # a long box: its size follows, in 8 bytes
            size = int.from_bytes(header[8:], "big")
        # 0: the box reaches to the end of the file, and so does padding with zeros; below 8 it is no box.
        if size == 0 or len(header) < 8:
            return length
        end += max(size, 8)
    return end


def _reason(error: BaseException) -> str:
    return f"it cannot be decoded ({getattr(error, 'strerror', None) or error or type(error).__name__})"


def _decode(container: InputContainer, source: str, num_declared: int | None) -> Decoded:
    stream = _video_stream(container, source)
    height, width = stream.codec_context.height, stream.codec_context.width
    check_size(source, stream.frames, height, width)
    frames: list[NDArray[np.uint8]] = []
    tally = ColourTally(height, width) if is_screen(height, width) else None
    num_discarded = 0
    for packet, decoded in _packets(container, stream, source):
        num_discarded += packet.is_discard
        for frame in decoded:
            if frame.is_corrupt or (frame.height, frame.width) != (height, width):
                raise VideoError(
                    f"{source}: damaged at frame {len(frames)} ({frame.height} x {frame.width} pixels where the header "
                    f"says {height} x {width}). Copy the file again from its origin."
                )
            frames.append(_grey_frame(frame))
            if tally is not None:
                tally.add(_rgb_frame(frame))
            check_size(source, len(frames), height, width)
    # Bare streams do not count their frames.
    _check_count(source, len(frames), (num_declared or stream.frames) - num_discarded)
    fps = float(stream.average_rate) if stream.average_rate else None
    comment = container.metadata.get("comment", "")
    return Decoded(np.stack(frames), fps, None if tally is None else tally.mask, PHANTOM_COMMENT in comment)


def _video_stream(container: InputContainer, source: str) -> VideoStream:
    if not container.streams.video:
        raise VideoError(f"{source}: holds no video stream. Export the clip from the scanner again.")
    stream = container.streams.video[0]
    context = stream.codec_context
    if context is None:
        raise VideoError(f"{source}: its video codec is unknown. Convert it: ffmpeg -i IN -c:v mjpeg -q:v 2 OUT.avi.")
    context.thread_count = 1
    # max_pixels: a frame's own header is checked against it before memory is taken.
    context.options = {"err_detect": "explode", "max_pixels": str(MAX_FRAME_PIXELS)}
    return stream


def _packets(
    container: InputContainer, stream: VideoStream, source: str
) -> "Iterator[tuple[av.Packet[VideoStream], list[av.VideoFrame]]]":
    """Yield each packet of the stream with the frames that came out when it went in."""
    for number, packet in enumerate(container.demux(stream)):
        if packet.is_corrupt:
            raise VideoError(f"{source}: damaged or cut off at frame {number}. Copy the file again from its origin.")
        yield packet, [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]


def _check_count(source: str, num_decoded: int, num_declared: int) -> None:
    if num_decoded == 0:
        raise VideoError(f"{source}: holds no frames. Export the clip from the scanner again.")
    if num_decoded != num_declared:
        raise VideoError(
            f"{source}: declares {num_declared} frames, but {num_decoded} could be decoded: it is cut off or damaged. "
            "Copy the file again from its origin; if it plays in full, write it anew: "
            "ffmpeg -i IN -c:v mjpeg -q:v 2 OUT.avi."
        )


def _rgb_frame(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def _grey_frame(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """(H, W) uint8, full range."""
    name = frame.format.name
    if name not in _LUMA_FIRST:
        return to_grey(_rgb_frame(frame))
    plane: Any = frame.planes[0]
    rows = np.frombuffer(plane, dtype=np.uint8)[: frame.height * plane.line_size].reshape(frame.height, plane.line_size)
    luma = rows[:, : frame.width]
    is_full_range = name.startswith("yuvj") or name == "gray" or frame.color_range == ColorRange.JPEG
    return luma.copy() if is_full_range else _FROM_LIMITED_RANGE[luma]
