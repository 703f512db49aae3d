"""Figures of predictions that are made up, so that what they must be is known."""

import math
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets.camus import QUALITY_GROUPS
from coreecho.errors import CheckpointError
from coreecho.evaluation import compute_metrics
from coreecho.experiments.measuring import Measured, _precisions, measure_table
from coreecho.experiments.paper_table import PaperTable, Published, TableRow
from coreecho.experiments.runs import Execution
from coreecho.experiments.table_file import Column, Comparison
from coreecho.tasks import EF, MI

TRUE = np.linspace(20.0, 70.0, 12)
MAE = Column(metric="mae", label="MAE")
R2 = Column(metric="r2", label="R2 (%)", scale=100)


def predictions(error: float, *, source: str | None = None) -> pd.DataFrame:
    """Every other recording that much too high, and as much too low: mean absolute error is `error`."""
    signs = np.where(np.arange(len(TRUE)) % 2, 1.0, -1.0)
    return pd.DataFrame(
        {
            "recording": [f"s{place}" for place in range(len(TRUE))],
            "ef_true": TRUE,
            "ef_predicted": TRUE + error * signs,
            "patient": None,
            "quality": ["Good", "Medium", "Poor"] * 4,
            "ef_source": source,
        }
    )


def row(label: str, *tables: pd.DataFrame, reading: str = "test", **given: Any) -> TableRow:
    def read(table: pd.DataFrame, runs: Path, execution: Execution) -> pd.DataFrame:
        return table

    return TableRow(label=label, readings={reading: tuple(partial(read, table) for table in tables)}, **given)


def table(*rows: TableRow, columns: tuple[Column, ...] = (MAE, R2), **given: Any) -> PaperTable:
    return PaperTable(
        name="table", title="Made up", columns=columns, rows=rows, **({"is_phantom": False, "task": EF()} | given)
    )


def measured(of: PaperTable) -> Measured:
    return measure_table(of, Path("nowhere"), Execution())


def test_mean_and_standard_deviation_over_seeds() -> None:
    found = measured(table(row("method", predictions(1.0), predictions(2.0), predictions(6.0))))
    figure = found.figures["method", "MAE"]
    assert figure.of_seeds == pytest.approx((1.0, 2.0, 6.0))
    assert figure.value == pytest.approx(3.0)
    assert figure.sd == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert figure.num_recordings == 12
    assert figure.interval.low < 3.0 < figure.interval.high
    assert str(figure) == "3.00±2.65"


def test_a_share_is_given_in_percent() -> None:
    found = measured(table(row("method", predictions(5.0))))
    of_one = compute_metrics(TRUE, predictions(5.0)["ef_predicted"])["r2"].estimate
    figure = found.figures["method", "R2 (%)"]
    assert figure.value == pytest.approx(100 * of_one)
    # One seed says nothing of a spread over seeds.
    assert math.isnan(figure.sd)
    assert figure.of_seeds == pytest.approx((of_one,))
    assert str(figure) == f"{100 * of_one:.2f}"
    low, high = figure.ends.split(" to ")
    assert float(low) <= round(figure.value, 2) <= float(high)


@pytest.mark.parametrize("num_seeds", [1, 3])
def test_a_difference_is_the_second_row_minus_the_first(num_seeds: int) -> None:
    worse, better = [predictions(5.0)] * num_seeds, [predictions(2.0)] * num_seeds
    asked = Comparison(question="what it adds", first="L1", second="CoReEcho")
    found = measured(table(row("L1", *worse), row("CoReEcho", *better), comparisons=(asked,)))
    mae, r2 = found.differences["what it adds", "MAE"], found.differences["what it adds", "R2 (%)"]
    assert mae.value == pytest.approx(-3.0)
    assert (mae.interval.low, mae.interval.high) == pytest.approx((-3.0, -3.0))
    assert len(mae.of_seeds) == num_seeds
    assert math.isnan(mae.sd) == (num_seeds == 1)
    figures = found.figures
    assert r2.value == pytest.approx(figures["CoReEcho", "R2 (%)"].value - figures["L1", "R2 (%)"].value)
    assert r2.value > 0


