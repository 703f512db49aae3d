"""AVI, MP4, MOV, Matroska, Windows Media, MPEG and other video files, decoded with PyAV (FFmpeg).

FFmpeg is forgiving by design and returns what it can of a damaged file. A clip with frames missing would silently
become another heart rate, so here every sign of damage is an error: the decoder runs with `err_detect=explode`, packets
and frames that FFmpeg marks as corrupt are refused, and the frames decoded are counted against the frames declared.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.video.collecting import FrameCollector
from coreecho.video.container_ends import NOT_COUNTED_NOTE, check_end, count_empty_avi_frames
from coreecho.video.decoded import Decoded
from coreecho.video.geometry import UPRIGHT, believed_aspect, turn_of_matrix
from coreecho.video.limits import MAX_FRAME_PIXELS, MAX_PIXELS_PER_BYTE_OF_VIDEO, check_density, check_size
from coreecho.video.luma import LumaReader, is_grey
from coreecho.video.temporal import FrameTimes, find_times, is_same_rate

PHANTOM_COMMENT = "CoReEcho phantom"
INTERLACED_NOTE = "its frames are interlaced: every second row is of another instant, which blurs what moves"
UNTIMED_NOTE = "its time stamps are not in order; the frame rate that its header gives is used"

# Titles and comments need not be UTF-8. PyAV until 18 is told what to do with such; since 19 it keeps their bytes.
_OLD_METADATA: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}

# FFmpeg writes this number of frames where it cannot go back to write how many there were.
_NOT_COUNTED = 1 << 30


def read_container(path: Path, container_format: str, source: str) -> Decoded:
    """Decode a whole file, on one thread.

    Frames come as they are stored: `turn`, `pixel_aspect` and `times_ms` say what is to be done to them. Whole screens
    are also looked through for colour.

    Args:
        path: the file.
        container_format: FFmpeg's name of it, as `container_kinds.container_format` finds it by content: "avi", "mov"
            (also MP4), "matroska" (also WebM) ... Naming it keeps FFmpeg from guessing, and so from following play
            lists to other files.
        source: the path as it was given, for messages.

    Raises:
        VideoError: the file is damaged, cut off, empty, without a video stream, or beyond the limits.
    """
    is_counted = check_end(path, container_format, source)
    num_bytes = path.stat().st_size
    declared = None if is_counted else 0
    # "file:" keeps a name such as "http:x.avi" from being taken for an address.
    name = f"file:{path.resolve()}"
    if name.isprintable():
        whole = _open_and_decode(name, container_format, source, declared, num_bytes)
    else:
        # FFmpeg takes names of UTF-8 only; others are exported by old systems.
        with path.open("rb") as file:
            whole = _open_and_decode(file, container_format, source, declared, num_bytes)
    decoded, num_declared = whole.decoded, whole.num_declared
    num_decoded = len(decoded.frames)
    if container_format == "avi" and num_declared > num_decoded:
        num_empty = count_empty_avi_frames(path)
        # What AVI calls a frame without content is the one before, shown on: a recorder that came too late.
        if num_declared - num_decoded <= num_empty:
            decoded = replace(decoded, frames=_with_repeats(decoded.frames, whole.numbers, num_declared))
            num_decoded = num_declared
    _check_count(source, num_decoded, num_declared or num_decoded)
    return decoded if is_counted else replace(decoded, notes=(*decoded.notes, NOT_COUNTED_NOTE))


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
    whole = _open_and_decode(io.BytesIO(content), container_format, source, num_declared, len(content))
    _check_count(source, len(whole.decoded.frames), whole.num_declared)
    return whole.decoded


@dataclass(frozen=True, eq=False)
class _Whole:
    """What a stream holds: `num_declared` is 0 where that is not said; `numbers` (T,) count frame times."""

    decoded: Decoded
    num_declared: int
    numbers: NDArray[np.int64] | None


def _open_and_decode(
    file: str | IO[bytes], container_format: str, source: str, num_declared: int | None, num_bytes: int
) -> _Whole:
    """Decode; `num_declared` is None where the container counts its frames, and 0 where nobody does."""
    # The decoder's limit is set here, since FFmpeg decodes a first frame while it opens.
    limit = {"max_pixels": str(MAX_FRAME_PIXELS)}
    try:
        with av.open(file, "r", format=container_format, options=limit, **_OLD_METADATA) as container:
            return _decode(container, source, num_declared, num_bytes)
    except (av.error.FFmpegError, ValueError, OverflowError, MemoryError) as error:
        raise VideoError(
            f"{source}: damaged: {_reason(error)}. Copy the file again from its origin, or check it with ffprobe."
        ) from error


def _reason(error: BaseException) -> str:
    return f"it cannot be decoded ({getattr(error, 'strerror', None) or error or type(error).__name__})"


def _decode(container: InputContainer, source: str, num_declared: int | None, num_bytes: int) -> _Whole:
    stream = _video_stream(container, source)
    height, width = stream.codec_context.height, stream.codec_context.width
    counted = stream.frames if num_declared is None else num_declared
    counted = counted if counted < _NOT_COUNTED else 0
    check_size(source, counted, height, width)
    check_density(source, counted * height * width, num_bytes, MAX_PIXELS_PER_BYTE_OF_VIDEO)
    pictures = _Pictures(source, height, width, counted)
    num_discarded = 0
    for packet, decoded in _packets(container, stream, source):
        num_discarded += packet.is_discard
        for frame in decoded:
            pictures.add(frame)
            if not counted:
                check_density(source, len(pictures) * height * width, num_bytes, MAX_PIXELS_PER_BYTE_OF_VIDEO)
    if len(pictures) == 0:
        raise VideoError(f"{source}: holds no frames. Export the clip from the scanner again.")
    comment = container.metadata.get("comment", "")
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    decoded_clip = pictures.decoded(stream, float(aspect or 1), PHANTOM_COMMENT in comment)
    return _Whole(decoded_clip, max(0, counted - num_discarded), pictures.numbers)


def _video_stream(container: InputContainer, source: str) -> VideoStream:
    if not container.streams.video:
        raise VideoError(f"{source}: holds no video stream. Export the clip from the scanner again.")
    # A film may begin with a picture of its cover, which is a stream of its own.
    films = [film for film in container.streams.video if not film.disposition & Disposition.attached_pic]
    stream = (films or container.streams.video)[0]
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


class _Pictures:
    """Takes in the frames of one stream: grey, upright, with their times."""

    def __init__(self, source: str, height: int, width: int, num_declared: int) -> None:
        self._source = source
        self._size = height, width
        self._num_declared = num_declared
        self._luma = LumaReader()
        self._turn = UPRIGHT
        self._notes: tuple[str, ...] = ()
        self._collector: FrameCollector | None = None
        self._stamps: list[int | None] = []

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def numbers(self) -> NDArray[np.int64] | None:
        """(T,): time stamps from 0 on, where every frame has one and they rise."""
        if any(stamp is None for stamp in self._stamps):
            return None
        stamps = np.array(self._stamps, dtype=np.int64)
        return stamps - stamps[0] if (np.diff(stamps) > 0).all() else None

    def add(self, frame: av.VideoFrame) -> None:
        height, width = self._size
        if frame.is_corrupt or (frame.height, frame.width) != self._size:
            raise VideoError(
                f"{self._source}: damaged at frame {len(self)} ({frame.height} x {frame.width} pixels where the header "
                f"says {height} x {width}). Copy the file again from its origin."
            )
        if self._collector is None:
            matrix = _display_matrix(frame)
            if matrix is not None:
                self._turn, self._notes = turn_of_matrix(matrix)
            self._collector = FrameCollector(self._source, height, width, self._num_declared or None)
        self._collector.add(self._luma(frame))
        if not is_grey(frame) and self._collector.wants_colour:
            self._collector.look_at(self._luma.rgb(frame))
        self._stamps.append(frame.pts)
        if frame.interlaced_frame and INTERLACED_NOTE not in self._notes:
            self._notes = (*self._notes, INTERLACED_NOTE)

    def decoded(self, stream: VideoStream, aspect: float, is_phantom: bool) -> Decoded:
        """All frames, at least one, and their times."""
        assert self._collector is not None
        collector = self._collector
        pixel_aspect, aspect_notes = believed_aspect(aspect)
        fps, times_ms, time_notes = self._times(stream)
        frames = collector.frames()
        return Decoded(
            frames,
            fps,
            collector.coloured(),
            is_phantom,
            self._turn,
            pixel_aspect,
            times_ms,
            collector.reduction,
            notes=(*collector.notes, *self._luma.notes, *self._notes, *aspect_notes, *time_notes),
            stored_size=self._size,
        )

    def _times(self, stream: VideoStream) -> FrameTimes:
        """By the time stamps; the header's rate where there are none, or where they say the same."""
        declared = float(stream.average_rate) if stream.average_rate else None
        if len(self) < 3 or stream.time_base is None or all(stamp is None for stamp in self._stamps):
            return FrameTimes(declared)
        tick_ms = 1000 * float(stream.time_base)
        if stream.container.format.name == "avi" and self.numbers is not None:
            # AVI has one rate for all, and gaps are frames shown on: `read_container` fills them.
            return FrameTimes(declared)
        if self.numbers is None:
            return FrameTimes(declared, None, (UNTIMED_NOTE,))
        times = find_times(self.numbers.astype(np.float64) * tick_ms, tick_ms)
        # The header's is exact, and the stamps' is rounded; but the header's may be of another recording.
        if times.uneven_ms is None and declared and times.fps and is_same_rate(declared, times.fps):
            return times._replace(fps=declared)
        return times


def _display_matrix(frame: av.VideoFrame) -> bytes | None:
    """The nine numbers that say how to show a frame, where it has them."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    return None if data is None else bytes(data)


def _with_repeats(frames: NDArray[np.uint8], numbers: NDArray[np.int64] | None, num_frames: int) -> NDArray[np.uint8]:
    """Show each frame until the next one's number, and the last one to the end: (num_frames, H, W)."""
    starts = np.arange(len(frames)) if numbers is None else numbers
    shown = np.searchsorted(starts, np.arange(num_frames), side="right") - 1
    return np.asarray(frames[shown.clip(0)])


def _check_count(source: str, num_decoded: int, num_declared: int) -> None:
    if num_decoded != num_declared:
        raise VideoError(
            f"{source}: declares {num_declared} frames, but {num_decoded} could be decoded: it is cut off or damaged. "
            "Copy the file again from its origin; if it plays in full, write it anew: "
            "ffmpeg -i IN -c:v mjpeg -q:v 2 OUT.avi."
        )
