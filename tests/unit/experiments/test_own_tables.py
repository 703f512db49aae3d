"""Tables of one's own are planned as the paper's are, and faults in them explained."""

from pathlib import Path

import pytest

from coreecho.cli.main import app
from coreecho.cli.typed import refuse_unknown_options
from coreecho.errors import RecipeError, UsageError
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.scales import QUICK
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
        ("metric: mae", "metric: mea", "of the column 'MAE', metric is 'mea', expected mae, rmse, "),
        ("settings: {learning_rate:", "settings: {learnin_rate:", "Did you mean 'learning_rate'?"),
        ("label: MAE", "label: MAE, digits: -1", "column 'MAE': digits is -1, expected 0 to 15"),
        ("training: half-rate", "training: half-rate, clips: 0", "clips is 0, expected at least 1, all or traced"),
        (
            "training: half-rate",
            "training: half-rate, paper: {MAE: [1, 2, 3]}",
            "MAE is (1.0, 2.0, 3.0), expected a value",
        ),
        ("columns:", "paper_seeds: 0\ncolumns:", "paper_seeds is 0, expected at least 1"),
        (
            "columns:",
            "pretrained: {k: {weights: k, name: K, phantom: gone}}\ncolumns:",
            "pretrained 'k': no training 'gone'",
        ),
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
    with pytest.raises(RecipeError, match=r"mine\.yaml|mine: of the column|the recipe half-rate") as refused:
        plan_table(str(tmp_path / "mine.yaml"), real)
    assert message in str(refused.value)


def test_a_recipe_with_a_slip_is_refused_before_hearts_are_written_for_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN.replace("learning_rate", "learnin_rate"))
    with pytest.raises(RecipeError, match=r"no setting 'learnin_rate'"):
        plan_table(str(tmp_path / "mine.yaml"), PlanInputs(out=tmp_path, scale=QUICK))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_weights_under_a_name_of_ones_own_have_a_flag(real: PlanInputs, tmp_path: Path) -> None:
    refuse_unknown_options(app, ["reproduce", "mine.yaml", "--weights.lab", "lab.safetensors"])
    with pytest.raises(UsageError, match=r"no option --weight\.lab"):
        refuse_unknown_options(app, ["reproduce", "mine.yaml", "--weight.lab", "lab.safetensors"])
    (tmp_path / "mine.yaml").write_text(OWN.replace("recipe: echonet,", "recipe: echonet, init: lab,"))
    with pytest.raises(RecipeError, match=r"give them by `--weights\.lab FILE`"):
        plan_table(str(tmp_path / "mine.yaml"), real)
