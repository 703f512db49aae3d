"""Files per second: `Predictor.predict_many` against one file after another; and recordings of a store, per second.

Files: `predict_many` reads ahead, in this process or in others that can be ended, and fills its batches with clips of
one file after another. All ways predict the same files with the same model, in turns, and the best turn of each counts:
it is the one that other work on the machine disturbed least. Files are Motion-JPEG videos of 112 x 112 and 171 frames,
as in EchoNet-Dynamic, and copies of the real DICOM clip that comes with pydicom (30 frames, 240 x 320, cropped to its
sector on reading). Processes take about a second to start, which counts: over thousands of files it is nothing.

Recordings: the inference engine with a batch size of 64 against batches of the three clips of one recording each, which
is what that batch size once came to. On a CPU both take as long, since the network takes all of the time; a GPU is
another matter: `--device gpu`.

Without a core to spare there is nothing to gain: the network takes all of them.
Run as `python benchmarks/bulk_prediction.py`.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from pydicom.data import get_testdata_file

from coreecho.inference import Prediction, Predictor, find_device
from coreecho.inference.engine import ClipRequest, predict_videos
from coreecho.models import EchoModel, ModelInput, build_model

FILES = 12
FRAMES = 171  # the median of EchoNet-Dynamic
TURNS = 5


def write_video(path: Path, *, seed: int) -> Path:
    """Write a video of coarse noise that drifts, which compresses about as an ultrasound does."""
    noise = np.random.default_rng(seed).random((28, 28))
    texture = (180 * np.kron(noise, np.ones((4, 4)))).astype(np.uint8)
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=50)
        stream.width, stream.height, stream.pix_fmt = 112, 112, "yuvj420p"
        for frame in range(FRAMES):
            grey = np.roll(texture, frame % 12, axis=0)
            picture = av.VideoFrame.from_ndarray(np.repeat(grey[..., None], 3, axis=2), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def seconds_one_by_one(predictor: Predictor, files: list[Path]) -> tuple[float, list[float]]:
    """Read and predict each file before the next is touched."""
    started = time.perf_counter()
    ef_percent = [predictor(file).ef_percent for file in files]
    return time.perf_counter() - started, ef_percent


def seconds_reading_ahead(predictor: Predictor, files: list[Path]) -> tuple[float, list[float]]:
    """Predict each file while the next are read."""
    started = time.perf_counter()
    results = list(predictor.predict_many(files))
    seconds = time.perf_counter() - started
    return seconds, [result.ef_percent for result in results if isinstance(result, Prediction)]


def compare(name: str, model: EchoModel, files: list[Path], *, clips: int) -> None:
    """Print the rates of three ways, and their ratios to the first."""
    alone, threads, processes = (Predictor(model, clips=clips, seconds_a_file=seconds) for seconds in (None, None, 10))
    seconds_one_by_one(alone, files[:2])
    ways = {
        "one by one": (seconds_one_by_one, alone),
        "ahead": (seconds_reading_ahead, threads),
        "ahead, in processes": (seconds_reading_ahead, processes),
    }
    rates: dict[str, float] = dict.fromkeys(ways, 0.0)
    expected = np.array(seconds_one_by_one(alone, files)[1])
    for _ in range(TURNS):
        for way, (run, predictor) in ways.items():
            seconds, got = run(predictor, files)
            if not np.allclose(got, expected, rtol=1e-5):
                raise SystemExit("the ways disagree")
            rates[way] = max(rates[way], len(files) / seconds)
    first = rates["one by one"]
    said = ", ".join(f"{way} {rate:.1f} files/s ({rate / first:.2f})" for way, rate in rates.items())
    print(f"{name:36s} {said}")


def compare_batches(name: str, model: EchoModel, *, device: str) -> None:
    """Print recordings per second at three clips each: batches of one recording, and batches of 64 clips."""
    model = model.to(find_device(device))
    size = model.model_input.frame_size
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, size, size), np.uint8)
    requests = [ClipRequest(number, lambda: (frames, [0, 10, 20])) for number in range(64)]
    rates = {}
    for batch_size in (3, 64):
        list(predict_videos(model, requests[:2], batch_size=batch_size))
        best = 0.0
        for _ in range(TURNS):
            started = time.perf_counter()
            list(predict_videos(model, requests, batch_size=batch_size))
            best = max(best, len(requests) / (time.perf_counter() - started))
        rates[batch_size] = best
    print(
        f"{name:36s} batches of 3 {rates[3]:.1f} recordings/s, of 64 {rates[64]:.1f} recordings/s, "
        f"ratio {rates[64] / rates[3]:.2f}, on {device}"
    )


def main() -> None:
    """Compare where the network dominates and where reading does."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--device", default="cpu")
    device = arguments.parse_args().device
    demo = build_model("uniformer_xs", ModelInput(num_frames=8, stride=4, frame_size=56), last_bias=55.6)
    paper = build_model("uniformer_xs", ModelInput(), last_bias=55.6)
    clip = get_testdata_file("examples_ybr_color.dcm", download=False)
    if clip is None:
        raise SystemExit("pydicom lacks its test file examples_ybr_color.dcm")
    with tempfile.TemporaryDirectory() as folder:
        videos = [write_video(Path(folder, f"{number}.avi"), seed=number) for number in range(FILES)]
        dicom = [Path(shutil.copy(clip, Path(folder, f"{number}.dcm"))) for number in range(FILES)]
        compare("demo's model, 3 clips, AVI", demo, videos, clips=3)
        compare("demo's model, 3 clips, DICOM", demo, dicom, clips=3)
        compare("xs at 36 x 112 x 112, 1 clip, AVI", paper, videos[:4], clips=1)
    compare_batches("demo's model, 3 clips, stored", demo, device=device)
    if device != "cpu":
        small = build_model("uniformer_small", ModelInput(), last_bias=55.6)
        compare_batches("small at 36 x 112 x 112, stored", small, device=device)


if __name__ == "__main__":
    main()
