"""What a transfer is measured by, and how two are compared."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from coreecho.datasets.camus import QUALITY_GROUPS
from coreecho.datasets.folds import HELD_OUT, CrossValidation
from coreecho.errors import RecipeError
from coreecho.evaluation import (
    compute_classification_metrics,
    compute_metrics,
    family_of,
    metrics_mean_over_folds,
)
from coreecho.experiments.cross_validation import PREDICTIONS
from coreecho.experiments.transfer import (
    TransferResult,
    compare,
    measure,
)
from coreecho.tasks import EF, MI, Task


def graded(qualities: list[str]) -> pd.DataFrame:
    torch.manual_seed(0)
    true = 30 + 40 * torch.rand(len(qualities), dtype=torch.float64)
    return pd.DataFrame(
        {
            "recording": [f"s{place}" for place in range(len(qualities))],
            "ef_true": true.numpy(),
            "ef_predicted": (true + 5 * torch.randn(len(qualities), dtype=torch.float64)).numpy(),
            "patient": [f"p{place}" for place in range(len(qualities))],
            "quality": qualities,
            "ef_source": None,
        }
    )


def test_ef_is_measured_by_image_quality_too() -> None:
    table = graded(["Good", "Medium", "Poor"] * 6)
    metrics = measure(table, EF(), QUALITY_GROUPS)
    assert list(metrics) == ["all", "Good & Medium", "Poor"]
    poor = table[table["quality"] == "Poor"]
    good = table[table["quality"] != "Poor"]
    for group, rows in (("all", table), ("Good & Medium", good), ("Poor", poor)):
        expected = compute_metrics(rows["ef_true"], rows["ef_predicted"])
        for metric in ("mae", "pearson"):
            assert metrics[group][metric].estimate == pytest.approx(expected[metric].estimate)
    # Recordings without a grade are one group.
    assert list(measure(table.assign(quality=None), EF(), QUALITY_GROUPS)) == ["all"]
    # So are all where the data set knows no groups.
    assert list(measure(table, EF(), {})) == ["all"]


def test_infarctions_are_measured_by_the_papers_metrics() -> None:
    table = pd.DataFrame({"recording": list("abcd"), "patient": None, "has_mi": [True, True, False, False]})
    table["mi_logit"] = [2.2, -0.4, 0.4, -2.2]
    found = measure(table, MI(), {})["all"]
    expected = {"sensitivity": 0.5, "specificity": 0.5, "precision": 0.5, "f1": 0.5, "accuracy": 0.5, "auroc": 0.75}
    assert {name: found[name].estimate for name in expected} == pytest.approx(expected)
    of_logits = compute_classification_metrics(table["has_mi"], table["mi_logit"], is_logit=True)
    assert found["f1"].estimate == of_logits["f1"].estimate


def test_saturated_logits_are_ranked_as_evaluate_ranks_them() -> None:
    """Beyond a logit of 37 every probability is 1 in double precision, and an AUROC of probabilities is one of ties."""
    rng = np.random.default_rng(0)
    has_mi = np.arange(200) % 2 == 1
    logit = 60 + 5 * rng.standard_normal(200) + 7 * has_mi
    table = pd.DataFrame({"recording": [f"r{n}" for n in range(200)], "patient": None, "has_mi": has_mi})
    table = table.assign(mi_logit=logit, probability=MI().value_of(logit))
    assert set(table["probability"]) == {1.0}
    by_evaluate = family_of(MI()).measure(table["has_mi"], table[family_of(MI()).predicted_column])
    found = measure(table, MI(), {})["all"]
    assert found["auroc"].estimate == by_evaluate["auroc"].estimate > 0.8


def pooled(
    out: Path, predictions: pd.DataFrame, task: Task | None = None, protocol: CrossValidation = HELD_OUT
) -> TransferResult:
    """A result that was never trained."""
    task, family = task or EF(), family_of(task or EF())
    folds = list(predictions.get("fold", np.arange(len(predictions)) % 2))
    return TransferResult(
        out=out,
        predictions=predictions,
        task=task,
        protocol="made up",
        cross_validation=protocol,
        metrics=measure(predictions, task, QUALITY_GROUPS),
        quality_groups=QUALITY_GROUPS,
        mean_over_folds=metrics_mean_over_folds(
            predictions[family.true_column], predictions[family.predicted_column], folds, family=family
        ),
        is_phantom=True,
    )


def test_two_transfers_are_compared_recording_by_recording_and_by_quality(tmp_path: Path) -> None:
    better = graded(["Good"] * 12 + ["Poor"] * 8)
    worse = better.assign(ef_predicted=better["ef_true"] + 3 * (better["ef_predicted"] - better["ef_true"]))
    worse.to_csv(tmp_path / PREDICTIONS, index=False)
    result = pooled(tmp_path, better)
    differences = compare(result, tmp_path)
    assert list(differences) == ["all", "Good & Medium", "Poor"]
    for group, found in differences.items():
        # This one minus the other, whose error is three times as large.
        expected = result.metrics[group]["mae"].estimate * -2
        assert found["mae"].estimate == pytest.approx(expected)
        assert found["mae"].high < 0

    few = better.assign(quality=["Good"] * 17 + ["Poor"] * 3)
    few_result = pooled(tmp_path, few)
    assert list(compare(few_result, tmp_path)) == ["all", "Good & Medium"]

    better.assign(ef_true=better["ef_true"] + 1).to_csv(tmp_path / PREDICTIONS, index=False)
    with pytest.raises(RecipeError, match="holds other recordings, labels or folds"):
        compare(result, tmp_path)
    with pytest.raises(RecipeError, match="holds no finished transfer"):
        compare(result, tmp_path / "elsewhere")


def test_differences_are_of_what_the_protocol_counts(tmp_path: Path) -> None:
    """Folds of unequal size: the mean over folds is another figure than the pooled one."""
    table = graded(["Good"] * 12).assign(fold=[1] * 9 + [2] * 3)
    other = table.assign(ef_predicted=table["ef_true"] + np.where(table["fold"] == 1, 1.0, 5.0))
    table = table.assign(ef_predicted=table["ef_true"])
    other.to_csv(tmp_path / PREDICTIONS, index=False)
    means = CrossValidation(words="means", is_mean_over_folds=True)
    of_means = compare(pooled(tmp_path, table, protocol=means), tmp_path)
    assert list(of_means) == ["all"]
    assert of_means["all"]["mae"].estimate == pytest.approx(-3.0)
    assert compare(pooled(tmp_path, table), tmp_path)["all"]["mae"].estimate == pytest.approx(-2.0)
