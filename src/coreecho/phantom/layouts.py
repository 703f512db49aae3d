"""Phantom cohorts on disk, in the layouts of the real data sets."""

import csv
import io
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.phantom.cohort import Split, draw_splits
from coreecho.phantom.cohort_folder import CARD_NAME, make_card, write_cohort
from coreecho.phantom.picture import FRAME_SIZE
from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import RecordingPlan, Scene, plan_recording, render_recording
from coreecho.phantom.stand_in import StandIn
from coreecho.phantom.tracings import trace_frame
from coreecho.phantom.truth import frame_masks, frame_truth, latents

# What a card calls it.
LAYOUT = "EchoNet-Dynamic"
FILE_LIST = "FileList.csv"
TRACINGS = "VolumeTracings.csv"
VIDEO_FOLDER = "Videos"
TRUTH_FOLDER = "Truth"
MASK_FOLDER = "Masks"
LATENTS = "latents.csv"

_FILE_LIST_HEADER = "FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"
_TRACINGS_HEADER = "FileName,X1,Y1,X2,Y2,Frame"


@dataclass(frozen=True, kw_only=True)
class _RecordingRows:
    """What one recording adds to the tables."""

    stem: str
    file_list: str
    tracings: tuple[str, ...]
    latents: dict[str, str | float | int]


def write_echonet_phantoms(
    out: Path,
    *,
    recordings: int,
    seed: int,
    more_test: int = 0,
    settings: PhantomSettings | None = None,
    workers: int | None = None,
    show_progress: bool = False,
) -> None:
    """Write a cohort of simulated A4C videos in the layout of EchoNet-Dynamic.

    Writes FileList.csv, VolumeTracings.csv, Videos/*.avi and, last of all, phantom.json; with `settings.truth` also
    Truth/*.npz (masks, volumes and movements frame by frame) and latents.csv (all else that is true); with
    `settings.masks` also Masks/*.npz (masks and volumes alone). Same settings and seed, same bytes, whatever the number
    of workers. A complete cohort with the same card is left as it is; an interrupted one is continued. With several
    workers, a script that calls this needs the usual `if __name__ == "__main__"` guard.

    Args:
        out: the folder; made if it is missing.
        recordings: number of videos, in EchoNet-Dynamic's proportions of TRAIN, VAL and TEST.
        seed: 0 to 2^63 - 1.
        more_test: videos beyond those, all TEST: the more, the finer two models can be told apart.
        settings: of the cohort; the default is scanner A at standard difficulty.
        workers: processes; the default is one for each core that this process may use, fewer for few recordings.
        show_progress: draw a progress bar on stderr.

    Raises:
        DatasetError: a number is out of range, the folder holds something else, or it cannot be written.
    """
    settings = settings or PhantomSettings()
    write_cohort(
        out,
        make_card(LAYOUT, recordings, seed, settings) | {"more_test": more_test},
        partial(_write_recording, settings, seed, out),
        tasks=lambda: list(enumerate(draw_splits(recordings, seed, more_test))),
        finish=partial(_write_tables, out),
        check=partial(_check_videos, out, recordings + more_test),
        workers=workers,
        show_progress=show_progress,
    )


STAND_IN = StandIn(
    folder="echonet",
    write=write_echonet_phantoms,
    seed=0,
    recordings=1340,
    few=64,
    more_test=1500,
    settings=PhantomSettings(min_frames=64, max_frames=64),
    has_splits=True,
)


def _check_videos(out: Path, recordings: int) -> None:
    found = sum(1 for _ in (out / VIDEO_FOLDER).glob("*.avi")) if (out / VIDEO_FOLDER).is_dir() else 0
    tables = [name for name in (FILE_LIST, TRACINGS) if not (out / name).is_file()]
    if found != recordings or tables:
        raise DatasetError(
            f"phantoms for {out}: {CARD_NAME} says that the cohort of {recordings} recordings is complete, but there "
            f"are "
            f"{found} videos and {', '.join(tables) or 'no table'} is missing. Delete the folder and run the same "
            "command again."
        )


def _write_recording(settings: PhantomSettings, seed: int, out: Path, task: tuple[int, Split]) -> _RecordingRows:
    """Write one recording's files, unless an interrupted run has written them, and return its rows."""
    index, split = task
    plan = plan_recording(settings, seed, index, split)
    path = out / VIDEO_FOLDER / f"{plan.facts.stem}.avi"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        write_mjpeg_avi(path, render_recording(plan), plan.facts.fps)
    if settings.truth:
        truth = out / TRUTH_FOLDER / f"{plan.facts.stem}.npz"
        truth.parent.mkdir(exist_ok=True)
        if not truth.is_file():
            write_whole(truth, _pack(frame_truth(plan)))
    if settings.masks:
        masks = out / MASK_FOLDER / f"{plan.facts.stem}.npz"
        masks.parent.mkdir(exist_ok=True)
        if not masks.is_file():
            # Level 1 is a tenth of the time and hardly larger, since masks are smooth.
            write_whole(masks, _pack(frame_masks(plan), level=1))
    return _table_rows(plan)


def _pack(arrays: dict[str, NDArray[Any]], level: int | None = None) -> bytes:
    """An NPZ file, the same bytes for the same arrays (NumPy's own writer leaves the time open).

    Args:
        arrays: by name.
        level: of the compression, 1 to 9; None is the usual one.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED, level)
    return packed.getvalue()


def _table_rows(plan: RecordingPlan) -> _RecordingRows:
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
    return _RecordingRows(
        stem=facts.stem,
        file_list=f"{facts.stem},{numbers},{facts.split}",
        tracings=tuple(tracings),
        latents={**latents(plan), "gain_db": Scene(plan).gain()} if plan.settings.truth else {},
    )


def _write_tables(out: Path, rows: list[_RecordingRows]) -> None:
    """Write the tables, sorted by name as in the real data set."""
    rows = sorted(rows, key=lambda recording: recording.stem)
    write_whole(out / FILE_LIST, "\n".join([_FILE_LIST_HEADER, *(recording.file_list for recording in rows)]) + "\n")
    tracings = [line for recording in rows for line in recording.tracings]
    write_whole(out / TRACINGS, "\n".join([_TRACINGS_HEADER, *tracings]) + "\n")
    if rows[0].latents:
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(rows[0].latents)
        writer.writerows([_cell(value) for value in recording.latents.values()] for recording in rows)
        write_whole(out / LATENTS, table.getvalue())


def _cell(value: str | float | int) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
