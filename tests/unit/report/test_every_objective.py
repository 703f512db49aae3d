"""A run of every objective has a report: what its metrics.csv holds, and what it reads, is asked and not assumed."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from tests.shared.weights import small_card

from coreecho.errors import RecipeError
from coreecho.evaluation.protocol import Protocol
from coreecho.models import build_model, save_weights
from coreecho.models.echo_model import ModelInput
from coreecho.report.html import write_report
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware, RunFolder, find_data

pytestmark = pytest.mark.usefixtures("rough_pictures")

TINY = {"name": "tiny", "encoder": "uniformer_xs", "stage1_epochs": 2, "stage2": False}
OPTIONS = {"protocol": Protocol(split="train", clips=1, resamples=20), "cases": 1, "hearts": 0, "map_method": "pca"}
# As `coreecho train` writes them: the terms of each objective, of two epochs.
TERMS = {"rnc_l1": ["rnc", "l1"], "rnc": ["rnc"], "l1": ["l1"], "mse": ["mse"], "huber": ["huber"], "bce": ["bce"]}


def make_run(path: Path, root: Path, dataset: str, recipe: Recipe) -> RunFolder:
    options = {"fold": 1} if dataset == "hmc-qu" else {}
    folder = RunFolder.create(path, recipe, find_data(dataset, root, recipe, None, options), Hardware())
    validated = dict.fromkeys(
        recipe.task.validation_metrics(torch.tensor([0.0, 1]).numpy(), torch.ones(2).numpy()), 0.5
    )
    losses = {f"train_{term}": 1.5 for term in TERMS[recipe.objective]}
    row = {"train_loss": 3.0, **losses, **validated, "learning_rate": 1e-4, "seconds": 1.0}
    table = [{"stage": "stage1", "epoch": epoch, **row} for epoch in range(2)]
    pd.DataFrame(table).to_csv(path / "metrics.csv", index=False)
    torch.manual_seed(0)
    card = small_card(recipe.input, reads=recipe.task.to_mapping(), encoder=recipe.encoder)
    model = build_model(recipe.encoder, recipe.input, last_bias=0.0, task=recipe.task)
    save_weights(folder.best_weights, model, card)
    return folder


def text_of(path: Path, *runs: RunFolder) -> str:
    write_report(runs, path, **OPTIONS)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("objective", ["rnc_l1", "rnc", "l1", "mse", "huber"])
def test_of_ef(objective: str, tmp_path: Path, phantom_root: Path) -> None:
    shape = ModelInput(num_frames=4, stride=4, frame_size=32)
    recipe = Recipe(**{**TINY, "stage2": objective == "rnc"}, objective=objective, input=shape)
    page = text_of(tmp_path / "page.html", make_run(tmp_path / "run", phantom_root, "echonet", recipe))
    names = {"rnc": "Rank-N-Contrast", "l1": "L1", "mse": "squared error", "huber": "Huber loss"}
    terms = [names[term] for term in TERMS[objective]]
    assert f"{objective} ({' + '.join(terms)})" in page
    assert f"Training losses by epoch: {', '.join(reversed(terms))}." in page
    assert "mean absolute error (MAE), EF points" in page


@pytest.fixture(scope="module")
def mi_run(hmc_qu_hearts: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("mi")
    shutil.copytree(hmc_qu_hearts, folder / "hearts")
    shape = ModelInput(num_frames=4, frame_size=32, time="spline")
    return make_run(folder / "run", folder / "hearts", "hmc-qu", Recipe(**TINY, objective="bce", input=shape))


def test_of_a_diagnosis(mi_run: RunFolder, tmp_path: Path) -> None:
    page = text_of(tmp_path / "page.html", mi_run)
    assert "Probability of a myocardial infarction from echocardiogram videos" in page
    assert "no probability of a myocardial infarction shown here may guide the care of a patient." in page
    assert "bce (cross-entropy)" in page
    assert "(Sensitivity)</small>" in page
    assert "Validation cross-entropy over the epochs: run reaches 0.50 at epoch 1 of 2" in page
    assert "one whole beat, resampled to 4 frames, 32 × 32 pixels" in page
    assert "of the training recordings</th>" in page
    # What needs an EF says so, and what has ranges of EF is not there.
    assert "A finding of infarction is right or wrong" in page
    assert "It could not be measured: Continuity compares embeddings with EF, and none of the" in page
    assert "Their EF is not known, so all dots are grey." in page
    assert "Ranges of EF" not in page
    assert 'id="ranges"' not in page
    assert "raises the logit of a myocardial infarction most" in page
    assert "with an infarction · predicted" in page or "without an infarction · predicted" in page


def test_runs_that_read_different_things_are_not_compared(
    mi_run: RunFolder, tmp_path: Path, phantom_root: Path
) -> None:
    shape = ModelInput(num_frames=4, stride=4, frame_size=32)
    other = make_run(tmp_path / "run", phantom_root, "echonet", Recipe(**TINY, objective="mse", input=shape))
    with pytest.raises(RecipeError, match=r"read the same thing, and .* the EF and .* the probability of a myocardial"):
        write_report([other, mi_run], tmp_path / "page.html", **OPTIONS)


def test_two_runs_of_a_diagnosis_have_their_paired_difference(mi_run: RunFolder, tmp_path: Path) -> None:
    assert "B − A, paired" in text_of(tmp_path / "page.html", mi_run, RunFolder.open(mi_run.path))
