"""Writing a clip as EchoNet-Dynamic stores its videos: Motion-JPEG in an AVI."""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from coreecho.files import write_whole
from coreecho.video.containers import PHANTOM_COMMENT

# Quantiser scale of the JPEG frames, 2 best to 31 worst; 3 keeps the speckle and gives files of EchoNet's size.
_QUANTISER = 3


def write_mjpeg_avi(path: Path, frames: Iterable[NDArray[np.uint8]], fps: float, *, is_phantom: bool = False) -> int:
    """Write grey frames as a Motion-JPEG AVI (yuvj420p), the whole file or none.

    Nothing is written besides the pictures and their rate: no time, name or version of anything.

    Args:
        path: the file to write.
        frames: (H, W) uint8 each, even sizes, all alike; at least one.
        fps: frames per second.
        is_phantom: mark the file as simulated, by a comment that `read_video` knows.

    Returns:
        The number of frames written.

    Raises:
        OSError: the file cannot be written.
    """
    # Encoded in memory, since FFmpeg passes over a full disk in silence when it closes a file.
    encoded = io.BytesIO()
    rate = Fraction(fps).limit_denominator(1000)
    count = 0
    # bitexact: no library version goes into the file, so the bytes depend on the pictures alone.
    with av.open(encoded, "w", format="avi", options={"fflags": "+bitexact"}) as container:
        if is_phantom:
            container.metadata["comment"] = PHANTOM_COMMENT
        stream = container.add_stream("mjpeg", rate=rate)
        _configure(stream.codec_context)
        for frame in frames:
            if count == 0:
                stream.height, stream.width = frame.shape
            picture = _colour_frame(frame)
            picture.pts = count
            container.mux(stream.encode(picture))
            count += 1
        container.mux(stream.encode(None))
    write_whole(path, encoded.getvalue())
    return count


def _configure(codec: VideoCodecContext) -> None:
    """One thread, and a constant quantiser: qmin and qmax pin it whatever the rate control wants."""
    codec.pix_fmt = "yuvj420p"
    codec.thread_count = 1
    codec.qmin = _QUANTISER
    codec.qmax = _QUANTISER
    codec.options = {"flags": "+bitexact"}


def _colour_frame(grey: NDArray[np.uint8]) -> av.VideoFrame:
    """A yuvj420p frame with the grey picture (H, W) as its full-range luma, and neutral colour."""
    height, width = grey.shape
    picture = av.VideoFrame(width, height, "yuvj420p")
    luma, *chroma = picture.planes
    rows = np.zeros((height, luma.line_size), dtype=np.uint8)
    rows[:, :width] = grey
    luma.update(rows.tobytes())
    for plane in chroma:
        plane.update(b"\x80" * plane.buffer_size)
    return picture
