"""`coreecho transfer` as a user types it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from coreecho.cli.main import app
from coreecho.cli.transfer import show
from coreecho.datasets.folds import CrossValidation
from coreecho.errors import RecipeError
from coreecho.evaluation import family_of, metrics_mean_over_folds
from coreecho.experiments import runs
from coreecho.experiments.data import Data
from coreecho.experiments.transfer import TransferResult, measure
from coreecho.tasks import MI
from coreecho.training import RunFolder
from coreecho.training.recipe import Recipe
from coreecho.training.recipe_files import find_recipe

SIZES = "--num-frames 4 --frame-size 32 --batch-size 4 --stage1-epochs 1 --device cpu --optimizer adamw"


def coreecho(*arguments: object) -> int:
    code = app([str(argument) for argument in arguments], result_action="return_value", exit_on_error=False)
    return int(code or 0)


@pytest.fixture
def transfer(micro_phantoms: Path) -> Callable[..., int]:
    """Transfers to the phantoms of CAMUS at a small size."""
    return lambda *arguments: coreecho(
        "transfer", "camus", "--data", micro_phantoms / "camus", *SIZES.split(), *arguments
    )


@pytest.fixture(scope="module")
def pretrained(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pretrained") / "run"
    sizes = "--encoder uniformer_xs --init scratch --num-frames 4 --frame-size 32 --crop-pad 2 --batch-size 4"
    sizes += " --stage1-epochs 1 --stage2-epochs 1 --validation-clips 1 --device cpu"
    assert coreecho("train", "echonet", "--data", phantom_root, "--out", out, *sizes.split()) == 0
    return out


def test_probing_and_fine_tuning_are_compared_and_neither_is_done_twice(
    transfer: Callable[..., int],
    pretrained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probed, tuned = tmp_path / "probed", tmp_path / "tuned"
    assert transfer("--from", pretrained, "--method", "probe", "--out", probed) == 0
    again = ("--from", pretrained, "--method", "fine-tune", "--out", tuned, "--against", probed)
    assert transfer(*again) == 0

    run = RunFolder.open(probed / "fold-10")
    # From the recipe's file, the weights, and the flags, in this order.
    assert (run.recipe.trained, run.recipe.objective, run.recipe.rotation_degrees) == ("head", "mse", 20)
    assert (run.recipe.encoder, run.recipe.init) == ("uniformer_xs", str(pretrained.resolve()))
    assert (run.recipe.batch_size, run.recipe.input.num_frames, run.recipe.input.time) == (4, 4, "spline")
    assert RunFolder.open(tuned / "fold-01").recipe.trained == "all"

    pooled = pd.read_csv(tuned / "predictions.csv")
    assert len(pooled) == 12
    assert sorted(pooled["fold"].unique()) == list(range(1, 11))
    metrics = json.loads((tuned / "metrics.json").read_text())
    assert metrics["is_phantom"] is True
    assert metrics["ef_source"]
    errors = (pooled["ef_predicted"] - pooled["ef_true"]).abs()
    assert metrics["metrics"]["all"]["metrics"]["mae"]["estimate"] == pytest.approx(errors.mean())
    differences = json.loads((tuned / "differences.json").read_text())
    other = pd.read_csv(probed / "predictions.csv")
    expected = errors.mean() - (other["ef_predicted"] - other["ef_true"]).abs().mean()
    assert differences["against"] == "probed"
    assert differences["metrics"]["all"]["mae"]["estimate"] == pytest.approx(expected)

    shown = capsys.readouterr()
    told = " ".join(shown.out.split())
    assert "image quality Good & Medium" in told
    assert "paired over the same recordings" in told
    assert "phantom result" in told

    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("trained again"))
    assert transfer(*again) == 0
    # Another start in the same folder is another experiment.
    with pytest.raises(RecipeError, match="fold-01 holds another training"):
        transfer("--from", pretrained / "stage1.safetensors", "--method", "fine-tune", "--out", tuned)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "scratch", "--method", "probe"], "freeze an encoder that has learned nothing"),
        (["--from", "scratch", "--method", "prob"], "Did you mean probe"),
        (["--from", "scratch", "--method", "fine-tune", "--objective", "l2"], "l2"),
        (["--from", "scratch", "--method", "fine-tune", "--devices", "2"], "expected 1: an experiment is many"),
        (["--from", "scratch", "--method", "fine-tune", "--against", "."], "holds no finished transfer"),
        (["--from", "gone", "--method", "probe"], "there is no such file"),
        (["--from", "scratch", "--method", "fine-tune", "--init", "x"], "give no `--init` with it"),
        (["--from", "scratch", "--method", "fine-tune", "--view", "PLAX"], "PLAX"),
        (["--from", "scratch", "--method", "fine-tune", "--all-clips"], "CAMUS has no clips that are left out unasked"),
        (["--from", "scratch", "--method", "fine-tune", "--folds", "sheet"], "folds is 'sheet', expected official or"),
        (["--from", "scratch", "--method", "fine-tune", "--option", "end_frame=exclusive"], "no option end_frame"),
        (
            ["--from", "scratch", "--method", "fine-tune", "--option", "view=A2C", "--view", "A4C"],
            "each once; got",
        ),
        (["--from", "scratch", "--method", "fine-tune", "--option", "fold=2"], "tests each fold in turn"),
        (["--from", "scratch", "--method", "fine-tune", "--option", "only_with_ef=perhaps"], "expected true or false"),
        (["--from", "scratch", "--method", "fine-tune", "--protocol", "saeed"], "expected held-out or published"),
        (
            ["--from", "scratch", "--method", "fine-tune", "--protocol", "published", "--select", "last"],
            "select is last, and best by that protocol",
        ),
    ],
)
def test_mistakes_are_explained_before_anything_is_trained(
    arguments: list[str],
    message: str,
    transfer: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    def must_not_train(*_: Any, **__: Any) -> None:
        pytest.fail("trained")

    monkeypatch.setattr(runs, "train", must_not_train)
    with pytest.raises(Exception, match=message):
        transfer(*arguments, "--out", "out")
    assert not (tmp_path / "out").exists()


def test_flags_overrule_how_a_table_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Recipe] = []
    options: list[Mapping[str, Any]] = []

    def remember(recipe: Recipe, data: Data, *_: Any, **__: Any) -> None:
        asked.append(recipe)
        options.append(data.options)

    monkeypatch.setattr("coreecho.experiments.transfer.transfer", remember)
    monkeypatch.setattr("coreecho.cli.transfer.show", lambda *_: None)
    table = ("transfer", "table", "--data", tmp_path, "--from", "scratch", "--method", "fine-tune")
    assert coreecho(*table) == 0
    flags = ("--num-frames", 8, "--stride", 2, "--validation-clips", 1, "--leave-out-faulty", "--option", "fps=30")
    assert coreecho(*table, *flags) == 0
    given, changed = asked
    assert (given.input, given.validation_clips) == (Recipe.from_yaml(find_recipe("echonet")).input, 3)
    assert changed.input == replace(given.input, num_frames=8, stride=2)
    assert changed.validation_clips == 1
    assert options == [{}, {"fps": 30, "leave_out_faulty": True}]


@pytest.mark.parametrize(
    ("dataset", "flags", "folder", "select", "select_on"),
    [
        ("hmc-qu", [], "hmc-qu-fine-tune-seed0", "last", "val"),
        ("hmc-qu", ["--protocol", "published"], "hmc-qu-fine-tune-seed0", "last", "val"),
        ("hmc-qu", ["--protocol", "held-out"], "hmc-qu-fine-tune-held-out-seed0", "best", "val"),
        ("camus", [], "camus-fine-tune-seed0", "best", "val"),
        ("camus", ["--protocol", "published"], "camus-fine-tune-published-seed0", "best", "test"),
    ],
)
def test_the_protocol_gives_settings_and_a_folder_of_its_own(
    dataset: str,
    flags: list[str],
    folder: str,
    select: str,
    select_on: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    asked: list[tuple[Recipe, Path]] = []

    def remember(recipe: Recipe, data: Data, out: Path, *_: Any, **__: Any) -> None:
        asked.append((recipe, out))

    monkeypatch.setattr("coreecho.experiments.transfer.transfer", remember)
    monkeypatch.setattr("coreecho.cli.transfer.show", lambda *_: None)
    assert coreecho("transfer", dataset, "--data", tmp_path, "--from", "scratch", "--method", "fine-tune", *flags) == 0
    recipe, out = asked[0]
    assert out == Path("runs") / folder
    assert (recipe.select, recipe.select_on, recipe.keep_last_batch) == (select, select_on, select == "last")


def test_the_protocol_is_said_with_both_kinds_of_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"recording": list("abcdef"), "fold": [1, 1, 1, 1, 2, 2], "patient": None})
    table = table.assign(has_mi=[True, False] * 3, mi_logit=[1.0, -1.0, 2.0, -2.0, -1.0, -1.0])
    protocol = CrossValidation(words="four folds train", is_mean_over_folds=True)
    folds = table["fold"].tolist()
    result = TransferResult(
        out=tmp_path,
        predictions=table,
        task=MI(),
        protocol="published",
        cross_validation=protocol,
        metrics=measure(table, MI(), {}),
        mean_over_folds=metrics_mean_over_folds(table["has_mi"], table["mi_logit"], folds, family=family_of(MI())),
        is_phantom=False,
        overlap_label="includes recordings the model was trained on: 1 of 6",
        left_out={"g": ("missing file",), "h": ("missing file",)},
    )
    show(result, None)
    told = " ".join(capsys.readouterr().out.split())
    assert "Protocol published: four folds train." in told
    assert told.index("mean over the test folds") < told.index("pooled test folds")
    # Accuracy 5/6 pooled; 1 and 1/2 in the folds.
    of_folds, pooled = told.split("pooled test folds")
    assert "0.75" in of_folds
    assert "0.83" in pooled
    assert told.count("includes recordings the model was trained on: 1 of 6") == 2
    assert f"2 recordings left out for faults, which {tmp_path / 'metrics.json'} lists." in told


def test_the_help_names_methods_and_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    coreecho("transfer", "--help")
    shown = capsys.readouterr().out
    for word in (
        "--from",
        "--protocol",
        "held-out",
        "published",
        "--allow-overlap",
        "--method",
        "--against",
        "probe",
        "fine-tune",
        "hmc-qu",
        "scratch",
        "--leave-out-faulty",
    ):
        assert word in shown
    # Nobody asks for an empty list of options.
    assert "--empty" not in shown
