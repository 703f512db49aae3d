"""Rows of a table that are measured of given weights: nothing is trained for them."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tests.shared.weights import small_card

from coreecho.cli.reproduce import reproduce
from coreecho.datasets import load_recordings
from coreecho.errors import RecipeError
from coreecho.evaluation.evaluate import predict
from coreecho.evaluation.protocol import Protocol
from coreecho.experiments import measuring, runs
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.scales import PAPER
from coreecho.experiments.table_plan import NOT_TRAINED, plan_table
from coreecho.inference.opening import open_subject
from coreecho.models.building import build_model
from coreecho.models.model_input import ModelInput
from coreecho.models.weights import save_weights

TABLE = """
title: Two rows of one training, and one of another
data: echonet
trainings:
  small: {recipe: echonet, settings: {encoder: uniformer_xs, frame_size: 32, num_frames: 4, crop_pad: 2}}
  slow: {recipe: echonet, settings: {learning_rate: 5.0e-5}}
columns:
  - {metric: mae, label: MAE}
rows:
  - {label: "small, 1 clip", training: small, clips: 1, paper: {MAE: 4.05}}
  - {label: "small, at given starts", training: small, takes_start_index: true}
  - {label: slowly, training: slow, paper: {MAE: 3.9}}
  - {label: "small, its first stage", training: small, weights: stage1}
comparisons:
  - {question: what starts do, first: "small, 1 clip", second: "small, at given starts"}
  - {question: what slowness does, first: "small, 1 clip", second: slowly}
"""


@pytest.fixture
def table(tmp_path: Path) -> str:
    (tmp_path / "mine.yaml").write_text(TABLE)
    return str(tmp_path / "mine.yaml")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A model that has learned nothing, as a file that knows no run."""
    model_input = ModelInput(num_frames=4, frame_size=32)
    model = build_model("uniformer_xs", model_input, last_bias=50.0)
    save_weights(tmp_path / "imported.safetensors", model, small_card(model_input))
    return tmp_path / "imported.safetensors"


@pytest.fixture
def inputs(tmp_path: Path, phantom_root: Path) -> PlanInputs:
    return PlanInputs(out=tmp_path / "out", scale=PAPER, data=phantom_root, store=tmp_path / "store")


def test_given_weights_are_measured_and_nothing_is_trained(
    table: str, weights: Path, tmp_path: Path, phantom_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("trained"))
    monkeypatch.setattr(measuring, "MIN_PATIENTS_OF_GROUP", 1)
    tested = [each for each in load_recordings("echonet", phantom_root) if each.split == "test"]
    index = tmp_path / "starts.json"
    index.write_text(json.dumps({each.id: [2, 5] for each in tested}))
    given = {"data": phantom_root, "store": tmp_path / "store", "out": tmp_path / "out", "start_index": index}
    assert reproduce(table, trained=[f"small={weights}"], only_trained=True, **given) == 0
    document = json.loads((tmp_path / "out/mine.json").read_text())
    rows = {row["row"]: row for row in document["rows"]}

    subject = open_subject(weights, data=phantom_root, store=tmp_path / "store")
    for label, protocol in {
        "small, 1 clip": Protocol(clips=1),
        "small, at given starts": Protocol(start_index=index),
    }.items():
        said = predict(subject, protocol, tested, device="cpu")
        expected = (said["ef_predicted"] - said["ef_true"]).abs().mean()
        assert rows[label]["figures"]["MAE"]["measured"] == pytest.approx(expected)
    assert any(note.startswith("small: by the weights imported.safetensors") for note in document["notes"])
    assert document["is_phantom"]
    lines = pd.read_csv(tmp_path / "out/mine.csv").set_index("row")
    assert lines.loc["slowly", "note"] == NOT_TRAINED
    assert pd.isna(lines.loc["slowly", "measured"])
    assert rows["small, its first stage"]["figures"] == {}
    assert not (tmp_path / "out/runs").exists()


def test_what_is_not_given_is_trained(table: str, weights: Path, inputs: PlanInputs) -> None:
    planned = plan_table(table, replace(inputs, trained={"small, 1 clip": weights}))
    trained = {row.label: [job.name for job in row.jobs] for row in planned.rows}
    assert trained["small, 1 clip"] == []
    assert "small-seed0" in trained["small, at given starts"]
    assert "slow-seed0" in trained["slowly"]
    # One model and the mean of several trainings are no pairs.
    assert planned.comparisons == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"smal": None}, r"`--trained smal=\.\.\.`: mine has no such training.* Did you mean 'small'\?"),
        ({"small, its first stage": None}, "no such row that is measured of a file of weights"),
        ({"slow": None}, "holds the encoder uniformer_xs and reads the .*; expected uniformer_small"),
    ],
)
def test_names_and_weights_that_do_not_fit_are_refused(
    table: str, weights: Path, inputs: PlanInputs, given: dict[str, None], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        plan_table(table, replace(inputs, trained=dict.fromkeys(given, weights)))


@pytest.mark.parametrize(
    ("trained", "message"),
    [
        (["small"], "expected NAME=FILE"),
        (["small=a", "small=b"], "'small' is given twice"),
        (None, "say by `--trained NAME=FILE` what is measured"),
    ],
)
def test_mistyped_flags_are_explained(table: str, inputs: PlanInputs, trained: list[str] | None, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        reproduce(table, data=inputs.data, trained=trained, only_trained=True, out=inputs.out)
    assert not inputs.out.exists()
