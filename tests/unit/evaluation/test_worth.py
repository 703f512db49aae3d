from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets import Recording
from coreecho.evaluation.evaluate import evaluate
from coreecho.evaluation.measured_clips import MeasuredClips
from coreecho.evaluation.protocol import Protocol
from coreecho.evaluation.reliability import reliability
from coreecho.evaluation.worth import worth_of_measured
from coreecho.inference.opening import open_subject
from coreecho.report import worth_drawing
from coreecho.report.worth_drawing import draw_refusal, draw_reliability, worth_table
from coreecho.tasks import EF
from coreecho.trust import ModelCalibration, calibrate, calibration_path, make_gate, write_calibration


def cohort(count, seed, error=5.0):
    """Recordings whose errors are twice as large where the contrast is low, as their clips' spread is not."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(20, 70, count)
    contrast = np.where(rng.uniform(size=count) < 0.4, rng.uniform(0.05, 0.1, count), rng.uniform(0.2, 0.3, count))
    scale = error * np.where(contrast < 0.15, 2, 1)
    table = pd.DataFrame(
        {
            "recording": [f"r{number}" for number in range(count)],
            "ef_true": true,
            "ef_predicted": true + rng.normal(0, 1, count) * scale,
            "clip_sd": rng.gamma(2, size=count),
            "num_clips": 3,
        }
    )
    return MeasuredClips(
        predictions=table,
        embeddings=np.zeros((count, 2), dtype=np.float32),
        values={"contrast": contrast},
        is_outlined=np.zeros(count, dtype=bool),
    )


def test_an_ef_is_read_in_the_columns_of_its_own_task():
    """A task from outside may call them as it likes."""
    own = EF(true_column="lvef_true", predicted_column="lvef", output_column="lvef")
    of_ef = cohort(30, 1)
    table = of_ef.predictions.rename(columns={"ef_true": "lvef_true", "ef_predicted": "lvef"})
    found = replace(of_ef, predictions=table, task=own)
    np.testing.assert_array_equal(found.absolute_errors, of_ef.absolute_errors)
    np.testing.assert_array_equal(found.predicted, table["lvef"])


def recordings(count):
    return [
        Recording(
            id=f"r{number}",
            path=None,
            quality="Poor" if number % 4 == 0 else "Good",
            scanner=("old", "new")[number % 2],
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def calibrated():
    known = cohort(400, 0).predictions
    intervals = calibrate(known["ef_true"], known["ef_predicted"], calibrated_on="a test", is_phantom=True, model="m")
    gate = make_gate({"contrast": np.linspace(0.2, 0.3, 400)})
    return ModelCalibration(intervals=intervals, num_clips=3, gate=gate)


@pytest.fixture(scope="module")
def worth(calibrated):
    return worth_of_measured(
        cohort(500, 1), recordings(500), calibrated=calibrated, intervals=calibrated.intervals, resamples=50
    )


def test_intervals_hold_on_recordings_alike_and_the_groups_add_up(worth):
    assert worth.test.p_value > 0.01
    by = {
        grouping: [one for one in worth.groups if one.grouping == grouping]
        for grouping in ("predicted EF", "quality", "scanner")
    }
    (whole,) = [one for one in worth.groups if one.grouping == "all"]
    for groups in by.values():
        assert sum(one.num_recordings for one in groups) == 500
        assert sum(one.num_held for one in groups) == whole.num_held == worth.table["is_held"].sum()
    assert [one.group for one in by["predicted EF"]] == ["below 30", "30 to 40", "40 to 55", "55 and above"]
    assert {one.group: one.num_recordings for one in by["quality"]} == {"Good": 375, "Poor": 125}
    assert {one.group: one.num_recordings for one in by["scanner"]} == {"new": 250, "old": 250}


def test_what_was_found_is_told_in_words_that_need_no_statistics(worth):
    intervals, probabilities = worth.words
    assert f"held the true EF of {worth.table['is_held'].sum()} of 500 recordings" in intervals
    assert worth.test.p_value < 0.05
    assert "more than chance explains" in intervals
    assert f"; {(worth.table['ef_true'] < 40).sum()} are" in probabilities
    assert "nearer to what was found than one probability for all" in probabilities


def test_other_errors_show_as_too_few_held(calibrated):
    worse = worth_of_measured(
        cohort(500, 2, error=8.0), recordings(500), calibrated=calibrated, intervals=calibrated.intervals, resamples=50
    )
    assert worse.test.p_too_few < 1e-4
    assert "fewer than chance explains" in worse.words[0]


def test_the_gate_that_sees_what_matters_refuses_better_than_a_spread_that_does_not(worth):
    # A gate that asks none of the checks that tell of errors has no doubt by which one could refuse.
    assert worth.by_doubt is None
    assert worth.by_gate.aurc < 0.9 * worth.by_gate.aurc_random
    assert abs(worth.by_spread.gain) < abs(worth.by_gate.gain)
    flagged = worth.table[worth.table["trust"] != "good"]
    assert flagged["absolute_error"].mean() > 1.25 * worth.table["absolute_error"].mean()
    assert flagged["reasons"].str.contains("contrast").all()


def test_pictures_and_tables_are_drawn(worth, tmp_path):
    for draw in (draw_reliability, draw_refusal):
        path = tmp_path / f"{draw.__name__}.png"
        draw(worth, path, model="m", is_phantom=True)
        assert path.read_bytes().startswith(b"\x89PNG")
    table = worth_table(worth, is_phantom=True)
    assert table.row_count == len(worth.groups)
    assert "phantom" in table.title
    assert worth.to_dict()["coverage"] == worth.test.coverage


@pytest.mark.parametrize(
    ("places", "count", "shown"),
    [
        # Of two recordings each, bins are joined until a share says something.
        ((np.arange(10) + 0.99) / 10, 20, 3),
        ((np.arange(10) + 0.99) / 10, 90_000, 10),
        # As near as means of bins get: the upper end of one, and the lower end of the next but one.
        (np.array([0.0999, 0.15, 0.2001, 0.3001]), 36_000, 4),
    ],
)
def test_the_numbers_of_neighbouring_bins_do_not_lie_upon_each_other(places, count, shown, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(worth_drawing, "save_figure", lambda figure, path: drawn.append(figure))
    probability = np.repeat(places, count // len(places))
    table = reliability(probability, np.arange(len(probability)) % 2 == 0, resamples=2)
    draw_reliability(SimpleNamespace(reliability=table), tmp_path / "a.png", model="m")
    (figure,) = drawn
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text().startswith("n ")]
    assert len(boxes) == shown
    assert not any(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])


def test_the_doubt_refuses_by_the_check_that_tells_of_errors_and_not_by_the_strangest_picture(calibrated):
    measured = cohort(500, 3)
    away = measured.absolute_errors + np.random.default_rng(0).gamma(2, 1.0, 500)
    rng, odd = np.random.default_rng(1), ("contrast", "motion", "flicker", "sector_area", "shaded", "deformation")
    measured = replace(
        measured,
        values={name: rng.uniform(size=500) for name in odd} | {"segmentation_disagreement": away},
        is_outlined=np.ones(500, dtype=bool),
        outlined_by="lv",
    )
    gate = make_gate(
        {name: np.linspace(0, 1, 400) for name in odd} | {"segmentation_disagreement": np.linspace(0, 25, 400)}
    )
    outlined = replace(calibrated, gate=gate, outlined_by="lv")
    found = worth_of_measured(
        measured, recordings(500), calibrated=outlined, intervals=calibrated.intervals, resamples=20
    )
    assert found.by_doubt.gain > found.by_gate.gain + 0.2
    assert found.by_doubt.aurc == pytest.approx(found.to_dict()["aurc"]["doubt"]["aurc"])
    order = np.argsort(away)
    assert (np.diff(found.table["doubt"].to_numpy()[order]) >= 0).all()


def test_an_evaluation_says_what_intervals_are_worth_and_not_on_their_own_recordings(run):
    subject = open_subject(run)
    intervals = calibrate(
        np.linspace(20, 70, 20),
        np.full(20, 50.0),
        calibrated_on="the VAL split of echonet",
        is_phantom=True,
        model=subject.weights_sha256,
    )
    write_calibration(calibration_path(run.best_weights), ModelCalibration(intervals=intervals, num_clips=2))
    own = evaluate(subject, Protocol(split="val", clips=2, resamples=20), device="cpu")
    assert own.worth is None
    assert any("may have been made of" in note for note in own.notes)
    tested = evaluate(subject, Protocol(split="test", clips=2, resamples=20), device="cpu")
    table = pd.read_csv(tested.folder / "worth.csv")
    assert table["recording"].tolist() == tested.predictions["recording"].tolist()
    held = (table["interval_low"] <= table["ef_true"]) & (table["ef_true"] <= table["interval_high"])
    assert table["is_held"].tolist() == held.tolist()
