"""`coreecho demo`, with few hearts: every step runs; how well it learns is for the real one to show."""

from pathlib import Path

import pandas as pd
import pytest

from coreecho.cli.demo import demo
from coreecho.training import Recipe, RunFolder, find_recipe
from coreecho.training.recipe import read_recipe_file


@pytest.mark.slow
def test_the_demo_goes_from_simulated_hearts_to_a_real_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    short = {"frame_size": 32, "num_frames": 4, "stage1_epochs": 2, "stage2_epochs": 1, "validation_clips": 1}
    recipe = Recipe.from_mapping(read_recipe_file(find_recipe("demo")) | short, source="the demo recipe, made short")
    (tmp_path / "short.yaml").write_text(recipe.to_yaml())
    monkeypatch.setattr("coreecho.training.find_recipe", lambda name: {"demo": tmp_path / "short.yaml"}[name])
    out = Path("demo")
    assert demo(out=out, recordings=26) == 0
    run = RunFolder.open(out / "run")
    assert run.is_finished
    assert run.data.is_phantom
    predictions = pd.read_csv(next((run.path / "evaluation").rglob("predictions.csv")))
    assert len(predictions) == len(run.recordings("test"))
    told = capsys.readouterr()
    shown = " ".join((told.out + told.err).split())
    assert "examples_ybr_color.dcm" in shown
    assert "no clinical meaning" in shown
    assert "Not a medical device" in shown
    assert "learning_curves.png" in shown
    # Called again, it does nothing that is done already.
    trained = (run.path / "last.ckpt").stat().st_mtime_ns
    assert demo(out=out, recordings=26) == 0
    assert (run.path / "last.ckpt").stat().st_mtime_ns == trained
