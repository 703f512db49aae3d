"""Commands on a disk that fills up, and two of each at once: `python -m tests.hostile.full_disk --times 10`.

Disks fill up at random writes, or with `--every` at each of them; with `--most N` besides, at N that are spread over
all; with `--part 2/4`, at every fourth from the second on, so that four programs share them. A command that finds no
space must say so in a sentence and end with an error, and given again with space it must leave what an undisturbed run
leaves, to the byte. Of two that are given at once, one may be refused by name; what is left is the same.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.kills import Campaign, Command, begin
from tests.hostile.preloaded import Preloaded

_REFUSED = ("Another process is", "is not an empty folder", "is there already")


def fill_once(
    command: Command, out: Path, how: str, number: int, expected: object, preloaded: Preloaded
) -> tuple[str, list[str]]:
    """Run a command that runs out of space, and again with space; what came of it, and what is not as it should be."""
    ended, said = run_short(command, out, how, number, preloaded)
    faults = []
    if ended not in (0, 1, 2):
        faults.append(f"exit code {ended}: {said[-300:]}")
    if "Traceback" in said:
        faults.append(f"a traceback: {said[-600:]}")
    if ended and len(said.strip()) < 20:
        faults.append("it failed without a word")
    if code := begin(command, command.again(out), out, preloaded).wait():
        faults.append(f"given again, it ended with {code}: {_errors(out).read_text(errors='replace')[-500:]}")
    elif command.result(out) != expected:
        faults.append("what it left is not what an undisturbed run leaves")
    return ("went on" if ended == 0 else "said so"), faults


def run_short(command: Command, out: Path, how: str, number: int, preloaded: Preloaded) -> tuple[int, str]:
    """Run a command that runs out of space; its exit code, and what it says."""
    arguments = [str(out), how, str(number), *command.start(out)]
    if command.is_alone:
        process = preloaded.start(arguments, errors=_errors(out), module="tests.hostile.short_of_space")
        return process.wait(), _errors(out).read_text(errors="replace")
    program = [sys.executable, "-m", "tests.hostile.short_of_space", *arguments]
    done = subprocess.run(program, env=_environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def _errors(out: Path) -> Path:
    return out.with_name(f"{out.name}.stderr")


def twice_at_once(command: Command, out: Path, expected: object) -> tuple[str, list[str]]:
    """Give a command twice at one moment."""
    program = [sys.executable, "-m", "coreecho", *command.start(out)]
    both = [
        subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=_environment())
        for _ in range(2)
    ]
    said = [process.communicate(timeout=600)[1] for process in both]
    codes = [process.returncode for process in both]
    faults = [text[-500:] for text in said if "Traceback" in text]
    if 0 not in codes:
        faults.append(f"neither did it: {codes}: {said}")
    faults += [
        f"exit code {code}: {text[-300:]}"
        for code, text in zip(codes, said, strict=True)
        if code and not any(words in " ".join(text.split()) for words in _REFUSED)
    ]
    if command.result(out) != expected:
        faults.append("what they left is not what one alone leaves")
    return "both" if codes == [0, 0] else "one", faults


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def main() -> int:
    """Run the campaign; 1 where there are findings."""
    given = Campaign.asked(__doc__, times=10, of="full disks of each command")
    with tempfile.TemporaryDirectory() as place, Preloaded() as preloaded:
        folder = Path(place)
        for command, out in given.trials(folder):
            _, said = run_short(command, out, "open", 0, preloaded)
            opened, expected = int(said.rsplit(maxsplit=1)[-1]), command.result(out)
            largest = max(path.stat().st_size for path in out.rglob("*") if path.is_file())
            trials = list(_trials(given, opened, largest))
            for number, (how, after) in enumerate(trials):
                trial = folder / f"{command.name}-{number}"
                trial.mkdir()
                if how == "twice":
                    outcome, faults = twice_at_once(command, trial, expected)
                else:
                    outcome, faults = fill_once(command, trial, how, after, expected, preloaded)
                given.counts[f"{command.name} {how}: {outcome}"] += 1
                given.found(f"{command.name}, {how} {after}", faults)
                print(f"{command.name} {number + 1}/{len(trials)}: {how} {after}: {outcome}", flush=True)
                shutil.rmtree(trial)
            print(f"{command.name}: opened {opened} times, {len(trials)} trials", flush=True)
    return given.tell("outcomes")


def spread(count: int, most: int | None) -> list[int]:
    """The numbers from 1 to `count`, or `most` of them: the first, the last, and what lies evenly between."""
    if most is None or count <= most:
        return list(range(1, count + 1))
    return sorted({1 + round(place * (count - 1) / max(most - 1, 1)) for place in range(most)})


def _trials(given: Campaign, opened: int, largest: int) -> Iterator[tuple[str, int]]:
    """How the disk fills up, and after how many openings or bytes; at the end, in the first part, two at once."""
    if given.is_every:
        number, parts = given.part
        yield from (("open", write) for write in spread(opened, given.most)[number - 1 :: parts])
    for _ in range(given.times):
        how = given.chance.choice(("open", "bytes")) if not given.is_every else "bytes"
        yield how, given.chance.randint(1, opened) if how == "open" else given.chance.randrange(largest)
    if given.part[0] == 1:
        yield "twice", 0


if __name__ == "__main__":
    sys.exit(main())
