from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tests.shared.stops import StopAfter

from coreecho.datasets import LAYOUTS, load_recordings
from coreecho.datasets.outlines import MASK_FOLDER
from coreecho.datasets.randomness import generator_for
from coreecho.errors import DatasetError, RecipeError
from coreecho.models.model_input import ModelInput
from coreecho.models.segmenter import load_segmenter
from coreecho.phantom import PhantomSettings, write_echonet_phantoms
from coreecho.training import Hardware, Recipe, RunFolder, find_recipe, resume, train
from coreecho.training.data import training_examples
from coreecho.training.lesson import Examples
from coreecho.training.loop import Learner
from coreecho.training.objectives import build_objective
from coreecho.training.stages import stages_of

CPU = Hardware(device="cpu")


@pytest.fixture(scope="module")
def masked_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten phantoms of a few frames, with masks of every frame."""
    root = tmp_path_factory.mktemp("masked") / "cohort"
    settings = PhantomSettings(min_frames=16, max_frames=16, masks=True)
    write_echonet_phantoms(root, recordings=10, seed=3, settings=settings, workers=1)
    return root


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe(
        name="outlines",
        objective="lv_outline",
        encoder="lv_unet_xs",
        input=ModelInput(frame_size=32),
        augmentation="affine",
        rotation_degrees=5,
        translation=0.02,
        noise=0.02,
        stage2=False,
        frames_per_video=4,
        batch_size=3,
        stage1_epochs=2,
        learning_rate=3e-3,
        schedule="constant",
        validation_clips=2,
    )


@pytest.fixture(scope="module")
def run(masked_root: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(recipe, data=masked_root, out=tmp_path_factory.mktemp("runs") / "run", hardware=CPU)


def test_a_run_of_outlines_leaves_what_any_run_leaves(run: RunFolder) -> None:
    metrics = run.metrics()
    assert {"train_loss", "train_overlap", "val_loss", "val_dice"} <= set(metrics)
    best = int(metrics.val_loss.argmin())
    validation = pd.read_csv(run.path / "validation.csv")
    assert len(validation) == len(run.recordings("val"))
    assert validation.loss.mean() == pytest.approx(metrics.val_loss[best])
    pooled = 2 * validation.common.sum() / (validation.found.sum() + validation.expected.sum())
    assert pooled == pytest.approx(metrics.val_dice[best])
    segmenter = load_segmenter(run.path)
    assert segmenter.card is not None
    assert (segmenter.card.network, segmenter.card.outlines) == ("lv_unet_xs", ("cavity", "myocardium"))
    assert segmenter.trained_on is not None
    assert (segmenter.trained_on.is_phantom, segmenter.trained_on.epoch) == (True, best)
    assert segmenter.model_input.mean == pytest.approx((sum(run.recipe.input.mean) / 3,))


def test_stopped_and_resumed_it_is_the_same_to_the_last_bit(
    run: RunFolder, masked_root: Path, recipe: Recipe, tmp_path: Path
) -> None:
    stopped = train(recipe, data=masked_root, out=tmp_path / "run", hardware=CPU, stop=StopAfter(3))
    assert not stopped.is_finished
    again = resume(stopped.path)
    assert again.is_finished
    first, second = load_file(run.best_weights), load_file(again.best_weights)
    assert all(torch.equal(first[name], second[name]) for name in first)
    pd.testing.assert_frame_equal(run.metrics().drop(columns="seconds"), again.metrics().drop(columns="seconds"))


def test_it_learns_the_outlines_of_a_few_phantoms(run: RunFolder) -> None:
    torch.manual_seed(0)
    lesson = build_objective(replace(run.recipe, augmentation="none", noise=0.0))
    learner = Learner(lesson.build_network([]), lesson)
    examples = lesson.training_examples(
        Examples(recordings=run.recordings("train")[:3], store=run.store(), data=run.data)
    )
    assert lesson.collate is not None
    batch = lesson.inputs(lesson.collate([examples[0, position] for position in range(3)]))
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss = learner(*batch)["overlap"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    # Guessing costs 0.69 of cross-entropy and most of the overlap.
    assert losses[0] > 1.2
    assert losses[-1] < 0.6 * losses[0]


def test_masks_move_with_their_frames_and_greys_do_not_touch_them(run: RunFolder) -> None:
    recipe = replace(
        run.recipe, rotation_degrees=40, camera_shift=0.3, camera_rotation_degrees=20, gain_flicker=0.3, noise=0.2
    )
    (stage,) = stages_of(recipe)
    data = training_examples(stage, run.recordings("train"), run.store(), run.data)
    plain = Examples(recordings=data.recordings, store=data.store, data=data.data, seed=data.seed)
    lesson = stage.objective
    moved, same = lesson.training_examples(data)[0, 0], lesson.training_examples(plain)[0, 0]
    # The same frames, and other places in them: where the masks went is where the picture went.
    assert moved.masks.sum() > 0
    assert not torch.equal(moved.masks, same.masks)
    draw = partial(generator_for, recipe.seed, stage=1, epoch=0, recording=data.recordings[0].id)
    shown = same.masks[:, 0].numpy().astype(np.uint8) * 255
    greys = {purpose: each for purpose, each in data.changes.distortions.items() if purpose.name != "GREYS"}
    expected = replace(data.changes, distortions=greys).change(shown, draw, epoch=0) >= 128
    assert np.array_equal(moved.masks[:, 0].numpy(), expected)


def test_outlines_of_traced_frames_are_the_cavity_of_ed_and_es(
    phantom_root: Path, recipe: Recipe, tmp_path: Path
) -> None:
    traced = replace(recipe, stage1_epochs=1, frames_per_video=9)
    run = train(traced, data=phantom_root, out=tmp_path / "run", store=tmp_path / "store", hardware=CPU)
    item = run.lesson.training_examples(Examples(recordings=run.recordings("train"), store=run.store(), data=run.data))[
        0, 0
    ]
    assert item.frames.shape == (2, 1, 32, 32)
    assert item.is_known.tolist() == [[True, False]] * 2
    assert item.masks[:, 0].any()
    assert not item.masks[:, 1].any()


def test_what_has_no_outlines_is_refused_before_anything_is_written(
    masked_root: Path, recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match="brought to another frame rate"):
        train(recipe, data=masked_root, out=tmp_path / "run", options={"fps": 25}, hardware=CPU)
    assert not (tmp_path / "run").exists()
    with pytest.raises(RecipeError, match="stage2 is true, expected false: there is no head"):
        replace(recipe, stage2=True)
    with pytest.raises(RecipeError, match=r"encoder is 'lv_unett', expected lv_unet, .* did you mean lv_unet"):
        replace(recipe, encoder="lv_unett")


def test_other_masks_are_other_data(masked_root: Path, run: RunFolder) -> None:
    recording = run.recordings("train")[0]
    before = run.lesson.target_of(recording, run.data)
    path = masked_root / MASK_FOLDER / f"{recording.id}.npz"
    kept = path.read_bytes()
    try:
        np.savez(path, labels=np.zeros((16, 112, 112), dtype=np.uint8))
        assert run.lesson.target_of(recording, run.data) != before
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize("name", ["lv-outline", "segmentation-traced"])
def test_the_recipes_hold_together(name: str) -> None:
    shipped = Recipe.from_yaml(find_recipe(name))
    assert (shipped.name, shipped.stage2, shipped.input.frame_size) == (name, False, 112)


def test_traced_frames_alone_are_taken_where_masks_of_all_lie_beside(masked_root: Path, run: RunFolder) -> None:
    lesson = build_objective(replace(run.recipe, objective="traced_frames"))
    examples = Examples(recordings=run.recordings("train"), store=run.store(), data=run.data)
    item = lesson.training_examples(examples)[0, 0]
    assert len(item.frames) == 2
    logits = torch.zeros(2, 2, 32, 32)
    terms = lesson.loss_of(logits, item.masks, item.is_known)  # type: ignore[attr-defined]
    # ln 2 for each pixel of both frames, and half of the sum of the two.
    assert float(terms["bce"]) == pytest.approx(32 * 32 * np.log(2), rel=1e-5)


def test_camus_contours_are_those_of_its_files(micro_phantoms: Path) -> None:
    root = micro_phantoms / "camus"
    recordings = load_recordings("camus", root)
    traces = LAYOUTS.get("camus").outlines(root)
    assert all(traces.knows(recording) for recording in recordings)
    assert list(traces.frames(recordings[0], 9)) == [0, 8]
    masks = traces.masks(recordings[0], [0, 8], 9, 56)
    assert masks.shape == (2, 2, 56, 56)
    areas = masks.sum(axis=(2, 3))
    # The cavity is larger at end-diastole, and the wall is there in both.
    assert areas[0, 0] > areas[1, 0] > 0
    assert (areas[:, 1] > 0).all()
