import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.unit.training.test_outline_lessons import StopAfter
from torch.utils.data import default_collate

from coreecho.errors import RecipeError
from coreecho.evaluation.evaluate import evaluate
from coreecho.evaluation.protocol import Protocol
from coreecho.inference.opening import open_subject
from coreecho.models import load_model
from coreecho.training import Hardware, Recipe, RunFolder, find_recipe, resume, train
from coreecho.training.colearning_lesson import CoLearningLesson
from coreecho.training.data import training_examples
from coreecho.training.lesson import Examples
from coreecho.training.loop import Learner
from coreecho.training.stages import stages_of
from coreecho.ventricle.run_discs import measure_discs
from coreecho.ventricle.volume import ejection_fraction, ventricle_curve

CPU = Hardware(device="cpu")
NAME = "camus-colearning"


@pytest.fixture(scope="module")
def run(run_of_every_recipe: Mapping[str, RunFolder]) -> RunFolder:
    return run_of_every_recipe[NAME]


def test_it_trains_as_any_recipe_does_and_its_terms_are_told(run: RunFolder) -> None:
    metrics = run.metrics()
    terms = [f"train_{term}" for term in ("outlines", "appearance", "shape", "ef")]
    np.testing.assert_allclose(metrics[terms].sum(axis=1), metrics.train_loss, rtol=1e-5)
    model = load_model(run.path)
    assert (model.encoder.name, model.card.head) == ("colearning_xs", "fraction")  # type: ignore[union-attr]


def test_stopped_and_resumed_it_is_the_same_to_the_last_bit(run: RunFolder, tmp_path: Path) -> None:
    recipe = replace(run.recipe, stage1_epochs=2)
    given = {"data": run.data.root, "dataset": "camus", "options": run.data.options, "store": run.data.store}
    whole = train(recipe, out=tmp_path / "whole", hardware=CPU, **given)  # type: ignore[arg-type]
    stopped = train(recipe, out=tmp_path / "run", hardware=CPU, stop=StopAfter(1), **given)  # type: ignore[arg-type]
    assert not stopped.is_finished
    again = resume(stopped.path)
    assert again.metrics().train_loss.tolist() == whole.metrics().train_loss.tolist()
    assert again.metrics().val_loss.tolist() == whole.metrics().val_loss.tolist()


def test_it_learns_what_a_few_phantoms_show(run: RunFolder) -> None:
    torch.manual_seed(0)
    lesson = run.lesson
    assert isinstance(lesson, CoLearningLesson)
    recordings = run.recordings("train")[:3]
    network = lesson.build_network(recordings)
    learner = Learner(network, lesson)
    examples = lesson.validation_examples(Examples(recordings=recordings, store=run.store(), data=run.data))
    batch = default_collate([examples[position] for position in range(3)])
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-2)
    terms = []
    for _ in range(40):
        found = learner(*lesson.inputs(batch))
        optimizer.zero_grad()
        torch.stack(list(found.values())).sum().backward()
        optimizer.step()
        terms.append({name: float(value.detach()) for name, value in found.items()})
    last = terms[-1]
    assert last["outlines"] < 0.4 * terms[0]["outlines"]
    assert last["shape"] < 0.9 * terms[0]["shape"]
    assert last["ef"] < 0.3 * terms[0]["ef"]
    assert last["appearance"] < 0.5 * terms[0]["appearance"]
    # By the statistics of these few, as it has learned: running ones lag behind so fast a rate.
    said, known = lesson.end_masks(network.train(), batch)
    assert 2 * (said & known).sum() / (said.sum() + known.sum()) > 0.75


