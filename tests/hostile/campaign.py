"""A campaign of damaged files against every reader: `python -m tests.hostile.campaign --cases 2000`.

Each case is a sound file with a few random wounds, the same for the same seed, and is read by a process of its own that
can be ended. A reader may read it or refuse it by an error of this package; what else comes of it is a finding: another
error, more than ten seconds, more than two gigabytes, a dead process. Findings are kept as files, with their seed.
"""

import argparse
import json
import multiprocessing as mp
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from tests.hostile.mutations import mutate
from tests.hostile.targets import TARGETS, write_target

SECONDS_OF_A_CASE = 10.0
BYTES_OF_A_CASE = 2 * 2**30
OUTCOMES = ("read", "refused", "unnamed", "slow", "large", "died")


def read_cases(name: str, folder: str, seed: int, first: int, last: int, answers: Connection) -> None:
    """In a process of its own: damage and read the cases from `first` to `last`, and answer what came of each."""
    warnings.simplefilter("ignore")
    sound = write_target(name, Path(folder) / "sound")
    contents = [path.read_bytes() for path in sound]
    # What is imported and allocated once does not count.
    TARGETS[name].read(Path(folder) / "sound", sound[0])
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (4 * used + BYTES_OF_A_CASE,) * 2)
    answers.send(("ready", ""))
    for case in range(first, last):
        answers.send(read_case(name, Path(folder), sound, contents, seed, case))


def read_case(
    name: str, folder: Path, sound: list[Path], contents: list[bytes], seed: int, case: int
) -> tuple[str, str]:
    """Read one damaged file; the outcome, and what is to be known of it."""
    from coreecho.errors import CoReEchoError

    rng = np.random.default_rng([seed, case])
    which = int(rng.integers(len(sound)))
    path, content = sound[which], mutate(contents[which], rng, contents)
    try:
        path.write_bytes(content)
        TARGETS[name].read(folder / "sound", path)
    except CoReEchoError as error:
        return "refused", str(error)[:200]
    except MemoryError:
        return "large", path.name
    except Exception:
        return "unnamed", f"{path.name}\n{traceback.format_exc(limit=-6)}"
    else:
        return "read", ""
    finally:
        path.write_bytes(contents[which])


def run_target(name: str, *, seed: int, cases: int, seconds: float, findings: Path) -> Counter[str]:
    """Read the cases of one kind of file until they or the time are used up; write the findings down."""
    found: Counter[str] = Counter()
    context, case, end = mp.get_context("spawn"), 0, time.monotonic() + seconds
    while case < cases and time.monotonic() < end:
        with tempfile.TemporaryDirectory() as folder:
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=read_cases, args=(name, folder, seed, case, cases, there), daemon=True)
            process.start()
            there.close()
            # Imports and sound files take their time, once.
            limit = 120.0
            while case < cases and time.monotonic() < end:
                outcome, note = _next(here, limit)
                if outcome == "ready":
                    limit = SECONDS_OF_A_CASE
                    continue
                found[outcome] += 1
                if outcome not in ("read", "refused"):
                    _keep(findings, name, seed, case, outcome, note)
                case += 1
                if outcome in ("slow", "died"):
                    break
            process.kill()
            process.join()
    return found


def _next(answers: Connection, seconds: float) -> tuple[str, str]:
    if not answers.poll(seconds):
        return "slow", f"no answer within {seconds:g} s"
    try:
        outcome, note = answers.recv()
    except EOFError:
        return "died", "the process ended"
    return str(outcome), str(note)


def _keep(findings: Path, name: str, seed: int, case: int, outcome: str, note: str) -> None:
    """Write a finding down, with the file that caused it."""
    place = findings / f"{name}-{seed}-{case}-{outcome}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "note.txt").write_text(note, errors="backslashreplace")
    with tempfile.TemporaryDirectory() as folder:
        sound = write_target(name, Path(folder))
        contents = [path.read_bytes() for path in sound]
        rng = np.random.default_rng([seed, case])
        which = int(rng.integers(len(sound)))
        (place / sound[which].name).write_bytes(mutate(contents[which], rng, contents))


def main() -> int:
    """Run the campaign; 1 where there are findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="damaged files of each kind")
    parser.add_argument("--seconds", type=float, default=300.0, help="the longest time for one kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=TARGETS, default=list(TARGETS), help="kinds of files")
    parser.add_argument("--findings", type=Path, default=Path("hostile-findings"), help="folder for what was found")
    given = parser.parse_args()
    shutil.rmtree(given.findings, ignore_errors=True)
    counts = {}
    for name in given.only:
        started = time.monotonic()
        counts[name] = run_target(
            name, seed=given.seed, cases=given.cases, seconds=given.seconds, findings=given.findings
        )
        line = ", ".join(f"{counts[name][outcome]} {outcome}" for outcome in OUTCOMES if counts[name][outcome])
        print(f"{name}: {line} ({time.monotonic() - started:.0f} s)", flush=True)
    total = sum(counts.values(), Counter())
    print(json.dumps({"seed": given.seed, "kinds": counts, "total": total}, indent=2))
    return int(any(total[outcome] for outcome in OUTCOMES[2:]))


if __name__ == "__main__":
    sys.exit(main())