def test_a_difference_of_nothing_has_no_sign() -> None:
    same = Comparison(question="nothing", first="L1", second="CoReEcho")
    almost = predictions(2.0)
    almost["ef_predicted"] -= 1e-7 * np.sign(almost["ef_predicted"] - TRUE)
    found = measured(table(row("L1", predictions(2.0)), row("CoReEcho", almost), comparisons=(same,)))
    difference = found.differences["nothing", "MAE"]
    assert difference.value < 0
    # None of the digits, nor a minus, is left.
    assert (str(difference), difference.ends) == ("0.00", "0.00 to 0.00")


def test_a_group_column_is_of_its_recordings_alone() -> None:
    made = predictions(1.0)
    made.loc[made["quality"] == "Medium", "ef_predicted"] += 30
    columns = (
        Column(metric="mae", label="G&M MAE", group="Good & Medium"),
        Column(metric="mae", label="P MAE", group="Poor"),
    )
    found = measured(table(row("method", made), columns=columns, quality_groups=QUALITY_GROUPS))
    good = made[made["quality"] != "Poor"]
    figure = found.figures["method", "G&M MAE"]
    assert figure.value == pytest.approx((good["ef_predicted"] - good["ef_true"]).abs().mean())
    assert figure.num_recordings == 8
    # Four patients are too few for an interval that means something.
    assert ("method", "P MAE") not in found.figures
    assert "P MAE: fewer than 5 patients, not measured." in found.notes


def test_only_readings_that_a_column_shows_are_read() -> None:
    def must_not_be_read(runs: Path, execution: Execution) -> pd.DataFrame:
        pytest.fail("a validation split that no column shows was predicted")

    of_test = row("method", predictions(1.0))
    both = TableRow(label="method", readings={**of_test.readings, "val": (must_not_be_read,)})
    assert measured(table(both)).figures["method", "MAE"].value == pytest.approx(1.0)
    of_val = Column(metric="mae", label="VAL MAE", split="val")
    found = measured(table(row("method", predictions(2.0), reading="val"), columns=(MAE, of_val)))
    assert found.figures.keys() == {("method", "VAL MAE")}


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_as_a_protocol_says_figures_are_means_over_folds(num_seeds: int) -> None:
    folds = [1] * 8 + [2] * 4

    def made(of_first: float, of_second: float) -> pd.DataFrame:
        error = np.where(np.array(folds) == 1, of_first, of_second)
        return predictions(0.0).assign(fold=folds, ef_predicted=TRUE + error)

    rows = [row("L1", *[made(2.0, 6.0)] * num_seeds), row("CoReEcho", *[made(1.0, 3.0)] * num_seeds)]
    asked = Comparison(question="what it adds", first="L1", second="CoReEcho")
    found = measured(table(*rows, columns=(MAE,), comparisons=(asked,), is_mean_over_folds=True))
    assert found.figures["L1", "MAE"].value == pytest.approx(4.0)
    assert found.differences["what it adds", "MAE"].value == pytest.approx(-2.0)
    pooled = measured(table(*rows, columns=(MAE,), comparisons=(asked,)))
    assert pooled.figures["L1", "MAE"].value == pytest.approx((8 * 2.0 + 4 * 6.0) / 12)


def test_a_diagnosis_is_measured_on_its_logits() -> None:
    """Beyond a logit of 37 all probabilities are 1."""
    made = predictions(0.0).assign(has_mi=TRUE > 45, mi_logit=TRUE + 40, probability=1.0)
    found = measured(table(row("method", made), columns=(Column(metric="auroc", label="AUROC"),), task=MI()))
    assert found.figures["method", "AUROC"].value == 1.0


def test_the_release_of_the_ef_is_told() -> None:
    found = measured(table(row("method", predictions(1.0, source="nifti")), row("other", predictions(1.0))))
    assert found.notes == ("EF of the release: nifti.",)


def test_a_cited_row_has_no_figures() -> None:
    published = {"MAE": Published(value=3.9), "R2 (%)": Published(value=5.1)}
    cited = TableRow(label="cited", published=published, note="cited")
    comparison = Comparison(question="against it", first="cited", second="method")
    found = measured(table(row("method", predictions(1.0)), cited, comparisons=(comparison,)))
    assert {label for label, _ in found.figures} == {"method"}
    assert not found.differences


def test_a_damaged_record_of_a_training_is_named(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "run.json").write_text('{"hardware": ')
    table: Any = SimpleNamespace(jobs=[SimpleNamespace(name="first")])
    with pytest.raises(CheckpointError, match=r"first is not the folder of a run.*run\.json: .*it is no JSON"):
        _precisions(table, tmp_path)
