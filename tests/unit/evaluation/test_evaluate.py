import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets import Recording
from coreecho.errors import CheckpointError, CoReEchoError, DatasetError, RecipeError
from coreecho.evaluation.evaluate import Evaluation, evaluate
from coreecho.evaluation.protocol import Protocol
from coreecho.inference.opening import open_subject
from coreecho.models.building import build_model
from coreecho.models.weights import describe_weights, save_weights
from coreecho.representation.embeddings import embed_run
from coreecho.tasks import Scalar
from coreecho.training.run_folder import RunFolder
from coreecho.video.store import FrameStore

FILES = ["metrics.csv", "metrics.json", "predictions.csv"]


def test_leaves_a_folder_that_says_everything(run, phantom_root):
    result = evaluate(open_subject(run), Protocol(split="train", clips=2, resamples=200, seed=5))
    assert result.folder == run.path / "evaluation" / "train-2"
    assert sorted(path.name for path in result.folder.iterdir()) == [".evaluation.lock", *FILES]
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
    assert set(document["versions"]) == {"coreecho", "python", "numpy", "torch"}
    assert document["metrics"]["mae"]["method"] == "percentile bootstrap over recordings"
    assert "not a medical device" in document["notice"]
    assert document["notes"] == [
        "the run is not finished: these are the best weights so far",
        "includes recordings the model was trained on: 12 of 12",
    ]
    assert document["overlap"] == document["notes"][1]


def test_tables_hold_what_was_found(run):
    result = evaluate(open_subject(run), Protocol(split="train", resamples=50))
    predictions = pd.read_csv(result.folder / "predictions.csv")
    pd.testing.assert_frame_equal(predictions, result.predictions)
    assert predictions["recording"].tolist() == [recording.id for recording in run.recordings("train")]
    metrics = pd.read_csv(result.folder / "metrics.csv").set_index("metric")
    error = (predictions["ef_predicted"] - predictions["ef_true"]).abs().mean()
    assert metrics.loc["mae", "estimate"] == pytest.approx(error)
    assert (metrics["resamples"] == 50).all()


def test_the_same_evaluation_gives_the_same_bytes(run, tmp_path):
    protocol = Protocol(resamples=100)
    first = evaluate(open_subject(run), protocol, out=tmp_path / "first").folder
    second = evaluate(open_subject(run), protocol, out=tmp_path / "second").folder
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_whole_video_and_given_starts_have_folders_of_their_own(run, tmp_path):
    whole = evaluate(open_subject(run), Protocol(clips="all", resamples=10))
    assert whole.folder.name == "test-all"
    assert json.loads((whole.folder / "metrics.json").read_text())["protocol"]["step"] == 4
    # 24 frames, clips that span 13: starts 0, 4, 8 and the last, 11.
    assert whole.predictions["num_clips"].tolist() == [4, 4]
    assert evaluate(open_subject(run), Protocol(clips="all", step=11, resamples=10)).folder.name == "test-all-step11"
    starts = {f"{recording.id}.avi": [0, 3] for recording in run.recordings("test")}
    (tmp_path / "starts.json").write_text(json.dumps(starts))
    given = evaluate(open_subject(run), Protocol(start_index=tmp_path / "starts.json", resamples=10))
    assert given.folder.name == "test-starts-starts"
    assert given.predictions["num_clips"].tolist() == [2, 2]
    document = json.loads((given.folder / "metrics.json").read_text())
    assert document["protocol"]["start_index"]["file"] == "starts.json"
    assert document["protocol"]["clips"] is None
    assert given.protocol.description == "TEST split, starts from starts.json"


def test_other_data_go_into_a_folder_and_a_store_of_their_own(run, phantom_root, tmp_path, monkeypatch):
    # A hospital's videos bear no mark of simulated hearts.
    monkeypatch.setattr("coreecho.datasets.layout.has_phantom_mark", lambda path: False)
    other = tmp_path / "hospital"
    other.mkdir()
    for name in ("Videos", "FileList.csv", "VolumeTracings.csv"):
        (other / name).symlink_to(phantom_root / name)
    result = evaluate(open_subject(run, data=other), Protocol(resamples=10))
    assert result.folder.name.startswith("test-3-on-hospital-")
    assert not result.is_phantom
    assert "the model was trained on simulated hearts only" in result.notes
    document = json.loads((result.folder / "metrics.json").read_text())
    assert document["result"] == "result on real hearts"
    assert len(list(other.glob(".coreecho-store-*"))) == 1
    assert evaluate(open_subject(run, data=phantom_root), Protocol(resamples=10)).folder.name == "test-3"


