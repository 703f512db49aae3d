"""Reading whole videos: read_video, which checks every frame and refuses damage, against OpenCV, which does not.

Both decode 112 x 112 Motion-JPEG as in EchoNet-Dynamic, on one thread each. Run `python benchmarks/video_reading.py`;
prints the ratio, measured in this one run, and what each side says of a file that was cut in half.
"""

import importlib.util
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coreecho.errors import VideoError
from coreecho.video import read_video

NUM_FRAMES = 176  # the mean of EchoNet-Dynamic
REPEATS = 15


def write_video(path: Path) -> None:
    """Write one Motion-JPEG video of speckle."""
    speckle = ndimage.gaussian_filter(np.random.default_rng(0).random((NUM_FRAMES, 112, 112)), (1, 1, 1))
    frames = np.interp(speckle, (0.35, 0.65), (0, 160)).astype(np.uint8)
    with av.open(str(path), "w", format="avi") as file:
        stream = file.add_stream("mjpeg", rate=50)
        stream.height = stream.width = 112
        stream.pix_fmt = "yuvj420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, -1), format="rgb24")))
        file.mux(stream.encode())


def decode_with_opencv(path: Path) -> NDArray[np.uint8]:
    """Every frame of a video as grey, (T, 112, 112)."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        is_read, frame = capture.read()
        if not is_read:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
    capture.release()
    return np.stack(frames)


def verdict(path: Path) -> str:
    """What read_video makes of a file."""
    try:
        return f"{len(read_video(path).frames)} frames"
    except VideoError:
        return "VideoError"


def main() -> None:
    """Time both by turns, print the ratio of the medians."""
    if importlib.util.find_spec("cv2") is None:
        print("not measured: the other side of this comparison needs OpenCV: pip install opencv-python-headless")
        return
    import cv2

    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.avi"
        write_video(path)
        difference = np.abs(read_video(path).frames.astype(int) - decode_with_opencv(path))
        assert difference.max() <= 2, "both sides must see the same frames"
        seconds: dict[str, list[float]] = {"read_video": [], "OpenCV": []}
        for _ in range(REPEATS):
            for name, read in (("read_video", read_video), ("OpenCV", decode_with_opencv)):
                started = time.perf_counter()
                read(path)
                seconds[name].append(time.perf_counter() - started)
        half = Path(folder) / "half.avi"
        half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        ours, theirs = (float(np.median(times)) for times in seconds.values())
        print(f"read_video: {NUM_FRAMES / ours:.0f} frames/s; OpenCV: {NUM_FRAMES / theirs:.0f} frames/s; "
              f"ratio {theirs / ours:.2f}")  # fmt: skip
        print(f"a file cut in half: read_video: {verdict(half)}; OpenCV: {len(decode_with_opencv(half))} frames")


if __name__ == "__main__":
    main()
