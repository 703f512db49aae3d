"""Phantom cohorts on disk, in the layouts of the real data sets."""

import io
import json
import multiprocessing
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.phantom.cohort import Split, draw_splits
from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import StudyPlan, plan_study, render_study
from coreecho.phantom.tracings import trace_frame
from coreecho.phantom.truth import frame_truth, latents
from coreecho.phantom.view import FRAME_SIZE

CARD_NAME = "phantom.json"
FILE_LIST = "FileList.csv"
TRACINGS = "VolumeTracings.csv"
VIDEO_FOLDER = "Videos"
TRUTH_FOLDER = "Truth"
LATENTS = "latents.csv"
# A cohort that is being written carries its card under this name, so that an interrupted one can be told and continued.
UNFINISHED_NAME = "phantom-unfinished.json"
# Raised whenever the same settings and seed give other files than before.
GENERATOR_VERSION = 10

_FILE_LIST_HEADER = "FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"
# What two cards may differ in and still mean the same files.
_FREE_KEYS = ("settings", "statement", "coreecho_version")
_TRACINGS_HEADER = "FileName,X1,Y1,X2,Y2,Frame"


@dataclass(frozen=True, kw_only=True)
class _StudyRows:
    """What one study adds to the tables."""

    stem: str
    file_list: str
    tracings: tuple[str, ...]
    latents: dict[str, str | float | int]


def write_echonet_phantoms(
    out: Path,
    *,
    studies: int,
    seed: int,
    settings: PhantomSettings | None = None,
    workers: int | None = None,
    show_progress: bool = False,
) -> None:
    """Write a cohort of simulated A4C videos in the layout of EchoNet-Dynamic.

    Writes FileList.csv, VolumeTracings.csv, Videos/*.avi and, last of all, phantom.json; with `settings.truth` also
    Truth/*.npz (masks, volumes and movements frame by frame) and latents.csv (all else that is true). Same settings and
    seed, same bytes, whatever the number of workers. A complete cohort with the same card is left as it is; an
    interrupted one is continued. With several workers, a script that calls this needs the usual
    `if __name__ == "__main__"` guard.

    Args:
        out: the folder; made if it is missing.
        studies: number of videos.
        seed: 0 to 2^63 - 1.
        settings: of the cohort; the default is scanner A at standard difficulty.
        workers: processes; the default is one for each core that this process may use.
        show_progress: draw a progress bar on stderr.

    Raises:
        DatasetError: a number is out of range, the folder holds something else, or it cannot be written.
    """
    settings = settings or PhantomSettings()
    if studies < 1:
        raise DatasetError(f"phantoms for {out}: studies is {studies}, expected at least 1.")
    if not 0 <= seed < 2**63:
        raise DatasetError(f"phantoms for {out}: seed is {seed}, expected 0 to 2^63 - 1.")
    card = _card(settings, studies, seed)
    try:
        if _is_complete(out, card):
            return
        for folder in (VIDEO_FOLDER, TRUTH_FOLDER) if settings.truth else (VIDEO_FOLDER,):
            (out / folder).mkdir(parents=True, exist_ok=True)
        write_whole(out / UNFINISHED_NAME, json.dumps(card, indent=2) + "\n")
        splits = draw_splits(studies, seed)
        write_one = partial(_write_study, settings, seed, out)
        rows = list(_run_studies(write_one, splits, workers or _available_cores(), show_progress))
        _write_tables(out, rows)
        write_whole(out / CARD_NAME, json.dumps(card, indent=2) + "\n")
        (out / UNFINISHED_NAME).unlink()
    except OSError as error:
        raise DatasetError(
            f"phantoms for {out}: cannot write ({error}). Free space or choose a folder that can be written, then run "
            "the same command again: it goes on where it stopped."
        ) from error


def _card(settings: PhantomSettings, studies: int, seed: int) -> dict[str, Any]:
    return {
        "statement": "Simulated echocardiograms. They show no patient, and no result on them is a result on patients.",
        "coreecho_version": version("coreecho"),
        "layout": "EchoNet-Dynamic",
        "generator_version": GENERATOR_VERSION,
        "studies": studies,
        "seed": seed,
        "settings": settings.to_json(),
    }