def test_a_failure_while_writing_leaves_the_older_result_whole(run):
    folder = evaluate(open_subject(run), Protocol(resamples=10)).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    with pytest.raises(CoReEchoError, match=r"cannot be written to .*test-3: No space left on device"):
        evaluate(open_subject(run), Protocol(resamples=20), draw=lambda _: {"picture.png": full_disk})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_a_killed_evaluation_left_is_cleared_away(run):
    folder = evaluate(open_subject(run), Protocol(resamples=10)).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / ".part-killed").mkdir()
    (folder / ".part-killed" / "predictions.csv").write_text("recording")
    evaluate(open_subject(run), Protocol(resamples=10))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_said_before_any_prediction(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("coreecho.inference.subject.load_model", lambda *_, **__: pytest.fail("predicted"))
    with pytest.raises(CoReEchoError, match=r"folder .*file/out for the evaluation cannot be made"):
        evaluate(open_subject(run), out=tmp_path / "file" / "out")


def test_patients_with_several_recordings_are_resampled_together(run, monkeypatch):
    def grouped(self, split):
        recordings = RunFolder.recordings(self, split)
        return [
            Recording(**(vars(recording) | {"patient": f"p{place // 2}"})) for place, recording in enumerate(recordings)
        ]

    grouped_run = type("Grouped", (RunFolder,), {"recordings": grouped})(run.path, run.recipe, run.data, run.info)
    metrics = evaluate(open_subject(grouped_run), Protocol(split="train", resamples=50)).metrics
    assert (metrics.num_recordings, metrics.num_patients) == (12, 6)
    assert metrics["mae"].method == "percentile bootstrap over patients"


def test_an_empty_split_and_missing_weights_are_named(run, monkeypatch):
    run.best_weights.unlink()
    with pytest.raises(CheckpointError, match=r"no best\.safetensors"):
        evaluate(open_subject(run))
    monkeypatch.setattr(RunFolder, "recordings", lambda *_: [])
    with pytest.raises(DatasetError, match="has no recording in its VAL split"):
        evaluate(open_subject(run), Protocol(split="val"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clips": 0}, "clips is 0, expected a number of at least 1, 'all' or 'traced'"),
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
    assert Protocol(split="all", clips=1).description == "all recordings, 1 clip a recording"
    assert Protocol().describe(is_undivided=True) == "all recordings, 3 clips a recording"


def test_frames_come_from_the_store_of_the_run(run, monkeypatch):
    evaluate(open_subject(run), Protocol(resamples=10))
    store = FrameStore.open(run.data.store)
    recording = run.recordings("test")[0]
    assert store.num_frames(recording.id) == 24
    assert np.asarray(store.frames(recording.id)).shape == (24, 32, 32)


def test_what_was_said_is_read_again_and_the_network_runs_once(run, monkeypatch):
    """One page once showed predictions and embeddings of the same clips, from two passes of the network."""
    first = evaluate(open_subject(run), Protocol(resamples=20))
    monkeypatch.setattr("coreecho.inference.subject.load_model", lambda *_, **__: pytest.fail("predicted again"))
    second = evaluate(open_subject(run), Protocol(resamples=20))
    pd.testing.assert_frame_equal(first.predictions, second.predictions, check_exact=True)
    embedded = embed_run(run, None, "test", clips=3)
    assert embedded.ef_predicted.tolist() == first.predictions["ef_predicted"].tolist()


def test_replaced_videos_are_predicted_and_embedded_anew(run, phantom_root, tmp_path):
    """Stored predictions were once used stale where videos were replaced and labels kept; embeddings were not."""
    root = tmp_path / "cohort"
    shutil.copytree(phantom_root, root, ignore=shutil.ignore_patterns(".coreecho-store*"))
    moved = RunFolder.open(run.path, data=root)
    before = evaluate(open_subject(moved), Protocol(resamples=20)).predictions
    old = embed_run(moved, None, "test")
    victim, donor = moved.recordings("test")[0], moved.recordings("train")[0]
    shutil.copy(donor.path, victim.path)
    moved = RunFolder.open(run.path, data=root)
    after = evaluate(open_subject(moved), Protocol(resamples=20), allow_overlap=True).predictions
    new = embed_run(moved, None, "test", allow_overlap=True)
    assert after["ef_predicted"][0] != before["ef_predicted"][0]
    assert after["ef_predicted"][1:].tolist() == before["ef_predicted"][1:].tolist()
    assert after["ef_true"].tolist() == before["ef_true"].tolist()
    # Both tell of the same frames.
    assert new.ef_predicted.tolist() == after["ef_predicted"].tolist()
    assert not np.array_equal(new.embeddings[0], old.embeddings[0])
    np.testing.assert_array_equal(new.embeddings[1:], old.embeddings[1:])


def swap_splits(root: Path, first: str, second: str) -> None:
    """Put a recording of one split into another, and the reverse, after the training."""
    table = pd.read_csv(root / "FileList.csv", dtype=str)
    rows = [table.index[table["Split"] == split][0] for split in (first, second)]
    table.loc[rows, "Split"] = [second, first]
    table.to_csv(root / "FileList.csv", index=False)


@pytest.fixture
def copied(run, phantom_root, tmp_path) -> RunFolder:
    """The run on a copy of its data, which may be changed."""
    root = tmp_path / "copied"
    shutil.copytree(phantom_root, root, ignore=shutil.ignore_patterns(".coreecho-store*"))
    info = json.loads((run.path / "run.json").read_text())
    info["data"] |= {"root": str(root), "store": str(root / "store")}
    (run.path / "run.json").write_text(json.dumps(info))
    return RunFolder.open(run.path)


def test_splits_that_changed_after_the_training_are_refused_by_name(copied):
    swap_splits(copied.data.root, "TRAIN", "TEST")
    subject = open_subject(copied.path)
    trained = set(copied.info["split_ids"]["train"])
    (moved,) = [recording.id for recording in subject.recordings("test") if recording.id in trained]
    with pytest.raises(DatasetError, match=rf"was trained on 1 of the 2 recordings in the TEST split .*: {moved}\."):
        evaluate(subject, Protocol(resamples=10))
    with pytest.raises(DatasetError, match="was trained on 1 of the 2"):
        embed_run(subject, None, "test")


def test_an_overlap_that_is_allowed_stands_on_every_file(copied):
    swap_splits(copied.data.root, "TRAIN", "TEST")
    drawn: list[Evaluation] = []

    def draw(evaluation):
        drawn.append(evaluation)
        return {}

    result = evaluate(open_subject(copied.path), Protocol(resamples=10), allow_overlap=True, draw=draw)
    label = "includes recordings the model was trained on: 1 of 2"
    assert result.overlap_label == drawn[0].overlap_label == label
    document = json.loads((result.folder / "metrics.json").read_text())
    assert document["overlap"] == label
    assert label in document["notes"]
    assert (pd.read_csv(result.folder / "metrics.csv")["overlap"] == label).all()
    assert pd.read_csv(result.folder / "predictions.csv")["in_training"].sum() == 1
    assert embed_run(open_subject(copied.path), None, "test", allow_overlap=True).source.endswith(label)


def test_a_recording_is_known_by_what_it_shows_under_another_name(copied, tmp_path):
    """Another site's table may hold the clips that the model learned from."""
    donor, other = copied.recordings("train")[0], copied.recordings("test")[0]
    clips = tmp_path / "site"
    clips.mkdir()
    shutil.copy(donor.path, clips / "a.avi")
    shutil.copy(other.path, clips / "b.avi")
    (clips / "table.csv").write_text("path,ef_percent,split\na.avi,55,test\nb.avi,60,test\n")
    subject = open_subject(copied.path, data=clips / "table.csv", dataset="table")
    overlap = subject.overlap(subject.recordings("test"))
    assert [name for name in overlap.trained if "a" in name] == list(overlap.trained)
    assert len(overlap.trained) == 1
    with pytest.raises(DatasetError, match="was trained on 1 of the 2 recordings"):
        evaluate(subject, Protocol(resamples=10))


def test_a_file_of_weights_says_that_it_does_not_know_its_training(copied):
    told = "a file of weights does not say which recordings it was trained on: some of these may be among them"
    in_run = open_subject(copied.best_weights, data=copied.data.root)
    assert told not in evaluate(in_run, Protocol(resamples=10)).notes
    alone = copied.path.parent / "alone.safetensors"
    shutil.copy(copied.best_weights, alone)
    subject = open_subject(alone, data=copied.data.root)
    assert told in evaluate(subject, Protocol(resamples=10)).notes
    assert told not in evaluate(subject, Protocol(split="train", resamples=10)).notes
    assert told not in evaluate(open_subject(copied), Protocol(resamples=10)).notes


def test_weights_that_chose_their_epoch_by_these_recordings_say_so(copied):
    swap_splits(copied.data.root, "VAL", "TEST")
    result = evaluate(open_subject(copied.path), Protocol(resamples=10))
    assert "the best epoch was chosen by 1 of these recordings" in result.notes


def test_a_file_of_weights_is_evaluated_as_its_run_is(run, phantom_root, tmp_path):
    """Imported published weights are no run, and were once not evaluated at all."""
    weights = tmp_path / "published.safetensors"
    shutil.copy(run.best_weights, weights)
    of_run = evaluate(open_subject(run), Protocol(resamples=20))
    starts = {f"{recording.id}.avi": [0, 6, 11] for recording in run.recordings("test")}
    (tmp_path / "starts.json").write_text(json.dumps(starts))
    given = Protocol(resamples=20, start_index=tmp_path / "starts.json")
    subject = open_subject(weights, data=phantom_root)
    of_weights = evaluate(subject, given)
    pd.testing.assert_frame_equal(of_weights.predictions, of_run.predictions)
    assert of_weights.folder.parent == tmp_path / "published-results" / "evaluation"
    assert (subject.name, subject.is_phantom, subject.is_own_data) == ("published", True, False)
    with pytest.raises(RecipeError, match=r"published\.safetensors is a file of weights, and knows no data"):
        open_subject(weights)


def test_a_model_of_one_layout_is_evaluated_on_a_table(run, phantom_root, tmp_path):
    recordings = run.recordings("test")
    rows = [f"{recording.path},{recording.ef_percent},test" for recording in recordings]
    (tmp_path / "table.csv").write_text("\n".join(["path,ef_percent,split", *rows]) + "\n")
    of_table = evaluate(open_subject(run, data=tmp_path / "table.csv", dataset="table"), Protocol(resamples=20))
    of_run = evaluate(open_subject(run), Protocol(resamples=20))
    np.testing.assert_allclose(of_table.predictions["ef_predicted"], of_run.predictions["ef_predicted"], rtol=1e-5)
    assert of_table.provenance["data"]["dataset"] == "table"
    assert "-on-table.csv-" in of_table.folder.name
    assert of_table.tested == "TEST split, 3 clips a recording"
    whole = evaluate(
        open_subject(run, data=tmp_path / "table.csv", dataset="table"), Protocol(split="all", resamples=20)
    )
    assert (whole.tested, len(whole.predictions)) == ("all recordings, 3 clips a recording", len(rows))


def test_any_number_has_metrics_in_its_unit_and_no_threshold_of_ef(run, phantom_root, tmp_path):
    task = Scalar("edv_ml", "mL", 0, 500)
    model = build_model("uniformer_xs", run.recipe.input, last_bias=120.0, task=task)
    card = replace(describe_weights(run.path), reads=task.to_mapping())
    save_weights(tmp_path / "edv.safetensors", model, card)
    result = evaluate(open_subject(tmp_path / "edv.safetensors", data=phantom_root), Protocol(resamples=20))
    assert result.predictions["edv_ml_true"].tolist() == [recording.edv_ml for recording in run.recordings("test")]
    assert list(result.predictions) == ["recording", "edv_ml_true", "edv_ml_predicted", "clip_sd", "num_clips"]
    units = {definition.key: definition.unit for definition in result.metrics.definitions}
    assert units == {
        "mae": "mL",
        "rmse": "mL",
        "r2": "",
        "pearson": "",
        "bias": "mL",
        "agreement_low": "mL",
        "agreement_high": "mL",
    }
    error = (result.predictions["edv_ml_predicted"] - result.predictions["edv_ml_true"]).abs().mean()
    assert result.metrics["mae"].estimate == pytest.approx(error)


def test_half_precision_has_results_of_its_own(run):
    exact = evaluate(open_subject(run), Protocol(resamples=10))
    rough = evaluate(open_subject(run), Protocol(resamples=10, precision="bf16"))
    assert (exact.predictions["ef_predicted"] != rough.predictions["ef_predicted"]).any()
    assert rough.provenance["protocol"]["precision"] == "bf16"
