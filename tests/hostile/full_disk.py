"""Commands on a disk that fills up, and two of each at once: `python -m tests.hostile.full_disk --times 10`.

A command that finds no space must say so in a sentence and end with an error, and given again with space it must leave
what an undisturbed run leaves, to the byte. Of two that are given at once, one may be refused by name; what is left is
the same.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hostile.kills import Campaign, Command

_REFUSED = "Another process is"


def fill_once(command: Command, out: Path, how: str, number: int, expected: object) -> tuple[str, list[str]]:
    """Run a command that runs out of space, and again with space; what came of it, and what is not as it should be."""
    short = [sys.executable, "-m", "tests.hostile.short_of_space", str(out), how, str(number)]
    done = _run([*short, *command.start(out)])
    faults = []
    if done.returncode not in (0, 1, 2):
        faults.append(f"exit code {done.returncode}: {done.stderr[-300:]}")
    if "Traceback" in done.stderr:
        faults.append(f"a traceback: {done.stderr[-600:]}")
    if done.returncode and len(done.stderr.strip()) < 20:
        faults.append("it failed without a word")
    again = _run([sys.executable, "-m", "coreecho", *command.again(out)])
    if again.returncode:
        faults.append(f"given again, it ended with {again.returncode}: {again.stderr[-500:]}")
    elif command.result(out) != expected:
        faults.append("what it left is not what an undisturbed run leaves")
    return ("went on" if done.returncode == 0 else "said so"), faults


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
        if code and _REFUSED not in " ".join(text.split()) and "is not an empty folder" not in " ".join(text.split())
    ]
    if command.result(out) != expected:
        faults.append("what they left is not what one alone leaves")
    return "both" if codes == [0, 0] else "one", faults


def _run(program: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(program, env=_environment(), capture_output=True, text=True, check=False)


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def main() -> int:
    """Run the campaign; 1 where there are findings."""
    given = Campaign.asked(__doc__, times=10, of="full disks of each command")
    chance = given.chance
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for command, out in given.trials(folder):
            short = [sys.executable, "-m", "tests.hostile.short_of_space", str(out), "open", "0"]
            whole = _run([*short, *command.start(out)])
            opened = int(whole.stderr.rsplit(maxsplit=1)[-1])
            expected = command.result(out)
            largest = max(path.stat().st_size for path in out.rglob("*") if path.is_file())
            for number in range(given.times + 1):
                trial = folder / f"{command.name}-{number}"
                trial.mkdir()
                if number == given.times:
                    how, after = "twice", 0
                    outcome, faults = twice_at_once(command, trial, expected)
                else:
                    how = chance.choice(("open", "bytes"))
                    after = chance.randint(1, opened) if how == "open" else chance.randrange(largest)
                    outcome, faults = fill_once(command, trial, how, after, expected)
                given.counts[f"{command.name} {how}: {outcome}"] += 1
                given.findings += [f"{command.name}, {how} {after}: {fault}" for fault in faults]
                shutil.rmtree(trial)
            print(f"{command.name}: opened {opened} times, {given.times} full disks, twice at once", flush=True)
    return given.tell("outcomes")


if __name__ == "__main__":
    sys.exit(main())
