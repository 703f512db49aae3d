"""Every command on a run of every shipped recipe: it gives its result, or says why there is none."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cyclopts import App

from coreecho.cli.calibrate import calibrate
from coreecho.cli.checklist import checklist
from coreecho.cli.compare import compare
from coreecho.cli.continuity import continuity
from coreecho.cli.drift import drift
from coreecho.cli.embed import embed
from coreecho.cli.evaluate import evaluate
from coreecho.cli.explain import explain
from coreecho.cli.main import app as whole_app
from coreecho.cli.map import draw_map
from coreecho.cli.neighbours import neighbours
from coreecho.cli.predict import predict
from coreecho.cli.report import report
from coreecho.cli.segment import segment
from coreecho.cli.train import calibrate_run
from coreecho.errors import CalibrationError, CheckpointError, DatasetError, RecipeError
from coreecho.training import Hardware, RunFolder, find_recipe, recipe_names, train
from coreecho.training.beat_lessons import BeatLesson
from coreecho.training.number_lesson import NumberLesson
from coreecho.training.objectives import objective_class
from coreecho.training.recipe import Recipe, read_recipe_file

# Reports with charts as they are drawn for a reader are tested of every objective, beside `report/`.
pytestmark = pytest.mark.usefixtures("rough_pictures", "quick_outlines")
Command = Callable[..., str]
# Those that look at a run, besides `map`.
OF_A_RUN = (calibrate, checklist, compare, continuity, drift, embed, evaluate, explain, neighbours, predict, report)
OF_A_RUN += (segment,)
# Those that go on with a run or begin from its weights, which other tests do; and those that take none.
OTHERS = {"train", "transfer", "infarction", "import-weights"}
OTHERS |= {"convert", "default-models", "demo", "doctor", "phantom", "reproduce", "store"}
# Of HMC-QU, whose hearts have no EF.
WITHOUT_EF = "none of the .* recordings of the .* split has one that is known"


@pytest.fixture
def coreecho(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line that must succeed; gives what it prints."""
    monkeypatch.setenv("COLUMNS", "200")
    app = App(name="coreecho")
    for command in OF_A_RUN:
        app.command(command)
    app.command(draw_map, name="map")

    def type_in(*words: object) -> str:
        assert app([*map(str, words)], result_action="return_value", exit_on_error=False, print_error=False) == 0
        return capsys.readouterr().out

    return type_in


def test_no_command_is_forgotten() -> None:
    known = {name for name in whole_app if not name.startswith("-")}
    assert known == {command.__name__ for command in OF_A_RUN} | {"map"} | OTHERS


def teaches_numbers(name: str) -> bool:
    """Whether a recipe's runs read a number; the others outline the ventricle."""
    return issubclass(objective_class(read_recipe_file(find_recipe(name))["objective"]), NumberLesson)


def is_uvt(run: RunFolder) -> bool:
    """Whether a run's network reads the phase of each frame."""
    return run.recipe.encoder.startswith("uvt")


@pytest.mark.parametrize(("flag", "needs"), [("--discs", "outlines at ED and ES"), ("--phases", "read by a UVT")])
def test_what_a_network_does_not_read_is_not_measured(
    flag: str, needs: str, coreecho: Command, copy_of_run: Callable[[str], RunFolder]
) -> None:
    run = copy_of_run("demo").path
    with pytest.raises(RecipeError, match=needs):
        coreecho("evaluate", run, "--split", "train", "--clips", 1, "--resamples", 20, flag)
    assert not (run / "evaluation").exists(), "it is said before the recordings are predicted"


@pytest.mark.parametrize("name", [name for name in recipe_names() if not teaches_numbers(name)])
def test_what_outlines_the_ventricle_says_which_command_is_for_it(
    name: str, coreecho: Command, copy_of_run: Callable[[str], RunFolder], tmp_path: Path
) -> None:
    run = copy_of_run(name)
    assert run.lesson.measured_by.startswith("coreecho segment")
    assert calibrate_run(run) == "", "it reads no EF that an interval could be of"
    clip = run.recordings("train")[0].path
    for words in (
        ("evaluate", run.path, "--split", "train"),
        ("predict", clip, "--model", run.path),
        ("compare", run.path, run.path, "--split", "train"),
        ("calibrate", run.path),
        ("checklist", run.path),
    ):
        with pytest.raises(
            CheckpointError, match=r"outlines the left ventricle and reads no number.*`coreecho segment"
        ):
            coreecho(*words)
    coreecho("segment", clip, "--model", run.path, "--no-film", "--out", tmp_path / "lv")
    assert (tmp_path / "lv" / "beats.csv").is_file()


