import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coreecho import tasks
from coreecho.errors import DatasetError
from coreecho.models.weights import load_model
from coreecho.representation import continuity_comparison
from coreecho.representation.continuity import knn_error, rank_correlation, rnc_loss
from coreecho.representation.continuity_comparison import (
    SeenRecordings,
    compare_continuity,
    paired_differences,
    shared_rows,
)
from coreecho.representation.continuity_recordings import ContinuityProtocol, ContinuityRecordings
from coreecho.representation.explained_variance import explained_shares
from coreecho.training.run_folder import RunFolder

RNG = np.random.default_rng(0)
EF = RNG.uniform(20, 75, 60)
GAIN = RNG.standard_normal(60)
NUISANCES = {"gain": GAIN}
ORDERED = EF[:, None] * RNG.standard_normal((1, 8))
# What makes a recording hard to place is the same for both; the second has more of it.
HARD = 8 * RNG.standard_normal((60, 8))
WORSE, WORST = ORDERED + HARD, ORDERED + 1.3 * HARD
FAST = {"resamples": 400, "pair_resamples": 400}


def seen(points: np.ndarray, patients: list[str] | None = None) -> SeenRecordings:
    return SeenRecordings(points=points, labels=EF, patients=patients, nuisances=NUISANCES)


def test_a_model_does_not_differ_from_itself() -> None:
    for name, interval in paired_differences(seen(WORSE), seen(WORSE), **FAST).items():
        assert (interval.low, interval.estimate, interval.high) == pytest.approx((0, 0, 0), abs=1e-12), name


def test_each_is_the_second_minus_the_first() -> None:
    found = paired_differences(seen(ORDERED), seen(WORSE), temperatures=(1.0, 2.0), **FAST)
    single = {
        "rank_correlation": [rank_correlation(points, EF, resamples=1) for points in (ORDERED, WORSE)],
        "knn_error": [knn_error(points, EF, resamples=1) for points in (ORDERED, WORSE)],
    }
    losses = [rnc_loss(p, EF, temperature=t, resamples=1) for p, t in ((ORDERED, 1.0), (WORSE, 2.0))]
    single |= {"rnc_loss": [loss for loss, _ in losses], "rnc_gain": [gain for _, gain in losses]}
    shares = [explained_shares(points, EF, NUISANCES, resamples=1) for points in (ORDERED, WORSE)]
    keys = {"share_of_EF": "EF", "share_of_gain": "gain", "share_of_all_nuisances": "all nuisances"}
    keys["share_of_EF_beyond_nuisances"] = "EF beyond nuisances"
    single |= {key: [of_run[name] for of_run in shares] for key, name in keys.items()}
    assert list(found) == list(single)
    for key, (first, second) in single.items():
        assert found[key].estimate == pytest.approx(second.estimate - first.estimate, abs=1e-9), key


def test_a_clear_difference_is_found_and_its_sign_is_right() -> None:
    found = paired_differences(seen(ORDERED), seen(WORSE), **FAST)
    assert found["rank_correlation"].high < 0
    assert found["knn_error"].low > 0
    assert found["rnc_loss"].low > 0
    assert found["share_of_EF"].high < 0
    back = paired_differences(seen(WORSE), seen(ORDERED), **FAST)
    assert back["rank_correlation"].low == pytest.approx(-found["rank_correlation"].high)


def test_what_is_hard_for_both_cancels() -> None:
    """The intervals of the two overlap, and that of their difference does not hold 0."""
    alone = [rank_correlation(points, EF, resamples=400) for points in (WORST, WORSE)]
    assert alone[1].low < alone[0].high
    difference = paired_differences(seen(WORST), seen(WORSE), **FAST)["rank_correlation"]
    assert difference.low > 0
    assert difference.high - difference.low < 0.6 * (alone[0].high - alone[0].low)


def test_patients_are_resampled_together() -> None:
    patients = [f"p{number // 3}" for number in range(60)]
    interval = paired_differences(seen(WORST, patients), seen(WORSE, patients), **FAST)["rank_correlation"]
    assert interval.method == "percentile bootstrap over patients"


def recordings(ids: list[str], ef_percent: list[float]) -> ContinuityRecordings:
    return ContinuityRecordings(
        ids=ids,
        embeddings=np.zeros((len(ids), 2), dtype=np.float32),
        labels=np.array(ef_percent),
        number=tasks.EF(),
        patients=None,
        nuisances=None,
        cohort=None,
        source="a test",
        is_phantom=False,
        notes=[],
    )


def test_only_recordings_of_both_with_one_ef_are_compared() -> None:
    first = recordings(["a", "b", "c", "d", "e"], [50.0, 51, 52, 53, 54])
    second = recordings(["d", "x", "b", "a", "c"], [53.0, 60, 51, 50, 99])
    of_first, of_second, notes = shared_rows(first, second)
    assert (of_first.tolist(), of_second.tolist()) == ([0, 1, 3], [3, 2, 0])
    assert notes == ["the difference is of the 3 recordings that both runs have"]
    assert shared_rows(first, first)[2] == []
    with pytest.raises(DatasetError, match=r"share 0 recordings of the same EF.*Give two runs on one data set"):
        shared_rows(first, recordings(["x", "y", "z"], [50.0, 50, 50]))


def test_of_two_runs_it_is_kept_while_it_holds(
    run: RunFolder, tmp_path: Path, retrained: Callable[[RunFolder], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunFolder, "recordings", lambda self, _split: self.all_recordings)
    # Its training met none of them, so that all may be asked about.
    run.info["split_ids"] = {split: {} for split in ("train", "val", "test")}
    protocol, model = ContinuityProtocol(clips=1, hearts=0), load_model(run.path)
    retrained(run)
    other = load_model(run.path)
    runs = (run, run)
    calls: list[int] = []
    original = continuity_comparison.paired_differences
    monkeypatch.setattr(
        continuity_comparison, "paired_differences", lambda *a, **o: calls.append(1) or original(*a, **o)
    )
    first = compare_continuity(runs, (model, other), tmp_path / "out", protocol=protocol)
    again = compare_continuity(runs, (model, other), tmp_path / "out", protocol=protocol)
    assert len(calls) == 1
    assert again == first
    document = json.loads((tmp_path / "out" / "continuity_difference.json").read_text())
    assert document["is_phantom"] is True
    assert document["num_recordings"] == 12
    assert document["differences"]["knn_error"]["estimate"] == first.intervals["knn_error"].estimate
    compare_continuity(runs, (model, other), tmp_path / "out", protocol=replace(protocol, seed=3))
    assert len(calls) == 2
