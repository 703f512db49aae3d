"""What the phantoms in CAMUS's and HMC-QU's layouts share: the card, the folder, the processes, larger pictures."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.phantom.layouts import CARD_NAME, GENERATOR_VERSION, UNFINISHED_NAME
from coreecho.phantom.settings import PhantomSettings

_STATEMENT = "Simulated echocardiograms. They show no patient, and no result on them is a result on patients."
_Written = TypeVar("_Written")


def make_card(layout: str, studies: int, seed: int, settings: PhantomSettings, notes: Sequence[str]) -> dict[str, Any]:
    """What phantom.json says of a cohort; `notes` tell how the phantoms differ from the real data set."""
    return {
        "statement": _STATEMENT,
        "coreecho_version": version("coreecho"),
        "layout": layout,
        "notes": list(notes),
        "generator_version": GENERATOR_VERSION,
        "studies": studies,
        "seed": seed,
        "settings": settings.to_json(),
    }


def write_cohort(
    out: Path,
    card: dict[str, Any],
    write_one: Callable[[int], _Written],
    *,
    finish: Callable[[list[_Written]], None],
    workers: int | None,
    show_progress: bool,
) -> None:
    """Write all studies of a cohort, then its tables, and last of all its card.

    A complete cohort with the same card is left as it is. An interrupted one is continued: `write_one` skips the files
    that are there.

    Args:
        out: the folder; made if it is missing.
        card: of the cohort.
        write_one: writes study number n, from 0, and returns its row; runs in other processes.
        finish: writes the tables from all rows, in the order of the studies.
        workers: processes; the default is one for each core that this process may use.
        show_progress: draw a progress bar on stderr.

    Raises:
        DatasetError: a number is out of range, the folder holds something else, or it cannot be written.
    """
    if card["studies"] < 1 or not 0 <= card["seed"] < 2**63:
        raise DatasetError(
            f"phantoms for {out}: {card['studies']} studies of seed {card['seed']}; expected at least 1 study, and a "
            "seed from 0 to 2^63 - 1."
        )
    try:
        if _is_complete(out, card):
            return
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(card, indent=2) + "\n"
        write_whole(out / UNFINISHED_NAME, text)
        finish(list(_run(write_one, card["studies"], workers or _available_cores(), show_progress)))
        write_whole(out / CARD_NAME, text)
        (out / UNFINISHED_NAME).unlink()
    except OSError as error:
        raise DatasetError(
            f"phantoms for {out}: cannot write ({error}). Free space or choose a folder that can be written, then run "
            "the same command again: it goes on where it stopped."
        ) from error


def _is_complete(out: Path, card: dict[str, Any]) -> bool:
    """Whether the folder holds this cohort; False where it is empty or holds a part of it."""
    if not out.exists():
        return False
    if not out.is_dir():
        raise DatasetError(f"phantoms for {out}: this is a file; expected a folder that is empty or does not exist.")
    found = next((name for name in (CARD_NAME, UNFINISHED_NAME) if (out / name).is_file()), None)
    if found is None:
        if any(out.iterdir()):
            raise DatasetError(f"phantoms for {out}: the folder holds other files. Choose an empty or new folder.")
        return False
    try:
        there = json.loads((out / found).read_text(encoding="utf-8"))
        differs = sorted(
            key for key in card if key not in ("coreecho_version", "statement") and there.get(key) != card[key]
        )
    except (ValueError, AttributeError) as error:
        raise DatasetError(
            f"phantoms for {out}: {found} is not a phantom card ({error}). Delete the folder."
        ) from error
    if differs:
        raise DatasetError(
            f"phantoms for {out}: it holds another phantom cohort, which differs in {', '.join(differs)}. "
            "Delete the folder or choose another."
        )
    return found == CARD_NAME


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(write_one: Callable[[int], _Written], studies: int, workers: int, show_progress: bool) -> Iterator[_Written]:
    columns = (TextColumn("Simulating hearts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show_progress, transient=True) as progress:
        bar = progress.add_task("studies", total=studies)
        for row in _in_order(write_one, studies, min(workers, studies)):
            progress.advance(bar)
            yield row


def _in_order(write_one: Callable[[int], _Written], studies: int, workers: int) -> Iterator[_Written]:
    # One thread each: the matrices are small, and the bytes must not depend on how a library splits its sums.
    if workers <= 1:
        with threadpool_limits(1):
            yield from map(write_one, range(studies))
        return
    spawned = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawned, initializer=threadpool_limits, initargs=(1,))
    try:
        yield from pool.map(write_one, range(studies))
    finally:
        pool.shutdown(cancel_futures=True)


def enlarge(frame: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Enlarge a picture smoothly; the outside of the sector stays black."""
    grown = Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC)
    shown = Image.fromarray((frame > 0).astype(np.uint8) * 255).resize((width, height), Image.Resampling.BILINEAR)
    return np.where(np.asarray(shown) > 127, np.asarray(grown), 0).astype(np.uint8)


def enlarge_labels(labels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Enlarge a mask; each pixel has the label of the nearest one."""
    return np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST), dtype=np.uint8)
