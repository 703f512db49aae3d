"""A run from its beginning to its end, and through every way in which it can be cut short."""

import csv
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.shared.stops import StopAfter

from coreecho.errors import BusyError, CheckpointError, DatasetError, RecipeError, TrainingError
from coreecho.files import alone_in
from coreecho.training import Hardware, Recipe, RunFolder, resume, train
from coreecho.training import recorder as recorder_module
from coreecho.training.state import RunState, load_state

CPU = Hardware(device="cpu")


@pytest.fixture(scope="session")
def finished(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The tiny recipe, run without an interruption."""
    recipe = Recipe.from_mapping(tiny_settings(), source="test")
    return train(recipe, data=phantom_root, out=tmp_path_factory.mktemp("runs") / "whole", hardware=CPU)


def tiny_settings() -> dict[str, Any]:
    sizes = {"num_frames": 4, "stride": 4, "frame_size": 32, "crop_pad": 2, "batch_size": 4}
    lengths = {"stage1_epochs": 2, "stage2_epochs": 1, "validation_clips": 2}
    return {"name": "tiny", "encoder": "uniformer_xs", "learning_rate": 1e-3} | sizes | lengths


def final_weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_state(run.state).model


def assert_same_weights(run: RunFolder, other: RunFolder) -> None:
    weights, expected = final_weights(run), final_weights(other)
    assert weights.keys() == expected.keys()
    assert [name for name in expected if not weights[name].equal(expected[name])] == []
    best, expected_best = load_file(run.best_weights), load_file(other.best_weights)
    assert [name for name in expected_best if not best[name].equal(expected_best[name])] == []


def test_a_run_leaves_a_folder_that_tells_everything(finished: RunFolder) -> None:
    names = {path.name for path in finished.path.iterdir()}
    expected = {
        "recipe.yaml",
        "run.json",
        "metrics.csv",
        "validation.csv",
        "best.safetensors",
        "last.ckpt",
        "train.log",
    }
    assert expected <= names
    assert not [name for name in names if "part" in name]
    info = json.loads((finished.path / "run.json").read_text())
    assert info["is_finished"]
    assert info["is_phantom"]
    # `auto` would tell nobody later on what it was.
    assert len(info["computed_on"]) == 1
    assert info["computed_on"][0] in finished.hardware_words
    assert "auto" not in finished.hardware_words
    assert info["versions"].keys() >= {"coreecho", "torch", "numpy", "python"}
    metrics = finished.metrics()
    assert metrics.stage.tolist() == ["stage1", "stage1", "stage2"]
    assert metrics.epoch.tolist() == [1, 2, 1]
    np.testing.assert_allclose(metrics.train_loss[:2], metrics.train_rnc[:2] + metrics.train_l1[:2], rtol=1e-6)
    assert metrics.val_mae.notna().all()
    assert "stage2 epoch 1:" in (finished.path / "train.log").read_text()


def test_tensorboard_gets_every_epoch_where_it_is_asked_for(
    finished: RunFolder, tmp_path: Path, tiny_recipe: Recipe
) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert not (finished.path / "tensorboard").exists()
    run = train(tiny_recipe, data=finished.data.root, out=tmp_path / "run", hardware=CPU, tensorboard=True)
    events = loading.EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    curve = [event.value for stage in ("stage1", "stage2") for event in events.Scalars(f"{stage}/val_mae")]
    np.testing.assert_allclose(curve, run.metrics().val_mae, rtol=1e-5)


def test_validation_of_the_best_epoch_is_kept(finished: RunFolder) -> None:
    with (finished.path / "validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    truth = {recording.id: recording.ef_percent for recording in finished.recordings("val")}
    assert {row["recording"] for row in rows} == truth.keys()
    errors = [abs(float(row["ef_predicted"]) - float(row["ef_true"])) for row in rows]
    assert np.mean(errors) == pytest.approx(finished.metrics().val_mae[2])
    assert all(float(row["ef_true"]) == pytest.approx(truth[row["recording"]], abs=1e-4) for row in rows)


def test_stage2_leaves_the_encoder_as_stage1_ended_best(finished: RunFolder) -> None:
    stage1, final = load_file(finished.stage_weights("stage1")), final_weights(finished)
    for name, value in stage1.items():
        assert value.equal(final[name]) or name.startswith("head"), name
    assert any(not stage1[name].equal(final[name]) for name in stage1 if name.startswith("head"))


def test_the_same_recipe_gives_the_same_weights(finished: RunFolder, tmp_path: Path) -> None:
    again = train(finished.recipe, data=finished.data.root, out=tmp_path / "again", hardware=CPU)
    assert_same_weights(again, finished)


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5, 6])
def test_stopped_after_any_step_it_resumes_to_the_same_weights(
    finished: RunFolder, tmp_path: Path, stop_after: int
) -> None:
    stopped = train(
        finished.recipe, data=finished.data.root, out=tmp_path / "run", hardware=CPU, stop=StopAfter(stop_after)
    )
    assert not stopped.is_finished
    whole = resume(stopped.path)
    assert whole.is_finished
    assert_same_weights(whole, finished)
    columns = ["stage", "epoch", "train_loss", "val_mae", "val_r2"]
    assert whole.metrics()[columns].equals(finished.metrics()[columns])


# Gives each command line, one after the other, to a process of its own, and says its number. What takes long to import
# is imported once for all.
COMMANDS = """
import json, os, sys
import lightning_fabric
import coreecho.cli.train, coreecho.training.run
from coreecho.__main__ import main

for words in json.loads(sys.argv.pop()):
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.argv = ["coreecho", *words]
        sys.exit(main())
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.slow
def test_killed_at_a_random_moment_it_resumes_to_the_same_weights(
    phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe
) -> None:
    recipe = replace(tiny_recipe, stage1_epochs=10)
    whole = train(recipe, data=phantom_root, out=tmp_path / "whole", hardware=CPU)
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    run = tmp_path / "killed"
    saving = ["--device", "cpu", "--checkpoint-minutes", "0"]
    again = ["train", "--resume", str(run)]
    start = ["train", str(tmp_path / "recipe.yaml"), "--data", str(phantom_root), "--out", str(run), *saving]
    command = [sys.executable, "-c", COMMANDS, json.dumps([start, [*again, *saving], [*again, *saving], again])]
    codes = []
    with subprocess.Popen(command, env=one_thread(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for is_last in (False, False, False, True):
            number = int(process.stdout.readline())
            if not is_last:
                before = (run / "last.ckpt").stat().st_mtime_ns if (run / "last.ckpt").exists() else 0
                wait_until(lambda: newer(run / "last.ckpt", before) or is_over(number))  # noqa: B023
                time.sleep(random.uniform(0, 0.5))
                if not is_over(number):
                    os.kill(number, signal.SIGKILL)
            codes.append(int(process.stdout.readline()))
    assert -signal.SIGKILL in codes
    assert codes[-1] == 0
    assert_same_weights(RunFolder.open(run), whole)


def is_over(number: int) -> bool:
    """Whether a process that another waits for has ended."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return False


def coreecho(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "coreecho", *map(str, arguments)]


def one_thread() -> dict[str, str]:
    # The whole run is trained in this process, on one thread; sums differ in their last bit on two.
    return os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def newer(path: Path, than: int) -> bool:
    return path.exists() and path.stat().st_mtime_ns > than


def wait_until(condition: Any, *, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"nothing happened in {seconds} s"
        time.sleep(0.01)


@pytest.mark.slow
def test_two_processes_train_as_one_does(phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe) -> None:
    recipe = replace(tiny_recipe, dropout=0.0, head_dropout=0.0, stage1_epochs=1, stage2_epochs=1)
    one = train(recipe, data=phantom_root, out=tmp_path / "one", hardware=CPU)
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    command = coreecho("train", tmp_path / "recipe.yaml", "--data", phantom_root, "--out", tmp_path / "two")
    finished = subprocess.run(
        [*command, "--device", "cpu", "--devices", "2"], env=one_thread(), capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    two = RunFolder.open(tmp_path / "two")
    assert two.is_finished
    columns = ["train_loss", "val_mae"]
    np.testing.assert_allclose(two.metrics()[columns], one.metrics()[columns], rtol=2e-3)


def test_bf16_trains(phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe) -> None:
    recipe = replace(tiny_recipe, stage1_epochs=1)
    run = train(recipe, data=phantom_root, out=tmp_path / "bf16", hardware=Hardware(device="cpu", precision="bf16"))
    assert run.is_finished
    assert all(value.dtype != torch.bfloat16 for value in final_weights(run).values())


def test_loader_processes_do_not_change_the_result(finished: RunFolder, tmp_path: Path) -> None:
    hardware = Hardware(device="cpu", workers=2)
    run = train(finished.recipe, data=finished.data.root, out=tmp_path / "workers", hardware=hardware)
    assert_same_weights(run, finished)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(
    phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe
) -> None:
    recipe = replace(tiny_recipe, learning_rate=1e30, stage1_epochs=5)
    with pytest.raises(TrainingError, match=r"(?s)not a finite number|loss became.*learning_rate") as stopped:
        train(recipe, data=phantom_root, out=tmp_path / "run", hardware=CPU, checkpoint_minutes=0)
    # What it names is there, and what is there it names.
    kept = {str(path) for path in (tmp_path / "run").iterdir() if path.name in ("last.ckpt", "best.safetensors")}
    assert {word for word in str(stopped.value).split() if word.endswith((".ckpt", ".safetensors"))} == kept
    state = tmp_path / "run" / "last.ckpt"
    if state.exists():
        assert all(torch.isfinite(value).all() for value in load_state(state).model.values())
    assert "learning_rate" in (tmp_path / "run" / "train.log").read_text()


def test_gradients_that_overflow_are_told_where_adam_would_stand_still(
    phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe
) -> None:
    recipe = replace(tiny_recipe, temperature=1e-30, stage1_epochs=1, stage2=False)
    with pytest.raises(TrainingError, match=r"Gradients overflowed.*Raise `temperature`, which is 1e-30"):
        train(recipe, data=phantom_root, out=tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run" / "last.ckpt").exists()


def test_a_full_disk_stops_with_a_clear_message_and_the_run_resumes(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state, saves = recorder_module.save_state, iter(range(100))

    def disk_fills_up(path: Path, state: RunState) -> None:
        if next(saves) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        save_state(path, state)

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(recorder_module, "save_state", disk_fills_up)
        with pytest.raises(TrainingError, match=r"(?s)No space left on device.*--resume"):
            train(finished.recipe, data=finished.data.root, out=out, hardware=CPU, checkpoint_minutes=0)
    assert load_state(out / "last.ckpt").step == 3
    assert_same_weights(resume(out), finished)


def test_a_stage_2_that_begins_again_leaves_what_was_kept_of_stage_1(finished: RunFolder, tmp_path: Path) -> None:
    # As a full disk or SIGKILL leave it between the first validation of stage 2 and the state after it.
    run = RunFolder.open(shutil.copytree(finished.path, tmp_path / "run"))
    shutil.copyfile(run.stage_state("stage1"), run.state)
    run.info["is_finished"] = False
    run.write_info()
    again = resume(run.path)
    kept = finished.stage_validation("stage1").read_text()
    assert again.stage_validation("stage1").read_text() == kept != finished.validation.read_text()
    assert_same_weights(again, finished)


def test_a_store_that_cannot_be_built_leaves_no_run_behind(
    phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder is needed")
    with pytest.raises(DatasetError, match="--store"):
        train(tiny_recipe, data=phantom_root, out=tmp_path / "run", store=blocked / "store", hardware=CPU)
    assert not (tmp_path / "run").exists()


def test_moved_data_take_their_store_along(finished: RunFolder, tmp_path: Path) -> None:
    moved = RunFolder.open(finished.path, data=tmp_path / "moved")
    assert moved.data.store == tmp_path / "moved" / finished.data.store.name
    elsewhere = RunFolder.open(finished.path, data=tmp_path / "moved", store=tmp_path / "store")
    assert elsewhere.data.store == tmp_path / "store"


def test_a_second_process_does_not_train_in_the_same_folder(finished: RunFolder, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished.path, run)
    info = json.loads((run / "run.json").read_text()) | {"is_finished": False}
    (run / "run.json").write_text(json.dumps(info))
    with alone_in(run, doing="training"), pytest.raises(BusyError, match="Another process is training in"):
        resume(run)
    assert resume(run).is_finished


def test_hardware_that_is_not_there_is_refused(finished: RunFolder, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(RecipeError, match=r"Cannot compute on the device 'gpu'.*Here are cpu"):
            train(finished.recipe, data=finished.data.root, out=tmp_path / "run", hardware=Hardware(device="gpu"))
        assert not (tmp_path / "run").exists()
    with pytest.raises(RecipeError, match="devices is 0, expected at least 1"):
        Hardware(devices=0)


def test_it_resumes_elsewhere_and_without_the_initial_weights_file(finished: RunFolder, tmp_path: Path) -> None:
    weights = tmp_path / "start.safetensors"
    shutil.copy(finished.best_weights, weights)
    recipe = replace(finished.recipe, init=str(weights))
    run = train(recipe, data=finished.data.root, out=tmp_path / "run", hardware=CPU)
    weights.unlink()
    info = json.loads((run.path / "run.json").read_text())
    began_elsewhere = info | {"is_finished": False, "computed_on": ["another computer"]}
    (run.path / "run.json").write_text(json.dumps(began_elsewhere))
    assert resume(run.path).is_finished
    computed_on = json.loads((run.path / "run.json").read_text())["computed_on"]
    assert computed_on == ["another computer", *info["computed_on"]]


def test_a_folder_with_a_run_is_not_written_over(finished: RunFolder) -> None:
    with pytest.raises(RecipeError, match=r"is there already.*--resume"):
        train(finished.recipe, data=finished.data.root, out=finished.path, hardware=CPU)


def test_a_finished_run_resumes_to_itself(finished: RunFolder) -> None:
    before = finished.state.stat().st_mtime_ns
    assert resume(finished.path).is_finished
    assert finished.state.stat().st_mtime_ns == before


def test_asked_for_weights_that_are_missing_it_does_not_start(
    phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe
) -> None:
    with pytest.raises(CheckpointError, match=r"(?s)missing\.safetensors.*import-weights.*--init scratch"):
        train(replace(tiny_recipe, init="missing.safetensors"), data=phantom_root, out=tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("typed", "meant"), [("scrach", "scratch"), ("defualt", "default")])
def test_a_slip_of_where_it_starts_is_answered_before_the_data_are_read(
    tmp_path: Path, tiny_recipe: Recipe, typed: str, meant: str
) -> None:
    with pytest.raises(CheckpointError, match=rf"'{typed}', and there is no such file\. Did you mean '{meant}'\?"):
        train(replace(tiny_recipe, init=typed), data=tmp_path / "none", out=tmp_path / "run", hardware=CPU)


def test_clips_that_an_encoder_from_outside_does_not_take_are_refused_before_they_are_decoded(
    phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe
) -> None:
    recipe = replace(tiny_recipe, encoder="tests.shared.picky_encoder:LargeFrames")
    with pytest.raises(RecipeError, match="does not take clips of 4 frames of 32 x 32 pixels"):
        train(recipe, data=phantom_root, out=tmp_path / "run", store=tmp_path / "store", hardware=CPU)
    assert not list(tmp_path.iterdir())


def test_it_starts_from_weights_when_asked(finished: RunFolder, tmp_path: Path) -> None:
    recipe = replace(
        finished.recipe, init=str(finished.best_weights), learning_rate=1e-12, stage1_epochs=1, stage2=False
    )
    run = train(recipe, data=finished.data.root, out=tmp_path / "run", hardware=CPU)
    assert "The encoder alone starts from" in (run.path / "train.log").read_text()
    start, end = load_file(finished.best_weights), final_weights(run)
    for name in start:
        if name.startswith("encoder") and name.endswith("weight"):
            torch.testing.assert_close(end[name], start[name], atol=1e-6, rtol=1e-5)
    assert [met.train for met in RunFolder.open(run.path).met] == 2 * [finished.split_ids["train"]]


def test_changed_data_are_noticed_on_resume(finished: RunFolder, tmp_path: Path) -> None:
    run, root = tmp_path / "run", tmp_path / "data"
    shutil.copytree(finished.path, run)
    info = json.loads((run / "run.json").read_text()) | {"is_finished": False}
    (run / "run.json").write_text(json.dumps(info))
    shutil.copytree(finished.data.root, root)
    table = (root / "FileList.csv").read_text()
    (root / "FileList.csv").write_text(table.replace(",TRAIN", ",TEST", 1))
    with pytest.raises(RecipeError, match=r"not those that .* began with"):
        resume(run, data=root)


def test_data_without_a_validation_split_are_refused(finished: RunFolder, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(finished.data.root, root)
    table = (root / "FileList.csv").read_text()
    (root / "FileList.csv").write_text(table.replace(",VAL", ",TEST"))
    with pytest.raises(DatasetError, match="no recording in its VAL split"):
        train(finished.recipe, data=root, out=tmp_path / "run", hardware=CPU)


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not the folder of a run"):
        resume(tmp_path)


def test_a_damaged_state_is_refused(finished: RunFolder, tmp_path: Path) -> None:
    damaged = tmp_path / "last.ckpt"
    damaged.write_bytes(finished.state.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="is not a state of a run"):
        load_state(damaged)
