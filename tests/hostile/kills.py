"""Commands that are stopped at random moments and given again: `python -m tests.hostile.kills --times 12`.

Each command runs once to its end. Then it is begun again and again in an empty folder, stopped by SIGKILL, SIGTERM or
SIGINT at a random moment, and given once more as its user would. What it leaves must then be what the undisturbed run
left, to the byte; a stop must be told by the exit code 143 or 130; and no process may outlive it.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.preloaded import Preloaded, Running

MARK = "COREECHO_HOSTILE_RUN"
_SECONDS_TO_STOP = 120
_SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
# Before its first line a Python program is ended by the signal itself, which a shell calls 143 and 130, too.
_EXIT_CODES = {"SIGKILL": {-9}, "SIGTERM": {143, -15}, "SIGINT": {130, -2}}
_RECIPE = {
    "encoder": "uniformer_xs", "num_frames": 4, "stride": 4, "frame_size": 32, "crop_pad": 2, "batch_size": 4,
    "stage1_epochs": 6, "stage2_epochs": 2, "validation_clips": 1,
}  # fmt: skip

_PLAN = """
title: Two trainings
data: echonet
trainings:
  one: {{recipe: echonet, settings: {{{settings}, require_two_traced_frames: false}}}}
  two: {{recipe: echonet, settings: {{{settings}, require_two_traced_frames: false, learning_rate: 2.0e-4}}}}
columns:
  - {{metric: mae, label: MAE}}
rows:
  - {{label: one, training: one}}
  - {{label: two, training: two}}
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the program.

    Attributes:
        name: of it.
        start: its arguments, with the folder that it writes into.
        again: its arguments after a stop.
        result: what must be the same, below that folder.
        is_alone: it is one process, but for those that only work for it.
    """

    name: str
    start: Callable[[Path], list[str]]
    again: Callable[[Path], list[str]]
    result: Callable[[Path], object]
    is_alone: bool = True


def _digest(folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, str]:
    """SHA-256 of every file that is no lock, log or leaving of a stopped process."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name not in but
    }


def _weights(run: Path) -> object:
    """The weights of a run, its tables, and its metrics without the seconds that they took."""
    import pandas as pd
    from safetensors.torch import load_file

    weights = {name: value.numpy().tobytes() for name, value in load_file(run / "best.safetensors").items()}
    metrics = pd.read_csv(run / "metrics.csv").drop(columns="seconds").to_csv()
    tables = {path.name: path.read_text() for path in sorted(run.glob("*.csv")) if path.name != "metrics.csv"}
    return hashlib.sha256(repr(sorted(weights.items())).encode()).hexdigest(), metrics, tables


def _arrays(out: Path) -> object:
    """What lies in the archives of arrays, whose own bytes hold the time at which they were written."""
    import numpy as np

    return {
        path.name: {name: array.tobytes() for name, array in np.load(path, allow_pickle=False).items()}
        for path in sorted(out.glob("*.npz"))
    }


def _told(out: Path) -> object:
    """All files but the results that are kept of clips: in how many parts depends on when a command was stopped."""
    return {name: digest for name, digest in _digest(out).items() if "results" not in Path(name).parts}


def _store(out: Path) -> object:
    """The files of a store, but for the moment at which it was completed."""
    index = json.loads((out / "store" / "index.json").read_text())
    del index["completed"]
    return _digest(out, but=("index.json",)), index


def _weights_of_all(out: Path) -> object:
    """Of every run below a folder, and the tables that were made of them."""
    runs = {str(path.parent.relative_to(out)): _weights(path.parent) for path in sorted(out.rglob("best.safetensors"))}
    tables = {
        str(path.relative_to(out)): path.read_text()
        for path in sorted(out.rglob("*.csv"))
        if path.name != "metrics.csv"
    }
    return runs, tables


