"""Runs held against each other: what is compared with what, and what is refused."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation import run_comparison
from coreecho.evaluation.comparison import compare_metrics
from coreecho.evaluation.metric_family import family_of
from coreecho.evaluation.protocol import Protocol
from coreecho.evaluation.run_comparison import Competitor, RunComparison, compare_runs, unique_names
from coreecho.inference.overlap import Overlap
from coreecho.report.comparison import comparison_tables, write_comparison
from coreecho.tasks import EF, MI, Task

TRUE = np.linspace(20, 75, 12)
NOISE = np.random.default_rng(0).normal(0, 4, 12)
PROTOCOL = Protocol(resamples=200)


@dataclass
class Recording:
    id: str
    patient: str | None = None
    ef_percent: float = 50.0
    labels: dict[str, float] = field(default_factory=dict)

    def number(self, label: str) -> float | None:
        return self.ef_percent


class Model:
    """A subject whose results are there."""

    def __init__(self, error: float, *, ids: int = 12, task: Task | None = None) -> None:
        self.task, self.name = task or EF(), "model"
        self.is_phantom, self.learned_from_phantoms = False, True
        self.is_whole = lambda asked: asked == "all"
        self.recordings = [Recording(f"r{number:02}", ef_percent=TRUE[number]) for number in range(ids)]
        self.table = pd.DataFrame(
            {
                "recording": [recording.id for recording in self.recordings],
                "ef_true": TRUE[:ids],
                "ef_predicted": TRUE[:ids] + error * NOISE[:ids],
            }
        )[::-1]

    def some_recordings(self, split: str) -> list[Recording]:
        return self.recordings

    def check_overlap(self, recordings: list[Recording], split: str, **options: Any) -> Overlap:
        return Overlap(num_recordings=len(recordings), trained=(), selected=())


@pytest.fixture(autouse=True)
def stored_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_comparison, "predict", lambda subject, *arguments, **options: subject.table)


def single(name: str, model: Model) -> Competitor:
    return Competitor(name=name, seeds={None: model})


def test_differences_are_paired_with_the_first() -> None:
    found = compare_runs([single("a", Model(1)), single("b", Model(0.2)), single("c", Model(1))], PROTOCOL)
    first, second, third = found.compared
    assert first.differences == {}
    expected = compare_metrics(TRUE, TRUE + NOISE, TRUE + 0.2 * NOISE, resamples=200)["mae"]
    assert second.differences["mae"].estimate == pytest.approx(expected.estimate)
    assert second.differences["mae"].high < 0
    assert third.differences["mae"].estimate == 0
    assert found.is_phantom


def test_seeds_are_compared_in_pairs(tmp_path: Path) -> None:
    errors = {"a": 1.0, "b": 0.2}
    seeds = [Competitor(name=name, seeds={0: Model(of), 1: Model(1.1 * of)}) for name, of in errors.items()]
    found = compare_runs(seeds, PROTOCOL)
    assert [each.label for each in found.compared] == ["a, mean of 2 seeds", "b, mean of 2 seeds"]
    assert found.compared[0].sd_over_seeds["mae"] > 0
    assert found.compared[1].differences["mae"].high < 0
    written = write_comparison(found, csv=tmp_path / "c.csv", json=tmp_path / "c.json")
    assert written == [tmp_path / "c.csv", tmp_path / "c.json"]
    table = pd.read_csv(tmp_path / "c.csv")
    assert set(table["model"]) == {"a, mean of 2 seeds", "b, mean of 2 seeds"}
    assert table["is_phantom"].all()


def shown(found: RunComparison) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(comparison_tables(found))
    return console.export_text()


def test_a_clear_difference_is_marked() -> None:
    text = shown(compare_runs([single("a", Model(1)), single("b", Model(0.1))], PROTOCOL))
    assert "phantom result" in text
    row = next(line for line in text.splitlines() if line.startswith("  b "))
    assert row.rstrip().endswith("*")
    assert "MAE: b is better than a." in text
    assert "12 recordings say little" in text


def test_what_is_within_chance_is_told_as_such_and_the_table_fits_a_terminal() -> None:
    seeds = [Competitor(name=name, seeds={0: Model(1.0), 1: Model(1.1)}) for name in ("a", "b")]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(comparison_tables(compare_runs(seeds, PROTOCOL)))
    text = console.export_text()
    assert "MAE: these recordings do not tell b from a." in text
    assert "each the mean of 2 seeds" in text
    # No cell is broken, and none of its two models lies below another's column.
    rows = [line for line in text.splitlines() if line.startswith(("  a ", "  b "))]
    assert len(rows) == 2 * len(family_of(EF()).definitions)
    assert all(" to " in row for row in rows)


def test_one_recipe_of_several_seeds_is_measured_alone() -> None:
    found = compare_runs([Competitor(name="a", seeds={0: Model(1.0), 1: Model(2.0)})], PROTOCOL)
    assert found.compared[0].sd_over_seeds["mae"] > 0
    text = shown(found)
    assert "SD of seeds" in text
    assert "Difference" not in text


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(RecipeError, match="at least two runs, or one folder of seeds, got 1 run"):
        compare_runs([single("a", Model(1))], PROTOCOL)
    with pytest.raises(RecipeError, match="read the same thing"):
        compare_runs([single("a", Model(1)), single("b", Model(1, task=MI()))], PROTOCOL)
    with pytest.raises(RecipeError, match="b: 0, 1"):
        compare_runs([single("a", Model(1)), Competitor(name="b", seeds={0: Model(1), 1: Model(1)})], PROTOCOL)
    with pytest.raises(DatasetError, match="2 only in a: r10, r11"):
        compare_runs([single("a", Model(1)), single("b", Model(1, ids=10))], PROTOCOL)


def test_names_that_stand_twice_are_told_apart() -> None:
    assert unique_names([Path("run"), Path("run"), Path("other")]) == ["run", "run (2)", "other"]


def test_runs_of_one_name_are_told_apart_by_their_folders() -> None:
    paths = [Path("/runs/S/seed-0"), Path("/runs/L1/seed-0"), Path("/runs/runA")]
    assert unique_names(paths) == [str(Path("S/seed-0")), str(Path("L1/seed-0")), "runA"]


def test_a_clear_difference_is_never_shown_as_nothing() -> None:
    text = shown(compare_runs([single("a", Model(1)), single("b", Model(1.0005))], PROTOCOL))
    marked = [line.rsplit("  ", 1)[1].strip() for line in text.splitlines() if line.rstrip().endswith("*")]
    assert marked
    for cell in marked:
        # Neither end of the interval is shown as 0.
        assert " 0.00)" not in cell
        assert "(0.00 " not in cell
