"""Motion-JPEG videos as EchoNet-Dynamic has them: how benchmarks write them, and how OpenCV reads them."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

NUM_FRAMES = 176  # the mean of EchoNet-Dynamic


def write_mjpeg(path: Path, frames: NDArray[np.uint8]) -> None:
    """Write grey frames (T, H, W) at 50 a second."""
    with av.open(str(path), "w", format="avi") as file:
        stream = file.add_stream("mjpeg", rate=50)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "yuvj420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, -1), format="rgb24")))
        file.mux(stream.encode())


def decode_with_opencv(path: Path, *, is_grey: bool = False) -> NDArray[np.uint8]:
    """Every frame of a video: (T, H, W, 3), or grey (T, H, W)."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        is_read, frame = capture.read()
        if not is_read:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY if is_grey else cv2.COLOR_BGR2RGB))
    capture.release()
    return np.stack(frames)
