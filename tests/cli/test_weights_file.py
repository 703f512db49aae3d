"""Each command on a file of weights, which knows no data and no recipe: as of imported, published ones."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cyclopts import App

from coreecho.cli.continuity import continuity
from coreecho.cli.embed import embed
from coreecho.cli.evaluate import evaluate
from coreecho.cli.explain import explain
from coreecho.cli.map import draw_map
from coreecho.cli.neighbours import neighbours
from coreecho.cli.report import report
from coreecho.errors import DatasetError, RecipeError
from coreecho.training import RunFolder

pytestmark = pytest.mark.usefixtures("rough_pictures")

Command = Callable[..., str]


@pytest.fixture
def coreecho(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line that must succeed; gives what it prints."""
    monkeypatch.setenv("COLUMNS", "200")
    app = App(name="coreecho")
    for command in (continuity, embed, evaluate, explain, neighbours, report):
        app.command(command)
    app.command(draw_map, name="map")

    def type_in(*words: object) -> str:
        assert app([*map(str, words)], result_action="return_value", exit_on_error=False, print_error=False) == 0
        return capsys.readouterr().out

    return type_in


@pytest.fixture
def root(phantom_root: Path) -> Path:
    return phantom_root


@pytest.fixture
def weights(run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path) -> Path:
    """The best weights of a run, copied out of it."""
    return Path(shutil.copy(run_of_every_recipe["demo"].best_weights, tmp_path / "published.safetensors"))


@pytest.mark.parametrize(
    "words", [("report",), ("map",), ("continuity",), ("embed", "--out", "out.npz")], ids=lambda words: words[0]
)
def test_data_must_be_named(words: tuple[str, ...], coreecho: Command, weights: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"published\.safetensors is a file of weights, and knows no data: give `--da"
    ):
        coreecho(words[0], weights, *words[1:])


def test_report(coreecho: Command, weights: Path, root: Path) -> None:
    words = ("--split", "train", "--clips", 1, "--cases", 1, "--hearts", 0, "--map-method", "pca")
    out = coreecho("report", weights, "--data", root, *words)
    (place,) = (weights.parent / "published-results" / "report").glob("*/report.html")
    assert str(place) in out
    page = place.read_text(encoding="utf-8")
    assert "published: a file of weights does not say how it learned, so there are no learning curves." in page
    assert "published: a file of weights does not say by which settings it was trained" in page
    assert "All other settings" not in page
    for row in ("Objective", "Seed", "Epochs done", "Computed on"):
        assert f">{row}</th>" not in page
    assert ">Fingerprint of the weights</th>" in page
    assert "echonet, folder cohort" in page
    assert "does not say which recordings it was trained on" not in page, "the training split was asked for by name"
    for anchor in ("metrics", "cases", "focus", "map", "continuity"):
        assert f'id="{anchor}"' in page


def test_report_beside_the_run_that_made_them(
    coreecho: Command, weights: Path, run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path
) -> None:
    run = run_of_every_recipe["demo"]
    copied = shutil.copytree(run.path, tmp_path / "run")
    words = ("--split", "val", "--clips", 1, "--cases", 0, "--hearts", 0, "--no-lv-focus", "--map-method", "pca")
    coreecho("report", copied, weights, "--data", run.data.root, "--out", tmp_path / "page.html", *words)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "B · published: a file of weights does not say how it learned" in page
    assert "B · published: a file of weights does not say which recordings it was trained on: some of" in page
    assert "not known" in page
    assert "Validation mean absolute error" in page or "over the epochs" in page


