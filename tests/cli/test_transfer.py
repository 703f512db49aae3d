"""`coreecho transfer` as a user types it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from coreecho.cli.main import app
from coreecho.errors import RecipeError
from coreecho.experiments import runs
from coreecho.training import RunFolder
from coreecho.training.recipe import Recipe, find_recipe

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
        (["--from", "scratch", "--method", "prob"], "no method 'prob'; the methods are probe, fine-tune"),
        (["--from", "scratch", "--method", "fine-tune", "--objective", "l2"], "l2"),
        (["--from", "scratch", "--method", "fine-tune", "--devices", "2"], "expected 1: an experiment is many"),
        (["--from", "scratch", "--method", "fine-tune", "--against", "gone"], "gone holds no finished transfer"),
        (["--from", "gone", "--method", "probe"], "there is no such file"),
        (["--from", "scratch", "--method", "fine-tune", "--init", "x"], "give no `--init` with it"),
        (["--from", "scratch", "--method", "fine-tune", "--view", "PLAX"], "PLAX"),
        (["--from", "scratch", "--method", "fine-tune", "--all-clips"], "camus has no option only_with_masks"),
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
    monkeypatch.setattr("coreecho.experiments.transfer.transfer", lambda recipe, *_: asked.append(recipe))
    monkeypatch.setattr("coreecho.cli.transfer.show", lambda *_: None)
    table = ("transfer", "table", "--data", tmp_path, "--from", "scratch", "--method", "fine-tune")
    assert coreecho(*table) == 0
    assert coreecho(*table, "--num-frames", 8, "--stride", 2, "--validation-clips", 1) == 0
    given, changed = asked
    assert (given.input, given.validation_clips) == (Recipe.from_yaml(find_recipe("echonet")).input, 3)
    assert changed.input == replace(given.input, num_frames=8, stride=2)
    assert changed.validation_clips == 1


def test_the_help_names_methods_and_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    coreecho("transfer", "--help")
    shown = capsys.readouterr().out
    for word in ("--from", "--method", "--against", "probe", "fine-tune", "hmc-qu", "scratch"):
        assert word in shown
