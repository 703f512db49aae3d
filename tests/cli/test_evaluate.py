"""`coreecho evaluate`, as a user types it."""

import json
from pathlib import Path

import pytest

from coreecho.training.run_folder import RunFolder

# The command line is read from sys.argv on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens"),
    pytest.mark.usefixtures("rough_pictures"),
]


@pytest.fixture
def run(untrained_run: RunFolder) -> Path:
    return untrained_run.path


@pytest.fixture
def coreecho(command_line):
    return command_line


def test_prints_a_table_and_says_where_the_rest_is(coreecho, run):
    code, out, _ = coreecho("evaluate", run, "--split", "train", "--clips", 2, "--resamples", 100)
    assert code == 0
    assert "TRAIN split, 2 clips a recording" in out
    assert "phantom result: simulated hearts" in out
    for label in ("MAE", "RMSE", "R²", "Pearson r", "Bias", "Lower limit of agreement", "AUROC, EF < 40 %"):
        assert label in out
    assert "12 recordings. Intervals: percentile bootstrap over recordings, 100 resamples, seed 0." in out
    assert "Note: the run is not finished" in out
    folder = run / "evaluation" / "train-2"
    assert str(folder) in out.replace("\n", "")
    metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
    assert f"{metrics['mae']['estimate']:.2f}" in out


@pytest.mark.parametrize(
    ("flags", "folder"),
    [
        ([], "test-3"),
        (["--clips", "1"], "test-1"),
        (["--clips", "all"], "test-all"),
        (["--clips", "all", "--step", "2"], "test-all-step2"),
    ],
)
def test_each_protocol_has_its_folder(coreecho, run, flags, folder):
    code, _, _ = coreecho("evaluate", run, "--resamples", 10, *flags)
    assert code == 0
    assert (run / "evaluation" / folder / "metrics.json").is_file()


def test_start_index_and_out(coreecho, run, tmp_path):
    recordings = RunFolder.open(run).recordings("test")
    starts = tmp_path / "starts.json"
    starts.write_text(json.dumps({f"{recording.id}.avi": [1, 2, 3] for recording in recordings}))
    code, _, _ = coreecho("evaluate", run, "--start-index", starts, "--out", tmp_path / "here", "--resamples", 10)
    assert code == 0
    assert (tmp_path / "here" / "scatter.png").is_file()
    starts.write_text(json.dumps({f"{recordings[0].id}.avi": [1]}))
    code, _, err = coreecho("evaluate", run, "--start-index", starts)
    assert code == 2
    assert f"lacks 1 of {len(recordings)} recordings: {recordings[1].id}" in err.replace("\n", " ")


def test_imported_weights_are_evaluated_on_data_with_given_starts(coreecho, run, phantom_root, tmp_path):
    weights = tmp_path / "published.safetensors"
    weights.write_bytes((run / "best.safetensors").read_bytes())
    recordings = RunFolder.open(run).recordings("test")
    starts = tmp_path / "starts.json"
    starts.write_text(json.dumps({f"{recording.id}.avi": [1, 2, 3] for recording in recordings}))
    flags = ["--data", phantom_root, "--start-index", starts, "--resamples", 10]
    code, out, _ = coreecho("evaluate", weights, *flags)
    assert code == 0
    assert "MAE" in out
    assert (tmp_path / "published-results" / "evaluation").is_dir()
    code, _, err = coreecho("evaluate", weights)
    assert code == 2
    assert "is a file of weights, and knows no data" in " ".join(err.split())


def test_recordings_of_the_training_are_refused_or_labelled(coreecho, run):
    folder = RunFolder.open(run)
    swapped = {"train": folder.recordings("test"), "val": folder.recordings("val")}
    splits = swapped | {"test": []}
    folder.info["split_ids"] = {split: {each.id: "" for each in of_split} for split, of_split in splits.items()}
    folder.write_info()
    code, _, err = coreecho("evaluate", run, "--resamples", 10)
    assert code == 2
    assert "was trained on 2 of the 2 recordings" in err.replace("\n", " ")
    code, out, _ = coreecho("evaluate", run, "--resamples", 10, "--allow-overlap")
    assert code == 0
    assert "includes recordings the model was trained on: 2 of 2" in out
    assert (run / "evaluation" / "test-3" / "scatter.png").is_file()


def test_a_folder_that_is_no_run(coreecho, tmp_path):
    code, out, err = coreecho("evaluate", tmp_path)
    assert code == 2
    assert out == ""
    assert "is not the folder of a run" in err.replace("\n", " ")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "flags",
    [
        ["--clips", "0"],
        ["--clips", "some"],
        ["--split", "exam"],
        ["--resamples", "0"],
        ["--device", "abacus"],
        ["--nonsense"],
    ],
)
def test_settings_that_make_no_sense(coreecho, run, flags):
    code, out, err = coreecho("evaluate", run, *flags)
    assert code == 2
    assert flags[-1] in err + out
    assert "Traceback" not in err


def test_help_teaches(coreecho):
    code, out, _ = coreecho("evaluate", "--help")
    assert code == 0
    assert "coreecho evaluate runs/echonet --split test --clips 3" in " ".join(out.split())
    assert "--start-index" in out
