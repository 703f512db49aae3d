from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from coreecho.datasets import Recording
from coreecho.evaluation.intervals import FEW
from coreecho.evaluation.measured_clips import MeasuredClips
from coreecho.evaluation.worth import worth_of_measured
from coreecho.report.page_worth import worth_section
from coreecho.trust import ModelCalibration, calibrate, make_gate, risk_coverage


def shown(worth):
    evaluation = SimpleNamespace(worth=worth, overlap_label=None)
    return SimpleNamespace(title="a run", evaluation=evaluation, is_phantom=True)


def worth_of_cohort(count):
    rng = np.random.default_rng(0)
    true = rng.uniform(20, 70, count)
    table = pd.DataFrame(
        {
            "recording": [f"r{number}" for number in range(count)],
            "ef_true": true,
            "ef_predicted": true + rng.normal(0, 4, count),
            "clip_sd": rng.gamma(2, size=count),
            "num_clips": 3,
        }
    )
    measured = MeasuredClips(
        predictions=table,
        embeddings=np.zeros((count, 2)),
        values={"contrast": rng.uniform(0.2, 0.3, count)},
        is_outlined=np.zeros(count, dtype=bool),
    )
    intervals = calibrate(true, table["ef_predicted"], calibrated_on="a test", is_phantom=True, model="m")
    gate = make_gate({"contrast": np.linspace(0.2, 0.3, count)})
    return worth_of_measured(
        measured,
        [Recording(id=f"r{number}", path=None) for number in range(count)],
        calibrated=ModelCalibration(intervals=intervals, num_clips=3, gate=gate),
        intervals=intervals,
        resamples=20,
    )


def test_the_page_shows_coverage_pictures_and_readers_of_the_runs_that_have_any():
    worth = worth_of_cohort(60)
    section = worth_section([shown(worth), shown(None)])
    assert [table.caption for table in section.tables] == ["a run: how often the 90 % interval held the true EF"]
    whole = section.tables[0].rows[0].cells
    held = worth.table["is_held"]
    assert whole[:3] == ("all", f"{held.sum()} of 60", f"{100 * held.mean():.1f} %")
    said = " ".join(section.tables[0].notes)
    assert f"intervals held the true EF of {held.sum()} of 60 recordings" in said
    # What only who knows statistics reads stays in the JSON.
    assert not any(word in said for word in ("Brier", "by-range", "p 0.", "over all shares"))
    assert len(section.pictures) == 2
    # By the contrast alone nothing is refused.
    assert worth.refusal_words == ""
    doubted = replace(worth, by_doubt=risk_coverage([1.0] * 8 + [9.0, 9.0], [0.0] * 8 + [1.0, 1.0]))
    assert doubted.refusal_words == (
        "If the 20 % most doubted clips are set aside, the rest err by 1.0 EF points on average; all "
        "together err by 2.6"
    )
    assert doubted.refusal_words in worth_section([shown(doubted)]).pictures[1].description
    assert not doubted.is_without_outline
    assert replace(doubted, is_without_outline=True).refusal_words.endswith(
        "by 2.6. The outline, at which `predict` looks, too, is not asked here"
    )
    assert any("Readers" in note for note in section.notes)


def test_an_interval_stands_beside_its_own_prediction_alone():
    worth = worth_of_cohort(40)
    row = worth.table.iloc[7]
    held = "holds" if row["is_held"] else "misses"
    words = worth.interval_of("r7", row["ef_predicted"])
    assert words == f"90 % interval {row['interval_low']:.0f} to {row['interval_high']:.0f} %, {held} the truth"
    # Other clips of the recording gave another number.
    assert worth.interval_of("r7", row["ef_predicted"] + 1) == ""
    assert worth.interval_of("not there", row["ef_predicted"]) == ""


def test_of_few_recordings_it_is_said_that_they_cannot_tell():
    worth = worth_of_cohort(FEW - 1)
    section = worth_section([shown(worth)])
    assert not section.tables
    assert not section.pictures
    assert any("29 recordings cannot tell" in note for note in section.notes)
    assert worth.to_dict()["coverage"] == worth.table["is_held"].mean()


def test_runs_that_were_never_calibrated_have_no_section():
    assert worth_section([shown(None)]) is None
