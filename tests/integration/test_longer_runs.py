"""A finished run trains longer: the same weights as a run that was as long from its beginning, where that can be."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from coreecho.errors import CheckpointError, RecipeError
from coreecho.models.weights import read_weights
from coreecho.training import Recipe, RunFolder, resume, train
from coreecho.training.longer import longer_recipe, what_differs


@pytest.fixture(scope="module")
def short_recipe() -> Recipe:
    """One epoch of two steps, then one epoch."""
    return Recipe(
        name="short",
        encoder="uniformer_xs",
        input=replace(Recipe().input, num_frames=4, frame_size=32),
        crop_pad=2,
        batch_size=4,
        learning_rate=1e-3,
        stage1_epochs=1,
        stage2_epochs=1,
        validation_clips=1,
    )


def weights_of(run: RunFolder) -> dict[str, torch.Tensor]:
    return read_weights(run.best_weights)[0]


def test_a_longer_run_is_the_run_that_was_so_long_from_its_beginning(
    short_recipe: Recipe, phantom_root: Path, tmp_path: Path
) -> None:
    short = train(short_recipe, data=phantom_root, out=tmp_path / "short")
    longer = resume(short.path, stage1_epochs=2, stage2_epochs=2)
    whole = train(replace(short_recipe, stage1_epochs=2, stage2_epochs=2), data=phantom_root, out=tmp_path / "whole")

    assert longer.is_finished
    assert longer.recipe == whole.recipe == RunFolder.open(short.path).recipe
    assert list(RunFolder.open(short.path).info["lengthened"]) == [{"stage1_epochs": 1, "stage2_epochs": 1}]
    ours, theirs = weights_of(longer), weights_of(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    figures = ["stage", "epoch", "train_loss", "val_mae"]
    assert longer.metrics()[figures].equals(whole.metrics()[figures])
    assert longer.validation.read_text() == whole.validation.read_text()

    with pytest.raises(RecipeError, match="can only be made longer"):
        resume(short.path, stage1_epochs=1)
    longer.stage_state("stage1").unlink()
    with pytest.raises(CheckpointError, match="its last state was not kept"):
        resume(short.path, stage1_epochs=3)


def test_a_schedule_over_the_whole_stage_is_said_to_differ(short_recipe: Recipe) -> None:
    cosine = replace(short_recipe, schedule="cosine", stage1_epochs=25)
    words = what_differs(cosine, longer_recipe(cosine, stage1_epochs=40, stage2_epochs=None))
    assert "laid out over 25 epochs" in words
    assert "will not be those" in words
    steps = replace(short_recipe, stage1_epochs=25)
    assert "bit for bit" in what_differs(steps, longer_recipe(steps, stage1_epochs=40, stage2_epochs=None))


def test_a_stage_that_is_left_out_gets_no_epochs(short_recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="has no stage 2"):
        longer_recipe(replace(short_recipe, stage2=False), stage1_epochs=None, stage2_epochs=4)
