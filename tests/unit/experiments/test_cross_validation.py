import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from coreecho.datasets import load_recordings
from coreecho.datasets.survey import Recordings
from coreecho.errors import DatasetError, RecipeError
from coreecho.experiments import cross_validation
from coreecho.experiments.cross_validation import PREDICTIONS, cross_validate
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, read_predictions
from coreecho.stopping import Stop, Stopped
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import RunFolder

MakeRecipe = Callable[..., Recipe]
TableOfFolds = Callable[..., Data]


class StopInSecondRun(Stop):
    """A Ctrl-C in the first step of the second training that looks."""

    def __init__(self) -> None:
        self.runs = 0
        super().__init__()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        self.runs += 1
        with super().heeded():
            yield

    @property
    def is_set(self) -> bool:  # type: ignore[override]
        return self.runs == 2

    @is_set.setter
    def is_set(self, value: bool) -> None:
        pass


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cross-validation") / "out"


def test_every_recording_is_tested_once_by_a_model_that_did_not_see_it(
    finished: Path,
    table_of_folds: TableOfFolds,
    make_recipe: MakeRecipe,
    execution: Execution,
    trained: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, recipe = table_of_folds(), make_recipe()
    pooled = cross_validate(recipe, data, finished, execution)
    recordings = load_recordings("table", data.root)
    assert pooled["recording"].tolist() == [recording.id for recording in recordings]
    assert pooled["fold"].tolist() == [recording.fold for recording in recordings]
    assert pooled["ef_true"].tolist() == [recording.ef_percent for recording in recordings]
    assert pooled["patient"].tolist() == [recording.patient for recording in recordings]
    for fold in (1, 2, 3):
        run = RunFolder.open(finished / f"fold-{fold:02d}")
        assert {recording.fold for recording in run.recordings("test")} == {fold}
        assert {recording.fold for recording in run.recordings("val")} == {fold % 3 + 1}
        assert {recording.fold for recording in run.recordings("train")} == {1, 2, 3} - {fold, fold % 3 + 1}
        # Of no more use, and half of the folder.
        assert not run.state.exists()
    pd.testing.assert_frame_equal(read_predictions(finished / PREDICTIONS), pooled)

    # What is done is not done again, nor predicted again.
    assert [path.name for path in trained] == ["fold-01", "fold-02", "fold-03"]
    monkeypatch.setattr("coreecho.inference.subject.load_model", lambda *_, **__: pytest.fail("predicted again"))
    pd.testing.assert_frame_equal(cross_validate(recipe, data, finished, execution), pooled)
    assert len(trained) == 3

    # Another recipe, seed or data set in the same folder is refused, and nothing is lost.
    for other in (make_recipe(learning_rate=2e-3), make_recipe(seed=1)):
        with pytest.raises(RecipeError, match=r"fold-01 holds another training: (learning_rate|seed) is .* there"):
            cross_validate(other, data, finished, execution)
    (data.root / "recordings.csv").write_text((data.root / "recordings.csv").read_text().replace("p0,1,", "p0,2,"))
    with pytest.raises(RecipeError, match=r"recordings, labels or splits under .* have changed"):
        cross_validate(recipe, data, finished, execution)
    assert len(trained) == 3
    assert (finished / PREDICTIONS).is_file()


def test_stopped_in_the_middle_it_goes_on_to_the_same_table(
    tmp_path: Path,
    table_of_folds: TableOfFolds,
    make_recipe: MakeRecipe,
    execution: Execution,
    trained: list[Path],
) -> None:
    data, recipe = table_of_folds(), make_recipe()
    whole = cross_validate(recipe, data, tmp_path / "whole", execution)
    with pytest.raises(Stopped):
        cross_validate(recipe, data, tmp_path / "stopped", replace(execution, stop=StopInSecondRun()))
    assert not (tmp_path / "stopped" / PREDICTIONS).exists()
    assert not RunFolder.open(tmp_path / "stopped" / "fold-02").is_finished
    trained.clear()
    pd.testing.assert_frame_equal(cross_validate(recipe, data, tmp_path / "stopped", execution), whole)
    assert [path.name for path in trained] == ["fold-03"]


def test_a_fold_that_is_lost_is_trained_again_and_never_left_out(
    tmp_path: Path,
    finished: Path,
    table_of_folds: TableOfFolds,
    make_recipe: MakeRecipe,
    execution: Execution,
    trained: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, data = tmp_path / "out", table_of_folds()
    recipe = make_recipe()
    cross_validate(recipe, data, out, execution)
    trained.clear()
    shutil.rmtree(out / "fold-02")
    assert cross_validate(recipe, data, out, execution)["fold"].value_counts().to_dict() == {1: 6, 2: 5, 3: 5}
    assert [path.name for path in trained] == ["fold-02"]

    # Predictions of a fold that lost a line, and of one that has a line of another, are not pooled.
    predictions_of = cross_validation.predictions_of
    for rows, fault in (([0, 1, 2, 3], "1 are missing"), ([0, 1, 2, 3, 4, 4], "1 come twice")):

        def faulty(run: RunFolder, *arguments: object, rows: list[int] = rows, **options: object) -> pd.DataFrame:
            table = predictions_of(run, *arguments, **options)
            return table.iloc[rows] if run.path.name == "fold-03" else table

        monkeypatch.setattr(cross_validation, "predictions_of", faulty)
        with pytest.raises(DatasetError, match=fault):
            cross_validate(recipe, data, out, execution)


def test_folds_are_dealt_though_the_table_has_splits(
    tmp_path: Path, table_of_folds: TableOfFolds, make_recipe: MakeRecipe, execution: Execution
) -> None:
    data = table_of_folds()
    lines = pd.read_csv(data.root / "recordings.csv", dtype=str)
    lines.assign(split=["train"] * 10 + ["val"] * 3 + ["test"] * 3).to_csv(data.root / "recordings.csv", index=False)
    pooled = cross_validate(make_recipe(stage1_epochs=1), data, tmp_path / "out", execution)
    assert pooled["recording"].tolist() == lines["id"].tolist()
    assert pooled["fold"].tolist() == lines["fold"].astype(int).tolist()


def test_fewer_than_three_folds_are_refused_before_anything_is_trained(
    tmp_path: Path, table_of_folds: TableOfFolds, make_recipe: MakeRecipe, execution: Execution, trained: list[Path]
) -> None:
    with pytest.raises(DatasetError, match="at least three folds"):
        cross_validate(make_recipe(), table_of_folds(num_folds=2), tmp_path / "out", execution)
    assert not trained
    assert not (tmp_path / "out").exists()


def test_a_fold_that_is_missing_in_the_middle_is_an_error(
    tmp_path: Path, table_of_folds: TableOfFolds, make_recipe: MakeRecipe, execution: Execution
) -> None:
    data = table_of_folds(num_folds=5)
    table = data.root / "recordings.csv"
    lines = pd.read_csv(table, dtype=str)
    lines[~lines["fold"].isin(["3", "4"])].to_csv(table, index=False)
    with pytest.raises(DatasetError, match="its folds are 1, 2, 5, without 3, 4"):
        cross_validate(make_recipe(), data, tmp_path / "out", execution)
    assert not (tmp_path / "out").exists()


def test_a_recording_without_a_label_is_found_before_anything_is_trained(
    tmp_path: Path, table_of_folds: TableOfFolds, make_recipe: MakeRecipe, execution: Execution, trained: list[Path]
) -> None:
    with pytest.raises(DatasetError, match="16 of 16 recordings in folds have no finding of infarction"):
        cross_validate(make_recipe(objective="bce"), table_of_folds(), tmp_path / "out", execution)
    assert not trained


def test_a_published_fold_that_is_missing_is_an_error(
    tmp_path: Path, micro_phantoms: Path, make_recipe: MakeRecipe, execution: Execution, trained: list[Path]
) -> None:
    root = tmp_path / "camus"
    (root / "database_nifti").mkdir(parents=True)
    of_fold_3 = {
        recording.patient for recording in load_recordings("camus", micro_phantoms / "camus") if recording.fold == 3
    }
    assert of_fold_3
    for patient in (micro_phantoms / "camus" / "database_nifti").iterdir():
        if patient.name not in of_fold_3:
            (root / "database_nifti" / patient.name).symlink_to(patient)
    with pytest.raises(DatasetError, match=r"are in folds 1, 2, 4, .* and camus has 10 folds"):
        cross_validate(make_recipe(), Data(dataset="camus", root=root), tmp_path / "out", execution)
    assert not trained


def test_a_fold_that_fails_keeps_those_that_are_done(
    tmp_path: Path, table_of_folds: TableOfFolds, make_recipe: MakeRecipe, execution: Execution, trained: list[Path]
) -> None:
    data = table_of_folds()
    third = tmp_path / "out" / "fold-03"
    third.mkdir(parents=True)
    (third / "notes.txt").write_text("something else\n")
    with pytest.raises(RecipeError, match="fold-03 is there already"):
        cross_validate(make_recipe(), data, tmp_path / "out", execution)
    shutil.rmtree(third)
    trained.clear()
    assert len(cross_validate(make_recipe(), data, tmp_path / "out", execution)) == 16
    assert [path.name for path in trained] == ["fold-03"]
    assert json.loads((tmp_path / "out" / "fold-01" / "run.json").read_text())["is_finished"]


def test_what_speaks_against_the_folds_reaches_the_user(
    tmp_path: Path,
    table_of_folds: TableOfFolds,
    make_recipe: MakeRecipe,
    execution: Execution,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That a sorted sheet of HMC-QU changes the folds was a remark of the doctor alone."""
    remarked = Recordings([], remarks=["The rows of A4C.xlsx are not in the order of the clips' names"])
    monkeypatch.setattr(cross_validation, "load_recordings", lambda *_, **__: remarked)
    shown = replace(execution, show_progress=True)
    with pytest.raises(DatasetError, match="at least three folds"):
        cross_validate(make_recipe(), table_of_folds(), tmp_path / "out", shown)
    assert "Remark: The rows of A4C.xlsx are not in the order" in " ".join(capsys.readouterr().err.split())
