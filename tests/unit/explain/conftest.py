from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from coreecho.models.ef_model import EFModel, ModelInput
from coreecho.models.registry import build_model
from coreecho.phantom import PhantomSettings, write_echonet_phantoms


@pytest.fixture
def model() -> EFModel:
    """An untrained model, clips of 6 frames, every 2nd, of 56 pixels; batch statistics are not those of a new model."""
    torch.manual_seed(0)
    model = build_model("xs", ModelInput(num_frames=6, stride=2, frame_size=56), last_bias=50.0)
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm3d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.1, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    return model.eval()


@pytest.fixture
def sector_frames() -> Callable[..., NDArray[np.uint8]]:
    """Make frames (T, S, S) of speckle that changes inside a triangle, and is black outside of it."""

    def make(num_frames: int = 20, size: int = 56, seed: int = 0) -> NDArray[np.uint8]:
        rows, columns = np.mgrid[:size, :size]
        inside = np.abs(columns - (size - 1) / 2) < 0.1 * size + 0.45 * rows
        speckle = np.random.default_rng(seed).integers(20, 200, size=(num_frames, size, size))
        return (speckle * inside).astype(np.uint8)

    return make


@pytest.fixture
def assert_png() -> Callable[[Path], None]:
    def check(path: Path) -> None:
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"

    return check


@pytest.fixture(scope="session")
def truth_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve phantoms of 26 frames in the EchoNet-Dynamic layout, with masks and latent variables."""
    root = tmp_path_factory.mktemp("phantoms") / "cohort"
    settings = PhantomSettings(min_frames=26, max_frames=26, truth=True)
    write_echonet_phantoms(root, studies=12, seed=5, settings=settings, workers=1)
    return root
