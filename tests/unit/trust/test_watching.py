import numpy as np
import pytest

from coreecho.errors import CalibrationError
from coreecho.report.drift_table import drift_sentence, drift_table
from coreecho.trust import append_to_log, make_gate, read_log
from coreecho.trust.watching import logged_numbers, watch

RNG = np.random.default_rng(0)
GATE = make_gate({"contrast": RNG.normal(0.25, 0.02, 200), "flicker": RNG.normal(0.4, 0.05, 200)})


def logged(path, count, *, contrast=0.25, seed=1):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        measured = {"contrast": rng.normal(contrast, 0.02), "flicker": rng.normal(0.4, 0.05), "lv_area": np.nan}
        append_to_log(path, logged_numbers(55.0, None, measured))
    return read_log(path)


def test_clips_alike_do_not_drift(tmp_path):
    watched = watch(logged(tmp_path / "log", 150), GATE)
    assert {one.name for one in watched} == {"contrast", "flicker"}
    assert all(one.state.drifted_at is None for one in watched)
    assert drift_sentence(watched) == "No drift found in 150 clips."


def test_a_stream_that_changes_is_found_and_named(tmp_path):
    log = tmp_path / "log"
    logged(log, 50)
    watched = watch(logged(log, 60, contrast=0.31, seed=2), GATE)
    assert watched[0].name == "contrast"
    assert 50 < watched[0].state.drifted_at <= 110
    assert watched[0].test.p_value < 0.01
    assert watched[1].state.drifted_at is None
    assert "by the contrast" in drift_sentence(watched)
    table = drift_table(watched)
    assert table.row_count == 2
    # One in a hundred, shared by two numbers.
    assert "Evidence of 200 or more is drift" in str(table.caption)
    assert watched[0].state.largest_capital >= 200 > watched[1].state.largest_capital


def test_a_log_holds_numbers_that_were_measured_and_no_others(tmp_path):
    logged(tmp_path / "log", 1)
    assert set(read_log(tmp_path / "log").predictions[0]) == {"ef_percent", "contrast", "flicker"}


def test_a_few_clips_tell_nothing(tmp_path):
    with pytest.raises(CalibrationError, match="The log holds 9 predictions: at least 10"):
        watch(logged(tmp_path / "log", 9), GATE)
