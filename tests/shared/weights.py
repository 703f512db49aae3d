"""Cards of small models, and tiny models in the place of those that ship."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import coreecho.shipped
from coreecho.files import sha256_of
from coreecho.models import (
    ModelInput,
    SegmenterInput,
    TrainedOn,
    WeightsCard,
    build_model,
    build_segmentation_network,
    save_segmenter,
    save_weights,
)
from coreecho.models.weights import save_state
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.representation.references import References, save_references
from coreecho.training import Hardware, RunFolder
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import find_data


def learned_from_phantoms(**other: Any) -> TrainedOn:
    """What a card says of a training on a dozen phantoms; keywords say it otherwise."""
    said = {
        "dataset": "echonet",
        "is_phantom": True,
        "num_recordings": 12,
        "fps_range": (30.0, 60.0),
        "label_range": (0.0, 100.0),
        "recipe": "tiny",
        "epoch": 1,
        "best_validation": 9.0,
    }
    return TrainedOn(**(said | other))


def small_card(model_input: ModelInput | None, *, trained_on: TrainedOn | None = None, **other: Any) -> WeightsCard:
    """The card of a small model that reads the EF; keywords say it otherwise."""
    said: dict[str, Any] = {
        "kind": "model",
        "reads": {"name": "ef"},
        "encoder": "uniformer_xs",
        "source": "a test",
        "licence": "Apache-2.0",
        "num_parameters": 1,
        "source_sha256": None,
        "coreecho_version": "0",
    }
    return WeightsCard(**(said | {"model_input": model_input, "trained_on": trained_on} | other))


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny untrained models in the place of those that ship: the folder, with the EF model and its reference hearts."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(coreecho.shipped, "FOLDER", folder)
    model_input = ModelInput(num_frames=4, stride=2, frame_size=32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model("uniformer_xs", model_input, last_bias=55.0).eval()
    card = small_card(model_input, trained_on=learned_from_phantoms(recipe="demo"))
    save_state(folder / "default-ef.safetensors", model.state_dict(), card, storage="float16")
    rng = np.random.default_rng(0)
    hearts = EmbeddingSet(
        ids=tuple(f"0X{number:02}" for number in range(8)),
        embeddings=rng.standard_normal((8, model.encoder.embedding_dim)).astype(np.float32),
        ef_percent=np.linspace(10, 80, 8),
        ef_predicted=np.linspace(15, 75, 8),
        source="tiny, TEST split of echonet, simulated hearts (phantoms)",
        is_phantom=True,
    )
    references = References(
        embedded=hearts,
        thumbnails=rng.integers(0, 255, (8, 32, 32), np.uint8),
        weights_sha256=sha256_of(folder / "default-ef.safetensors"),
    )
    save_references(folder / "default-ef.references.npz", references)
    save_segmenter(
        folder / "default-lv.safetensors",
        build_segmentation_network("lv_unet", widths=[4, 6]),
        SegmenterInput(frame_size=32),
        source="a test",
        licence="Apache-2.0",
        trained_on=card.trained_on,
    )
    return folder


@pytest.fixture(scope="session")
def small_outliner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what ships, with a tiny untrained network in the place of the one that outlines the ventricle."""
    folder = tmp_path_factory.mktemp("small") / "shipped"
    shutil.copytree(coreecho.shipped.FOLDER, folder, ignore=shutil.ignore_patterns("default-lv.safetensors", "*.py*"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_segmentation_network("lv_unet", widths=[4, 6])
    trained_on = learned_from_phantoms(label_range=None, recipe="lv")
    shown = SegmenterInput(frame_size=32)
    path = folder / "default-lv.safetensors"
    save_segmenter(path, network, shown, source="a test", licence="Apache-2.0", trained_on=trained_on)
    return folder


@pytest.fixture
def quick_outlines(small_outliner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else is said, that tiny network outlines the ventricle, and films are no larger than the frames.

    The real network and films of a full size take seconds for a clip; each has tests of its own.
    """
    from coreecho.report import overlay

    monkeypatch.setattr(coreecho.shipped, "FOLDER", small_outliner)
    monkeypatch.setattr(overlay, "SIDE", 112)


@pytest.fixture
def untrained_run(tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe) -> RunFolder:
    """The folder of a run whose weights are those that it began with."""
    data = find_data("echonet", phantom_root, tiny_recipe, None)
    run = RunFolder.create(tmp_path / "run", tiny_recipe, data, Hardware())
    model = build_model("uniformer_xs", tiny_recipe.input, last_bias=55.0)
    save_weights(run.best_weights, model, small_card(tiny_recipe.input))
    return run