def commands(data: Path, recipe: Path, run: Path, table: Path, trainings: Path) -> list[Command]:
    """The commands that are stopped.

    Args:
        data: phantoms in the layout of EchoNet-Dynamic.
        recipe: of a training that takes seconds.
        run: a finished run.
        table: of folds, for a transfer.
        trainings: a table of two of them, to reproduce.
    """

    def same(name: str, arguments: Callable[[Path], list[str]], result: Callable[[Path], object]) -> Command:
        return Command(name=name, start=arguments, again=arguments, result=result)

    def training(name: str, arguments: list[str], *, is_alone: bool = True) -> Command:
        """A training that goes on where a run has begun, and is given again where none has."""

        def start(out: Path) -> list[str]:
            return [*arguments, "--out", str(out / "run"), "--store", str(out / "store")]

        def again(out: Path) -> list[str]:
            has_begun = (out / "run" / "run.json").exists()
            return ["train", "--resume", str(out / "run"), "--checkpoint-minutes", "0"] if has_begun else start(out)

        return Command(name=name, start=start, again=again, result=lambda out: _weights(out / "run"), is_alone=is_alone)

    def own(out: Path) -> Path:
        """A run of a trial's own: what is computed for it is kept in its folder, and would not be computed again."""
        return out / "run" if (out / "run").exists() else shutil.copytree(run, out / "run")

    train = ["train", str(recipe), "--data", str(data), "--device", "cpu", "--checkpoint-minutes", "0"]
    probe = ["transfer", "table", "--data", str(table), "--from", str(run), "--method", "probe", "--allow-overlap"]
    probe += ["--batch-size", "4", "--stage1-epochs", "2", "--device", "cpu"]
    plan = ["reproduce", str(trainings), "--data", str(data), "--device", "cpu"]
    cohort, short = ["phantom", "echonet"], ["--recordings", "24", "--min-frames", "24", "--max-frames", "24"]
    return [
        training("train-two", [*train, "--devices", "2"], is_alone=False),
        same(
            "transfer",
            lambda out: [*probe, "--out", str(out / "transfer"), "--store", str(out / "store")],
            _weights_of_all,
        ),
        same(
            "reproduce",
            lambda out: [*plan, "--out", str(out / "reproduced"), "--store", str(out / "store")],
            _weights_of_all,
        ),
        training("train", train),
        same("phantom", lambda out: [*cohort, str(out / "cohort"), *short], _digest),
        same(
            "store",
            lambda out: ["store", "build", "echonet", str(data), "--store", str(out / "store"), "--frame-size", "48"],
            _store,
        ),
        same(
            "convert",
            lambda out: ["convert", str(data / "Videos"), str(out / "converted")],
            # Ids are drawn at random, for privacy; the clips are the same.
            lambda out: sorted(_digest(out / "converted" / "Videos").values()),
        ),
        same(
            "predict",
            lambda out: ["predict", str(data / "Videos"), "--model", str(run), "--csv", str(out / "ef.csv")],
            _digest,
        ),
        same("embed", lambda out: ["embed", str(own(out)), "--out", str(out / "embeddings.npz")], _arrays),
        same("report", lambda out: ["report", str(own(out)), "--out", str(out / "report.html")], _told),
    ]


def begin(
    command: Command, arguments: list[str], out: Path, preloaded: Preloaded
) -> "subprocess.Popen[bytes] | Running":
    """Begin a command; what it tells is written beside `out`."""
    marked, errors = {MARK: str(out), "OMP_NUM_THREADS": "1"}, out.with_name(f"{out.name}.stderr")
    if not command.is_alone:
        # Its other processes are begun by the command line of the first.
        with errors.open("w") as written:
            program = [sys.executable, "-m", "coreecho", *arguments]
            return subprocess.Popen(program, env=os.environ | marked, stdout=subprocess.DEVNULL, stderr=written)
    return preloaded.start(arguments, errors=errors, environment=marked)


