import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets import Recording
from coreecho.errors import CheckpointError, CoReEchoError, DatasetError, RecipeError
from coreecho.evaluation.protocol import Protocol
from coreecho.models.building import build_model
from coreecho.models.weights import WeightsCard, save_weights
from coreecho.report import evaluation as evaluation_module
from coreecho.report import split_predictions
from coreecho.report.evaluation import evaluate_run
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware, RunFolder, find_data
from coreecho.video.store import FrameStore

FILES = ["bland_altman.png", "metrics.csv", "metrics.json", "predictions.csv", "scatter.png"]


@pytest.fixture
def run(tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe) -> RunFolder:
    """The folder of a run whose weights are those that it began with."""
    data = find_data("echonet", phantom_root, tiny_recipe, None)
    run = RunFolder.create(tmp_path / "run", tiny_recipe, data, Hardware())
    card = WeightsCard(
        kind="model",
        reads={"name": "ef"},
        encoder="uniformer_xs",
        source="a test",
        licence="Apache-2.0",
        num_parameters=1,
        source_sha256=None,
        model_input=tiny_recipe.input,
        trained_on=None,
        coreecho_version="0",
    )
    save_weights(run.best_weights, build_model("uniformer_xs", tiny_recipe.input, last_bias=55.0), card)
    return run


def test_leaves_a_folder_that_says_everything(run, phantom_root):
    result = evaluate_run(run, Protocol(split="train", clips=2, resamples=200, seed=5))
    assert result.folder == run.path / "evaluation" / "train-2"
    assert sorted(path.name for path in result.folder.iterdir()) == FILES
    document = json.loads((result.folder / "metrics.json").read_text())
    assert document["result"] == "phantom result: simulated hearts"
    assert document["recipe"] == "tiny"
    assert document["num_recordings"] == len(run.recordings("train")) == 12
    assert document["bootstrap"] == {"seed": 5, "level": 0.95, "resamples": 200}
    assert document["protocol"]["clips"] == 2
    assert document["data"] == {
        "dataset": "echonet",
        "root": str(phantom_root.resolve()),
        "options": {},
        "ef_source": [],
    }
    assert set(document["versions"]) == {"coreecho", "python", "numpy", "torch", "matplotlib"}
    assert document["metrics"]["mae"]["method"] == "percentile bootstrap over recordings"
    assert "not a medical device" in document["notice"]
    assert document["notes"] == ["the run is not finished: these are the best weights so far"]


def test_tables_hold_what_was_found(run):
    result = evaluate_run(run, Protocol(split="train", resamples=50))
    predictions = pd.read_csv(result.folder / "predictions.csv")
    pd.testing.assert_frame_equal(predictions, result.predictions)
    assert predictions["recording"].tolist() == [recording.id for recording in run.recordings("train")]
    metrics = pd.read_csv(result.folder / "metrics.csv").set_index("metric")
    error = (predictions["ef_predicted"] - predictions["ef_true"]).abs().mean()
    assert metrics.loc["mae", "estimate"] == pytest.approx(error)
    assert (metrics["resamples"] == 50).all()


def test_the_same_evaluation_gives_the_same_bytes(run, tmp_path):
    protocol = Protocol(resamples=100)
    first = evaluate_run(run, protocol, out=tmp_path / "first").folder
    second = evaluate_run(run, protocol, out=tmp_path / "second").folder
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_whole_video_and_given_starts_have_folders_of_their_own(run, tmp_path):
    whole = evaluate_run(run, Protocol(clips="all", resamples=10))
    assert whole.folder.name == "test-all"
    assert json.loads((whole.folder / "metrics.json").read_text())["protocol"]["step"] == 4
    # 24 frames, clips that span 13: starts 0, 4, 8 and the last, 11.
    assert whole.predictions["num_clips"].tolist() == [4, 4]
    assert evaluate_run(run, Protocol(clips="all", step=11, resamples=10)).folder.name == "test-all-step11"
    starts = {f"{recording.id}.avi": [0, 3] for recording in run.recordings("test")}
    (tmp_path / "starts.json").write_text(json.dumps(starts))
    given = evaluate_run(run, Protocol(start_index=tmp_path / "starts.json", resamples=10))
    assert given.folder.name == "test-starts-starts"
    assert given.predictions["num_clips"].tolist() == [2, 2]
    document = json.loads((given.folder / "metrics.json").read_text())
    assert document["protocol"]["start_index"]["file"] == "starts.json"
    assert document["protocol"]["clips"] is None
    assert given.protocol.description == "TEST split, starts from starts.json"


