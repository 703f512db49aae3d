import re
from dataclasses import replace

import pytest

from coreecho.evaluation.evaluate import evaluate
from coreecho.evaluation.protocol import Protocol
from coreecho.inference.opening import open_subject
from coreecho.models.weights import load_model
from coreecho.report.page_runs import ShownRun, recipe_tables, small_print_table, training_table, unchanged_words
from coreecho.training.recipe import Recipe
from coreecho.training.recipe_files import find_recipe


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def shown(place, make_run):
    """One run with settings of its own, and another of the same data."""
    kinetics = place / "jane.doe" / "kinetics.safetensors"
    kinetics.parent.mkdir()
    runs = [make_run(place / "first")]
    kinetics.write_bytes(runs[0].best_weights.read_bytes())
    runs.append(make_run(place / "second", seed=1, init=str(kinetics)))
    return [
        ShownRun(
            number=number,
            count=2,
            subject=open_subject(run),
            model=load_model(run.path),
            evaluation=evaluate(open_subject(run), Protocol(split="val", clips=1, resamples=5)),
            learning=run.metrics(),
        )
        for number, run in enumerate(runs)
    ]


def test_rows_that_differ_are_marked_and_others_are_said_once(shown):
    rows = {row.cells[0]: row for row in training_table(shown).rows}
    assert rows["Seed"].cells == ("Seed", "0", "1")
    assert rows["Seed"].is_marked
    assert rows["Data"].cells == ("Data", "echonet, folder cohort")
    assert rows["Data"].is_shared
    assert not rows["Data"].is_marked


def test_facts_of_a_run(shown):
    rows = {row.cells[0]: row.cells[1] for row in training_table(shown[:1]).rows}
    assert rows["Objective"] == "rnc_l1 (Rank-N-Contrast + L1)"
    assert re.fullmatch(r"\d+\.\d to \d+\.\d %, mean \d+\.\d %", rows["EF of the training recordings"])
    assert rows["Hearts"] == "simulated (phantoms)"
    assert rows["Recordings (train, validation, test)"] == "12, 2, 2"
    assert rows["Epochs done"] == "2 of stage 1, 1 of stage 2, in 0.1 minutes; the run is not finished"
    assert rows["Input"] == "clips of 4 frames, every 4th one, 32 × 32 pixels"
    assert rows["Model"].startswith("uniformer_xs, ")
    assert not {"Versions", "Fingerprint of the weights"} & set(rows)
    small_print = {row.cells[0]: row.cells[1] for row in small_print_table(shown[:1]).rows}
    assert "torch 2." in small_print["Versions"]
    assert small_print["Precision of these figures"] == "fp32"


def test_of_a_path_only_the_last_part_is_shown(shown, place):
    rows = {row.cells[0]: row.cells for row in training_table(shown).rows}
    assert rows["Starting point"][1:] == ("from scratch", "weights of kinetics.safetensors")
    changed, unchanged = recipe_tables(shown)
    for table in (training_table(shown), changed, unchanged):
        for row in table.rows:
            assert "jane.doe" not in " ".join(row.cells)
            assert str(place) not in " ".join(row.cells)


def test_recipes_of_two_runs_are_told_apart(shown):
    changed, unchanged = recipe_tables(shown)
    assert [row.cells[0] for row in changed.rows] == ["seed", "init"]
    assert ("learning_rate", "0.0001") in [row.cells for row in unchanged.rows]
    assert len(changed.rows) + len(unchanged.rows) == len(shown[0].run.recipe.to_mapping())


def test_one_run_is_held_against_the_recipe_that_was_shipped(place, make_run, shown):
    shipped = Recipe.from_yaml(find_recipe("demo"))
    settings = {key: getattr(shipped, key) for key in vars(shipped) if key not in ("seed", "temperature")}
    folder = make_run(place / "demo", seed=7, temperature=2.0, **settings)
    run = replace(shown[0], count=1, subject=open_subject(folder))
    changed, _ = recipe_tables([run])
    assert [(row.cells, row.remark) for row in changed.rows] == [(("temperature", "2"), "as shipped: 1")]
    assert "changed from the recipe demo" in changed.caption
    assert unchanged_words([run]) == "No setting differs from the recipe demo that comes with coreecho."
    own = shown[0].run.recipe.name
    assert f"No recipe that comes with coreecho is called {own}," in unchanged_words(shown[:1])
    assert unchanged_words([replace(run, learning=run.learning[:1]), run]).startswith("The recipes of the two runs")


def test_the_device_is_the_one_that_computed_and_not_the_word_that_asked_for_it(shown, monkeypatch):
    asked = {"device": "auto", "devices": 2, "nodes": 1, "precision": "fp32"}
    monkeypatch.setitem(shown[0].run.info, "hardware", asked)
    for computed_on, told in (
        (["CPU (x86_64)", "2 × NVIDIA H100"], "CPU (x86_64) and 2 × NVIDIA H100, 32-bit floats (fp32)"),
        ([], "a device that was not recorded (auto), 32-bit floats (fp32)"),
    ):
        monkeypatch.setitem(shown[0].run.info, "computed_on", computed_on)
        assert told in str(small_print_table(shown))
