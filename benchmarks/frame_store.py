"""Clips for training from the frame store, against decoding the AVI with OpenCV for each clip as published code does.

Both give the same thing: of each video two views of 36 frames at stride 4, padded by 6 pixels and cropped. The
published way is timed twice: decoding once for each clip, and once for both views, which is the least it could do.
Run as `python benchmarks/frame_store.py`; prints the ratios, measured in this one run, and what EchoNet-Dynamic takes.
"""

import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coreecho.video import ClipSampling, FrameStore, pad_and_crop, random_start, read_video, take_clip
from mjpeg import NUM_FRAMES, decode_with_opencv, write_mjpeg

NUM_VIDEOS = 32
ECHONET_VIDEOS = 10_030
SAMPLING = ClipSampling(num_frames=36, stride=4)
PAD = 6
REPEATS = 3


def write_videos(folder: Path) -> dict[str, Path]:
    """Write Motion-JPEG videos of speckle in a sector, of about the bytes a frame that EchoNet-Dynamic has."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:112, :112]
    sector = (np.abs(x - 56) < 0.7 * y) & (np.hypot(x - 56, y) < 110)
    paths = {}
    for index in range(NUM_VIDEOS):
        speckle = ndimage.gaussian_filter(rng.random((NUM_FRAMES, 112, 112), dtype=np.float32), (1, 1, 1))
        frames = (np.interp(speckle, (0.35, 0.65), (0, 160)) * sector).astype(np.uint8)
        paths[str(index)] = folder / f"{index}.avi"
        write_mjpeg(paths[str(index)], frames)
    return paths


def view_from_array(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One training view of decoded frames, (T, 112, 112, 3) -> (36, 112, 112, 3), as published code takes it."""
    missing = SAMPLING.padded_length - len(frames)
    if missing > 0:
        frames = np.concatenate([frames, np.zeros((missing, *frames.shape[1:]), np.uint8)])
    start = rng.integers(len(frames) - (SAMPLING.num_frames - 1) * SAMPLING.stride)
    clip = frames[start + SAMPLING.stride * np.arange(SAMPLING.num_frames)]
    padded = np.zeros((len(clip), 112 + 2 * PAD, 112 + 2 * PAD, 3), np.uint8)
    padded[:, PAD:-PAD, PAD:-PAD] = clip
    top, left = rng.integers(0, 2 * PAD + 1, 2)
    return padded[:, top : top + 112, left : left + 112]


def views_from_store(store: FrameStore, video_id: str, rng: np.random.Generator) -> None:
    """Two training views, (36, 112, 112) each."""
    frames = store.frames(video_id)
    for _ in range(2):
        clip, _ = take_clip(frames, random_start(len(frames), SAMPLING, rng), SAMPLING)
        pad_and_crop(clip, PAD, rng)


def best_seconds(work: Callable[[], object]) -> float:
    """Seconds of the fastest of several runs: the one that other programs disturbed least."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    """Build a store, time all ways, print the ratios."""
    if importlib.util.find_spec("cv2") is None:
        print("not measured: the other side of this comparison needs OpenCV: pip install opencv-python-headless")
        return
    with tempfile.TemporaryDirectory() as root:
        paths = write_videos(Path(root))
        started = time.perf_counter()
        store = FrameStore.build(Path(root) / "store", paths, frame_size=112)
        building = time.perf_counter() - started
        rng = np.random.default_rng(1)
        for video_id, path in paths.items():
            difference = np.abs(store.frames(video_id).astype(int) - decode_with_opencv(path)[..., 0])
            assert difference.max() <= 2, "both sides must see the same frames"

        def decode_for_each(clips: int) -> None:
            for path in paths.values():
                for _ in range(2 // clips):
                    frames = decode_with_opencv(path)
                    for _ in range(clips):
                        view_from_array(frames, rng)

        from_store = best_seconds(lambda: [views_from_store(store, video_id, rng) for video_id in paths])
        each_clip = best_seconds(lambda: decode_for_each(1))
        each_video = best_seconds(lambda: decode_for_each(2))
        decoding = best_seconds(lambda: [read_video(path) for path in paths.values()])
    clips = 2 * NUM_VIDEOS
    megabytes = NUM_FRAMES * 112 * 112 / 1e6
    print(f"store:                              {clips / from_store:8.0f} clips/s")
    print(
        f"OpenCV, decoding for each clip:     {clips / each_clip:8.0f} clips/s   store {each_clip / from_store:.0f} x"
    )
    print(
        f"OpenCV, decoding once for two:      {clips / each_video:8.0f} clips/s   store {each_video / from_store:.0f} x"
    )
    print(f"building the store: {NUM_VIDEOS / building:.0f} videos/s; read_video alone, one thread: "
          f"{NUM_VIDEOS / decoding:.0f} videos/s")  # fmt: skip
    print(f"EchoNet-Dynamic ({ECHONET_VIDEOS} videos of {NUM_FRAMES} frames on average): "
          f"{ECHONET_VIDEOS * megabytes / 1000:.1f} GB on disk, "
          f"{ECHONET_VIDEOS * building / NUM_VIDEOS / 60:.1f} min to build here")  # fmt: skip


if __name__ == "__main__":
    main()
