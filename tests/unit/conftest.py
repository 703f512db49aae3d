from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.shared.cohorts import own_cohort
from tests.shared.weights import learned_from_phantoms, small_card

from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.models.weights import save_weights
from coreecho.phantom import PhantomSettings, write_echonet_phantoms
from coreecho.representation.embeddings import EmbeddingSet
from coreecho.tasks import build_task
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware, RunFolder, find_data


def _build(model_input: ModelInput, *, last_bias: float, target: str = "ef") -> EchoModel:
    torch.manual_seed(0)
    model = build_model("uniformer_xs", model_input, last_bias=last_bias, task=build_task({"name": target}))
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm3d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.1, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    return model.eval()


@pytest.fixture
def model() -> EchoModel:
    """An untrained model, clips of 6 frames, every 2nd, of 56 pixels; batch statistics are not those of a new model."""
    return _build(ModelInput(num_frames=6, stride=2, frame_size=56), last_bias=50.0)


@pytest.fixture
def mi_model() -> EchoModel:
    """The same for the logit of an infarction."""
    return _build(ModelInput(num_frames=6, stride=2, frame_size=56), last_bias=0.5, target="mi")


@pytest.fixture
def beat_model() -> EchoModel:
    """A model for the logit of an infarction that sees one whole beat, resampled to 6 frames."""
    return _build(ModelInput(num_frames=6, time="spline", frame_size=56), last_bias=0.5, target="mi")


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
    settings = PhantomSettings(min_frames=26, max_frames=26, truth=True)
    return own_cohort(
        tmp_path_factory,
        "truth",
        lambda root: write_echonet_phantoms(root, recordings=12, seed=5, settings=settings, workers=1),
    )


def _write_weights(folder: RunFolder, seed: int) -> None:
    torch.manual_seed(seed)
    model_input = folder.recipe.input
    model = build_model("uniformer_xs", model_input, last_bias=50.0)
    trained_on = learned_from_phantoms(
        num_recordings=10, fps_range=(18.0, 138.0), label_range=(5.0, 90.0), epoch=0, best_validation=10.0
    )
    save_weights(folder.best_weights, model, small_card(model_input, trained_on=trained_on))


@pytest.fixture
def run(truth_root: Path, tmp_path: Path) -> RunFolder:
    """A run on the phantoms whose weights are untrained, as good as any for the paths around them."""
    recipe = Recipe(name="tiny", encoder="uniformer_xs", input=ModelInput(num_frames=6, stride=2, frame_size=56))
    data = find_data("echonet", truth_root, recipe, None)
    folder = RunFolder.create(tmp_path / "run", recipe, data, Hardware())
    _write_weights(folder, seed=0)
    return folder


@pytest.fixture
def retrained() -> Callable[[RunFolder], None]:
    """Give a run other weights."""
    return lambda folder: _write_weights(folder, seed=1)


@pytest.fixture
def plane() -> EmbeddingSet:
    """Sixty recordings in a plane of 20 dimensions, whose EF grows along its second, shorter direction."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((20, 2)))[0].T
    place = rng.uniform(-1, 1, (60, 2)) * [4, 2]
    # Uncorrelated, so that the direction of EF is known exactly.
    place[:, 0] -= place[:, 1] * np.cov(place.T)[0, 1] / np.var(place[:, 1], ddof=1)
    return EmbeddingSet(
        ids=tuple(f"0X{number:02}" for number in range(60)),
        embeddings=(place @ directions).astype(np.float32),
        ef_percent=50 + 10 * place[:, 1],
        ef_predicted=51 + 9 * place[:, 1],
        source="a plane, simulated hearts (phantoms)",
        is_phantom=True,
    )
