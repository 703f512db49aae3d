"""Data that many tests share: a small EchoNet-Dynamic tree of phantoms, made once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from coreecho.experiments.scales import QUICK, Scale, camus_phantoms, echonet_phantoms
from coreecho.models.echo_model import ModelInput
from coreecho.phantom import PhantomSettings, write_echonet_phantoms
from coreecho.training.recipe import Recipe

NUM_RECORDINGS = 16


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tests run side by side; more threads than cores only slow each other down."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen phantoms of 24 frames in the EchoNet-Dynamic layout."""
    root = tmp_path_factory.mktemp("phantoms") / "cohort"
    settings = PhantomSettings(min_frames=24, max_frames=24)
    write_echonet_phantoms(root, studies=NUM_RECORDINGS, seed=7, settings=settings, workers=1)
    return root


@pytest.fixture
def tiny_recipe() -> Recipe:
    """Both stages in a few seconds: two epochs of two steps, then one epoch."""
    return Recipe(
        name="tiny",
        encoder="uniformer_xs",
        input=ModelInput(num_frames=4, stride=4, frame_size=32),
        crop_pad=2,
        batch_size=4,
        learning_rate=1e-3,
        stage1_epochs=2,
        stage2_epochs=1,
        validation_clips=2,
    )


@pytest.fixture(scope="session")
def micro_scale() -> Scale:
    """Every table of the paper in seconds; two seeds."""
    sizes: dict[str, Any] = {"num_frames": 4, "frame_size": 32, "batch_size": 4, "validation_clips": 1}
    return replace(
        QUICK,
        name="micro",
        settings={**QUICK.settings, **sizes, "crop_pad": 2, "warmup_steps": 0},
        probe={**QUICK.probe, **sizes},
        fine_tune={**QUICK.fine_tune, **sizes},
        recordings=36,
        camus=12,
        hmc_qu=18,
    )


@pytest.fixture(scope="session")
def micro_phantoms(tmp_path_factory: pytest.TempPathFactory, micro_scale: Scale) -> Path:
    """The folder `phantoms` of a reproduction at `micro_scale`, with the hearts of EchoNet-Dynamic and of CAMUS."""
    out = tmp_path_factory.mktemp("reproduction")
    echonet_phantoms(out, micro_scale)
    camus_phantoms(out, micro_scale)
    return out / "phantoms"


@pytest.fixture
def reproduction(tmp_path: Path, micro_phantoms: Path) -> Path:
    """An `--out` whose phantoms are written, and nothing else."""
    out = tmp_path / "reproduction"
    out.mkdir()
    (out / "phantoms").symlink_to(micro_phantoms)
    return out
