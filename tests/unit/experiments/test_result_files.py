import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from coreecho.evaluation import Interval
from coreecho.experiments.measuring import Figure, Measured
from coreecho.experiments.paper_table import PaperTable, Published, TableRow
from coreecho.experiments.result_files import show_results, to_frame, write_results
from coreecho.experiments.scales import PAPER, QUICK
from coreecho.experiments.table_file import Column, Comparison
from coreecho.tasks import EF

NAN = float("nan")


def figure(value: float, *, sd: float = NAN, scale: float = 1.0, digits: int = 2) -> Figure:
    interval = Interval(
        estimate=value, low=value - 0.1, high=value + 0.1, level=0.95, resamples=2000, excluded_resamples=0, reason=""
    )
    seeds = (value,) if sd != sd else (value - sd, value, value + sd)
    return Figure(interval=interval, sd=sd, of_seeds=seeds, num_recordings=7, scale=scale, digits=digits)


def made_up(*, is_phantom: bool) -> Measured:
    columns = (Column(metric="r2", label="R2 (%)", scale=100), Column(metric="mae", label="MAE"))
    table = PaperTable(
        name="table9",
        title="Made up",
        task=EF(),
        columns=columns,
        rows=(
            TableRow(label="CoReEcho", published={"R2 (%)": Published(value=81.59, sd=0.18)}),
            TableRow(label="cited", published={"MAE": Published(value=4.22)}, note="cited by the paper"),
        ),
        comparisons=(Comparison(question="what it adds", first="cited", second="CoReEcho"),),
        notes=("Folds: the official ten.",),
        is_phantom=is_phantom,
    )
    figures = {("CoReEcho", "R2 (%)"): figure(0.8, sd=0.02, scale=100), ("CoReEcho", "MAE"): figure(4.0)}
    differences = {("what it adds", "MAE"): figure(-0.22)}
    return Measured(table=table, figures=figures, differences=differences, notes=("EF of the release: nifti.",))


def test_the_csv_holds_what_was_measured_beside_the_paper(tmp_path: Path) -> None:
    csv, _, _ = write_results(made_up(is_phantom=False), tmp_path, PAPER)
    lines = pd.read_csv(csv).set_index(["row", "column"])
    r2 = lines.loc[("CoReEcho", "R2 (%)")]
    assert (r2.paper, r2.paper_sd, r2.num_seeds, r2.num_recordings) == (81.59, 0.18, 3, 7)
    assert (r2.measured, r2.sd, r2.low, r2.high) == pytest.approx((80.0, 2.0, 70.0, 90.0))
    assert r2.difference == pytest.approx(80.0 - 81.59)
    cited = lines.loc[("cited", "MAE")]
    assert cited.paper == 4.22
    assert pd.isna(cited.measured)
    assert cited.note == "cited by the paper"
    adds = lines.loc[("what it adds", "MAE")]
    assert adds.measured == pytest.approx(-0.22)
    assert ("cited", "R2 (%)") not in lines.index


def test_phantoms_are_called_so_and_not_subtracted_from_patients(tmp_path: Path) -> None:
    measured = made_up(is_phantom=True)
    csv, document, page = write_results(measured, tmp_path, QUICK)
    assert pd.read_csv(csv)["difference"].isna().all()
    assert json.loads(document.read_text())["is_phantom"] is True
    html = page.read_text()
    assert "Phantom result: simulated hearts" in html
    assert "Paper (patients)" in html
    assert "-1.59" not in html
    real = (write_results(made_up(is_phantom=False), tmp_path, PAPER)[2]).read_text()
    assert "Phantom" not in real
    assert "-1.59" in real


def test_the_page_says_what_was_measured_and_no_path(tmp_path: Path) -> None:
    html = write_results(made_up(is_phantom=True), tmp_path, QUICK)[2].read_text()
    for part in ("81.59±0.18", "80.00±2.00", "70.00 to 90.00", "Folds: the official ten.", "release: nifti", "medical"):
        assert part in html
    assert str(tmp_path) not in html
    assert "/home" not in html


def test_the_json_is_read_back_by_any_reader(tmp_path: Path) -> None:
    def refuse(name: str) -> None:
        pytest.fail(f"{name} is not JSON")

    path = write_results(made_up(is_phantom=False), tmp_path, PAPER)[1]
    document = json.loads(path.read_text(), parse_constant=refuse)
    row = document["rows"][0]
    assert row["paper"] == {"R2 (%)": {"value": 81.59, "sd": 0.18}}
    assert row["figures"]["R2 (%)"]["of_seeds"] == pytest.approx([78.0, 80.0, 82.0])
    # One seed has no spread: null, and not NaN.
    assert row["figures"]["MAE"]["sd"] is None
    assert document["scale"]["seeds"] == [0, 1, 2]
    assert document["differences"][0]["question"] == "what it adds"


def test_the_terminal_shows_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=200).print(show_results(made_up(is_phantom=False)))
    shown = capsys.readouterr().out
    for part in ("81.59±0.18", "80.00±2.00", "-1.59", "what it adds", "-0.22", "3 seeds"):
        assert part in shown
    assert shown.count("Made up") == 1


def test_correlations_have_the_papers_three_digits(capsys: pytest.CaptureFixture[str]) -> None:
    table = replace(
        made_up(is_phantom=False).table,
        columns=(Column(metric="pearson", label="corr", digits=3),),
        rows=(TableRow(label="CoReEcho", published={"corr": Published(value=0.73)}),),
    )
    measured = Measured(table=table, figures={("CoReEcho", "corr"): figure(0.7342, digits=3)}, differences={})
    Console(width=200).print(show_results(measured))
    shown = capsys.readouterr().out
    for part in ("0.730", "0.734", "0.634 to 0.834", "+0.004"):
        assert part in shown


def test_a_metric_that_is_not_defined_is_said_to_be_so() -> None:
    measured = made_up(is_phantom=False)
    undefined = Interval(
        estimate=NAN, low=NAN, high=NAN, level=0.95, resamples=0, excluded_resamples=0, reason="one class"
    )
    none = replace(measured.figures["CoReEcho", "MAE"], interval=undefined)
    assert (str(none), none.ends) == ("n/a", "n/a")
    frame = to_frame(replace(measured, figures={("CoReEcho", "MAE"): none}))
    assert frame.loc[frame["row"] == "CoReEcho", "measured"].isna().all()
