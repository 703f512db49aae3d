import numpy as np
import pandas as pd
import pytest

from coreecho.datasets.camus import QUALITY_GROUPS
from coreecho.evaluation import EF_METRICS, MI_METRICS, compute_metrics, metrics_by_group


@pytest.fixture
def table() -> pd.DataFrame:
    """120 recordings; those of poor quality have errors twice as large."""
    rng = np.random.default_rng(2)
    quality = rng.choice(["Good", "Medium", "Poor"], size=120, p=[0.35, 0.46, 0.19])
    true = rng.uniform(25, 70, 120)
    predicted = true + rng.normal(0, np.where(quality == "Poor", 10, 5))
    recordings = [f"patient{number:04d}" for number in range(120)]
    return pd.DataFrame({"recording": recordings, "ef_true": true, "ef_predicted": predicted, "quality": quality})


def test_groups_of_camus_are_good_with_medium_and_poor(table):
    metrics = metrics_by_group(table, "quality", family=EF_METRICS, groups=QUALITY_GROUPS, resamples=200)
    assert list(metrics) == ["Good & Medium", "Poor"]
    for name, is_inside in (("Good & Medium", table["quality"] != "Poor"), ("Poor", table["quality"] == "Poor")):
        inside = table[is_inside]
        assert metrics[name] == compute_metrics(inside["ef_true"], inside["ef_predicted"], resamples=200)
        assert metrics[name].num_recordings == is_inside.sum()
        assert metrics[name]["pearson"].estimate == pytest.approx(inside["ef_true"].corr(inside["ef_predicted"]))


def test_order_of_the_rows_changes_nothing(table):
    patients = [f"{number // 2}" for number in range(120)]
    mixed = table.assign(patient=patients).sample(frac=1, random_state=1)
    straight = metrics_by_group(table, "quality", family=EF_METRICS, patients=patients, resamples=100)
    assert list(straight) == ["Good", "Medium", "Poor"]
    assert straight == metrics_by_group(
        mixed, "quality", family=EF_METRICS, patients=list(mixed["patient"]), resamples=100
    )


def test_patients_are_resampled_within_their_group(table):
    poor = table[table["quality"] == "Poor"]
    tiled = pd.concat([table[table["quality"] != "Poor"], *[poor] * 4])
    of_patients = metrics_by_group(
        tiled, "quality", family=EF_METRICS, patients=list(tiled["recording"]), resamples=2000
    )
    of_recordings = metrics_by_group(table, "quality", family=EF_METRICS, resamples=2000)
    assert (of_patients["Poor"].num_recordings, of_patients["Poor"].num_patients) == (4 * len(poor), len(poor))
    widths = [metrics["Poor"]["mae"].high - metrics["Poor"]["mae"].low for metrics in (of_patients, of_recordings)]
    assert widths[0] == pytest.approx(widths[1], rel=0.15)


def test_a_group_that_is_too_small_has_a_reason_and_no_figure(table):
    names = ["few"] * 4 + ["many"] * 116
    metrics = metrics_by_group(table, names, family=EF_METRICS, resamples=50)
    assert (metrics["few"].num_recordings, metrics["many"].num_recordings) == (4, 116)
    assert all(not interval.is_defined for interval in metrics["few"].intervals.values())
    assert metrics["few"]["mae"].reason == "4 patients in the group: at least 5 are needed"
    assert metrics["few"]["mae"].format() == "n/a"
    assert metrics["many"]["mae"].is_defined
    allowed = metrics_by_group(table, names, family=EF_METRICS, min_patients=4, resamples=50)
    assert allowed["few"]["mae"].is_defined
    # Many recordings of few patients are still few.
    of_few = metrics_by_group(table, ["all"] * 120, family=EF_METRICS, patients=list("abc") * 40, resamples=50)
    assert of_few["all"]["mae"].reason == "3 patients in the group: at least 5 are needed"


def test_a_named_group_without_recordings_is_listed(table):
    only_good = table[table["quality"] == "Good"]
    metrics = metrics_by_group(
        only_good, "quality", family=EF_METRICS, groups=QUALITY_GROUPS, min_patients=0, resamples=20
    )
    assert metrics["Poor"].num_recordings == 0
    assert metrics["Poor"]["mae"].reason == "0 patients in the group: at least 1 are needed"


def test_diagnoses_have_groups_too():
    table = pd.DataFrame({"has_mi": [0, 1, 1] * 4, "mi_logit": [-1.4, 0.4, -0.8] * 4})
    metrics = metrics_by_group(table, [0, 0, 1] * 4, family=MI_METRICS, min_patients=2, resamples=50)
    assert metrics["0"]["accuracy"].estimate == 1
    assert metrics["1"]["accuracy"].estimate == 0
    assert metrics["1"]["specificity"].reason == "every recording has MI: there is none to be spared"


@pytest.mark.parametrize(
    ("group", "options", "message"),
    [
        ("grade", {}, "table: lacks the columns grade; it has recording, ef_true, ef_predicted, quality"),
        (["Good"], {}, "group: expected one value for each of 120 recordings, got 1"),
        ([None] + ["Good"] * 119, {}, "group: 1 of 120 recordings have none: patient0000"),
        (["Bad"] * 120, {"groups": QUALITY_GROUPS}, "group: expected Good, Medium, Poor, got also Bad"),
        ("quality", {"patients": ["a"]}, "patients: expected one name for each of 120 recordings, got 1"),
    ],
)
def test_refuses_what_cannot_be_grouped(table, group, options, message):
    with pytest.raises(ValueError, match=message):
        metrics_by_group(table, group, family=EF_METRICS, **options)
