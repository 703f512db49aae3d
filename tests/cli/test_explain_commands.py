"""`coreecho explain`, `embed`, `map`, `neighbours` and `continuity`, as a user types them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
import torch
from cyclopts import App
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from tests.shared.weights import small_card

from coreecho.cli.continuity import continuity
from coreecho.cli.embed import embed
from coreecho.cli.explain import explain
from coreecho.cli.map import draw_map
from coreecho.cli.neighbours import neighbours
from coreecho.errors import CheckpointError, CoReEchoError, DatasetError, RecipeError, VideoError
from coreecho.models import TrainedOn, build_model, save_weights
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware, RunFolder, find_data
from coreecho.video import read_video
from coreecho.video.store import FrameStore

pytestmark = pytest.mark.usefixtures("quick_outlines")
Command = Callable[..., str]


@pytest.fixture
def coreecho(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line that must succeed; gives what it prints."""
    monkeypatch.setenv("COLUMNS", "160")
    app = App(name="coreecho")
    for command in (explain, embed, neighbours, continuity):
        app.command(command)
    app.command(draw_map, name="map")

    def type_in(*words: object) -> str:
        assert app([*map(str, words)], result_action="return_value", exit_on_error=False, print_error=False) == 0
        return capsys.readouterr().out

    return type_in


def make_run(path: Path, root: Path, recipe: Recipe, *, store: Path | None = None) -> Path:
    """The folder of a run whose weights are those that it began with."""
    folder = RunFolder.create(path, recipe, find_data("echonet", root, recipe, store), Hardware())
    trained_on = TrainedOn(
        dataset="echonet",
        is_phantom=True,
        num_recordings=12,
        fps_range=(18.0, 150.0),
        label_range=(20.0, 80.0),
        recipe=recipe.name,
        epoch=0,
        best_validation=10.0,
    )
    card = small_card(recipe.input, trained_on=trained_on)
    torch.manual_seed(0)
    save_weights(folder.best_weights, build_model("uniformer_xs", recipe.input, last_bias=55.0), card)
    return folder.path


@pytest.fixture
def run(tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe) -> Path:
    return make_run(tmp_path / "run", phantom_root, tiny_recipe)


@pytest.fixture
def clip(phantom_root: Path) -> Path:
    return sorted((phantom_root / "Videos").glob("*.avi"))[0]


class TestExplain:
    def test_a_file(self, coreecho: Command, run: Path, clip: Path, tmp_path: Path) -> None:
        out = coreecho("explain", clip, "--model", run, "--out", tmp_path / "out", "--film", "gif", "--clips", 2)
        document = json.loads((tmp_path / "out" / "explanation.json").read_text())
        assert f"Predicted EF {document['ef_percent']:.1f} %" in out
        assert "no interval" in out
        assert "The map (Grad-CAM) is bright on what raises the EF. It is coarse: 8 x 8 fields over the picture." in out
        assert document["level"] == "level1"
        assert "phantom result: simulated hearts" in out
        assert "not a medical device" in out
        # What `--level` was called before, and what the levels were.
        assert "It is coarse: 4 x 4 fields" in coreecho(
            "explain", clip, "--model", run, "--out", tmp_path / "old", "--clips", 1, "--stage", "stage2"
        )
        assert {path.name for path in (tmp_path / "out").iterdir()} == {
            "overlay.gif", "contact_sheet.png", "map.npz", "explanation.json",
        }  # fmt: skip

    def test_a_data_set(self, coreecho: Command, run: Path, phantom_root: Path, tmp_path: Path) -> None:
        words = ("--dataset", "echonet", "--data", phantom_root, "--model", run, "--out", tmp_path / "out")
        out = coreecho("explain", *words, "--split", "train", "--evidence", "absolute")
        assert "LV focus" in out
        assert "12 of 12 recordings" in out
        assert "phantom result: simulated hearts" in out
        document = json.loads((tmp_path / "out" / "lv_focus.json").read_text())
        assert f"{document['lv_focus']['estimate']:.3f}" in out
        assert f"{document['lv_focus']['low']:.3f} to {document['lv_focus']['high']:.3f}" in out

    def test_a_data_set_is_read_from_the_store_of_the_run(
        self, coreecho: Command, phantom_root: Path, tiny_recipe: Recipe, tmp_path: Path
    ) -> None:
        """The data set's folder may be one that nobody can write to: nothing is decoded into it."""
        root = tmp_path / "data"
        shutil.copytree(phantom_root, root, ignore=shutil.ignore_patterns(".coreecho-store*"))
        run = make_run(tmp_path / "run", root, tiny_recipe, store=tmp_path / "store")
        before = set(root.iterdir())
        words = ("--dataset", "echonet", "--data", root, "--model", run, "--out", tmp_path / "out", "--split", "val")
        coreecho("explain", *words, "--evidence", "absolute")
        assert len(FrameStore.open(tmp_path / "store")) == 16
        coreecho("explain", *words, "--evidence", "absolute", "--store", tmp_path / "other")
        assert len(FrameStore.open(tmp_path / "other")) == 16
        assert set(root.iterdir()) == before

    @pytest.mark.parametrize("words", [(), ("clip.avi", "--dataset", "echonet"), ("--dataset", "echonet")])
    def test_what_to_explain_must_be_said(self, coreecho: Command, run: Path, words: tuple[str, ...]) -> None:
        with pytest.raises(RecipeError, match="Say what to explain"):
            coreecho("explain", *words, "--model", run)

    def test_other_faults(self, coreecho: Command, run: Path, clip: Path, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match=r"absent\.avi"):
            coreecho("explain", tmp_path / "absent.avi", "--model", run)
        with pytest.raises(CheckpointError, match=r"there is no such file"):
            coreecho("explain", clip, "--model", tmp_path / "absent.safetensors")
        with pytest.raises(RecipeError, match=r"level: expected one of auto, level1, .* got 'stage5'"):
            coreecho("explain", clip, "--model", run, "--stage", "stage5")
        with pytest.raises(RecipeError, match="Cannot compute on the device 'abacus'"):
            coreecho("explain", clip, "--model", run, "--device", "abacus")
        for command in ("explain", "neighbours"):
            with pytest.raises(RecipeError, match="takes its clips from the whole video"):
                coreecho(command, clip, "--model", run, "--beat", "3:9")