def test_start_index(coreecho: Command, weights: Path, root: Path, tmp_path: Path) -> None:
    names = pd.read_csv(root / "FileList.csv").query("Split == 'VAL'")["FileName"]
    index = tmp_path / "starts.json"
    index.write_text(json.dumps({f"{name}.avi": [0, 2] for name in names}))
    words = ("--split", "val", "--cases", 0, "--hearts", 0, "--no-lv-focus", "--out", tmp_path / "page.html")
    coreecho("report", weights, "--data", root, "--start-index", index, *words)
    assert "starts.json" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_embed(coreecho: Command, weights: Path, root: Path, tmp_path: Path) -> None:
    out = coreecho("embed", weights, "--data", root, "--split", "train", "--clips", 1, "--out", tmp_path / "out.npz")
    assert "12 embeddings of 160 numbers" in out
    with np.load(tmp_path / "out.npz") as archive:
        assert np.isfinite(archive["ef_percent"]).all()


def test_map(coreecho: Command, weights: Path, root: Path) -> None:
    out = coreecho("map", weights, "--data", root, "--split", "train", "--method", "pca", "--clips", 1)
    assert "PCA of 12 recordings" in out
    (folder,) = (weights.parent / "published-results" / "explain").glob("map-train-on-cohort-*")
    assert len(pd.read_csv(folder / "map.csv")) == 12


def test_continuity(coreecho: Command, weights: Path, root: Path) -> None:
    words = ("--data", root, "--split", "train", "--hearts", 0, "--clips", 1)
    assert "Rank correlation" in coreecho("continuity", weights, *words)
    (folder,) = (weights.parent / "published-results" / "explain").glob("continuity-train-on-cohort-*")
    assert json.loads((folder / "continuity.json").read_text())["num_recordings"] == 12


def test_neighbours(coreecho: Command, weights: Path, root: Path, tmp_path: Path) -> None:
    clip = sorted((root / "Videos").glob("*.avi"))[0]
    words = ("--model", weights, "--data", root, "--k", 3, "--clips", 1, "--out", tmp_path / "out")
    assert "mean EF of these recordings" in coreecho("neighbours", clip, *words)
    assert pd.read_csv(tmp_path / "out" / "neighbours.csv")["rank"].tolist() == [1, 2, 3]


def test_explain_a_data_set(coreecho: Command, weights: Path, root: Path, tmp_path: Path) -> None:
    words = (
        "--model",
        weights,
        "--data",
        root,
        "--split",
        "train",
        "--evidence",
        "absolute",
        "--out",
        tmp_path / "out",
    )
    assert "12 of 12 recordings" in coreecho("explain", *words)
    table = tmp_path / "labels.csv"
    table.write_text(f"path,ef_percent,split\n{sorted((root / 'Videos').glob('*.avi'))[0]},55,test\n")
    with pytest.raises(DatasetError, match=r"needs traced ventricles, and .* in the layout of a table of clips, has"):
        coreecho("explain", "--model", weights, "--data", table, "--dataset", "table", "--out", tmp_path / "none")


@pytest.mark.parametrize("command", ["report", "map", "continuity", "embed"])
def test_what_a_run_was_trained_on_is_refused_or_labelled(
    command: str, coreecho: Command, run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path
) -> None:
    run = run_of_every_recipe["demo"]
    copied = shutil.copytree(run.path, tmp_path / "run")
    moved = shutil.copytree(run.data.root, tmp_path / "moved")
    table = pd.read_csv(moved / "FileList.csv")
    table.assign(Split=table["Split"].replace({"TRAIN": "TEST"})).to_csv(moved / "FileList.csv", index=False)
    name = {"embed": "out.npz", "report": "page.html"}.get(command, "out")
    words = ["--data", moved, "--clips", 1, "--out", tmp_path / name]
    words += {"continuity": ["--hearts", 0], "map": ["--method", "pca"], "embed": []}.get(
        command, ["--cases", 0, "--hearts", 0, "--no-lv-focus", "--map-method", "pca"]
    )
    with pytest.raises(DatasetError, match=r"was trained on \d+ of the \d+ recordings in the TEST split"):
        coreecho(command, copied, *words)
    out = coreecho(command, copied, *words, "--allow-overlap")
    said = (tmp_path / name).read_text(encoding="utf-8") if command == "report" else out
    assert "includes recordings the model was trained on" in said
