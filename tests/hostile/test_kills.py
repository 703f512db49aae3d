"""A small share of the stopped commands, at chosen moments; `make hostile` stops them at random ones."""

import json
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
SIGNALS = {name: (signal.SIGINT, signal.SIGTERM)[place % 2] for place, name in enumerate(COMMANDS)}
# Runs each command in a process of its own, which sends itself the signal when numpy is first imported, as every
# command does before its work. What reads the command line is imported once for all.
PROGRAM = """
    import json, os, sys
    import cyclopts, rich.console

    class Stopping:
        def __init__(self, number):
            self.number = number

        def find_spec(self, name, path=None, target=None):
            if name == "numpy":
                sys.meta_path.remove(self)
                os.kill(os.getpid(), self.number)

    for name, arguments, number in json.loads(sys.argv.pop()):
        child = os.fork()
        if not child:
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), 2)
            sys.argv = ["coreecho", name, *arguments]
            sys.meta_path.insert(0, Stopping(number))
            from coreecho.__main__ import main

            sys.exit(main())
        print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and words of each command, stopped while it imports."""
    folder = tmp_path_factory.mktemp("stopped")
    # What is given has to be there: before anything is imported, a wrong path is told.
    for name in ("DATA", "RUN", "CLIP"):
        (folder / name).mkdir()
    (folder / "RUN" / "run.json").write_text("{}")
    jobs = [(name, arguments, int(SIGNALS[name])) for name, arguments in COMMANDS.items()]
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    codes = dict(line.split() for line in done.stdout.splitlines())
    return {name: (int(codes[name]), (folder / name).read_text()) for name in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_stopped_while_it_imports_says_how_to_go_on(
    command: str, stopped: dict[str, tuple[int, str]]
) -> None:
    number = SIGNALS[command]
    code, told = stopped[command]
    assert code == 128 + number, told
    [said] = told.strip().splitlines()
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
