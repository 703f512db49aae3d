"""A model and the recordings that it is asked about: runs, moved runs, other data, and weights without a run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from coreecho.datasets import load_recordings
from coreecho.errors import CheckpointError, DatasetError, RecipeError
from coreecho.inference.opening import open_subject
from coreecho.inference.overlap import OVERLAP_LABEL, Overlap
from coreecho.models.weights import describe_weights, load_model, save_weights
from coreecho.training.run_folder import RunFolder


def test_a_run_is_asked_about_its_own_data(run: RunFolder) -> None:
    subject = open_subject(run.path)
    assert (subject.name, subject.is_own_data, subject.is_phantom) == ("run", True, True)
    assert subject.task.name == "ef"
    assert subject.model_input == run.recipe.input
    assert [each.id for each in subject.recordings("test")] == [each.id for each in run.recordings("test")]
    assert subject.result_folder("evaluation", "test-3") == run.path / "evaluation" / "test-3"
    assert subject.model("cpu") is subject.model("cpu")


def test_data_that_have_moved_are_the_runs_own_and_a_copy_is_not(
    run: RunFolder, truth_root: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(truth_root, copy, ignore=shutil.ignore_patterns(".coreecho-store*"))
    other = open_subject(run.path, data=copy)
    assert not other.is_own_data
    assert other.result_folder("evaluation", "test-3").name.startswith("test-3-on-copy-")
    info = json.loads((run.path / "run.json").read_text())
    info["data"]["root"] = str(tmp_path / "gone")
    (run.path / "run.json").write_text(json.dumps(info))
    moved = open_subject(run.path, data=copy)
    assert moved.is_own_data
    assert moved.data.root == copy


def test_other_recordings_of_the_runs_own_data_are_other_data(run: RunFolder, truth_root: Path) -> None:
    """Another view, fold or frame rate than the run's: not the run's own recordings under another name."""
    assert open_subject(run.path, data=truth_root, options={"leave_out_faulty": True}).is_own_data
    others = open_subject(run.path, data=truth_root, options={"fps": "25"})
    assert not others.is_own_data
    assert {each.target_fps for each in others.all_recordings} == {25}
    assert {each.target_fps for each in open_subject(run.path, data=truth_root).all_recordings} == {None}
    with pytest.raises(DatasetError, match="echonet has no option view"):
        open_subject(run.path, data=truth_root, options={"view": "A2C"})


def test_a_run_opens_where_the_layout_of_its_data_is_not_installed(run: RunFolder, tmp_path: Path) -> None:
    moved = shutil.copytree(run.path, tmp_path / "without-layout")
    record = json.loads((moved / "run.json").read_text())
    record["data"]["dataset"] = "a-layout-of-another-lab"
    (moved / "run.json").write_text(json.dumps(record))
    assert open_subject(moved).data.dataset == "a-layout-of-another-lab"


def test_weights_are_asked_about_any_data(run: RunFolder, truth_root: Path, tmp_path: Path) -> None:
    weights = Path(shutil.copy(run.best_weights, tmp_path / "published.safetensors"))
    subject = open_subject(weights, data=truth_root)
    assert subject.data.dataset == "echonet"
    assert subject.learned_from_phantoms
    assert subject.recipe_name == "a test"
    assert subject.weights_sha256 == open_subject(run).weights_sha256
    assert subject.folder == tmp_path / "published-results"
    # What is known of the training of a file is on its card, and that is no list of recordings.
    assert not subject.knows_its_training
    assert subject.overlap(subject.recordings("train")).label is None


def test_weights_that_lie_in_a_run_know_what_it_was_trained_on(run: RunFolder, truth_root: Path) -> None:
    subject = open_subject(run.best_weights, data=truth_root)
    assert subject.run is None
    assert subject.knows_its_training
    trained = subject.recordings("train")
    assert subject.overlap(trained).label == f"{OVERLAP_LABEL}: {len(trained)} of {len(trained)}"
    assert subject.overlap(subject.recordings("test")).label is None
    with pytest.raises(DatasetError, match="was trained on"):
        subject.check_overlap(trained, "test")


@pytest.mark.parametrize("dataset", ["echonet", "table"])
def test_what_weights_met_before_they_were_trained_further_counts(run: RunFolder, dataset: str) -> None:
    """By the id in the same layout, and by the frames in any."""
    tested = run.recordings("test")
    digest = run.split_ids["test"][tested[1].id]
    info = json.loads((run.path / "run.json").read_text())
    info["met_before"] = [{"dataset": dataset, "train": {tested[0].id: "another", "by another name": digest}}]
    (run.path / "run.json").write_text(json.dumps(info))
    expected = tuple(each.id for each in tested[:2]) if dataset == "echonet" else (tested[1].id,)
    assert open_subject(run.path).overlap(tested).trained == expected


def test_what_cannot_be_asked_says_what_is_missing(run: RunFolder, truth_root: Path, tmp_path: Path) -> None:
    weights = tmp_path / "encoder.safetensors"
    card = replace(describe_weights(run.path), kind="encoder", head=None, reads=None)
    save_weights(weights, load_model(run.path).encoder, card)
    with pytest.raises(CheckpointError, match="an encoder without a head"):
        _ = open_subject(weights, data=truth_root).task
    with pytest.raises(RecipeError, match=r"give `--data ROOT`"):
        open_subject(weights)
    with pytest.raises(RecipeError, match="`--dataset` is the layout of the data under `--data`"):
        open_subject(run.path, dataset="table")
    with pytest.raises(CheckpointError, match="is not the folder of a run"):
        open_subject(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="there is no such file"):
        open_subject(tmp_path / "nothing.safetensors", data=truth_root)
    subject = open_subject(run.path)
    subject.__dict__["_run_on_data"] = type(
        "Empty", (), {"recordings": lambda _self, _split: [], "all_recordings": []}
    )()
    with pytest.raises(DatasetError, match="has no recording in its VAL split"):
        subject.some_recordings("val")
    with pytest.raises(DatasetError, match=r"has no recording\.$"):
        subject.some_recordings("all")


def test_an_overlap_says_how_many_of_how_many() -> None:
    assert Overlap(num_recordings=9, trained=(), selected=("a",)).label is None
    assert Overlap(num_recordings=9, trained=("a", "b"), selected=()).label == f"{OVERLAP_LABEL}: 2 of 9"


def test_a_table_that_nothing_divides_is_tested_whole(
    run: RunFolder, truth_root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    videos = sorted((truth_root / "Videos").glob("*.avi"))[:3]
    table = tmp_path / "ext.csv"
    table.write_text("path,ef_percent\n" + "".join(f"{video},5{place}\n" for place, video in enumerate(videos)))
    for weights in (run.path, shutil.copy(run.best_weights, tmp_path / "w.safetensors")):
        caplog.clear()
        subject = open_subject(weights, data=table, dataset="table")
        for split in ("test", "val"):
            assert len(subject.some_recordings(split)) == 3
        assert caplog.text.count("has no splits: all of it, 3 recordings, counts as the split") == 1
    assert not (tmp_path / "ext.splits.csv").exists(), "a test draws no splits"
    # Splits that a training drew stay.
    load_recordings("table", table)
    assert "are divided by patient, as ext.splits.csv says: train" in caplog.text
    assert len(open_subject(run.path, data=table, dataset="table").recordings("test")) < 3


def test_a_clip_in_the_place_of_a_model_is_told_as_such(tmp_path: Path) -> None:
    clip = tmp_path / "clip.dcm"
    clip.write_bytes(b"DICM")
    with pytest.raises(
        CheckpointError, match=r"clip\.dcm is no model: expected the folder of a run.*`coreecho map --clip`"
    ):
        open_subject(clip)
    damaged = tmp_path / "weights.pth"
    damaged.write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="damaged, truncated or no PyTorch checkpoint"):
        open_subject(damaged)