def stop_once(command: Command, out: Path, how: str, after: float, expected: object, preloaded: Preloaded) -> list[str]:
    """Stop a command, give it again, and say what is not as it should be."""
    errors = out.with_name(f"{out.name}.stderr")
    process = begin(command, command.start(out), out, preloaded)
    faults = []
    try:
        code = process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(_SIGNALS[how])
        try:
            code = process.wait(timeout=_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            faults.append(f"it did not end within {_SECONDS_TO_STOP} s of {how}: {_last_of(errors)}")
            process.send_signal(signal.SIGKILL)
            code = process.wait()
            how = "SIGKILL"
        said = errors.read_text(errors="replace")
        if code not in _EXIT_CODES[how] | {0}:
            faults.append(f"exit code {code} after {how}: {_last_of(errors)}")
        elif code > 0 and "Stopped" not in said:
            faults.append("stopped without a word")
        elif "Traceback" in said:
            faults.append(f"a traceback: {_last_of(errors)}")
    if left := alive(str(out)):
        faults.append(f"{len(left)} processes outlived it")
        for number in left:
            os.kill(number, signal.SIGKILL)
    if code := begin(command, command.again(out), out, preloaded).wait():
        faults.append(f"given again, it ended with {code}: {_last_of(errors)}")
    elif command.result(out) != expected:
        faults.append("what it left is not what an undisturbed run leaves")
    return faults


def _last_of(errors: Path) -> str:
    return errors.read_text(errors="replace")[-300:]


def alive(mark: str, *, patience: int = 30) -> list[int]:
    """Processes that were begun by a command and still run.

    Args:
        mark: the value of MARK in their environment.
        patience: tenths of a second that are given them to end.
    """
    for _ in range(patience + 1):
        found = []
        for place in Path("/proc").iterdir():
            if place.name.isdigit() and int(place.name) != os.getpid():
                try:
                    environment = (place / "environ").read_bytes()
                    is_zombie = "Z (zombie)" in (place / "status").read_text()
                except OSError:
                    continue
                if f"{MARK}={mark}".encode() in environment.split(b"\0") and not is_zombie:
                    found.append(int(place.name))
        if not found:
            return []
        time.sleep(0.1)
    return found


def prepare(folder: Path) -> tuple[Path, Path, Path, Path, Path]:
    """Make what `commands` are given: phantoms, a recipe of seconds, a run of it, a table of folds, and a plan."""
    data, recipe, run = folder / "data", folder / "tiny.yaml", folder / "run"
    table, plan = folder / "table" / "recordings.csv", folder / "plan.yaml"
    recipe.write_text("".join(f"{key}: {value}\n" for key, value in _RECIPE.items()))
    for arguments in (
        ["phantom", "echonet", str(data), "--recordings", "24", "--min-frames", "24", "--max-frames", "24"],
        ["train", str(recipe), "--data", str(data), "--out", str(run), "--device", "cpu"],
    ):
        subprocess.run([sys.executable, "-m", "coreecho", *arguments], check=True, capture_output=True)
    lines = (data / "FileList.csv").read_text().splitlines()
    names = [line.split(",")[:2] for line in lines[1:]]
    rows = [f"{data / 'Videos' / name}.avi,{ef},{place % 3 + 1}" for place, (name, ef) in enumerate(names)]
    table.parent.mkdir()
    table.write_text("\n".join(["path,ef_percent,fold", *rows]) + "\n")
    quick = {**_RECIPE, "stage1_epochs": 2, "stage2_epochs": 1}
    plan.write_text(_PLAN.format(settings=", ".join(f"{key}: {value}" for key, value in quick.items())))
    return data, recipe, run, table, plan


@dataclass
class Campaign:
    """What was asked for on the command line, and what came of it.

    Attributes:
        times: trials of each command.
        seed: of `chance`.
        only: names of commands; all where there is none.
        chance: what is drawn.
        counts: of outcomes.
        findings: what is not as it should be.
        is_every: disks fill up at every write.
        most: writes of a command at which they do, spread over all that it has; all where it is nothing.
        part: which of how many programs this is that share those writes among them, counted from 1.
    """

    times: int
    seed: int
    only: list[str]
    chance: random.Random
    counts: Counter[str]
    findings: list[str]
    is_every: bool = False
    most: int | None = None
    part: tuple[int, int] = (1, 1)

    @classmethod
    def asked(cls, words: str | None, *, times: int, of: str) -> "Campaign":
        """Read the command line of a program; `of` says what happens so many times."""
        parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--times", type=int, default=times, help=of)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--only", nargs="*", help="commands, in this order")
        parser.add_argument("--every", action="store_true", help="full disks at every write, besides")
        parser.add_argument("--most", type=int, help="with --every, at so many of a command's writes, evenly spread")
        parser.add_argument("--part", default="1/1", metavar="I/N", help="with --every, the I-th of N parts of these")
        given = parser.parse_args()
        number, parts = (int(word) for word in given.part.split("/"))
        return cls(
            given.times,
            given.seed,
            given.only or [],
            random.Random(given.seed),
            Counter(),
            [],
            given.every,
            given.most,
            (number, parts),
        )

    def trials(self, folder: Path) -> Iterator[tuple[Command, Path]]:
        """The commands, each with an empty folder for what it leaves when nothing disturbs it."""
        known = {command.name: command for command in commands(*prepare(folder))}
        for name in self.only or known:
            out = folder / f"{name}-whole"
            out.mkdir()
            yield known[name], out

    def found(self, trial: str, faults: list[str]) -> None:
        """Keep what is not as it should be after a trial, and print it at once: a run may be cut short."""
        for fault in faults:
            self.findings.append(f"{trial}: {fault}")
            print(f"  {self.findings[-1]}", flush=True)

    def tell(self, what: str) -> int:
        """Print what came of it, with `what` was done; 1 where there are findings."""
        print(json.dumps({"seed": self.seed, what: self.counts, "findings": self.findings}, indent=2))
        return int(bool(self.findings))


def main() -> int:
    """Run the campaign; 1 where there are findings."""
    given = Campaign.asked(__doc__, times=12, of="stops of each command")
    with tempfile.TemporaryDirectory() as place, Preloaded() as preloaded:
        folder = Path(place)
        for command, out in given.trials(folder):
            start = time.monotonic()
            if code := begin(command, command.start(out), out, preloaded).wait():
                raise RuntimeError(f"{command.name} ended with {code}: {_last_of(out.with_name(f'{out.name}.stderr'))}")
            seconds, expected = time.monotonic() - start, command.result(out)
            for number in range(given.times):
                how, after = given.chance.choice(sorted(_SIGNALS)), given.chance.uniform(0, seconds)
                trial = folder / f"{command.name}-{number}"
                trial.mkdir()
                faults = stop_once(command, trial, how, after, expected, preloaded)
                given.counts[f"{command.name} {how}"] += 1
                given.found(f"{command.name}, {how} after {after:.2f} s", faults)
                shutil.rmtree(trial)
            print(f"{command.name}: stopped {given.times} times within {seconds:.1f} s", flush=True)
    return given.tell("stops")


if __name__ == "__main__":
    sys.exit(main())