class TestEmbed:
    def test_writes_what_was_asked_for(self, coreecho: Command, run: Path, tmp_path: Path) -> None:
        out = coreecho("embed", run, "--split", "train", "--out", tmp_path / "train.npz", "--clips", 1)
        assert "12 embeddings of 160 numbers" in out
        assert "simulated hearts" in out
        with np.load(tmp_path / "train.npz") as archive:
            assert archive["embeddings"].shape == (12, 160)
            assert len(set(archive["ids"].tolist())) == 12
            assert np.isfinite(archive["ef_percent"]).all()

    def test_a_wrong_name_is_refused_before_the_work(self, coreecho: Command, run: Path, tmp_path: Path) -> None:
        with pytest.raises(CoReEchoError, match=r"written as \.npz or \.parquet"):
            coreecho("embed", run, "--out", tmp_path / "test.csv")
        assert not (run / "explain").exists()
        with pytest.raises(CheckpointError, match="is not the folder of a run"):
            coreecho("embed", tmp_path, "--out", tmp_path / "test.npz")


class TestMap:
    def test_two_runs_and_a_new_clip(
        self, coreecho: Command, run: Path, clip: Path, phantom_root: Path, tiny_recipe: Recipe, tmp_path: Path
    ) -> None:
        other = make_run(tmp_path / "other", phantom_root, tiny_recipe)
        words = ("--split", "train", "--method", "pca", "--clips", 1, "--clip", clip, "--out", tmp_path / "map")
        out = coreecho("map", run, other, *words)
        assert out.count("PCA of 12 recordings: tiny (rnc_l1), TRAIN split of simulated hearts (phantoms)") == 2
        assert out.count("new clip, predicted EF 5") == 2
        table = pd.read_csv(tmp_path / "map" / "map.csv")
        assert table["map"].value_counts().to_dict() == {1: 12, 2: 12}
        assert table["is_phantom"].all()
        page = (tmp_path / "map" / "map.html").read_text()
        # The clip is one of the recordings, whose id stands for it; its file's name does not.
        assert page.count('"new clip"') == 2
        assert str(clip.name) not in page
        assert (tmp_path / "map" / "map.png").stat().st_size > 10_000

    def test_goes_into_the_run_by_default(self, coreecho: Command, run: Path) -> None:
        coreecho("map", run, "--split", "train", "--method", "pca", "--clips", 1)
        assert (run / "explain" / "map-train" / "map.html").is_file()

    def test_too_small_a_split(self, coreecho: Command, run: Path) -> None:
        with pytest.raises(RecipeError, match="A map needs at least 4 recordings, got 2"):
            coreecho("map", run, "--split", "test", "--clips", 1)


