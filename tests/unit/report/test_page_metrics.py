from types import SimpleNamespace

import numpy as np
import pytest

from coreecho.evaluation import (
    by_ef_range,
    compare_classification_metrics,
    compare_metrics,
    compute_classification_metrics,
    compute_metrics,
)
from coreecho.report.page_metrics import comparison_sentence, interval_note, metrics_table, short_range_table
from coreecho.tasks import EF

TRUE = np.linspace(20, 70, 40)


def shown(title: str, predicted: np.ndarray):
    evaluation = SimpleNamespace(protocol=SimpleNamespace(), tested="TEST split, 3 clips a recording")
    metrics = compute_metrics(TRUE, predicted, resamples=200)
    return SimpleNamespace(title=title, task=EF(), metrics=metrics, evaluation=evaluation)


@pytest.fixture
def errors() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 3, size=40)


def test_sentence_names_the_better_run(errors):
    good, bad = TRUE + errors, TRUE + 3 * errors
    differences = compare_metrics(TRUE, bad, good, resamples=200)
    sentence = comparison_sentence(differences, shown("A · bad", bad), shown("B · good", good))
    gap = compute_metrics(TRUE, bad)["mae"].estimate - compute_metrics(TRUE, good)["mae"].estimate
    assert sentence.startswith(f"B · good has the lower MAE, {gap:.2f} EF points below that of A · bad")
    assert "(B − A: 95 % interval −" in sentence
    assert "paired)" in sentence


def test_sentence_claims_nothing_where_the_interval_holds_0(errors):
    first, second = TRUE + errors, TRUE - errors
    differences = compare_metrics(TRUE, first, second, resamples=200)
    sentence = comparison_sentence(differences, shown("A · x", first), shown("B · y", second))
    assert "The interval holds 0: these 40 recordings do not tell the two apart." in sentence
    assert "lower MAE" not in sentence


def test_of_a_diagnosis_more_is_better():
    has_mi = np.arange(60) % 3 == 0
    good = np.where(has_mi, 2.0, -2.0)
    bad = np.where(np.arange(60) % 2 == 0, -good, good)
    of_good, of_bad = (
        SimpleNamespace(
            title=title, metrics=compute_classification_metrics(has_mi, logits, is_logit=True, resamples=200)
        )
        for title, logits in (("A · good", good), ("B · bad", bad))
    )
    differences = compare_classification_metrics(has_mi, good, bad, is_logit=True, resamples=200)
    sentence = comparison_sentence(differences, of_good, of_bad)
    assert sentence.startswith(
        "A · good has the higher sensitivity, 0.500 above that of B · bad (B − A: 95 % interval −"
    )


def test_table_has_real_minus_signs_and_says_why_a_metric_is_missing(errors):
    high = TRUE + 40
    run = SimpleNamespace(
        title="run",
        metrics=compute_metrics(high, high - 5, resamples=50),
        evaluation=SimpleNamespace(protocol=SimpleNamespace(), tested="TEST split"),
    )
    rows = {row.cells[0]: row for row in metrics_table([run], None).rows}
    assert rows["Bias (EF points)"].cells[1] == "−5.00 (−5.00 to −5.00)"
    assert rows["AUROC, EF < 35 %"].cells[1] == "n/a"
    assert "no recording has a true EF below 35 %" in rows["AUROC, EF < 35 %"].remark


def test_runs_of_other_recordings_are_not_subtracted(errors):
    table = metrics_table([shown("A", TRUE + errors), shown("B", TRUE - errors)], None)
    assert table.header == ("Metric", "A", "B")
    assert any("not tested on the same recordings" in note for note in table.notes)


def test_note_holds_all_that_is_needed_to_quote(errors):
    metrics = compute_metrics(TRUE, TRUE + errors, resamples=1234, level=0.9, seed=5)
    assert interval_note(metrics["mae"], metrics.seed) == (
        "90 % intervals in parentheses: percentile bootstrap over recordings, 1,234 resamples, seed 5."
    )


def test_a_range_of_one_recording_has_no_interval():
    true = [30.0, 45.0, 48.0]
    table = short_range_table(by_ef_range(true, [40.0, 46.0, 51.0], by="true", resamples=20))
    assert [row.cells for row in table.rows] == [
        ("below 35", "1", "10.0 (no interval)"),
        ("40 to 50", "2", "2.0 (1.0 to 3.0)"),
    ]
