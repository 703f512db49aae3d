import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from coreecho.errors import CalibrationError
from coreecho.trust import (
    ErrorRatio,
    ModelCalibration,
    calibrate,
    calibration_from_json,
    calibration_path,
    calibration_to_json,
    know,
    make_gate,
    read_calibration,
    write_calibration,
)


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(0)
    predicted = rng.uniform(20, 70, 120)
    return calibrate(
        predicted + rng.normal(0, 5, 120),
        predicted,
        spread=rng.gamma(2, size=120),
        method="normalised-by-range",
        calibrated_on="VAL split of a test",
        is_phantom=True,
        model="abc",
        made_on=date(2026, 2, 3),
    )


@pytest.fixture(scope="module")
def gate():
    rng = np.random.default_rng(1)
    made = make_gate({"frame_rate": rng.normal(50, 2, 40), "neighbour_distance": rng.gamma(2, size=30)})
    worth = ErrorRatio(ratio=1.5, low=1.2, high=1.9, level=0.95, num_flagged=12, num_others=28, on="held-out phantoms")
    return made.with_error_ratios({"frame_rate": worth, "neighbour_distance": "never raised"})


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(2)
    return know(rng.normal(size=(40, 5)), rng.uniform(20, 70, 40), words="40 recordings of a test")


@pytest.fixture(scope="module")
def whole(calibration, gate, known):
    return ModelCalibration(intervals=calibration, num_clips=3, gate=gate, known=known)


@pytest.fixture
def document(whole):
    return json.loads(calibration_to_json(whole))


def test_what_is_written_is_read_back_to_the_last_bit(whole, known, tmp_path):
    write_calibration(tmp_path / "calibration.json", whole)
    read = read_calibration(tmp_path / "calibration.json")
    assert read == whole
    new = np.random.default_rng(3).normal(size=(6, 5))
    for name, distances in known.distances(new).items():
        np.testing.assert_array_equal(read.known.distances(new)[name], distances)
    widened = ModelCalibration(intervals=whole.intervals.widened(1.7, "measured elsewhere"), num_clips=1)
    assert calibration_from_json(calibration_to_json(widened)) == widened


def test_the_file_lies_beside_its_weights_and_is_theirs_alone(whole):
    assert calibration_path(Path("runs/a/best.safetensors")) == Path("runs/a/best.calibration.json")
    whole.refuse_other_weights("abc", "here")
    with pytest.raises(CalibrationError, match="here is the calibration of other weights"):
        whole.refuse_other_weights("abd", "here")


def test_the_file_shows_a_reader_its_size_and_widths(document, calibration):
    assert document["num_recordings"] == 120
    first = document["ranges"][0]
    assert first["low"] is None
    assert first["half_width"] == calibration.ranges[0].half_width(0.9)


def test_a_calibration_too_small_for_its_level_is_read_back():
    few = calibrate([50.0], [51.0], calibrated_on="one", is_phantom=False, model="m")
    small = ModelCalibration(intervals=few, num_clips=3)
    assert json.loads(calibration_to_json(small))["ranges"][0]["half_width"] is None
    assert calibration_from_json(calibration_to_json(small)) == small


