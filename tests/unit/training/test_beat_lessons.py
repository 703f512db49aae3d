import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.training.test_outline_lessons import StopAfter

from coreecho.datasets import Recording
from coreecho.datasets.beat_clips import TracedRecordings, change_with_points
from coreecho.errors import RecipeError
from coreecho.models import load_model
from coreecho.models.echographs_segmenter import fill_points
from coreecho.models.segmenter import load_segmenter
from coreecho.tasks import EF
from coreecho.training import Hardware, Recipe, RunFolder, find_recipe, resume, train
from coreecho.training.lesson import Examples
from coreecho.training.loop import Learner

CPU = Hardware(device="cpu")
SMALL = {"frame_size": 32, "stage1_epochs": 1, "batch_size": 5, "schedule": "constant", "learning_rate": 1e-3}
RECIPES = {
    "uvt": {"encoder": "uvt_xs", "num_frames": 12},
    "uvt-classes-random": {"encoder": "uvt_xs_classes", "num_frames": 12, "phase_clips": "random"},
    "echographs": {"encoder": "efgcn_sd_xs"},
    "echographs-frame": {},
}


def small(name: str) -> Recipe:
    shipped = Recipe.from_yaml(find_recipe(name.removesuffix("-classes-random"))).to_mapping()
    return Recipe.from_mapping(shipped | SMALL | RECIPES[name] | {"task": None}, source=name)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "frames"


@pytest.fixture(scope="module", params=RECIPES)
def run(
    request: pytest.FixtureRequest, phantom_root: Path, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    out = tmp_path_factory.mktemp("runs") / request.param
    return train(small(request.param), data=phantom_root, out=out, store=store, hardware=CPU)


def test_lessons_of_outlines_alone_need_no_label() -> None:
    nothing: Any = None
    recordings = [Recording(id=name, path=Path(name), ef_percent=ef) for name, ef in (("a", None), ("b", 61.0))]
    traced = TracedRecordings(recordings=recordings, store=nothing, traces=nothing, label_of=EF().label_of)
    assert math.isnan(traced.label(0))
    assert float(traced.label(1)) == 61


def test_each_system_trains_as_any_recipe_does(run: RunFolder) -> None:
    metrics = run.metrics()
    assert {"train_loss", "val_loss"} <= set(metrics)
    assert np.isfinite(metrics.val_loss).all()
    recordings, all_of_split = run.recordings("train"), [each for each in run.all_recordings if each.split == "train"]
    assert len(recordings) + run.num_left_out("train") == len(all_of_split)
    loaded = load_segmenter(run.path) if run.recipe.objective == "frame_points" else load_model(run.path)
    assert loaded.card is not None
    assert loaded.card.trained_on is not None
    assert loaded.card.trained_on.num_recordings == len(recordings)


def test_stopped_and_resumed_it_is_the_same_to_the_last_bit(run: RunFolder, phantom_root: Path, tmp_path: Path) -> None:
    stopped = train(
        run.recipe, data=phantom_root, out=tmp_path / "run", store=run.data.store, hardware=CPU, stop=StopAfter(1)
    )
    assert not stopped.is_finished
    again = resume(stopped.path)
    assert again.metrics().train_loss.tolist() == run.metrics().train_loss.tolist()
    assert again.metrics().val_loss.tolist() == run.metrics().val_loss.tolist()


def test_each_learns_what_a_few_phantoms_show(run: RunFolder) -> None:
    torch.manual_seed(0)
    lesson = run.lesson
    learner = Learner(lesson.build_network(run.recordings("train")), lesson)
    examples = lesson.validation_examples(
        Examples(recordings=run.recordings("train")[:2], store=run.store(), data=run.data)
    )
    batch = lesson.inputs(torch.utils.data.default_collate([examples[0], examples[1]]))
    optimizer = torch.optim.AdamW(learner.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        loss = torch.stack(list(learner(*batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < 0.8 * losses[0]


def test_points_move_with_the_picture_that_they_outline() -> None:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    points = np.stack([0.45 + 0.2 * np.cos(angles), 0.55 + 0.12 * np.sin(angles)], axis=-1)
    picture = fill_points(torch.from_numpy(points)[None], 96, 96).numpy().astype(np.uint8) * 255
    num_changed = 0
    for seed in range(12):
        clip, moved = change_with_points(picture, points, np.random.default_rng(seed))
        filled = fill_points(torch.from_numpy(moved)[None], 96, 96).numpy()
        shown = clip > 0.4 * clip.max()
        common = 2 * (filled & shown).sum() / (filled.sum() + shown.sum())
        assert common > 0.93, seed
        num_changed += not np.array_equal(moved, points)
    assert num_changed >= 9


def test_settings_that_are_of_another_system_are_refused() -> None:
    shipped = Recipe.from_yaml(find_recipe("uvt"))
    with pytest.raises(RecipeError, match=r"encoder is r3d_18, expected one of uvt, uvt_classes"):
        replace(shipped, encoder="r3d_18")
    with pytest.raises(RecipeError, match="head is mlp, expected fraction: its own"):
        replace(shipped, head="mlp")
    with pytest.raises(RecipeError, match="objective is uvt and stride is 5, expected 1"):
        replace(shipped, input=replace(shipped.input, stride=5))
    # Asked of the encoder's class, and not of its name.
    named = "coreecho.models.reading_encoders:uvt_xs"
    assert replace(shipped, encoder=named).encoder == named
    echographs = Recipe.from_yaml(find_recipe("echographs"))
    with pytest.raises(RecipeError, match=r"encoder is efgcn, expected one of efgcn_sd, efgcn_sd_xs"):
        replace(echographs, encoder="efgcn")
    with pytest.raises(RecipeError, match="objective is echographs_finding and stride is 4, expected 2"):
        replace(echographs, input=replace(echographs.input, stride=4))
    with pytest.raises(RecipeError, match=r"encoder is lv_unet, expected a network that gives points"):
        replace(Recipe.from_yaml(find_recipe("echographs-frame")), encoder="lv_unet")
