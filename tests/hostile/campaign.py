"""A campaign of damaged files against every reader: `python -m tests.hostile.campaign --cases 2000`.

Each case is a sound file with a few random wounds, the same for the same seed and number, and is read by a process of
its own that can be ended. A reader may read it or refuse it by an error of this package; what else comes of it is a
finding: another error, more than ten seconds of computing, more than two gigabytes, a dead process. Findings are kept
as files. Computing is counted and not the clock, so that a busy machine makes no findings; waiting has a limit, too.

Runs add up: the folder of findings counts the cases of each reader and version of the code, and the next run goes on
with cases that were never tried. `--until 100000` tries what each reader lacks of so many in all runs; `--cases 0`
prints the table of all runs. Ctrl-C or SIGTERM end a run with all its cases counted.
"""

import argparse
import hashlib
import json
import multiprocessing as mp
import os
import re
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from tests.hostile.mutations import mutate
from tests.hostile.targets import TARGETS, write_target

import coreecho
from coreecho.files import alone_in, write_whole

SECONDS_OF_A_CASE = 10.0
# By the clock: what waits, and does not compute, is stuck; on a busy machine, a process may get a twentieth of a core.
_SECONDS_OF_WAITING = 20 * SECONDS_OF_A_CASE
# Imports and sound files, of which one is a trained run.
_SECONDS_OF_PREPARING = 3600.0
BYTES_OF_A_CASE = 2 * 2**30
OUTCOMES = ("read", "refused", "unnamed", "slow", "large", "died")
# A disk in memory, where there is one: files that are written 2,000 times a second belong on no other.
_MEMORY_DISK = Path("/dev/shm")
_SECONDS_BETWEEN_COUNTS = 20.0
# Of one kind of finding, in one run.
_KEPT_OF_A_KIND = 3
# Once this program has been asked to end.
_STOPPED = threading.Event()

Counts = dict[str, dict[str, Counter[str]]]


def trial_folder() -> "tempfile.TemporaryDirectory[str]":
    """A folder for the files of trials, in memory where there is such a disk."""
    in_memory = os.access(_MEMORY_DISK, os.W_OK)
    return tempfile.TemporaryDirectory(dir=_MEMORY_DISK if in_memory else None)


def code_version() -> str:
    """What was tried: the package's version, and a fingerprint of its files."""
    package = Path(coreecho.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    return f"{coreecho.__version__}-{digest.hexdigest()[:8]}"


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
        # Ends the process after so much computing, whatever it is at: Python, or a decoder that never returns to it.
        signal.setitimer(signal.ITIMER_PROF, SECONDS_OF_A_CASE)
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
    """Read new cases of one kind of file until they or the time are used up; write findings and counts down."""
    found, written, kinds = Counter[str](), Counter[str](), Counter[str]()
    told, first = time.monotonic(), cases_tried(findings, name)
    for case, outcome, note in _outcomes(name, seed, first, first + cases, seconds):
        found[outcome] += 1
        if outcome not in ("read", "refused"):
            kinds[kind := _kind(outcome, note)] += 1
            if kinds[kind] <= _KEPT_OF_A_KIND:
                _keep(findings, name, seed, case, outcome, note)
        if time.monotonic() - told > _SECONDS_BETWEEN_COUNTS:
            add_counts(findings, name, found - written)
            written, told = found.copy(), time.monotonic()
    add_counts(findings, name, found - written)
    return found


def _outcomes(name: str, seed: int, first: int, last: int, seconds: float) -> Iterator[tuple[int, str, str]]:
    """Read the cases from `first` to `last`; of each its number, the outcome, and what is to be known of it."""
    context, case, end = mp.get_context("spawn"), first, time.monotonic() + seconds
    while case < last and time.monotonic() < end and not _STOPPED.is_set():
        with trial_folder() as folder:
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=read_cases, args=(name, folder, seed, case, last, there), daemon=True)
            process.start()
            there.close()
            if (ready := _next(here, process, _SECONDS_OF_PREPARING))[0] != "ready" and not _STOPPED.is_set():
                raise RuntimeError(f"{name}: the sound files could not be made and read: {ready[1]}")
            while case < last and time.monotonic() < end:
                outcome, note = _next(here, process, _SECONDS_OF_WAITING)
                # What stops this process may have ended the other.
                if _STOPPED.is_set():
                    break
                yield case, outcome, note
                case += 1
                if outcome in ("slow", "died"):
                    break
            process.kill()
            process.join()


