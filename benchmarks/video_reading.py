"""Reading whole videos: read_video, which checks every frame and refuses damage, against OpenCV, which does not.

Both decode 112 x 112 Motion-JPEG as in EchoNet-Dynamic, on one thread each. Run `python benchmarks/video_reading.py`;
prints the ratio, measured in this one run, and what each side says of a file that was cut in half.
"""

import importlib.util
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage

from coreecho.errors import VideoError
from coreecho.video import read_video
from mjpeg import NUM_FRAMES, decode_with_opencv, write_mjpeg

REPEATS = 15


def write_video(path: Path) -> None:
    """Write one Motion-JPEG video of speckle."""
    speckle = ndimage.gaussian_filter(np.random.default_rng(0).random((NUM_FRAMES, 112, 112)), (1, 1, 1))
    frames = np.interp(speckle, (0.35, 0.65), (0, 160)).astype(np.uint8)
    write_mjpeg(path, frames)


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
        difference = np.abs(read_video(path).frames.astype(int) - decode_with_opencv(path, is_grey=True))
        assert difference.max() <= 2, "both sides must see the same frames"
        seconds: dict[str, list[float]] = {"read_video": [], "OpenCV": []}
        for _ in range(REPEATS):
            for name, read in (("read_video", read_video), ("OpenCV", partial(decode_with_opencv, is_grey=True))):
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