def _is_complete(out: Path, card: dict[str, Any]) -> bool:
    """Whether the folder already holds this cohort; an empty folder, or this cohort unfinished, is False.

    Raises:
        DatasetError: it holds anything else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not out.is_dir():
        raise DatasetError(f"phantoms for {out}: this is a file, expected a folder that is empty or does not exist.")
    for name in (CARD_NAME, UNFINISHED_NAME):
        if (out / name).is_file():
            _compare_cards(out, name, card)
            if name == UNFINISHED_NAME:
                return False
            _check_videos(out, card["studies"])
            return True
    raise DatasetError(
        f"phantoms for {out}: the folder is not empty and holds no phantom cohort ({CARD_NAME} is missing). "
        "Choose an empty or new folder."
    )


def _compare_cards(out: Path, name: str, card: dict[str, Any]) -> None:
    advice = "Delete the folder or choose another."
    try:
        found = json.loads((out / name).read_text(encoding="utf-8"))
        flat_found = {**found, **found.pop("settings")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"phantoms for {out}: {name} is not a phantom card ({error}). {advice}") from error
    asked = {**card, **card["settings"]}
    differences = [
        f"{key} is {flat_found.get(key)!r} there, {asked[key]!r} asked for"
        for key in asked
        if key not in _FREE_KEYS and flat_found.get(key) != asked[key]
    ]
    if differences:
        raise DatasetError(f"phantoms for {out}: it holds another phantom cohort: {'; '.join(differences)}. {advice}")


def _check_videos(out: Path, studies: int) -> None:
    found = sum(1 for _ in (out / VIDEO_FOLDER).glob("*.avi")) if (out / VIDEO_FOLDER).is_dir() else 0
    tables = [name for name in (FILE_LIST, TRACINGS) if not (out / name).is_file()]
    if found != studies or tables:
        raise DatasetError(
            f"phantoms for {out}: {CARD_NAME} says that the cohort of {studies} studies is complete, but there are "
            f"{found} videos and {', '.join(tables) or 'no table'} is missing. Delete the folder and run the same "
            "command again."
        )


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run_studies(
    write_one: "partial[_StudyRows]", splits: list[Split], workers: int, show_progress: bool
) -> Iterator[_StudyRows]:
    """Write all studies, in order of their numbers, and yield their rows."""
    columns = (TextColumn("Simulating hearts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks = list(enumerate(splits))
    workers = min(workers, len(tasks))
    with Progress(*columns, console=Console(stderr=True), disable=not show_progress) as progress:
        bar = progress.add_task("studies", total=len(tasks))
        for rows in _map_in_order(write_one, tasks, workers):
            progress.advance(bar)
            yield rows


def _map_in_order(
    write_one: "partial[_StudyRows]", tasks: list[tuple[int, Split]], workers: int
) -> Iterator[_StudyRows]:
    if workers <= 1:
        # One thread: the matrices are small, and the bytes must not depend on how a library splits its sums.
        with threadpool_limits(1):
            yield from map(write_one, tasks)
        return
    # Spawned, since forking a process that holds threads (a running torch, say) can hang.
    executor = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=threadpool_limits, initargs=(1,)
    )
    try:
        yield from executor.map(write_one, tasks, chunksize=max(1, min(8, len(tasks) // (4 * workers))))
    finally:
        executor.shutdown(cancel_futures=True)


def _write_study(settings: PhantomSettings, seed: int, out: Path, task: tuple[int, Split]) -> _StudyRows:
    """Write one study's files, unless an interrupted run has written them, and return its rows."""
    index, split = task
    plan = plan_study(settings, seed, index, split)
    path = out / VIDEO_FOLDER / f"{plan.facts.stem}.avi"
    if not path.is_file():
        write_mjpeg_avi(path, render_study(plan), plan.facts.fps)
    if settings.truth:
        truth = out / TRUTH_FOLDER / f"{plan.facts.stem}.npz"
        if not truth.is_file():
            write_whole(truth, _pack(frame_truth(plan)))
    return _table_rows(plan)


def _pack(arrays: dict[str, NDArray[Any]]) -> bytes:
    """An NPZ file, the same bytes for the same arrays (NumPy's own writer leaves the time open)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _table_rows(plan: StudyPlan) -> _StudyRows:
    facts, motion = plan.facts, plan.motion
    # The label's error goes into EF and ESV, so that the three columns agree; the tracings stay true.
    ef_percent = min(max(motion.ef_percent + facts.label_error, 1.0), 97.0) if facts.label_error else motion.ef_percent
    esv_ml = motion.edv_ml * (1.0 - ef_percent / 100.0)
    volumes = f"{ef_percent:.6f},{esv_ml:.6f},{motion.edv_ml:.6f}"
    numbers = f"{volumes},{FRAME_SIZE},{FRAME_SIZE},{facts.fps:g},{facts.num_frames}"
    tracings = [
        f"{facts.stem}.avi,{row.x1:.4f},{row.y1:.4f},{row.x2:.4f},{row.y2:.4f},{row.frame}"
        for frame in (motion.ed_frame, motion.es_frame)
        for row in trace_frame(plan, frame)
    ]
    return _StudyRows(
        stem=facts.stem,
        file_list=f"{facts.stem},{numbers},{facts.split}",
        tracings=tuple(tracings),
        latents=latents(plan) if plan.settings.truth else {},
    )


def _write_tables(out: Path, rows: list[_StudyRows]) -> None:
    """Write the tables, sorted by name as in the real data set."""
    rows = sorted(rows, key=lambda study: study.stem)
    write_whole(out / FILE_LIST, "\n".join([_FILE_LIST_HEADER, *(study.file_list for study in rows)]) + "\n")
    tracings = [line for study in rows for line in study.tracings]
    write_whole(out / TRACINGS, "\n".join([_TRACINGS_HEADER, *tracings]) + "\n")
    if rows[0].latents:
        lines = [",".join(rows[0].latents)]
        lines += [",".join(_cell(value) for value in study.latents.values()) for study in rows]
        write_whole(out / LATENTS, "\n".join(lines) + "\n")


def _cell(value: str | float | int) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