class TestNeighbours:
    def test_a_training_clip_finds_itself(
        self, coreecho: Command, run: Path, phantom_root: Path, tmp_path: Path
    ) -> None:
        recording = RunFolder.open(run).recordings("train")[3]
        out = coreecho("neighbours", recording.path, "--model", run, "--k", 3, "--out", tmp_path / "out", "--clips", 1)
        assert recording.id in out
        assert "simulated hearts (phantoms)" in out
        table = pd.read_csv(tmp_path / "out" / "neighbours.csv")
        assert table["rank"].tolist() == [1, 2, 3]
        assert table["recording"][0] == recording.id
        assert table["distance"][0] == pytest.approx(0, abs=1e-4)
        assert table["ef_percent"][0] == pytest.approx(recording.ef_percent)
        document = json.loads((tmp_path / "out" / "neighbours.json").read_text())
        assert document["mean_of_neighbours"] == pytest.approx(table["ef_percent"].mean())
        assert document["is_phantom"] is True
        assert "not a medical device" in document["notice"]
        assert (tmp_path / "out" / "neighbours.png").stat().st_size > 10_000

    def test_without_a_folder_it_only_tells(self, coreecho: Command, run: Path, clip: Path, tmp_path: Path) -> None:
        before = set(tmp_path.iterdir())
        assert "mean EF of these recordings" in coreecho("neighbours", clip, "--model", run, "--clips", 1)
        assert set(tmp_path.iterdir()) == before


class TestContinuity:
    def test_table_and_files(self, coreecho: Command, run: Path) -> None:
        out = coreecho("continuity", run, "--split", "train", "--hearts", 1, "--clips", 1)
        for label in ("Rank correlation", "EF beyond nuisances", "gain", "Straightness along EF", "EF points", "nats"):
            assert label in out
        assert "simulated hearts" in out
        folder = run / "explain" / "continuity-train"
        assert {path.name for path in folder.iterdir()} == {
            "continuity.json", "continuity.csv", "continuity.png", "paths.csv",
        }  # fmt: skip

    def test_two_runs(
        self, coreecho: Command, run: Path, phantom_root: Path, tiny_recipe: Recipe, tmp_path: Path
    ) -> None:
        other = make_run(tmp_path / "other", phantom_root, tiny_recipe)
        words = ("--split", "train", "--hearts", 0, "--clips", 1)
        out = coreecho("continuity", run, other, *words)
        assert "Second run minus first, paired: 12 recordings" in out
        assert "An interval that holds 0 does not tell the runs apart." in out
        # The weights are the same, so no figure differs.
        assert out.count("+0.000 to +0.000") > 4
        assert (other / "explain" / "continuity-train" / "continuity.json").is_file()
        written = run / "explain" / "continuity-train-against-other" / "continuity_difference.json"
        assert json.loads(written.read_text())["differences"]["rank_correlation"]["estimate"] == 0
        coreecho("continuity", run, other, *words, "--out", tmp_path / "out")
        assert {path.name for path in (tmp_path / "out").iterdir()} == {
            "first", "second", "continuity_difference.json",
        }  # fmt: skip

    def test_too_small_a_split(self, coreecho: Command, run: Path) -> None:
        with pytest.raises(DatasetError, match="needs at least 3 of them, got 2"):
            coreecho("continuity", run, "--clips", 1)


def test_arrays_in_another_order_of_axes_are_read_by_every_command(
    coreecho: Command, run: Path, clip: Path, tmp_path: Path
) -> None:
    frames = read_video(clip).frames
    turned = tmp_path / "turned.npy"
    np.save(turned, np.ascontiguousarray(frames.transpose(1, 2, 0)))
    named = ("--axes", "HWT", "--clips", 1)
    shown = coreecho("explain", turned, "--model", run, "--out", tmp_path / "out", "--film", "gif", *named)
    assert "Predicted EF" in shown
    # The phantom itself is the nearest of the recordings among which it is.
    nearest = coreecho("neighbours", turned, "--model", run, "--k", 1, *named)
    assert clip.stem in nearest
    words = ("--split", "train", "--method", "pca", "--out", tmp_path / "map", "--clip", turned)
    assert "new clip, predicted EF 5" in coreecho("map", run, *words, *named)
    with pytest.raises(VideoError, match=r"expected the letters T \(time\), H \(rows\), W \(columns\)"):
        coreecho("explain", turned, "--model", run, "--out", tmp_path / "bad", "--axes", "HHT")


def test_a_series_of_single_frames_is_one_clip_for_every_command(coreecho: Command, run: Path, tmp_path: Path) -> None:
    whole = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm")))
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(generate_frames(whole.PixelData, number_of_frames=30)):
        whole.PixelData, whole.NumberOfFrames, whole.InstanceNumber = encapsulate([frame]), 1, number + 1
        whole.save_as(tmp_path / "frames" / f"IM{number:02d}")
    words = ("--model", run, "--out", tmp_path / "out", "--film", "gif", "--clips", 1)
    # One refused entry for all of its files, which may as well be the stills of an examination.
    assert "Predicted EF" not in coreecho("explain", tmp_path / "frames", *words)
    assert "Predicted EF" in coreecho("explain", tmp_path / "frames", *words, "--series")
    # One of its files stands for all.
    assert "Predicted EF" in coreecho("explain", tmp_path / "frames" / "IM07", *words, "--series")
    with pytest.raises(VideoError, match="holds 0 clips that lie as single DICOM frames"):
        coreecho("explain", tmp_path / "out", *words, "--series")
