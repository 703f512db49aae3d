import json
import math

import numpy as np
import pandas as pd
import pytest

from coreecho.evaluation import (
    EF_METRICS,
    MI_METRICS,
    compare_over_seeds,
    compute_metrics,
    metrics_mean_over_folds,
    metrics_over_seeds,
)
from coreecho.evaluation.intervals import resampled_counts

RECORDINGS = [f"0X{number:03d}" for number in range(200)]


def predictions(true, predicted) -> pd.DataFrame:
    return pd.DataFrame({"recording": RECORDINGS[: len(true)], "ef_true": true, "ef_predicted": predicted})


def runs(shifts, *, num_recordings=60, noise=3.0, seed=0) -> list[pd.DataFrame]:
    """One table for each seed of a training, whose predictions are off by a shift of its own and by noise."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(25, 70, num_recordings)
    return [predictions(true, true + shift + rng.normal(0, noise, num_recordings)) for shift in shifts]


def test_mean_and_standard_deviation_of_constructed_seeds():
    true = np.linspace(30, 70, 40)
    metrics = metrics_over_seeds([predictions(true, true + off) for off in (1, 2, 6)], family=EF_METRICS, resamples=50)
    for key in ("mae", "rmse", "bias"):
        assert metrics[key].of_seeds == pytest.approx((1, 2, 6))
        assert metrics[key].mean.estimate == pytest.approx(3)
        assert metrics[key].sd == pytest.approx(math.sqrt((4 + 1 + 9) / 2))
    assert metrics["r2"].of_seeds[1] == pytest.approx(1 - 4 / true.var())
    assert (metrics.num_seeds, metrics.num_recordings, metrics.num_patients) == (3, 40, 40)
    assert metrics["mae"].format() == "3.00±2.65"
    assert metrics["bias"].format(1, scale=100) == "300.0±264.6"


def test_each_seeds_metrics_are_those_of_its_table():
    tables = runs((0, 1, 2))
    metrics = metrics_over_seeds(tables, family=EF_METRICS, resamples=20)
    for number, table in enumerate(tables):
        alone = compute_metrics(table["ef_true"], table["ef_predicted"], resamples=5)
        for key in ("mae", "rmse", "r2", "pearson", "auroc_below_40"):
            assert metrics[key].of_seeds[number] == pytest.approx(alone[key].estimate)


def test_means_over_folds_are_taken_within_each_seed():
    tables, folds = runs((0, 1, 4)), {name: number % 7 % 3 for number, name in enumerate(RECORDINGS)}
    metrics = metrics_over_seeds(tables, family=EF_METRICS, folds=folds, resamples=20)
    for number, table in enumerate(tables):
        columns = table["ef_true"], table["ef_predicted"], table["recording"].map(folds).tolist()
        alone = metrics_mean_over_folds(*columns, family=EF_METRICS, resamples=5)
        for key in ("mae", "r2", "pearson"):
            assert metrics[key].of_seeds[number] == pytest.approx(alone[key].estimate)
    difference = compare_over_seeds(tables[:2], tables[1:], family=EF_METRICS, folds=folds, resamples=20)
    assert difference["mae"].mean.estimate == pytest.approx(
        (metrics["mae"].of_seeds[2] - metrics["mae"].of_seeds[0]) / 2
    )
    # One fold without a low EF has no AUROC, and then the mean has none.
    low = tables[0]["ef_true"] < 40
    alone_in_fold = {name: int(is_low) for name, is_low in zip(tables[0]["recording"], low, strict=True)}
    undefined = metrics_over_seeds(tables, family=EF_METRICS, folds=alone_in_fold, resamples=20)["auroc_below_40"]
    assert not undefined.mean.is_defined
    assert undefined.mean.reason.startswith("a fold of ")


def test_interval_is_that_of_a_slow_loop_over_resamples():
    tables = runs((0, 2, 5), num_recordings=20)
    interval = metrics_over_seeds(tables, family=EF_METRICS, resamples=100, seed=3, level=0.9)["mae"].mean
    errors = np.stack([(table["ef_predicted"] - table["ef_true"]).abs() for table in tables])
    counts = np.concatenate(list(resampled_counts(np.arange(20), resamples=100, seed=3)))
    pairs_of_seeds = np.random.default_rng([3, 1]).integers(0, 3, size=(100, 2))
    slow = []
    for count, pair in zip(counts, pairs_of_seeds, strict=True):
        on_drawn_patients = np.mean([np.average(of_seed, weights=count) for of_seed in errors])
        slow.append(on_drawn_patients + errors[pair].mean() - errors.mean())
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(slow, [0.05, 0.95])))
    assert interval.method == "percentile bootstrap over recordings and over seeds"


def test_seeds_alone_give_the_quantiles_of_all_draws():
    # Every recording has the same error, so that patients add nothing. Of the seeds' biases 0, 3 and 9, two are drawn:
    # means 0, 3, 9 with probability 1/9 each, and 1.5, 4.5, 6 with 2/9 each; their variance is sd^2 / 3.
    true = np.linspace(30, 70, 10)
    tables = [predictions(true, true + off) for off in (0, 3, 9)]
    bias = metrics_over_seeds(tables, family=EF_METRICS, level=0.5)["bias"]
    assert (bias.mean.low, bias.mean.high) == pytest.approx((1.5, 6))
    widest = metrics_over_seeds(tables, family=EF_METRICS)["bias"]
    assert (widest.mean.low, widest.mean.high) == pytest.approx((0, 9))


def test_equal_seeds_leave_the_interval_of_the_patients():
    table = runs((1,))[0]
    over_seeds = metrics_over_seeds([table, table, table], family=EF_METRICS, resamples=500)["rmse"]
    shuffled = table.sort_values("recording")
    alone = compute_metrics(shuffled["ef_true"], shuffled["ef_predicted"], resamples=4000)["rmse"]
    assert over_seeds.sd == 0
    assert over_seeds.mean.high - over_seeds.mean.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_order_of_the_rows_changes_nothing():
    tables = runs((0, 1, 4))
    patients = {recording: f"patient {int(recording[2:]) // 2}" for recording in RECORDINGS}
    mixed = [table.sample(frac=1, random_state=number) for number, table in enumerate(tables)]
    for of_recording in (None, patients):
        straight, other = (
            metrics_over_seeds(given, family=EF_METRICS, patients=of_recording, resamples=100)
            for given in (tables, mixed)
        )
        assert straight.to_dict() == other.to_dict()
    assert straight.num_patients == 30


def test_patients_are_resampled_together():
    tables = runs((0, 0.5, 1), num_recordings=40)
    copies = [
        pd.concat([table.assign(recording=table["recording"] + f" clip {clip}") for clip in range(4)])
        for table in tables
    ]
    patients = {recording: recording.split()[0] for recording in copies[0]["recording"]}
    together = metrics_over_seeds(copies, family=EF_METRICS, patients=patients, resamples=2000)
    single = metrics_over_seeds(tables, family=EF_METRICS, resamples=2000)
    assert (together.num_recordings, together.num_patients) == (160, 40)
    assert together["mae"].mean.method == "percentile bootstrap over patients and over seeds"
    widths = [metrics["mae"].mean.high - metrics["mae"].mean.low for metrics in (together, single)]
    assert widths[0] == pytest.approx(widths[1], rel=0.15)


def test_difference_is_of_the_means_and_pairs_seeds_and_recordings():
    first = runs((0, 4, 8), noise=4)
    # The second method is better by 1 in every recording and seed: nothing is left to chance once it is paired.
    second = [table.assign(ef_predicted=table["ef_predicted"] - 1) for table in first]
    bias = compare_over_seeds(first, second, family=EF_METRICS, resamples=200)["bias"]
    assert (bias.mean.estimate, bias.mean.low, bias.mean.high) == pytest.approx((-1, -1, -1))
    assert bias.of_seeds == pytest.approx((-1, -1, -1))
    assert bias.sd == pytest.approx(0, abs=1e-9)
    other = runs((3, 1, 2), noise=6, seed=9)
    third = [table.assign(ef_predicted=b["ef_predicted"]) for table, b in zip(first, other, strict=True)]
    means = [metrics_over_seeds(tables, family=EF_METRICS, resamples=5) for tables in (first, third)]
    differences = compare_over_seeds(first, third, family=EF_METRICS, resamples=200)
    for key in ("mae", "rmse", "r2", "pearson"):
        assert differences[key].mean.estimate == pytest.approx(
            means[1][key].mean.estimate - means[0][key].mean.estimate
        )
        assert differences[key].mean.low < differences[key].mean.estimate < differences[key].mean.high


def simulated_difference(rng, *, num_seeds, sd_of_seeds):
    """Two methods whose biases differ by exactly 2 in the population of seeds and patients."""
    true = rng.uniform(25, 70, 60)
    by_recording = rng.normal(0, 3, 60)
    tables = []
    for bias in (0, 2):
        for _ in range(num_seeds):
            by_seed = rng.normal(0, sd_of_seeds)
            tables.append(predictions(true, true + bias + by_seed + by_recording + rng.normal(0, 3, 60)))
    return tables[:num_seeds], tables[num_seeds:]


def test_intervals_hold_the_true_difference_as_often_as_they_say_and_are_not_far_too_wide():
    rng = np.random.default_rng(1)
    intervals = []
    for cohort in range(120):
        first, second = simulated_difference(rng, num_seeds=3, sd_of_seeds=0.4)
        compared = compare_over_seeds(first, second, family=EF_METRICS, resamples=300, seed=cohort)
        intervals.append(compared["bias"].mean)
    held = np.mean([interval.low <= 2 <= interval.high for interval in intervals])
    # Binomial standard error 2 %.
    assert held > 0.89
    # What the three seeds and sixty patients of each method leave open; the part that they share cancels.
    true_sd = math.sqrt(2 * (0.4**2 + 3**2 / 60) / 3)
    width = np.mean([interval.high - interval.low for interval in intervals]) / (2 * 1.96 * true_sd)
    # The noise of one seed in one patient counts twice: the variance is at most doubled, here less.
    assert 0.9 < width < 1.35


def test_no_interval_leaves_what_a_metric_can_be():
    true = np.linspace(20, 70, 30)
    tables = [predictions(true, true + np.sin(np.arange(30)) * size) for size in (0.1, 2, 12)]
    metrics = metrics_over_seeds(tables, family=EF_METRICS, resamples=500)
    assert metrics["mae"].mean.low >= 0
    assert metrics["pearson"].mean.high == 1
    # A difference may have either sign.
    assert compare_over_seeds(tables, tables[:1] * 3, family=EF_METRICS, resamples=500)["mae"].mean.low < 0


def test_diagnoses_over_seeds_and_a_seed_that_calls_nobody():
    base = pd.DataFrame({"recording": list("abcdef"), "has_mi": [0, 0, 0, 1, 1, 1]})
    good = base.assign(mi_logit=[-2.2, -1.4, -0.8, 0.8, 1.4, 2.2])
    shy = base.assign(mi_logit=[-2.2, -2.2, -1.4, -0.8, -0.4, -0.4])
    metrics = metrics_over_seeds([good, shy], family=MI_METRICS, resamples=100)
    assert metrics["sensitivity"].of_seeds == (1, 0)
    assert metrics["sensitivity"].sd == pytest.approx(math.sqrt(0.5))
    precision = metrics["precision"]
    assert precision.mean.reason == "seed 2: no recording is called MI: no probability is 0.5 or more"
    assert precision.format() == "n/a"
    restored = json.loads(json.dumps(metrics.to_dict(), allow_nan=False))
    assert restored["metrics"]["precision"]["of_seeds"] == [1, None]
    frame = metrics.to_frame().set_index("metric")
    assert frame.loc["auroc", "estimate"] == 1
    assert frame.loc["sensitivity", "sd_over_seeds"] == metrics["sensitivity"].sd


TABLE = predictions([50.0, 60.0], [51.0, 61.0])


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([TABLE], "tables: expected one table for each of at least 2 seeds, got 1"),
        ([TABLE, TABLE[:1]], "seed 1 and seed 2 must hold the same recordings, but 1 only in seed 1: 0X001"),
        (
            [TABLE, TABLE.assign(recording=["0X000", "0X009"])],
            "1 only in seed 1: 0X001; 1 only in seed 2: 0X009",
        ),
        ([TABLE, TABLE.assign(ef_true=[50.0, 62.0])], "seed 1 and seed 2 differ in ef_true of 1 recordings: 0X001"),
        ([TABLE, TABLE.assign(recording="0X000")], "seed 2: 1 recording listed more than once: 0X000"),
        ([TABLE, TABLE.drop(columns="ef_true")], "seed 2: lacks the columns ef_true; it has recording, ef_predicted"),
        ([TABLE, TABLE.assign(ef_predicted=math.nan)], "seed 2: ef_predicted: 2 of 2 values are not finite"),
    ],
)
def test_refuses_tables_that_do_not_belong_together(tables, message):
    with pytest.raises(ValueError, match=message):
        metrics_over_seeds(tables, family=EF_METRICS)


def test_refuses_methods_that_cannot_be_paired():
    with pytest.raises(ValueError, match="expected as many tables of each method, got 2, 3"):
        compare_over_seeds([TABLE] * 2, [TABLE] * 3, family=EF_METRICS)
    with pytest.raises(
        ValueError, match="seed 1 of the first method and seed 2 of the second method must hold the same"
    ):
        compare_over_seeds([TABLE] * 2, [TABLE, TABLE[:1]], family=EF_METRICS)
    with pytest.raises(ValueError, match="patients: 1 of 2 recordings have none: 0X001"):
        metrics_over_seeds([TABLE] * 2, family=EF_METRICS, patients={"0X000": "a"})
