"""What a user meets first: help, versions, and mistakes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import coreecho
from coreecho.cli.main import app
from coreecho.errors import RecipeError

COMMANDS = [
    *("compare", "continuity", "convert", "demo", "doctor", "embed", "evaluate", "explain", "import-weights"),
    *("map", "neighbours", "phantom", "predict", "report", "reproduce", "store", "train", "transfer"),
]


Run = Callable[..., subprocess.CompletedProcess[str]]


def process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "coreecho", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def test_help_lists_every_command_and_says_what_this_is_not() -> None:
    shown = process("--help")
    assert shown.returncode == 0
    for command in COMMANDS:
        assert f" {command} " in shown.stdout
    assert "Not a medical device" in shown.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, run: Run) -> None:
    shown = run(command, "--help")
    assert shown.returncode == 0, shown.stderr
    assert "Usage: coreecho" in shown.stdout


def test_version() -> None:
    assert process("--version").stdout.strip() == coreecho.__version__


def test_reading_one_clip_does_not_wait_for_tables_and_figures() -> None:
    code = "import sys, coreecho.cli.predicted; print('pandas' in sys.modules, 'matplotlib' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, coreecho.cli.main; print('torch' in sys.modules, 'av' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.stdout.split() == ["False", "False"]


def test_the_public_face() -> None:
    assert {"load_model", "Predictor", "rank_n_contrast_loss"} <= set(coreecho.__all__)
    assert all(getattr(coreecho, name) for name in coreecho.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = coreecho.nothing


def test_an_error_is_one_paragraph_and_not_a_traceback(tmp_path: Path, run: Run) -> None:
    shown = run("evaluate", tmp_path)
    assert shown.returncode == 2
    assert "CheckpointError" in shown.stderr
    assert "is not the folder of a run" in " ".join(shown.stderr.split())
    assert "Traceback" not in shown.stderr


def test_a_place_that_cannot_be_written_is_no_traceback(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    shown = run("import-weights", tmp_path / "file" / "in.pth", tmp_path / "file" / "out.safetensors")
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr


def test_a_mistyped_flag_names_the_likely_right_one(run: Run) -> None:
    shown = run("predict", "clip.avi", "--modle", "run")
    assert shown.returncode == 2
    assert "--model" in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "demo", "--data", "x", "--seed", "1.5"],
        ["train", "demo", "--data", "x", "--devices", "1.4"],
        ["evaluate", "x", "--clips", "2.5"],
        ["phantom", "echonet", "x", "--recordings", "2e1"],
        ["transfer", "camus", "--data", "x", "--from", "scratch", "--method", "fine-tune", "--batch-size", "8.6"],
    ],
)
def test_a_fraction_is_no_whole_number(arguments: list[str]) -> None:
    with pytest.raises(RecipeError, match="expected a whole number"):
        app(arguments, result_action="return_value", exit_on_error=False)


def test_fractions_are_taken_where_they_may_be() -> None:
    with pytest.raises(RecipeError, match="Say on which data"):
        app(["train", "demo", "--learning-rate", "1.5e-3"], result_action="return_value", exit_on_error=False)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_knows_few_letters_is_written_to_all_the_same(encoding: str) -> None:
    shown = process("doctor", "echonet", "心臓", PYTHONIOENCODING=encoding)
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr
    assert r"\u5fc3\u81d3" in shown.stderr
    assert process("--help", PYTHONIOENCODING=encoding).returncode == 0
