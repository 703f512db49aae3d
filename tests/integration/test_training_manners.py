"""A training asks first, leaves the program that calls it as it was, and says what it did to whom."""

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from coreecho.cli.main import main
from coreecho.datasets import load_recordings
from coreecho.datasets.survey import Recordings
from coreecho.errors import DatasetError, RecipeError, TrainingError
from coreecho.evaluation.predictions import check_labels
from coreecho.models.weights import read_weights
from coreecho.stopping import Stop
from coreecho.tasks import EF, Scalar
from coreecho.training import Hardware, Recipe, RunFolder, resume, train
from coreecho.training.state import load_state

CPU = Hardware(device="cpu")


@pytest.fixture
def short(tiny_recipe: Recipe) -> Recipe:
    """One epoch of two steps in one stage."""
    return replace(tiny_recipe, stage1_epochs=1, stage2=False)


@pytest.fixture
def cohort(phantom_root: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copy the phantoms, with their table changed."""

    def copy(change: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table) -> Path:
        root = tmp_path / "cohort"
        shutil.copytree(phantom_root, root, ignore=shutil.ignore_patterns(".coreecho-store-*"))
        change(pd.read_csv(root / "FileList.csv")).to_csv(root / "FileList.csv", index=False)
        return root

    return copy


def test_it_trains_in_any_thread_and_takes_over_nothing(phantom_root: Path, tmp_path: Path, short: Recipe) -> None:
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002 - the global state is what is looked at
    random.seed(11)
    logger, found = logging.getLogger("coreecho"), []
    before = (
        torch.get_rng_state(),
        str(np.random.get_state()),  # noqa: NPY002
        random.getstate(),
        signal.getsignal(signal.SIGINT),
        signal.getsignal(signal.SIGTERM),
        logger.level,
        list(logger.handlers),
    )
    dropout = replace(short, dropout=0.3, head_dropout=0.3)
    thread = threading.Thread(
        target=lambda: found.append(train(dropout, data=phantom_root, out=tmp_path / "run", hardware=CPU))
    )
    thread.start()
    thread.join()
    assert found[0].is_finished
    after = (
        torch.get_rng_state(),
        str(np.random.get_state()),  # noqa: NPY002
        random.getstate(),
        signal.getsignal(signal.SIGINT),
        signal.getsignal(signal.SIGTERM),
        logger.level,
        list(logger.handlers),
    )
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    # What was drawn before it changes nothing either.
    torch.manual_seed(12)
    again = train(dropout, data=phantom_root, out=tmp_path / "again", hardware=CPU)
    weights, expected = load_file(again.best_weights), load_file(found[0].best_weights)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_another_program_stops_it_from_another_thread(phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe) -> None:
    stop, out, found = Stop(), tmp_path / "run", []
    long = replace(tiny_recipe, stage1_epochs=10_000)
    thread = threading.Thread(
        target=lambda: found.append(
            train(long, data=phantom_root, out=out, hardware=CPU, checkpoint_minutes=0, stop=stop)
        )
    )
    thread.start()
    while not (out / "last.ckpt").exists():
        time.sleep(0.01)
    stop.ask()
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert not found[0].is_finished
    assert load_state(out / "last.ckpt").step >= 1


def test_any_number_of_a_recording_is_learned(phantom_root: Path, tmp_path: Path, short: Recipe) -> None:
    volumes = replace(short, task="scalar", label="edv_ml", unit="mL", stage1_epochs=15, dropout=0.0, head_dropout=0.0)
    run = train(volumes, data=phantom_root, out=tmp_path / "run", hardware=CPU)
    validation = pd.read_csv(run.path / "validation.csv")
    truth = {recording.id: recording.edv_ml for recording in load_recordings("echonet", phantom_root)}
    assert validation.edv_ml_true.tolist() == pytest.approx([truth[name] for name in validation.recording], rel=1e-6)
    metrics = run.metrics()
    losses, contrasts = metrics.train_l1, metrics.train_rnc
    # The head starts at the mean volume, not at an EF.
    spread = np.std([recording.edv_ml for recording in run.recordings("train")])
    assert losses[0] < 3 * spread
    assert losses[-3:].mean() < 0.95 * losses[:2].mean()
    assert contrasts[-3:].mean() < 0.8 * contrasts[:2].mean()
    _, card = read_weights(run.best_weights)
    assert card is not None
    assert card.task == run.task == RunFolder.open(run.path).task == Scalar("edv_ml", "mL")
    assert card.trained_on is not None
    volumes = [recording.edv_ml for recording in run.recordings("train")]
    assert card.trained_on.label_range == (min(volumes), max(volumes))


@pytest.mark.parametrize("num_fractions", [1, 0.5])
def test_fractions_among_percents_are_refused_by_name(
    cohort: Callable[..., Path], tmp_path: Path, short: Recipe, num_fractions: float
) -> None:
    def mixed(table: pd.DataFrame) -> pd.DataFrame:
        is_fraction = np.arange(len(table)) < (num_fractions if num_fractions >= 1 else num_fractions * len(table))
        return table.assign(EF=np.where(is_fraction, table.EF / 100, table.EF))

    root = cohort(mixed)
    first = pd.read_csv(root / "FileList.csv").FileName[0]
    with pytest.raises(RecipeError, match=rf"(?s)at most 1, which no heart has.*{first}"):
        train(short, data=root, out=tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run").exists()
    with pytest.raises(DatasetError, match="Are these fractions"):
        check_labels(load_recordings("echonet", root), EF())


def test_ef_as_fractions_is_refused_with_its_cure_before_anything_is_made(
    cohort: Callable[..., Path], tmp_path: Path, short: Recipe
) -> None:
    root = cohort(lambda table: table.assign(EF=table.EF / 100))
    with pytest.raises(RecipeError, match=r"(?s)these are fractions.*--label-scale 100"):
        train(short, data=root, out=tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run").exists()
    run = train(replace(short, label_scale=100.0), data=root, out=tmp_path / "run", hardware=CPU)
    ef = [recording.ef_percent for recording in run.recordings("train")]
    original = {recording.id: recording.ef_percent for recording in load_recordings("echonet", root)}
    assert ef == [100 * original[recording.id] for recording in run.recordings("train")]  # type: ignore[operator]
    assert pd.read_csv(run.path / "validation.csv").ef_true.min() > 1


def test_a_label_that_no_recording_has_is_refused_with_those_that_they_have(
    phantom_root: Path, tmp_path: Path, short: Recipe
) -> None:
    with pytest.raises(RecipeError, match=r"learns age \(age\), and no recording .* ef_percent, esv_ml, edv_ml\."):
        train(replace(short, task="scalar", label="age"), data=phantom_root, out=tmp_path / "run", hardware=CPU)
    infarctions = replace(short, task="mi", objective="bce")
    with pytest.raises(RecipeError, match=r"learns finding of infarction \(has_mi\)"):
        train(infarctions, data=phantom_root, out=tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run").exists()


def test_recordings_without_a_label_are_named_before_anything_is_made(
    cohort: Callable[..., Path], tmp_path: Path, short: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = cohort()
    recordings = [
        replace(recording, edv_ml=None if place == 3 else recording.edv_ml, split="val" if place > 11 else "train")
        for place, recording in enumerate(load_recordings("echonet", root))
    ]
    monkeypatch.setattr("coreecho.training.run_folder.load_recordings", lambda *_, **__: Recordings(recordings, {}, ()))
    with pytest.raises(DatasetError, match=rf"1 of 16 recordings .* have no edv ml, e.g. \['{recordings[3].id}'\]"):
        train(replace(short, task="scalar", label="edv_ml"), data=root, out=tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run").exists()


def test_a_column_of_a_table_is_learned_as_it_is_there(
    cohort: Callable[..., Path], tmp_path: Path, short: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a loader keeps of other columns in `Recording.labels` is a label as any other, and scaled as any other."""
    root = cohort()
    recordings = [
        replace(recording, labels={"gls": -0.01 * place})
        for place, recording in enumerate(load_recordings("echonet", root))
    ]
    monkeypatch.setattr("coreecho.training.run_folder.load_recordings", lambda *_, **__: Recordings(recordings, {}, ()))
    recipe = replace(short, task="scalar", label="gls", unit="%", label_low=-40.0, label_high=0.0)
    run = train(replace(recipe, label_scale=100.0), data=root, out=tmp_path / "run", hardware=CPU)
    true = pd.read_csv(run.path / "validation.csv").set_index("recording").gls_true
    expected = {recording.id: 100 * recording.labels["gls"] for recording in recordings if recording.split == "val"}
    assert true.to_dict() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(RecipeError, match="labels of gls lie outside -40 to 0 %"):
        train(replace(recipe, label_scale=1000.0), data=root, out=tmp_path / "other", hardware=CPU)


def test_without_a_validation_split_the_last_epoch_is_kept_and_no_recording_is_left_out(
    cohort: Callable[..., Path], tmp_path: Path, short: Recipe
) -> None:
    root = cohort(lambda table: table.assign(Split=table.Split.replace("VAL", "TRAIN")))
    num_train = sum(recording.split == "train" for recording in load_recordings("echonet", root))
    with pytest.raises(DatasetError, match=r"no recording in its VAL split.*--select last"):
        train(short, data=root, out=tmp_path / "run", hardware=CPU)
    recipe = replace(
        short, select="last", keep_last_batch=True, batch_size=num_train - 2, stage1_epochs=3, views="one_clip"
    )
    run = train(recipe, data=root, out=tmp_path / "run", hardware=CPU)
    assert run.is_finished
    metrics = run.metrics()
    assert "val_mae" not in metrics
    assert not (run.path / "validation.csv").exists()
    state = load_state(run.state)
    assert state.step == 6
    best = load_file(run.best_weights)
    assert all(torch.equal(best[name], state.model[name]) for name in best)
    _, card = read_weights(run.best_weights)
    assert card is not None
    assert card.trained_on is not None
    assert (card.trained_on.epoch, card.trained_on.best_validation) == (2, None)


@pytest.mark.parametrize(("select", "kept"), [("best", 1), ("last", 3)])
def test_the_epoch_that_is_asked_for_is_kept(
    phantom_root: Path, tmp_path: Path, short: Recipe, monkeypatch: pytest.MonkeyPatch, select: str, kept: int
) -> None:
    # Of two that are equal, the earlier one is the best.
    errors = iter([7.0, 5.0, 5.0, 6.0])
    monkeypatch.setattr("coreecho.training.objectives.Objective.figures", lambda *_: {"val_mae": next(errors)})
    recipe = replace(short, stage1_epochs=4, select=select)
    run = train(recipe, data=phantom_root, out=tmp_path / "run", hardware=CPU)
    _, card = read_weights(run.best_weights)
    assert card is not None
    assert card.trained_on is not None
    assert card.trained_on.epoch == kept


def test_frames_that_were_replaced_are_noticed_on_resume(
    cohort: Callable[..., Path], tmp_path: Path, tiny_recipe: Recipe
) -> None:
    root, stop = cohort(), Stop()
    stop.ask()
    run = train(tiny_recipe, data=root, out=tmp_path / "run", hardware=CPU, stop=stop)
    assert not run.is_finished
    first, second = sorted((root / "Videos").iterdir())[:2]
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(RecipeError, match=r"The recordings, frames, labels or splits under .* are not those"):
        resume(run.path)
    first.write_bytes(kept)
    assert resume(run.path).is_finished


def test_a_run_says_what_lay_in_each_split(phantom_root: Path, tmp_path: Path, short: Recipe) -> None:
    run = train(short, data=phantom_root, out=tmp_path / "run", hardware=CPU)
    told = RunFolder.open(run.path).split_ids
    assert told == json.loads((run.path / "run.json").read_text())["split_ids"]
    for split in ("train", "val", "test"):
        assert list(told[split]) == [recording.id for recording in run.recordings(split)]
    hashes = [digest for split in told.values() for digest in split.values()]
    assert len(set(hashes)) == len(hashes) == 16


def test_a_loss_that_is_not_finite_names_only_files_that_are_there(
    phantom_root: Path, tmp_path: Path, short: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "coreecho.training.objectives.rank_n_contrast_loss",
        lambda embeddings, *_: embeddings.sum() * float("nan"),
    )
    with pytest.raises(TrainingError) as raised:
        train(short, data=phantom_root, out=tmp_path / "run", hardware=CPU)
    assert "loss became nan in stage1, step 0" in str(raised.value)
    assert "last.ckpt" not in str(raised.value)
    assert "best.safetensors" not in str(raised.value)
    # The log has what the message leaves out.
    log = (tmp_path / "run" / "train.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert "in note_step" in log


@pytest.mark.slow
def test_a_signal_saves_the_state_and_says_how_to_go_on(tmp_path: Path, endless: list[str]) -> None:
    """A process of its own, stopped as a scheduler stops it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "coreecho", *endless],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    run = tmp_path / "run"
    while not (run / "metrics.csv").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert_was_stopped(run, told)


# The command line is read from sys.argv on purpose.
@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")
def test_ctrl_c_saves_the_state_and_says_how_to_go_on(
    tmp_path: Path, endless: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", ["coreecho", *endless])
    monkeypatch.setenv("COLUMNS", "200")

    def press() -> None:
        while not (run / "metrics.csv").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    # What a signal says goes to the terminal itself.
    assert_was_stopped(run, capfd.readouterr().err)


@pytest.fixture
def endless(phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe) -> list[str]:
    """The words of a command that trains in the folder `run` until it is stopped."""
    (tmp_path / "recipe.yaml").write_text(replace(tiny_recipe, stage1_epochs=10_000).to_yaml())
    words = ("train", tmp_path / "recipe.yaml", "--data", phantom_root, "--out", tmp_path / "run", "--device", "cpu")
    return [*map(str, words)]


def assert_was_stopped(run: Path, told: str) -> None:
    assert "Stopping after this step; once more to stop at once." in told
    assert f"Stopped. Go on with: coreecho train --resume {run}" in told
    assert load_state(run / "last.ckpt").step > 0
    assert "stopped after step" in (run / "train.log").read_text()
