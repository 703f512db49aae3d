import json

import numpy as np
import pytest

from coreecho.errors import CalibrationError
from coreecho.trust import append_to_log, read_log


def test_what_is_logged_is_read_back_in_order(tmp_path):
    log = tmp_path / "log.jsonl"
    for number in range(5):
        append_to_log(log, {"ef": 50.0 + number, "neighbour_distance": np.float32(number), "num_frames": 32})
    found = read_log(log)
    assert found.faulty_lines == ()
    np.testing.assert_array_equal(found.column("ef"), [50, 51, 52, 53, 54])
    assert found.predictions[3] == {"ef": 53.0, "neighbour_distance": 3.0, "num_frames": 32.0}
    assert log.read_text().count("\n") == 5


def test_a_torn_line_costs_only_itself_and_is_named(tmp_path):
    log = tmp_path / "log.jsonl"
    append_to_log(log, {"ef": 50.0})
    with log.open("a") as file:
        file.write('{"ef": 5')
    assert read_log(log).faulty_lines == (2,)
    append_to_log(log, {"ef": 52.0})
    found = read_log(log)
    assert found.faulty_lines == (2,)
    np.testing.assert_array_equal(found.column("ef"), [50, 52])


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        '{"ef": "50"}',
        '{"ef": true}',
        '{"ef": NaN}',
        '{"Name": 1}',
        '{"a/b": 1}',
        '{"ef": 50, "ef": 60}',
        '{"ef": [50]}',
        "x",
        "",
        '{"ef": 1' + "0" * 400 + "}",
    ],
)
def test_lines_that_are_no_predictions_are_counted(tmp_path, line):
    log = tmp_path / "log.jsonl"
    log.write_text(f'{{"ef": 50}}\n{line}\n')
    found = read_log(log)
    assert (len(found.predictions), found.faulty_lines) == (1, (2,))


@pytest.mark.parametrize("numbers", [{"ef": np.nan}, {"ef": "Smith"}, {"John Smith": 1.0}, {"ef": True}, {"": 1.0}])
def test_only_numbers_are_logged_and_a_refused_line_leaves_nothing(tmp_path, numbers):
    log = tmp_path / "log.jsonl"
    with pytest.raises(ValueError, match="finite numbers by lower-case names") as caught:
        append_to_log(log, numbers)
    assert "'Smith'" not in str(caught.value)
    assert not log.exists()


def test_predictions_without_a_number_are_left_out_and_an_unknown_one_is_named(tmp_path):
    log = tmp_path / "log.jsonl"
    append_to_log(log, {"ef": 50.0})
    append_to_log(log, {"ef": 51.0, "spread": 2.0})
    found = read_log(log)
    np.testing.assert_array_equal(found.column("spread"), [2])
    with pytest.raises(CalibrationError, match="No prediction of the log has 'age'; there are ef, spread"):
        found.column("age")


def test_a_log_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CalibrationError, match=r"none\.jsonl cannot be read"):
        read_log(tmp_path / "none.jsonl")


def test_a_line_is_json(tmp_path):
    append_to_log(tmp_path / "log", {"ef": 50.25})
    assert json.loads((tmp_path / "log").read_text()) == {"ef": 50.25}
