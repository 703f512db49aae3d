import json

import numpy as np
import pandas as pd
import pytest
import torch

from coreecho.models.weights import load_model, save_weights
from coreecho.report.evaluation import evaluate_run
from coreecho.report.protocol import Protocol
from coreecho.report.stored_evaluation import find_or_evaluate, stored_evaluation
from coreecho.training.run_folder import RunFolder

PROTOCOL = Protocol(split="val", clips=2, resamples=20)


@pytest.fixture
def run(tmp_path, make_run) -> RunFolder:
    folder = make_run(tmp_path / "run")
    evaluate_run(folder, PROTOCOL)
    return folder


def test_nothing_is_stored_before_the_first_evaluation(tmp_path, make_run):
    assert stored_evaluation(make_run(tmp_path / "new"), PROTOCOL) is None


def test_reads_back_what_was_evaluated_to_the_last_bit(run):
    made, read = evaluate_run(run, PROTOCOL), stored_evaluation(run, PROTOCOL)
    assert read is not None
    pd.testing.assert_frame_equal(read.predictions, made.predictions, check_exact=True)
    assert read.metrics.to_dict() == made.metrics.to_dict()
    assert (read.is_phantom, read.notes, read.folder) == (made.is_phantom, made.notes, made.folder)


def test_one_clip_has_no_deviation(run):
    evaluate_run(run, Protocol(split="val", clips=1, resamples=20))
    read = stored_evaluation(run, Protocol(split="val", clips=1, resamples=20))
    assert read is not None
    assert np.isnan(read.predictions["clip_sd"]).all()


def test_other_weights_are_predicted_anew(run):
    before = find_or_evaluate(run, PROTOCOL).predictions["ef_predicted"]
    model = load_model(run.best_weights)
    with torch.no_grad():
        model.head[-1].bias += 5
    save_weights(run.best_weights, model, model.card)
    assert stored_evaluation(run, PROTOCOL) is None
    after = find_or_evaluate(run, PROTOCOL).predictions["ef_predicted"]
    np.testing.assert_allclose(after - before, 5, atol=1e-3)


def test_changed_labels_are_noticed(run, monkeypatch):
    recordings = run.recordings("val")
    monkeypatch.setattr(RunFolder, "recordings", lambda _, split: recordings[:-1])
    assert stored_evaluation(run, PROTOCOL) is None


def test_each_protocol_stands_for_itself(run):
    assert stored_evaluation(run, Protocol(split="val", clips=3)) is None
    folder = run.path / "evaluation" / "val-2"
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    document["protocol"]["clips"] = 7
    (folder / "metrics.json").write_text(json.dumps(document))
    assert stored_evaluation(run, PROTOCOL) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", "{"),
        ("metrics.json", "{}"),
        ("predictions.csv", ""),
        ("predictions.csv", "recording,ef\na,b\n"),
    ],
)
def test_damaged_files_are_as_good_as_missing(run, name, content):
    (run.path / "evaluation" / "val-2" / name).write_text(content)
    assert stored_evaluation(run, PROTOCOL) is None