def test_masks_move_with_the_half_beats_that_they_outline(run: RunFolder) -> None:
    (stage,) = stages_of(run.recipe)
    examples = training_examples(stage, run.recordings("train"), run.store(), run.data)
    lesson = run.lesson
    moved, still = lesson.training_examples(examples), lesson.validation_examples(examples)
    before, after = still[0], moved[3, 0]
    assert after.clips.shape == before.clips.shape == (run.recipe.input.num_frames, 32, 32)
    assert not after.masks.equal(before.masks)
    assert before.is_known.tolist() == [True, True]
    # The cavity is darker than the wall about it, whichever way both were turned.
    for item in (before, after):
        ed, (cavity, wall) = item.clips[0].float(), item.masks[:, 0]
        assert ed[cavity].mean() < ed[wall].mean()
    assert after.clips.equal(moved[3, 0].clips)
    assert after.masks.equal(moved[3, 0].masks)


def test_ef_by_discs_is_measured_beside_the_ef_that_is_read(
    copy_of_run: Callable[[str], RunFolder], run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path
) -> None:
    subject = open_subject(copy_of_run(NAME).path)
    recordings = subject.some_recordings("train")
    evaluation = evaluate(
        subject, Protocol(split="train", resamples=20), out=tmp_path / "out", device="cpu", allow_overlap=True
    )
    measured = measure_discs(subject, evaluation.predictions, recordings, tmp_path / "out", device="cpu", resamples=20)
    table = pd.read_csv(tmp_path / "out" / "discs.csv")
    assert table.recording.tolist() == [recording.id for recording in recordings]
    # Of the readers' masks the rule of discs gives the phantoms' EF back.
    assert (table.ef_discs_of_readers - table.ef_true).abs().mean() < 6
    document = json.loads((tmp_path / "out" / "discs.json").read_text())
    assert document["is_phantom"]
    dice = 2 * table.common_ed.sum() / table.sizes_ed.sum()
    assert document["figures"]["dice_ed"]["estimate"] == pytest.approx(dice)
    assert f"of {len(table) - measured.num_without} of {len(table)} recordings" in measured.note
    other = open_subject(run_of_every_recipe["demo"].path)
    with pytest.raises(RecipeError, match="`--discs` measures the outlines at ED and ES of a run of `colearning`"):
        measure_discs(other, evaluation.predictions, recordings, tmp_path, device="cpu")


def test_echographs_points_give_discs_too(run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path) -> None:
    subject = open_subject(run_of_every_recipe["echographs"].path)
    recordings = subject.some_recordings("train")[:3]
    predictions = pd.DataFrame({"recording": [], "ef_true": [], "ef_predicted": []})
    measured = measure_discs(subject, predictions, recordings, tmp_path, device="cpu", resamples=20)
    lesson = subject.run.lesson  # type: ignore[union-attr]
    examples = lesson.validation_examples(Examples(recordings=recordings, store=subject.store(), data=subject.data))
    _, known = lesson.end_masks(subject.model("cpu"), default_collate([examples[0]]))  # type: ignore[attr-defined]
    expected = ejection_fraction(*ventricle_curve(known[0]).volumes)
    assert measured.table.ef_discs_of_readers[0] == pytest.approx(expected)
    assert measured.table.ef_discs_of_readers[0] == pytest.approx(measured.table.ef_true[0], abs=12)


def test_a_run_starts_from_the_weights_of_another(run: RunFolder, tmp_path: Path) -> None:
    recipe = replace(run.recipe, init=str(run.best_weights))
    network = CoLearningLesson(recipe).build_network(run.recordings("train"))
    line = CoLearningLesson(recipe).initialise(network, run.best_weights)
    assert "colearning" in line.lower()
    expected = load_model(run.path).encoder.state_dict()
    assert all(value.equal(expected[name]) for name, value in network.encoder.state_dict().items())


def test_clips_that_are_no_half_beats_are_refused() -> None:
    shipped = Recipe.from_yaml(find_recipe(NAME))
    with pytest.raises(RecipeError, match="objective is colearning and time is stride, expected spline or trilinear"):
        replace(shipped, input=replace(shipped.input, time="stride"))
    with pytest.raises(RecipeError, match=r"encoder is r3d_18, expected one of colearning, colearning_xs"):
        replace(shipped, encoder="r3d_18")
