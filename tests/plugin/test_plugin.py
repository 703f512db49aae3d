"""A package from outside adds an encoder, an objective, a task and a layout, and no file of coreecho knows of it."""

import csv
import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from tests.shared.weights import small_card

from coreecho.errors import RecipeError
from coreecho.models import (
    ENCODERS,
    ModelInput,
    WeightsCard,
    build_encoder,
    build_model,
    import_weights,
    initialise_encoder,
    load_model,
    save_weights,
)
from coreecho.tasks import TASKS, Scalar, build_task

pytestmark = pytest.mark.usefixtures("rough_pictures")

INPUT = ModelInput(num_frames=4, stride=2, frame_size=32)


@pytest.fixture
def card() -> WeightsCard:
    return small_card(
        INPUT, encoder="tiny3d", encoder_settings={"width": 12}, head="linear", reads={"name": "heart_rate"}
    )


def test_what_the_package_adds_is_known_by_name(heartlab: Path) -> None:
    assert "tiny3d" in ENCODERS.names()
    assert "heart_rate" in TASKS.names()
    task = build_task({"name": "heart_rate"})
    assert (task.noun, task.to_mapping()) == ("heart rate", {"name": "heart_rate"})
    assert task.value_of(np.array([-5.0, 72.5, 900.0])).tolist() == [20.0, 72.5, 300.0]
    with pytest.raises(RecipeError, match=r"no encoder 'tiny_3d'\. Did you mean 'tiny3d'"):
        build_encoder("tiny_3d")


