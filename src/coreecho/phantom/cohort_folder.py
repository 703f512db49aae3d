"""The folder of a cohort of phantoms, in any layout: its card, how it is filled by several processes, and continued."""

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, fields
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from coreecho.documents import build_document, read_document
from coreecho.errors import DatasetError
from coreecho.files import LOCK_NAME, alone_in, write_whole
from coreecho.phantom.settings import LATER_SETTINGS, PhantomSettings
from coreecho.progress import track
from coreecho.stopping import signals_held_back

CARD_NAME = "phantom.json"
# A cohort that is being written carries its card under this name, so that an interrupted one can be told and continued.
UNFINISHED_NAME = "phantom-unfinished.json"
# Raised whenever the same settings and seed give other files than before.
GENERATOR_VERSION = 11

_STATEMENT = "Simulated echocardiograms. They show no patient, and no result on them is a result on patients."
# What two cards may differ in and still mean the same files.
_FREE_KEYS = ("settings", "statement", "coreecho_version")
# A hundred times the largest published data set: a number with too many noughts is no wish.
_MOST_RECORDINGS = 1_000_000
# Recordings that one process simulates in the time that another takes to start.
_WORTH_A_PROCESS = 24
_Task = TypeVar("_Task")
_Row = TypeVar("_Row")


@dataclass(frozen=True, kw_only=True)
class _Card:
    """What the card of every version says."""

    layout: str
    generator_version: int
    recordings: int
    seed: int
    settings: Mapping[str, Any]


_ALWAYS_THERE = tuple(each.name for each in fields(_Card))