def changed(document, path, value):
    """Put a value at a path such as `ranges.0.low`; None takes the entry away."""
    *parents, last = path.split(".")
    place = document
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is Ellipsis:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", "other", "format: 'other', expected 'coreecho-calibration'"),
        (
            "version",
            1,
            r"it comes from another version of coreecho \(version: 1, expected 3\)\. Calibrate",
        ),
        ("level", ..., "it lacks level"),
        ("level", "0.9", "level: '0.9', expected a number"),
        ("level", True, "level: True, expected a number"),
        ("level", 1.5, "level: expected a share between 0 and 1, got 1.5"),
        ("level", 0.8, "half_width: .* is written, and .* follows from the errors"),
        ("method", "best", "method: 'best', expected 'absolute'"),
        ("method", "by-range", "spread_floor: expected a value for normalised methods only"),
        ("is_phantom", 1, "is_phantom: 1, expected true or false"),
        ("date", "3 February", "date: expected a day such as 2026-01-31"),
        ("weights_sha256", " ", "model: expected some words"),
        ("calibrated_on", None, "calibrated_on: None, expected a text"),
        ("num_patients", 200, "num_patients: expected from 1 to 120, got 200"),
        ("num_patients", 3.5, "num_patients: 3.5, expected a whole number"),
        ("num_recordings", 121, "num_recordings: 121 is written, and 120 follows"),
        ("num_clips", 0, "num_clips: expected 1 or more"),
        ("spread_floor", 0, "spread_floor: expected EF points above 0"),
        ("spread_floor", None, "spread_floor: expected a value for normalised"),
        ("widened_by", 0.5, "widened_by: expected a factor of 1 or more"),
        ("widened_by", 2, "widened_because: expected words"),
        ("ranges", [], "ranges: expected at least one"),
        ("ranges", {}, "ranges: an object, expected a list"),
        ("ranges.0", 3, r"ranges\[0\]: 3, expected an object"),
        ("ranges.0.low", 5, "ranges that join"),
        ("ranges.1.low", 29, "ranges that join"),
        ("ranges.0.num_recordings", 1, "num_recordings: 1 is written"),
        ("ranges.0.errors.0", 99, r"ranges\[0\]\.errors: expected rising numbers"),
        ("ranges.0.errors.0", None, r"ranges\[0\]\.errors\[0\]: None, expected a number"),
        ("ranges.0.errors.0", 10**400, r"ranges\[0\]\.errors\[0\]: .*expected a finite number"),
        ("ranges.0.more", 1, r"ranges\[0\]\.more: is not known here"),
        ("patients", ["a"], "patients: is not known here"),
        ("gate", ..., "it lacks gate"),
        ("gate.doubted_share", 2, "doubted_share: expected a share"),
        ("gate.checks", [], "Gate, checks: expected different checks"),
        ("gate.checks.0.name", "luck", "no check named 'luck'; known are neighbour_distance"),
        ("gate.checks.1.name", "frame_rate", "Gate, checks: expected different checks"),
        ("gate.checks.0.values", [], "frame_rate, values: expected finite, rising numbers"),
        ("gate.checks.0.values", [2, 1], "frame_rate, values: expected finite, rising numbers"),
        ("gate.checks.0.error_ratio", None, "frame_rate: expected an error ratio, or words why there is none"),
        ("gate.checks.0.error_ratio.ratio", -1, "error_ratio: expected 0 <= low <= ratio <= high"),
        ("gate.checks.0.error_ratio.on", "", "on what it was measured"),
        ("gate.checks.1.no_ratio_because", "", "neighbour_distance: expected an error ratio, or words"),
        ("gate.checks.0.more", 1, "more: is not known here"),
        ("known.arrays.embeddings", ..., "the embeddings are missing"),
        ("known.arrays.means", ..., "expected edges, means"),
        ("known.arrays.means.base64", "no base64!", "known.arrays.means: expected base64"),
        ("known.arrays.means.base64", "AAA\u00e9", "known.arrays.means: expected base64"),
        ("known.arrays.means.base64", "AAAA", "3 bytes are no array of the shape"),
        ("known.arrays.embeddings.shape", [5, 40], r"expected embeddings \(K, 5\), got \(5, 40\)"),
    ],
)
def test_every_wrong_entry_is_refused_by_name(document, path, value, message):
    with pytest.raises(CalibrationError, match=f"run/calibration.json: .*{message}"):
        calibration_from_json(changed(document, path, value), "run/calibration.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, '{"format": NaN}', '{"format": Infinity}'])
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(CalibrationError, match="Calibrate again"):
        calibration_from_json(text)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(CalibrationError, match=r"none\.json does not exist: this model was never calibrated"):
        read_calibration(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CalibrationError, match=r"bytes\.json: .*cannot be read"):
        read_calibration(tmp_path / "bytes.json")
    with pytest.raises(CalibrationError, match="cannot be read"):
        read_calibration(tmp_path)
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(CalibrationError, match="more than 67,108,864 bytes"):
        read_calibration(tmp_path / "large.json")


def test_checks_of_the_outline_belong_to_the_weights_that_outlined(whole, calibration):
    gate = make_gate({"contrast": np.linspace(0.2, 0.3, 40), "lv_area": np.linspace(0.1, 0.2, 40)})
    with pytest.raises(CalibrationError, match="not whose outlines"):
        ModelCalibration(intervals=calibration, num_clips=3, gate=gate)
    outlined = ModelCalibration(intervals=calibration, num_clips=3, gate=gate, outlined_by="lv")
    assert calibration_from_json(calibration_to_json(outlined)) == outlined
    assert outlined.gate_for("lv") == gate
    for other in (None, "other"):
        assert [check.name for check in outlined.gate_for(other).checks] == ["contrast"]
    # Of a calibration that knows no outlines nobody's are asked.
    assert whole.gate_for(None) == whole.gate_for("lv") == whole.gate


def test_a_calibration_of_before_outlines_is_read(whole, document):
    del document["outlined_by"]
    assert calibration_from_json(json.dumps(document)) == whole