def _next(answers: Connection, process: BaseProcess, seconds: float) -> tuple[str, str]:
    """What comes of the next case of a process, for which it may take so many seconds by the clock."""
    if not answers.poll(seconds):
        return "slow", f"no answer within {seconds:g} s"
    try:
        outcome, note = answers.recv()
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGPROF:
            return "slow", f"it computed for more than {SECONDS_OF_A_CASE:g} s"
        return "died", f"the process ended with {process.exitcode}"
    return str(outcome), str(note)


def _kind(outcome: str, note: str) -> str:
    """What findings have in common: the kind of error, and the innermost line of this package."""
    lines = [line.strip() for line in note.splitlines()]
    places = [line for line in lines if re.search(r'File ".*coreecho.*", line', line)]
    return f"{outcome} {places[-1] if places else ''} {lines[-1].split(':')[0] if lines else ''}"


def _keep(findings: Path, name: str, seed: int, case: int, outcome: str, note: str) -> None:
    """Write a finding down, with the file that caused it."""
    place = findings / f"{name}-{seed}-{case}-{outcome}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "note.txt").write_text(note, errors="backslashreplace")
    with trial_folder() as folder:
        sound = write_target(name, Path(folder))
        contents = [path.read_bytes() for path in sound]
        rng = np.random.default_rng([seed, case])
        which = int(rng.integers(len(sound)))
        (place / sound[which].name).write_bytes(mutate(contents[which], rng, contents))


def read_counts(findings: Path) -> Counts:
    """Counts of all runs: version of the code -> reader -> outcome -> cases."""
    path = findings / "counts.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    return {version: {name: Counter(outcomes) for name, outcomes in counts.items()} for version, counts in kept.items()}


def cases_tried(findings: Path, name: str) -> int:
    """Of a reader, in all runs."""
    return sum(sum(counts[name].values()) for counts in read_counts(findings).values() if name in counts)


def add_counts(findings: Path, name: str, found: Counter[str]) -> None:
    """Add to the counts of this version of the code; several programs may do so at once."""
    findings.mkdir(parents=True, exist_ok=True)
    with alone_in(findings, doing="counting", waits=True):
        counts = read_counts(findings)
        counts.setdefault(code_version(), {}).setdefault(name, Counter()).update(found)
        write_whole(findings / "counts.json", json.dumps(counts, indent=2))


def table(counts: Counts) -> str:
    """The cases of each reader over all versions, as a table in Markdown."""
    total: dict[str, Counter[str]] = {}
    for of_version in counts.values():
        for name, found in of_version.items():
            total.setdefault(name, Counter()).update(found)
    rows = [_row(name, total[name]) for name in TARGETS if name in total]
    rows.append(_row("all", sum(total.values(), Counter())))
    return "\n".join([_line("reader", "cases", *OUTCOMES), _line("---", *["---:"] * 7), *rows])


def _row(name: str, found: Mapping[str, int]) -> str:
    return _line(name, *(f"{number:,}" for number in (sum(found.values()), *(found.get(key, 0) for key in OUTCOMES))))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Run the campaign; 1 where this run has findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="new damaged files of each kind")
    parser.add_argument(
        "--until", type=int, help="as many as each kind lacks of so many in all runs, in place of --cases"
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="the longest time for one kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=TARGETS, default=list(TARGETS), help="kinds of files")
    parser.add_argument("--findings", type=Path, default=Path("hostile-findings"), help="folder of findings and counts")
    given = parser.parse_args()
    total: Counter[str] = Counter()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _STOPPED.set())
    for name in given.only if given.cases else ():
        if _STOPPED.is_set():
            break
        started = time.monotonic()
        cases = given.cases if given.until is None else given.until - cases_tried(given.findings, name)
        found = run_target(name, seed=given.seed, cases=cases, seconds=given.seconds, findings=given.findings)
        total += found
        line = ", ".join(f"{found[outcome]:,} {outcome}" for outcome in OUTCOMES if found[outcome])
        print(f"{name}: {line} ({time.monotonic() - started:.0f} s)", flush=True)
    counts = read_counts(given.findings)
    print(f"\nAll runs ({', '.join(counts)}):\n\n{table(counts)}")
    return int(any(total[outcome] for outcome in OUTCOMES[2:]))


if __name__ == "__main__":
    sys.exit(main())