def test_other_data_go_into_a_folder_and_a_store_of_their_own(run, phantom_root, tmp_path):
    other = tmp_path / "hospital"
    other.mkdir()
    for name in ("Videos", "FileList.csv", "VolumeTracings.csv"):
        (other / name).symlink_to(phantom_root / name)
    result = evaluate_run(run, Protocol(resamples=10), data=other)
    assert result.folder.name.startswith("test-3-on-hospital-")
    assert not result.is_phantom
    assert "the model was trained on simulated hearts only" in result.notes
    document = json.loads((result.folder / "metrics.json").read_text())
    assert document["result"] == "result on real hearts"
    assert len(list(other.glob(".coreecho-store-*"))) == 1
    assert evaluate_run(run, Protocol(resamples=10), data=phantom_root).folder.name == "test-3"


def test_a_failure_while_writing_leaves_the_older_result_whole(run, monkeypatch):
    folder = evaluate_run(run, Protocol(resamples=10)).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluation_module, "bland_altman", full_disk)
    with pytest.raises(CoReEchoError, match=r"cannot be written to .*test-3: No space left on device"):
        evaluate_run(run, Protocol(resamples=20))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_said_before_any_prediction(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(split_predictions, "evaluate_recordings", lambda *_, **__: pytest.fail("predicted"))
    with pytest.raises(CoReEchoError, match=r"folder .*file/out for the evaluation cannot be made"):
        evaluate_run(run, out=tmp_path / "file" / "out")


def test_patients_with_several_recordings_are_resampled_together(run, monkeypatch):
    def grouped(self, split):
        recordings = RunFolder.recordings(self, split)
        return [
            Recording(**(vars(recording) | {"patient": f"p{place // 2}"})) for place, recording in enumerate(recordings)
        ]

    grouped_run = type("Grouped", (RunFolder,), {"recordings": grouped})(run.path, run.recipe, run.data, run.info)
    metrics = evaluate_run(grouped_run, Protocol(split="train", resamples=50)).metrics
    assert (metrics.num_recordings, metrics.num_patients) == (12, 6)
    assert metrics["mae"].method == "percentile bootstrap over patients"


def test_an_empty_split_and_missing_weights_are_named(run, monkeypatch):
    run.best_weights.unlink()
    with pytest.raises(CheckpointError, match=r"no best\.safetensors"):
        evaluate_run(run)
    monkeypatch.setattr(RunFolder, "recordings", lambda *_: [])
    with pytest.raises(DatasetError, match="has no recording in its VAL split"):
        evaluate_run(run, Protocol(split="val"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clips": 0}, "clips is 0, expected a number of at least 1, or 'all'"),
        ({"step": 3}, "only clips='all' without a start index has a step"),
        ({"clips": "all", "step": 0}, "step is 0, expected at least 1 frame"),
        ({"resamples": 0, "level": 95}, "resamples is 0, expected at least 1; level is 95"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_protocol_that_makes_no_sense_is_refused_with_all_its_faults(settings, message):
    with pytest.raises(RecipeError, match=message):
        Protocol(**settings)


def test_protocols_describe_themselves():
    assert Protocol(clips=1).description == "TEST split, 1 clip a recording"
    assert Protocol(split="val").description == "VAL split, 3 clips a recording"
    assert Protocol(clips="all").description == "TEST split, the whole video"


def test_frames_come_from_the_store_of_the_run(run, monkeypatch):
    evaluate_run(run, Protocol(resamples=10))
    store = FrameStore.open(run.data.store)
    recording = run.recordings("test")[0]
    assert store.num_frames(recording.id) == 24
    assert np.asarray(store.frames(recording.id)).shape == (24, 32, 32)
