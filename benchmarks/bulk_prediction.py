"""Files per second: `Predictor.predict_many`, which reads ahead, against reading and predicting one file at a time.

Both predict the same files with the same model, in turns, and the best turn of each counts: it is the one that other
work on the machine disturbed least. Files are Motion-JPEG videos of 112 x 112 and 171 frames, as in EchoNet-Dynamic,
and copies of the real DICOM clip that comes with pydicom (30 frames, 240 x 320, cropped to its sector on reading).
Without a core to spare there is nothing to gain: the network takes all of them.
Run as `python benchmarks/bulk_prediction.py`.
"""

import shutil
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from pydicom.data import get_testdata_file

from coreecho.inference import Prediction, Predictor
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
    """Print both rates and their ratio."""
    predictor = Predictor(model, clips=clips)
    seconds_one_by_one(predictor, files[:2])
    one_by_one, ahead = [], []
    for _ in range(TURNS):
        slow, expected = seconds_one_by_one(predictor, files)
        fast, got = seconds_reading_ahead(predictor, files)
        if got != expected:
            raise SystemExit("the two ways disagree")
        one_by_one.append(len(files) / slow)
        ahead.append(len(files) / fast)
    print(
        f"{name:36s} one by one {max(one_by_one):6.1f} files/s, reading ahead {max(ahead):6.1f} files/s, "
        f"ratio {max(ahead) / max(one_by_one):.2f}"
    )


def main() -> None:
    """Compare where the network dominates and where reading does."""
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


if __name__ == "__main__":
    main()
