"""`coreecho report`, as a user types it."""

import shutil

import pytest
import torch
from cyclopts import App, CycloptsError
from tests.shared.weights import small_card

from coreecho.cli.report import report
from coreecho.errors import BusyError, CheckpointError
from coreecho.files import alone_in
from coreecho.models import build_model, save_weights
from coreecho.training.run_folder import Hardware, RunFolder, find_data


@pytest.fixture
def run(tmp_path, phantom_root, tiny_recipe):
    """The folder of a run whose weights are those that it began with."""
    data = find_data("echonet", phantom_root, tiny_recipe, None)
    folder = RunFolder.create(tmp_path / "run", tiny_recipe, data, Hardware())
    columns = "stage,epoch,train_loss,train_rnc,train_l1,val_mae,val_r2,learning_rate,seconds"
    (folder.path / "metrics.csv").write_text(f"{columns}\nstage1,0,12.5,2.75,10.5,11.5,-0.5,0.001,1.5\n")
    card = small_card(tiny_recipe.input)
    torch.manual_seed(0)
    save_weights(folder.best_weights, build_model("uniformer_xs", tiny_recipe.input, last_bias=55.0), card)
    return folder.path


def type_in(*words: object) -> int:
    app = App(name="coreecho")
    app.command(report)
    return app([str(word) for word in words], result_action="return_value", exit_on_error=False, print_error=False)


def test_writes_one_file_into_the_run_and_says_where(run, capsys):
    assert (
        type_in("report", run, "--split", "train", "--clips", 1, "--cases", 1, "--hearts", 0, "--map-method", "pca")
        == 0
    )
    page = run / "report.html"
    captured = capsys.readouterr()
    assert f"Report: {page}" in captured.out
    assert "one file, opens in any browser" in captured.out
    assert "Grad-CAM" in captured.err
    assert "TRAIN split, 1 clip a recording" in page.read_text(encoding="utf-8")


def test_two_runs_and_a_place_for_the_file(run, tmp_path):
    second = tmp_path / "second"
    shutil.copytree(run, second)
    out = tmp_path / "page.html"
    options = ["--split", "train", "--clips", 1, "--cases", 0, "--hearts", 0, "--map-method", "pca", "--no-lv-focus"]
    assert type_in("report", run, second, "--out", out, *options) == 0
    assert "A · run and B · second" in out.read_text(encoding="utf-8")
    assert not (run / "report.html").exists()


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"is not the folder of a run.*coreecho train --out"):
        type_in("report", tmp_path)


@pytest.mark.parametrize("flags", [["--split", "every"], ["--cases", "-1"], ["--map-method", "tsne"]])
def test_refuses_what_makes_no_sense(run, flags):
    with pytest.raises(CycloptsError):
        type_in("report", run, *flags)


def test_two_at_once_do_not_write_the_same_file(run, capsys):
    alone = alone_in(run, doing="writing report.html", name=".report.html.lock")
    with alone, pytest.raises(BusyError, match=r"Another process is writing report.html in"):
        type_in("report", run, "--split", "val", "--hearts", "0")
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("damaged", [b"", b'stage,epoch\n"', b"\xb2\xff,\xfe", b"stage,epoch,learning_rate,seconds\n"])
def test_a_damaged_table_of_epochs_is_named(run, damaged):
    (run / "metrics.csv").write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r"metrics\.csv is damaged"):
        type_in("report", run)
