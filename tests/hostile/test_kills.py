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

from coreecho.errors import BusyError
from coreecho.phantom import PhantomSettings, write_echonet_phantoms

# Of each, arguments with which it comes to its work.
COMMANDS = {
    "train": ["echonet", "--data", "DATA"],
    "transfer": ["camus", "--data", "DATA", "--from", "RUN", "--method", "probe"],
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


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_cohort_is_written_by_one_alone_and_no_worker_outlives_it(number: int, tmp_path: Path) -> None:
    out = tmp_path / "hearts"
    process = _begin_phantoms(out)
    try:
        assert len(alive(str(out), patience=0)) > 1
        settings = PhantomSettings(min_frames=20, max_frames=20, difficulty="easy")
        with pytest.raises(BusyError, match="Another process is writing phantoms in"):
            write_echonet_phantoms(out, recordings=24, seed=0, settings=settings)
    finally:
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert alive(str(out)) == []
    assert not (out / "phantom.json").exists()
    assert "Traceback" not in said
    assert number == signal.SIGKILL or "Stopped by SIGTERM. Give the same command again: it goes on" in said


def _begin_phantoms(out: Path) -> subprocess.Popen[str]:
    """Begin a cohort in processes of its own, and wait until it has written some of it."""
    arguments = ["phantom", "echonet", str(out), "--recordings", "24", "--workers", "2"]
    arguments += ["--min-frames", "20", "--max-frames", "20", "--difficulty", "easy"]
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
