"""A small share of the stopped commands, at chosen moments; `make hostile` stops them at random ones."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.hostile.kills import MARK, alive

# Of each, arguments with which it comes to its work.
COMMANDS = {
    "train": ["echonet", "--data", "DATA"],
    "transfer": ["camus", "--data", "DATA", "--from", "RUN"],
    "reproduce": ["table2", "--data", "DATA"],
    "phantom": ["echonet", "OUT"],
    "store": ["build", "echonet", "DATA"],
    "convert": ["DATA", "OUT"],
    "doctor": ["echonet", "DATA"],
    "demo": ["--out", "OUT"],
    "evaluate": ["RUN"],
    "predict": ["CLIP", "--model", "RUN"],
    "report": ["RUN"],
    "explain": ["CLIP", "--model", "RUN"],
    "embed": ["RUN", "--out", "OUT"],
    "map": ["RUN"],
    "neighbours": ["CLIP", "--model", "RUN"],
    "continuity": ["RUN"],
}
SETTINGS = ("--recordings", "24", "--min-frames", "20", "--max-frames", "20", "--difficulty", "easy")
# Sends the signal when numpy is first imported, which every command does before its work.
PROGRAM = """
    import os, sys

    number = int(sys.argv.pop())

    class Stopping:
        def find_spec(self, name, path=None, target=None):
            if name == "numpy":
                sys.meta_path.remove(self)
                os.kill(os.getpid(), number)

    sys.meta_path.insert(0, Stopping())
    from coreecho.__main__ import main

    main()
"""


@pytest.mark.parametrize(
    ("command", "number"),
    [(name, (signal.SIGINT, signal.SIGTERM)[place % 2]) for place, name in enumerate(COMMANDS)],
)
def test_a_command_that_is_stopped_while_it_imports_says_how_to_go_on(
    command: str, number: int, tmp_path: Path
) -> None:
    arguments = [command, *COMMANDS[command], str(int(number))]
    stopped = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert stopped.returncode == 128 + number, stopped.stderr
    [said] = stopped.stderr.strip().splitlines()
    assert said.startswith(f"Stopped by {'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'}. ")
    assert "ive the same command again" in said


def _phantom(out: Path, *, workers: int) -> subprocess.Popen[str]:
    """Begin a cohort in processes of its own, and wait until it has written some of it."""
    arguments = ["phantom", "echonet", str(out), *SETTINGS, "--workers", str(workers)]
    process = subprocess.Popen(
        [sys.executable, "-m", "coreecho", *arguments],
        env=os.environ | {MARK: str(out), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not list(out.glob("Videos/*.avi")) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    return process


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_a_cohort_that_is_stopped(number: int, tmp_path: Path) -> None:
    process = _phantom(tmp_path / "hearts", workers=2)
    assert len(alive(str(tmp_path / "hearts"), patience=0)) > 1
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert alive(str(tmp_path / "hearts")) == []
    assert not (tmp_path / "hearts" / "phantom.json").exists()
    assert "Traceback" not in said
    assert number == signal.SIGKILL or "it goes on where it stopped" in said


def test_a_second_cohort_in_the_same_folder_is_refused_while_the_first_is_written(tmp_path: Path) -> None:
    process = _phantom(tmp_path, workers=1)
    try:
        second = subprocess.run(
            [sys.executable, "-m", "coreecho", "phantom", "echonet", str(tmp_path), *SETTINGS],
            capture_output=True,
            text=True,
        )
    finally:
        process.kill()
        process.communicate()
    assert second.returncode == 2
    assert "BusyError: Another process is writing phantoms in" in " ".join(second.stderr.split())
