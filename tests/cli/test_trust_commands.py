"""`calibrate`, `predict --monitor`, `drift` and `checklist`, as a user types them."""

import json
from typing import Any

import numpy as np
import pytest
from cyclopts import App

from coreecho.cli.checklist import checklist
from coreecho.cli.drift import drift
from coreecho.cli.predict import predict
from coreecho.errors import CalibrationError
from coreecho.models.weights import hash_weights
from coreecho.trust import ModelCalibration, calibrate, calibration_path, make_gate, write_calibration


@pytest.fixture
def run(untrained_run):
    """A run at its first weights, calibrated on made-up errors; its gate knows phantoms of 24 frames."""
    folder = untrained_run
    intervals = calibrate(
        np.full(40, 55.0) + np.linspace(-10, 10, 40),
        np.full(40, 55.0),
        calibrated_on="a test",
        is_phantom=True,
        model=hash_weights(folder.best_weights),
    )
    gate = make_gate({"frame_rate": np.linspace(40, 60, 200), "num_frames": np.linspace(20, 200, 200)})
    calibrated = ModelCalibration(intervals=intervals, num_clips=3, gate=gate)
    write_calibration(calibration_path(folder.best_weights), calibrated)
    return folder.path


def type_in(command: Any, *words: object) -> int:
    app = App(name="coreecho")
    app.default(command)
    code: int = app([str(word) for word in words], result_action="return_value", exit_on_error=False, print_error=False)
    return code


def test_predict_shows_the_interval_and_keeps_numbers_of_each_clip_and_no_name(run, phantom_root, tmp_path, capsys):
    log = tmp_path / "clips.log"
    videos = sorted(phantom_root.glob("Videos/*.avi"))[:2]
    assert type_in(predict, *videos, "--model", run, "--json", "--monitor", log, "--device", "cpu") == 0
    captured = capsys.readouterr()
    for entries in json.loads(captured.out)["predictions"]:
        assert entries["interval_low"] < entries["value"] < entries["interval_high"]
        assert entries["trust"] in ("good", "doubtful", "outside")
        assert len(entries["reason_codes"]) == len(entries["reasons"])
        assert set(entries["reason_codes"]) <= {"frame_rate", "num_frames"}
    assert "The log holds 2 predictions: at least 10" in " ".join(captured.err.split())
    assert [set(json.loads(line)) >= {"ef_percent", "num_frames"} for line in log.read_text().splitlines()] == [
        True
    ] * 2
    assert videos[0].stem not in log.read_text()


def test_predict_takes_a_calibration_that_lies_elsewhere(run, phantom_root, tmp_path, capsys):
    given = calibration_path(run / "best.safetensors").rename(tmp_path / "site.json")
    words = (sorted(phantom_root.glob("Videos/*.avi"))[0], "--model", run, "--json", "--device", "cpu")
    assert type_in(predict, *words) == 0
    [alone] = json.loads(capsys.readouterr().out)["predictions"]
    assert type_in(predict, *words, "--calibration", given) == 0
    [calibrated] = json.loads(capsys.readouterr().out)["predictions"]
    assert alone.get("interval_low") is None
    assert calibrated["interval_low"] < alone["value"] < calibrated["interval_high"]


def test_drift_tells_by_what_and_by_its_exit_code(run, tmp_path, capsys):
    alike, other = tmp_path / "alike.log", tmp_path / "other.log"
    rng = np.random.default_rng(0)
    for log, low, high in ((alike, 40, 60), (other, 20, 25)):
        lines = [{"frame_rate": rng.uniform(low, high), "num_frames": rng.uniform(20, 200)} for _ in range(60)]
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert type_in(drift, alike, "--model", run) == 0
    assert "No drift found in 60 clips" in capsys.readouterr().out
    assert type_in(drift, other, "--model", run) == 1
    assert "by the frame rate" in " ".join(capsys.readouterr().out.split())
    # Of its own calibration there is none any more, and a file that is given counts.
    given = calibration_path(run / "best.safetensors").rename(tmp_path / "site.json")
    assert type_in(drift, alike, "--model", run, "--calibration", given) == 0
    with pytest.raises(CalibrationError, match="was never calibrated"):
        type_in(drift, alike, "--model", run)


def test_a_checklist_is_filled_from_the_run_and_says_that_there_are_no_results(run, capsys):
    assert type_in(checklist, run) == 0
    assert "There are no results yet" in capsys.readouterr().out
    text = (run / "checklists" / "tripod-ai.md").read_text(encoding="utf-8")
    assert "TRAIN 12, VAL 2, TEST 2" in text
    assert "Calibrated on 40 simulated hearts" in text
    assert "what the run does not say: results" in text
    assert str(run.parent) not in text
