"""Hearts that are drawn rather than simulated, and a network that outlines them: all is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from coreecho.models import SegmenterInput, TrainedOn, build_segmentation_network, save_segmenter
from coreecho.phantom.avi import write_mjpeg_avi


@dataclass(frozen=True, kw_only=True, eq=False)
class BrightHeart:
    """A cavity that is an ellipse of bright pixels, in a sector of dark speckle; its beats and volumes are known.

    frames (T, H, W); masks of the cavity; volumes in cubic rows, of a body turned about the long axis.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    volumes: NDArray[np.float64]
    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    ef_percent: float


@pytest.fixture(scope="session")
def bright_heart() -> Callable[..., BrightHeart]:
    """Draw one; `squeeze` is how many rows high a pixel is that is one wide."""

    def draw(
        *,
        height: int = 112,
        width: int = 112,
        beats: Sequence[int] = (20, 20, 20),
        lead: int = 5,
        ed: tuple[float, float] = (0.6, 0.32),
        es: tuple[float, float] = (0.5, 0.24),
        squeeze: float = 1.0,
        seed: int = 0,
    ) -> BrightHeart:
        # 1 at end-diastole, 0 at end-systole; `lead` frames of filling come first.
        phases = [np.cos(np.linspace(0, 2 * np.pi, beat, endpoint=False)) / 2 + 0.5 for beat in beats]
        phase = np.concatenate([0.7 + 0.3 * np.arange(lead) / max(lead, 1), *phases, [1.0, 0.98, 0.96]])
        share = phase[:, None] * ed + (1 - phase[:, None]) * es
        rows, columns = np.indices((height, width))
        across, down = (columns - 0.5 * width) * squeeze, rows - 0.5 * height
        long, short = share[:, 0, None, None] * height / 2, share[:, 1, None, None] * height / 2
        masks = (down / long) ** 2 + (across / short) ** 2 <= 1
        rng = np.random.default_rng(seed)
        speckle = rng.integers(15, 60, (len(phase), height, width))
        sector = (down / (0.46 * height)) ** 2 + (across / (0.42 * height)) ** 2 <= 1
        frames = np.where(masks, 200 + speckle // 2, speckle) * sector
        starts = np.cumsum([lead, *beats[:-1]])
        volumes = np.pi / 6 * (2 * long * (2 * short) ** 2)[:, 0, 0]
        return BrightHeart(
            frames=frames.astype(np.uint8),
            masks=masks,
            volumes=volumes,
            ed_frames=tuple(map(int, starts)),
            es_frames=tuple(int(start + beat / 2) for start, beat in zip(starts, beats, strict=True)),
            ef_percent=100 * (1 - es[0] * es[1] ** 2 / (ed[0] * ed[1] ** 2)),
        )

    return draw


@pytest.fixture(scope="session")
def bright_segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network that takes what is brighter than half of full scale for the cavity; trained on phantoms."""
    network = build_segmentation_network("lv_unet", widths=[1, 1])
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "weight" in name and value.ndim == 4:
                # Each convolution passes its last channel on: on the way up, what lies beside.
                value.zero_()[:, -1, value.shape[2] // 2, value.shape[3] // 2] = 1
        network.head.weight[:] = torch.tensor([1.0, -1.0])[:, None, None, None]
        network.head.bias[:] = torch.tensor([-1.0, 0.5])
    path = tmp_path_factory.mktemp("segmenter") / "bright.safetensors"
    trained_on = TrainedOn(
        dataset="echonet",
        is_phantom=True,
        num_recordings=3,
        fps_range=(50.0, 50.0),
        label_range=None,
        recipe="bright",
        epoch=0,
        best_validation=None,
    )
    shown = SegmenterInput(frame_size=112, mean=(0.0,), std=(0.5,))
    save_segmenter(path, network.eval(), shown, source="a test", licence="MIT", trained_on=trained_on)
    return path


@pytest.fixture(scope="session")
def bright_root(tmp_path_factory: pytest.TempPathFactory, bright_heart: Callable[..., BrightHeart]) -> Path:
    """Three bright hearts in the layout of EchoNet-Dynamic, all TEST, with masks of every frame and a true EF.

    The first two beat twice; of the third no beat is complete.
    """
    root = tmp_path_factory.mktemp("bright") / "cohort"
    (root / "Videos").mkdir(parents=True)
    (root / "Masks").mkdir()
    rows = ["FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"]
    for number, es in enumerate([(0.5, 0.24), (0.55, 0.28), (0.5, 0.24)]):
        heart = bright_heart(beats=(22, 22), es=es, seed=number)
        last = 12 if number == 2 else len(heart.frames)
        write_mjpeg_avi(root / "Videos" / f"heart{number}.avi", heart.frames[:last], 50.0)
        labels = heart.masks[:last].astype(np.uint8)
        np.savez(
            root / "Masks" / f"heart{number}.npz",
            labels=labels,
            ed_frame=heart.ed_frames[0],
            es_frame=min(heart.es_frames[0], last - 1),
        )
        rows.append(f"heart{number},{heart.ef_percent:.4f},,,112,112,50,{last},TEST")
    (root / "FileList.csv").write_text("\n".join(rows) + "\n")
    return root
