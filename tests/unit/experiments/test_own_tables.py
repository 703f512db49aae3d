"""Tables of one's own are planned as the paper's are, and faults in them explained."""

from pathlib import Path

import pytest

from coreecho.errors import RecipeError
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.table_plan import plan_table


def test_no_other_table_is_known(real: PlanInputs) -> None:
    with pytest.raises(
        RecipeError, match=r"no table 'table6'\. Did you mean 'table\d'\? There are cue, table1, table2, "
    ):
        plan_table("table6", real)
    with pytest.raises(RecipeError, match="plants a shortcut, which only phantoms allow"):
        plan_table("cue", real)


OWN = """
title: My ablation
data: echonet
trainings:
  half-rate: {recipe: echonet, settings: {learning_rate: 5.0e-5, stage2: false}}
columns:
  - {metric: mae, label: MAE}
rows:
  - {label: as published, training: coreecho-scratch}
  - {label: half the rate, training: half-rate}
comparisons:
  - {question: what the rate does, first: as published, second: half the rate}
"""


def test_a_table_of_ones_own_is_planned_alike(real: PlanInputs, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN)
    table = plan_table(str(tmp_path / "mine.yaml"), real)
    assert (table.name, [row.label for row in table.rows]) == ("mine", ["as published", "half the rate"])
    assert {job.recipe(tmp_path).learning_rate for job in table.rows[1].jobs} == {5e-5}
    assert table.comparisons[0].question == "what the rate does"


def test_training_and_transfer_take_two_tables(real: PlanInputs, tmp_path: Path) -> None:
    mixed = OWN.replace("{label: half the rate, training: half-rate}", "{label: half the rate, transfer: fine-tune}")
    (tmp_path / "mixed.yaml").write_text(mixed)
    with pytest.raises(RecipeError, match="Make two tables of it"):
        plan_table(str(tmp_path / "mixed.yaml"), real)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("training: half-rate", "training: halfrate", "row 'half the rate': no training 'halfrate'"),
        ("second: half the rate", "second: half", "comparison 'what the rate does': no row 'half'"),
        ("title: My ablation", "titel: My ablation", "titel: is not known here; did you mean title"),
        ("title: My ablation", "title: [1]", "title: a list, expected a text"),
        ("label: MAE", "label: MAE, digits: two", "columns[0].digits: 'two', expected a whole number"),
        ("label: as published,", "label: half the rate,", "two rows have one label"),
        ("title: My ablation", "{", "is not YAML"),
        ("title: My ablation", "title: 2026-02-30", "is not YAML"),
        ("title: My ablation", "title: !!python/object:os.system x", "is not YAML"),
        (
            "{label: as published, training: coreecho-scratch}",
            "{training: coreecho-scratch}",
            "rows[0]: it lacks label",
        ),
        ("settings: {learning_rate: 5.0e-5", "settings: {1: 5.0e-5", "half-rate.settings: the name 1, expected a text"),
        ("settings: {learning_rate: 5.0e-5", "settings: {learning_rate: &a [*a]", "half-rate.settings.learning_rate"),
    ],
)
def test_a_table_that_is_written_wrongly_is_explained(
    old: str, new: str, message: str, real: PlanInputs, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(OWN.replace(old, new))
    with pytest.raises(RecipeError, match=r"mine\.yaml") as refused:
        plan_table(str(tmp_path / "mine.yaml"), real)
    assert message in str(refused.value)
