import json
import math
from datetime import date

import numpy as np
import pytest

from coreecho.errors import CalibrationError
from coreecho.trust import (
    calibrate,
    calibration_from_json,
    calibration_to_json,
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
    return made.with_error_ratios({"frame_rate": 1.5, "neighbour_distance": math.nan}, on="held-out phantoms")


@pytest.fixture
def document(calibration, gate):
    return json.loads(calibration_to_json(calibration, gate))


def test_what_is_written_is_read_back_to_the_last_bit(calibration, gate, tmp_path):
    write_calibration(tmp_path / "calibration.json", calibration, gate)
    assert read_calibration(tmp_path / "calibration.json") == (calibration, gate)
    widened = calibration.widened(1.7, "measured elsewhere")
    assert calibration_from_json(calibration_to_json(widened)) == (widened, None)


def test_the_file_shows_a_reader_its_size_and_widths(document, calibration):
    assert document["num_recordings"] == 120
    first = document["ranges"][0]
    assert first["low"] is None
    assert first["half_width"] == calibration.ranges[0].half_width(0.9)


def test_a_calibration_too_small_for_its_level_is_read_back():
    small = calibrate([50.0], [51.0], calibrated_on="one", is_phantom=False, model="m")
    assert json.loads(calibration_to_json(small))["ranges"][0]["half_width"] is None
    assert calibration_from_json(calibration_to_json(small)) == (small, None)


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
        ("format", "other", "expected coreecho-calibration, 1"),
        ("version", 2, "expected coreecho-calibration, 1"),
        ("level", ..., "level is missing"),
        ("level", "0.9", "level: expected a finite number, got '0.9'"),
        ("level", True, "level: expected a finite number, got True"),
        ("level", 1.5, "level: expected a share between 0 and 1, got 1.5"),
        ("level", 0.8, "half_width: .* is written, and .* follows from the errors"),
        ("method", "best", "method: expected one of absolute"),
        ("method", "by-range", "spread_floor: expected a value for normalised methods only"),
        ("is_phantom", 1, "is_phantom: expected true or false, got 1"),
        ("date", "3 February", "date: expected a day such as 2026-01-31"),
        ("model", " ", "model: expected some words"),
        ("calibrated_on", None, "calibrated_on: expected text, got null"),
        ("num_patients", 200, "num_patients: expected from 1 to 120, got 200"),
        ("num_patients", 3.5, "num_patients: expected a whole number"),
        ("num_recordings", 121, "num_recordings: 121 is written, and 120 follows"),
        ("spread_floor", 0, "spread_floor: expected EF points above 0"),
        ("spread_floor", None, "spread_floor: expected a value for normalised"),
        ("widened_by", 0.5, "widened_by: expected a factor of 1 or more"),
        ("widened_by", 2, "widened_because: expected words"),
        ("ranges", [], "ranges: expected at least one"),
        ("ranges", {}, "ranges: expected a list of objects, got an object"),
        ("ranges.0", 3, r"ranges\[0\]\.: expected an object, got 3"),
        ("ranges.0.low", 5, "ranges that join"),
        ("ranges.1.low", 29, "ranges that join"),
        ("ranges.0.num_recordings", 1, "num_recordings: 1 is written"),
        ("ranges.0.errors.0", 99, r"ranges\[0\]\.errors: expected rising numbers"),
        ("ranges.0.errors.0", None, r"ranges\[0\]\.errors: expected a list of finite numbers"),
        ("ranges.0.errors.0", 10**400, r"ranges\[0\]\.errors: expected a list of finite numbers"),
        ("ranges.0.more", 1, r"ranges\[0\]\.more: there is no such entry"),
        ("patients", ["a"], "patients: there is no such entry"),
        ("gate", ..., "gate is missing"),
        ("gate.doubted_share", 2, "doubted_share: expected a share"),
        ("gate.checks", [], "Gate, checks: expected different checks"),
        ("gate.checks.0.name", "luck", "no check named 'luck'; known are neighbour_distance"),
        ("gate.checks.1.name", "frame_rate", "Gate, checks: expected different checks"),
        ("gate.checks.0.values", [], "frame_rate, values: expected finite, rising numbers"),
        ("gate.checks.0.values", [2, 1], "frame_rate, values: expected finite, rising numbers"),
        ("gate.checks.0.error_ratio", -1, "error_ratio: expected a finite ratio of 0 or more, got -1"),
        ("gate.checks.0.error_ratio_on", "", "an error ratio needs words"),
        ("gate.checks.0.more", 1, "more: there is no such entry"),
    ],
)
def test_every_wrong_entry_is_refused_by_name(document, path, value, message):
    with pytest.raises(CalibrationError, match=f"run/calibration.json cannot be read: .*{message}"):
        calibration_from_json(changed(document, path, value), "run/calibration.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, '{"format": NaN}', '{"format": Infinity}'])
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(CalibrationError, match="calibrate again"):
        calibration_from_json(text)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(CalibrationError, match=r"none\.json does not exist: this model was never calibrated"):
        read_calibration(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CalibrationError, match=r"bytes\.json cannot be read"):
        read_calibration(tmp_path / "bytes.json")
    with pytest.raises(CalibrationError, match="cannot be read"):
        read_calibration(tmp_path)
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(CalibrationError, match="no calibration is larger"):
        read_calibration(tmp_path / "large.json")
