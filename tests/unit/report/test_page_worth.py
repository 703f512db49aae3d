from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from coreecho.datasets import Recording
from coreecho.evaluation.measured_clips import MeasuredClips
from coreecho.evaluation.worth import worth_of_measured
from coreecho.report.page_worth import worth_section
from coreecho.report.worth_drawing import refusal_words
from coreecho.trust import ModelCalibration, calibrate, make_gate, risk_coverage


def shown(worth):
    evaluation = SimpleNamespace(worth=worth, overlap_label=None)
    return SimpleNamespace(title="a run", evaluation=evaluation, is_phantom=True)


def test_the_page_shows_coverage_pictures_and_readers_of_the_runs_that_have_any():
    rng = np.random.default_rng(0)
    true = rng.uniform(20, 70, 60)
    table = pd.DataFrame(
        {
            "recording": [f"r{number}" for number in range(60)],
            "ef_true": true,
            "ef_predicted": true + rng.normal(0, 4, 60),
            "clip_sd": rng.gamma(2, size=60),
            "num_clips": 3,
        }
    )
    measured = MeasuredClips(
        predictions=table,
        embeddings=np.zeros((60, 2)),
        values={"contrast": rng.uniform(0.2, 0.3, 60)},
        is_outlined=np.zeros(60, dtype=bool),
    )
    intervals = calibrate(true, table["ef_predicted"], calibrated_on="a test", is_phantom=True, model="m")
    gate = make_gate({"contrast": np.linspace(0.2, 0.3, 60)})
    worth = worth_of_measured(
        measured,
        [Recording(id=f"r{number}", path=None) for number in range(60)],
        calibrated=ModelCalibration(intervals=intervals, num_clips=3, gate=gate),
        intervals=intervals,
        resamples=20,
    )
    section = worth_section([shown(worth), shown(None)])
    assert [table.caption for table in section.tables] == ["a run: intervals at 90 %, by-range"]
    whole = section.tables[0].rows[0].cells
    assert whole[:3] == ("all", "60", f"{100 * worth.table['is_held'].mean():.1f} %")
    assert len(section.pictures) == 2
    # By the contrast alone nothing is refused.
    assert refusal_words(worth) == ""
    doubted = replace(worth, by_doubt=risk_coverage([1.0] * 8 + [9.0, 9.0], [0.0] * 8 + [1.0, 1.0]))
    all_err = worth.table["absolute_error"].mean()
    assert refusal_words(doubted) == (
        "If the 20 % most doubted clips are set aside, the rest err by 1.0 EF points on average; "
        f"all together err by {all_err:.1f}."
    )
    assert refusal_words(doubted) in worth_section([shown(doubted)]).pictures[1].description
    assert any("Readers" in note for note in section.notes)


def test_runs_that_were_never_calibrated_have_no_section():
    assert worth_section([shown(None)]) is None