def make_card(
    layout: str, recordings: int, seed: int, settings: PhantomSettings, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """What phantom.json says of a cohort; `notes` tell how the phantoms differ from the real data set."""
    card: dict[str, Any] = {
        "statement": _STATEMENT,
        "coreecho_version": version("coreecho"),
        "layout": layout,
        "generator_version": GENERATOR_VERSION,
        "recordings": recordings,
        "seed": seed,
        "settings": settings.to_json(),
    }
    return card | ({"notes": list(notes)} if notes else {})


def read_card(path: Path) -> dict[str, Any]:
    """Read what a card says; what it says besides is of other versions, and to be judged by who reads it.

    Raises:
        DatasetError: there is none, it is damaged, or it lacks what every card says.
    """
    card = read_document(path, dict[str, Any], kind="card of phantoms", error=DatasetError)
    build_document({key: card[key] for key in _ALWAYS_THERE if key in card}, _Card, kind="card", error=DatasetError)
    return card


def write_cohort(
    out: Path,
    card: dict[str, Any],
    write_one: Callable[[_Task], _Row],
    *,
    tasks: Callable[[], Sequence[_Task]],
    finish: Callable[[list[_Row]], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
    workers: int | None,
    show_progress: bool,
) -> None:
    """Write all recordings of a cohort, then its tables, and last of all its card.

    A complete cohort with the same card is left as it is. An interrupted one is continued: `write_one` skips the files
    that are there.

    Args:
        out: the folder; made if it is missing.
        card: of the cohort.
        write_one: writes the recording of a task and returns its row; runs in other processes.
        tasks: one a recording, made when the numbers of the card are known to be possible.
        finish: writes the tables from all rows, in the order of the tasks.
        check: raises where a cohort that has its card lacks files.
        workers: processes; the default is one for each core that this process may use, fewer for few recordings.
        show_progress: draw a progress bar on stderr.

    Raises:
        DatasetError: a number is out of range, the folder holds something else, or it cannot be written.
        BusyError: another process is writing phantoms into it.
    """
    for name, least in (("recordings", 1), ("more_test", 0)):
        if (number := card.get(name, 0)) < least:
            raise DatasetError(f"phantoms for {out}: {name} is {number}, expected at least {least}.")
        if number > _MOST_RECORDINGS:
            raise DatasetError(f"phantoms for {out}: {name} is {number}, expected at most {_MOST_RECORDINGS:,}.")
    if not 0 <= card["seed"] < 2**63:
        raise DatasetError(f"phantoms for {out}: seed is {card['seed']}, expected 0 to 2^63 - 1.")
    try:
        if _is_complete(out, card):
            check()
            return
        out.mkdir(parents=True, exist_ok=True)
        with alone_in(out, doing="writing phantoms"):
            # Another process may have written all of it, or another cohort, since.
            if not _is_complete(out, card):
                text = json.dumps(card, indent=2) + "\n"
                write_whole(out / UNFINISHED_NAME, text)
                finish(list(_run(write_one, tasks(), workers, show_progress)))
                write_whole(out / CARD_NAME, text)
                (out / UNFINISHED_NAME).unlink()
        # Complete as the folder is, nobody needs the lock any more, and only the cohort's own files stay.
        with suppress(OSError):
            (out / LOCK_NAME).unlink()
    except OSError as error:
        raise DatasetError(
            f"phantoms for {out}: cannot write ({error}). Free space or choose a folder that can be written, then run "
            "the same command again: it goes on where it stopped."
        ) from error


def _is_complete(out: Path, card: dict[str, Any]) -> bool:
    """Whether the folder already holds this cohort; an empty folder, or this cohort unfinished, is False.

    Raises:
        DatasetError: it holds anything else.
    """
    if not out.exists() or (out.is_dir() and not {path.name for path in out.iterdir()} - {LOCK_NAME}):
        return False
    if not out.is_dir():
        raise DatasetError(f"phantoms for {out}: this is a file, expected a folder that is empty or does not exist.")
    found = next((name for name in (CARD_NAME, UNFINISHED_NAME) if (out / name).is_file()), None)
    if found is None:
        raise DatasetError(
            f"phantoms for {out}: the folder is not empty and holds no phantom cohort ({CARD_NAME} is missing). "
            "Choose an empty or new folder."
        )
    _compare_cards(out, found, card)
    return found == CARD_NAME


def _compare_cards(out: Path, name: str, card: dict[str, Any]) -> None:
    advice = "Delete the folder or choose another."
    try:
        found = read_card(out / name)
    except DatasetError as error:
        raise DatasetError(f"phantoms for {out}: {name} is not a phantom card ({error}). {advice}") from error
    flat_found = {**LATER_SETTINGS, **found, **found.pop("settings")}
    asked = {**LATER_SETTINGS, **card, **card["settings"]}
    differences = [
        f"{key} is {flat_found.get(key)!r} there, {asked[key]!r} asked for"
        for key in asked
        if key not in _FREE_KEYS and flat_found.get(key) != asked[key]
    ]
    if differences:
        raise DatasetError(f"phantoms for {out}: it holds another phantom cohort: {'; '.join(differences)}. {advice}")


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(
    write_one: Callable[[_Task], _Row], tasks: Sequence[_Task], workers: int | None, show_progress: bool
) -> Iterator[_Row]:
    """Write all recordings, in order, and yield their rows."""
    workers = workers or min(_available_cores(), len(tasks) // _WORTH_A_PROCESS)
    rows = _map_in_order(write_one, tasks, min(workers, len(tasks)))
    yield from track(rows, "Simulating hearts", len(tasks), disable=not show_progress)


def _map_in_order(write_one: Callable[[_Task], _Row], tasks: Sequence[_Task], workers: int) -> Iterator[_Row]:
    if workers <= 1:
        # One thread: the matrices are small, and the bytes must not depend on how a library splits its sums.
        with threadpool_limits(1):
            yield from map(write_one, tasks)
        return
    # Spawned, since forking a process that holds threads (a running torch, say) can hang.
    context = multiprocessing.get_context("spawn")
    ends, end = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(ends,))
    try:
        # The workers begin here. They end by the pipe, and not by a Ctrl-C that reaches all processes of a terminal.
        with signals_held_back():
            rows = executor.map(write_one, tasks, chunksize=max(1, min(8, len(tasks) // (4 * workers))))
        yield from rows
        executor.shutdown()
    except BrokenProcessPool as error:
        raise DatasetError(
            "phantoms: a worker process was ended from outside, as the system does when memory runs out. Run the same "
            "command again with fewer `--workers`: it goes on where it stopped."
        ) from error
    finally:
        end.close()
        executor.shutdown(cancel_futures=True)
        ends.close()


def _begin_worker(ends: Connection) -> None:
    """In a worker: compute with one thread, and end as soon as the process that began it ends, however it does."""
    threadpool_limits(1)
    threading.Thread(target=_end_with, args=(ends,), daemon=True).start()


def _end_with(ends: Connection) -> None:
    # Nothing is ever sent: the pipe is readable when its other end is closed, also by the death of its process.
    ends.poll(None)
    os._exit(0)