def test_its_encoder_is_kept_with_its_settings_and_built_again(
    heartlab: Path, tmp_path: Path, card: WeightsCard
) -> None:
    torch.manual_seed(0)
    model = build_model(
        "tiny3d",
        INPUT,
        last_bias=70.0,
        head="linear",
        task=build_task({"name": "heart_rate"}),
        dropout=0.1,
        encoder_settings={"width": 12},
    ).eval()
    save_weights(tmp_path / "w.safetensors", model, replace(card, encoder_settings=model.encoder.settings))
    loaded = load_model(tmp_path / "w.safetensors")
    clips = torch.randint(0, 256, (2, 4, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(loaded(clips).prediction, model(clips).prediction)
    assert (loaded.encoder.name, loaded.encoder.settings, loaded.task.name) == ("tiny3d", {"width": 12}, "heart_rate")
    assert list(loaded.encoder.levels) == ["level1", "level2"]


def test_bare_weights_of_its_encoder_are_recognised(heartlab: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = build_encoder("tiny3d")
    torch.save(encoder.state_dict(), tmp_path / "tiny.pth")
    found = import_weights(tmp_path / "tiny.pth")
    assert (found.card.encoder, found.card.kind) == ("tiny3d", "encoder")
    model = build_model("tiny3d", INPUT, last_bias=0.0)
    assert "none missing" in initialise_encoder(model, tmp_path / "tiny.pth")
    assert torch.equal(model.encoder.get_parameter("first.0.weight"), encoder.get_parameter("first.0.weight"))


def test_without_the_package_its_weights_say_what_is_missing(tmp_path: Path, card: WeightsCard) -> None:
    """As on the machine of a colleague who has the file and not the package."""
    model = build_model("uniformer_xs", INPUT, last_bias=0.0, head="linear", task=Scalar("heart_rate"))
    unknown = replace(card, encoder="heartlab_of_others", encoder_settings={}, reads=model.task.to_mapping())
    save_weights(tmp_path / "w.safetensors", model, unknown)
    with pytest.raises(Exception, match=r"cannot be made here\. There is no encoder 'heartlab_of_others'"):
        load_model(tmp_path / "w.safetensors")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve discs that beat at 40 to 150 a minute, in the layout of the package."""
    folder, rng = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    frame, fps = np.arange(24), 25.0
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    clips = {}
    for number in range(12):
        rate = 40.0 + 10 * number
        radius = 0.5 + 0.2 * np.cos(2 * np.pi * rate / 60 * frame / fps)
        is_inside = np.hypot(x, y) < radius[:, None, None]
        pixels = np.where(is_inside, 40, 160) + rng.integers(0, 20, (24, 32, 32))
        np.save(folder / f"{number}.npy", pixels.astype(np.uint8))
        split = "train" if number < 6 else "val" if number < 9 else "test"
        clips[f"heart-{number}"] = {"file": f"{number}.npy", "split": split, "heart_rate": rate}
    (folder / "labels.json").write_text(json.dumps({"fps": fps, "clips": clips}), encoding="utf-8")
    return folder


def test_its_layout_is_a_data_set(heartlab: Path, root: Path) -> None:
    layouts = importlib.import_module("coreecho.datasets.layout")
    layout = layouts.LAYOUTS.get("npy-clips")
    recordings = layout.load(root)
    assert [recording.number("heart_rate") for recording in recordings] == [40.0 + 10 * n for n in range(12)]
    assert len(layout.load(root, slow_only=True)) == 6
    prepared = layout.video_file(recordings[0]).prepare(recordings[0].path, 16)
    assert (prepared.frames.shape, prepared.fps) == ((24, 16, 16), 25.0)


def test_its_layout_refuses_damaged_labels(heartlab: Path, root: Path, tmp_path: Path) -> None:
    layouts = importlib.import_module("coreecho.datasets.layout")
    labels = json.loads((root / "labels.json").read_text())
    labels["clips"]["heart-3"]["heart_rate"] = "fast"
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    with pytest.raises(Exception, match=r"labels\.json.*clips\.heart-3\.heart_rate: 'fast', expected a number"):
        layouts.LAYOUTS.get("npy-clips").load(tmp_path)


@pytest.fixture(scope="module")
def training() -> ModuleType:
    return importlib.import_module("coreecho.training")


@pytest.fixture(scope="module")
def run(heartlab: Path, root: Path, tmp_path_factory: pytest.TempPathFactory, training: ModuleType) -> Any:
    """A run with all that the package adds, from its first step to its last."""
    recipe = training.Recipe.from_mapping(
        {
            "name": "heartlab",
            "encoder": "tiny3d",
            "head": "linear",
            "objective": "huber_norm",
            "num_frames": 4,
            "stride": 2,
            "frame_size": 32,
            "batch_size": 2,
            "stage1_epochs": 1,
            "stage2_epochs": 1,
            "views": "one_clip",
            "augmentation": "none",
            "validation_clips": 1,
        },
        source="test",
    )
    out = tmp_path_factory.mktemp("runs") / "whole"
    return training.train(recipe, data=root, dataset="npy-clips", out=out, hardware=training.Hardware(device="cpu"))


def test_it_trains_and_what_was_trained_is_read_back(run: Any) -> None:
    assert run.is_finished
    assert run.recipe.task.name == "heart_rate"
    metrics = run.metrics()
    assert {"train_huber", "train_norm", "val_mae"} <= set(metrics.columns)
    model = load_model(run.path)
    assert (model.encoder.name, model.task.name) == ("tiny3d", "heart_rate")


def test_stopped_and_resumed_it_gives_the_same_file(run: Any, root: Path, tmp_path: Path, training: ModuleType) -> None:
    stopping = importlib.import_module("coreecho.stopping")

    class StopAtOnce(stopping.Stop):
        """Asks to stop after the first step."""

        @property
        def is_set(self) -> bool:
            return bool(self.is_heeded)

        @is_set.setter
        def is_set(self, value: bool) -> None:
            pass

    cpu = training.Hardware(device="cpu")
    stopped = training.train(
        run.recipe, data=root, dataset="npy-clips", out=tmp_path / "run", hardware=cpu, stop=StopAtOnce()
    )
    assert not stopped.is_finished
    resumed = training.resume(stopped.path)
    assert resumed.is_finished
    assert resumed.best_weights.read_bytes() == run.best_weights.read_bytes()


def command(*arguments: object) -> int:
    """A command as a user types it, in this process, where the package can be found."""
    from coreecho.cli.main import app

    texts = [str(each) for each in (*arguments, "--device", "cpu")]
    return int(app(texts, result_action="return_value", exit_on_error=False) or 0)


def test_it_predicts_and_evaluates(run: Any, root: Path, tmp_path: Path) -> None:
    assert command("predict", root / "11.npy", "--model", run.path, "--csv", tmp_path / "rates.csv") == 0
    with (tmp_path / "rates.csv").open(encoding="utf-8", newline="") as table:
        (told,) = csv.DictReader(table)
    assert 20 <= float(told["heart_rate"]) <= 300
    assert told["notice"].startswith("Not a medical device: this heart rate")
    assert command("evaluate", run.path) == 0
    # At the task's own thresholds.
    (measured,) = run.path.rglob("metrics.json")
    assert {"mae", "auroc_below_60", "auroc_below_100"} <= json.loads(measured.read_text())["metrics"].keys()


def test_its_training_ends_with_pictures(run: Any) -> None:
    """The validation holds the network's output, which of this task is another number than what is drawn."""
    from coreecho.cli.train import draw_run

    draw_run(run)
    drawn = {path.name for path in (run.path / "plots").iterdir()}
    assert drawn == {"learning_curves.png", "validation_scatter.png", "validation_bland_altman.png"}


@pytest.mark.usefixtures("quick_outlines")
def test_it_explains(run: Any, root: Path, tmp_path: Path) -> None:
    where = tmp_path / "where"
    assert command("explain", root / "11.npy", "--model", run.path, "--out", where) == 0
    assert [path for path in where.iterdir() if path.suffix == ".mp4"]


def test_it_reports(run: Any, tmp_path: Path) -> None:
    assert command("report", run.path, "--out", tmp_path / "report.html", "--map-method", "pca") == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Heart rate" in page
    assert "bpm" in page
    assert "AUROC, heart rate &lt; 60 bpm" in page
    # What is of an EF alone is not there.
    assert "predicted EF" not in page