@pytest.mark.parametrize("name", [name for name in recipe_names() if teaches_numbers(name)])
def test_every_command(name: str, coreecho: Command, copy_of_run: Callable[[str], RunFolder], tmp_path: Path) -> None:
    run = copy_of_run(name)
    is_ef = run.task.label == "ef_percent"
    split = ("--split", "train", "--clips", 1)

    reads_phases, outlines_ends = is_uvt(run), isinstance(run.lesson, BeatLesson) and run.lesson.outlines_ends
    more = ["--phases"] * reads_phases + ["--discs"] * outlines_ends
    out = coreecho("evaluate", run.path, *split, "--resamples", 20, *more)
    assert ("MAE" in out) == is_ef
    assert ("EF by discs, of" in out) == outlines_ends
    assert (run.path / "evaluation" / "train-1" / "phases.csv").is_file() == reads_phases
    document = json.loads((run.path / "evaluation" / "train-1" / "metrics.json").read_text())
    assert document["num_recordings"] == len(run.recordings("train"))

    assert "embeddings of" in coreecho("embed", run.path, *split, "--out", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as archive:
        assert len(archive["ids"]) == len(run.recordings("train"))
        assert np.isfinite(archive["embeddings"]).all()

    assert "PCA of" in coreecho("map", run.path, *split, "--method", "pca")

    words = (*split, "--cases", 1, "--hearts", 0, "--map-method", "pca", "--no-lv-focus")
    coreecho("report", run.path, *words)
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert f"{run.task.title}" in page
    assert ("Ranges of EF" in page) == is_ef
    for anchor in ("training", "metrics", "learning", "agreement", "cases", "map", "continuity"):
        assert f'id="{anchor}"' in page

    if is_ef:
        assert "Rank correlation" in coreecho("continuity", run.path, *split, "--hearts", 0)
    else:
        with pytest.raises(DatasetError, match=WITHOUT_EF):
            coreecho("continuity", run.path, *split, "--hearts", 0)

    clip = run.recordings("train")[0]
    beat = ("--beat", "all") if run.recipe.input.is_whole_beat else ()
    words = ("explain", clip.path, "--model", run.path, *beat, "--clips", 1, "--out", tmp_path / "why")
    if is_uvt(run):
        with pytest.raises(RecipeError, match="Grad-CAM needs an encoder with a level"):
            coreecho(*words)
    else:
        assert "The map (Grad-CAM) is bright" in coreecho(*words)
        explained = json.loads((tmp_path / "why" / "explanation.json").read_text())
        assert np.isfinite(explained[run.task.value_name])

    if is_ef:
        words = ("--model", run.path, *beat, "--k", 2, "--clips", 1)
        assert "mean EF of these recordings" in coreecho("neighbours", clip.path, *words)
    else:
        with pytest.raises(
            RecipeError, match="Neighbours are recordings with their number, such as EF, and this model reads the prob"
        ):
            coreecho("neighbours", clip.path, "--model", run.path, *beat)

    check_what_a_number_is_worth(run, coreecho, beat, tmp_path)


def check_what_a_number_is_worth(run: RunFolder, coreecho: Command, beat: Sequence[str], tmp_path: Path) -> None:
    """Predict a clip, hold the run against itself, and ask what follows from two recordings that validate."""
    clip, one = run.recordings("train")[0].path, ("--clips", 1)
    words = ("predict", clip, "--model", run.path, *beat, *one)
    (said,) = json.loads(coreecho(*words, "--json", "--monitor", tmp_path / "log"))["predictions"]
    assert np.isfinite(said[run.task.value_name])
    with pytest.raises(CalibrationError, match="was never calibrated"):
        coreecho("drift", tmp_path / "log", "--model", run.path)

    told = coreecho("compare", run.path, run.path, "--split", "train", *one)
    assert f"TRAIN split, 1 clip a recording, {len(run.recordings('train'))} recordings" in told
    assert f"{run.recipe.name} (2)" in told

    why = "recordings? cannot promise 90 %" if run.task.is_appraised else "are made of an ejection fraction alone"
    with pytest.raises(CalibrationError, match=why):
        coreecho("calibrate", run.path, *one)

    coreecho("checklist", run.path)
    card = (run.path / "checklists" / "model-card.md").read_text(encoding="utf-8")
    assert run.recipe.name in card
    assert run.task.quantity in card or run.task.title in card

    with pytest.raises(CheckpointError, match="outline nothing"):
        coreecho("segment", clip, "--model", run.path, "--out", tmp_path / "lv")


def test_a_run_of_any_other_number(coreecho: Command, tiny_recipe: Recipe, phantom_root: Path, tmp_path: Path) -> None:
    recipe = replace(
        tiny_recipe, task="scalar", label="edv_ml", unit="mL", stage1_epochs=1, stage2=False, validation_clips=1
    )
    run = train(recipe, data=phantom_root, out=tmp_path / "volumes", hardware=Hardware(device="cpu"))
    split = ("--split", "train", "--clips", 1)
    out = coreecho("evaluate", run.path, *split, "--resamples", 20)
    assert "MAE" in out
    assert "AUROC" not in out
    document = json.loads((run.path / "evaluation" / "train-1" / "metrics.json").read_text())
    assert document["task"]["label"] == "edv_ml"
    assert document["metrics"]["mae"]["estimate"] > 0

    words = ("--cases", 1, "--hearts", 0, "--map-method", "pca", "--no-lv-focus")
    coreecho("report", run.path, *split, *words)
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "edv ml from echocardiogram videos" in page
    assert "no edv ml shown here may guide the care of a patient." in page
    assert re.search(r"epoch 1 of its last stage, validation MAE \d+\.\d\d mL", page)
    assert "true edv ml" in page
    assert "Ranges of EF" not in page

    clip = run.recordings("train")[0].path
    assert "The map (Grad-CAM) is bright" in coreecho(
        "explain", clip, "--model", run.path, "--clips", 1, "--out", tmp_path / "why"
    )
    assert np.isfinite(json.loads((tmp_path / "why" / "explanation.json").read_text())["edv_ml"])
    out = coreecho("neighbours", clip, "--model", run.path, "--k", 2, "--clips", 1, "--out", tmp_path / "near")
    assert "mean edv ml of these recordings" in out
    assert "EF" not in out
    near = pd.read_csv(tmp_path / "near" / "neighbours.csv")
    truth = {recording.id: recording.edv_ml for recording in run.recordings("train")}
    assert near.edv_ml.tolist() == pytest.approx([truth[name] for name in near.recording], abs=1e-3)
    assert "edv_ml_predicted" in near

    out = coreecho("continuity", run.path, *split, "--hearts", 1)
    assert "Does it lie in the order of edv ml?" in out
    measured = json.loads((run.path / "explain" / "continuity-train" / "continuity.json").read_text())
    units = {figure["label"]: figure["unit"] for figure in measured["figures"]}
    assert units["edv ml error of 10 neighbours"] == "mL"
    # To a volume the heart's size is no nuisance.
    assert {"edv ml", "edv ml beyond nuisances"} <= units.keys()
    assert "heart size" not in units
    assert measured["notes"] == [
        "paths move the EF of a simulated heart, and this model reads the edv ml: there are none"
    ]

    coreecho("map", run.path, *split, "--method", "pca", "--clip", clip, "--out", tmp_path / "map")
    drawn = pd.read_csv(tmp_path / "map" / "map.csv").set_index("recording")
    assert drawn.edv_ml.to_dict() == pytest.approx(truth, abs=1e-3)
    page = (tmp_path / "map" / "map.html").read_text(encoding="utf-8")
    assert "true edv ml" in page
    assert "no edv ml shown here may guide" in page
    assert not any(words in page for words in ("true EF", "predicted EF", "EF points", "no EF", "its EF"))
