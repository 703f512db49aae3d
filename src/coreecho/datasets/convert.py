"""From a folder of a hospital's clips to a data set in EchoNet-Dynamic's layout that names nobody.

    OUT/Videos/<random id>.avi   the sector alone, grey, of one size and frame rate (Motion-JPEG)
    OUT/FileList.csv             EchoNet-Dynamic's columns; only where labels are given, since it is a list of EF
    OUT/converted.csv            what was taken and what was refused, and why
    OUT/phantom.json             where all hearts are simulated

Nothing of a file but its pixels and frame rate is carried over: no name, date, identifier or path. Ids are random, not
computed from anything; clips are known by a running number; which file became which id is written to a file of the
user's choice, outside of OUT, or nowhere.
"""

import os
import secrets
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from coreecho.datasets.anonymous_notes import anonymous
from coreecho.datasets.convert_labels import Label, read_labels
from coreecho.datasets.converted_tables import TABLES, ConvertedClip, write_mapping, write_tables
from coreecho.datasets.echonet_dynamic import VIDEOS
from coreecho.datasets.finished_conversion import SEAL, read_finished, request_of, seal
from coreecho.errors import DatasetError, UnsuitableError, VideoError, log_unforeseen
from coreecho.files import LOCK_NAME, alone_in
from coreecho.progress import track
from coreecho.video import Video, read_video, resample_fps, resize_frames
from coreecho.video.decoded import is_screen
from coreecho.video.dicom_series import NOT_JOINED, Series, with_series
from coreecho.video.finding import clips_in
from coreecho.video.mhd import is_mhd
from coreecho.video.nrrd import is_detached, is_nrrd
from coreecho.video.reading import read_clip_at
from coreecho.video.screen import CROPPED_NOTE
from coreecho.video.sector import MIN_FRAMES
from coreecho.video.silence import silent_readers
from coreecho.video.temporal import rate_words
from coreecho.video.writing import write_mjpeg_avi

# Lies in OUT while it is being filled.
UNFINISHED = ".converting"
_MIN_FRAME_SIZE = 32
_HEAD_BYTES = 16
# Clips in work for each thread: keeps all busy, and bounds the frames in memory.
_AHEAD = 2


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One file to convert. `path` is None for a folder that cannot be opened."""

    number: int
    path: Path | Series | None
    id: str
    label: Label | None


def convert(
    folder: str | Path,
    out: str | Path,
    *,
    labels: Path | None = None,
    label_scale: float = 1.0,
    mapping: Path | None = None,
    fps: float = 50.0,
    frame_size: int = 112,
    seed: int = 0,
    joins_series: bool = False,
    workers: int | None = None,
    show_progress: bool = False,
) -> list[ConvertedClip]:
    """Convert a tree of DICOM, AVI, MP4 and other clips. A file that cannot be converted never stops the others.

    All or nothing: an error or an interruption leaves OUT empty but for its lock, and what a killed process has left
    there is known by its mark and cleared by the next call. Where OUT holds just what is asked for, from an earlier
    call, nothing is done: a command that is stopped when it was done can be given again.

    Args:
        folder: folder of clips, at any depth; tables, texts and archives in it are passed over.
        out: folder to write; new or empty.
        labels: table of EF and patients, see `read_labels`. Clips that it does not have are refused. Where it does not
            say the splits, whole patients are dealt out.
        label_scale: by which every EF of the table is multiplied: 100 for fractions.
        mapping: file to write with the file of each id; outside of `out`, and new.
        fps: frames per second of the videos written. A clip whose rate is not known is taken frame by frame.
        frame_size: pixels a side, even.
        seed: of the splits.
        joins_series: take the single DICOM frames of one series in one folder, one a file, for one clip, whose label is
            that of the first of its files that has one. Without it they are refused together.
        workers: threads; None takes one for each core.
        show_progress: draw a progress bar on stderr.

    Returns:
        One entry for each clip, in the order of their numbers.

    Raises:
        FaultyDatasetError: the labels are wrong.
        DatasetError: the request makes no sense, simulated hearts and others are mixed, or OUT cannot be written.
        BusyError: another process is filling OUT.
    """
    folder, out = Path(folder), Path(out)
    _check_request(folder, out, fps, frame_size)
    known = None if labels is None else read_labels(labels, folder, label_scale)
    jobs = _find_jobs(folder, known)
    settings = (label_scale, fps, frame_size, seed, joins_series)
    request = request_of((job.path for job in jobs), labels, settings)
    finished = None if (out / UNFINISHED).is_file() else read_finished(out, request, frame_size)
    if finished is not None and _is_whole(finished, out, mapping):
        return _with_paths(finished, jobs)
    _check_mapping(mapping, out)
    write_one = partial(
        _convert_one,
        out=out,
        fps=fps,
        frame_size=frame_size,
        has_labels=known is not None,
        joins_series=joins_series,
    )
    clips: list[ConvertedClip] = []
    # Closed before the folder is cleared: no thread may go on writing there.
    with (
        _owning(out),
        _filling(out),
        silent_readers(),
        closing(_in_order(write_one, jobs, workers)) as results,
    ):
        for clip in track(results, "Converting clips", len(jobs), disable=not show_progress):
            clips.append(clip)
            _refuse_mixture(clips)
        write_tables(out, clips, {job.number: job.label for job in jobs if job.label is not None}, seed)
        seal(out, request)
        if mapping is not None:
            write_mapping(mapping, clips, {job.number: job.path for job in jobs if job.path is not None})
    return _with_paths(clips, jobs)


def _with_paths(clips: list[ConvertedClip], jobs: list[_Job]) -> list[ConvertedClip]:
    return [replace(clip, path=str(job.path or "")) for clip, job in zip(clips, jobs, strict=True)]


def _is_whole(clips: list[ConvertedClip], out: Path, mapping: Path | None) -> bool:
    """Whether all videos of a finished conversion are there, and its key where one is asked for."""
    ids = [clip.id for clip in clips if clip.id is not None]
    if not all((out / VIDEOS / f"{name}.avi").is_file() for name in ids):
        return False
    if mapping is None:
        return True
    try:
        key = mapping.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return all(name in key for name in ids)


def _check_mapping(mapping: Path | None, out: Path) -> None:
    if mapping is None:
        return
    if mapping.resolve().is_relative_to(out.resolve()):
        raise DatasetError(
            f"{mapping}: lies in {out}, and would tell whoever gets the data set whose hearts they are. Keep the "
            "mapping in another folder."
        )
    if mapping.exists():
        raise DatasetError(f"{mapping}: is there already, and may be the only key to another data set. Move it.")
    if not mapping.absolute().parent.is_dir():
        raise DatasetError(f"{mapping}: its folder does not exist. Make it first.")


def _check_request(folder: Path, out: Path, fps: float, frame_size: int) -> None:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: is not a folder. Give the folder that holds the clips.")
    inside, outside = folder.resolve(), out.resolve()
    if outside.is_relative_to(inside) or inside.is_relative_to(outside):
        raise DatasetError(f"{out}: lies in {folder}, or around it. Write to a folder apart from the clips.")
    if not 0 < fps <= 1000:
        raise DatasetError(f"Frames per second must be a number above 0 and at most 1000; got {fps}.")
    if frame_size < _MIN_FRAME_SIZE or frame_size % 2:
        raise DatasetError(f"The size of a frame must be even and at least {_MIN_FRAME_SIZE} pixels; got {frame_size}.")


def _find_jobs(folder: Path, labels: Mapping[Path, Label] | None) -> list[_Job]:
    closed: list[OSError] = []
    # A list first: folders are noted as closed while they are walked.
    found = with_series(clips_in(folder, closed.append)).values()
    paths: list[Path | Series | None] = [*found, *(None for _ in closed)]
    if not paths:
        raise DatasetError(f"{folder}: holds no file that could be a clip.")
    ids: set[str] = set()
    while len(ids) < len(paths):
        # As EchoNet-Dynamic names its videos. From the system's randomness: nobody can compute them again.
        ids.add("0X" + secrets.token_hex(8).upper())
    return [
        _Job(number=number, path=path, id=name, label=_label_of(path, labels or {}))
        for number, (path, name) in enumerate(zip(paths, ids, strict=True), start=1)
    ]


def _label_of(path: Path | Series | None, labels: Mapping[Path, Label]) -> Label | None:
    files = path.files if isinstance(path, Series) else () if path is None else (path,)
    return next((labels[file.resolve()] for file in files if file.resolve() in labels), None)


def _anonymous(message: str, path: Path | Series) -> str:
    """Take the names of all files of a clip out of a reader's message."""
    files = path.files if isinstance(path, Series) else (path,)
    message = message.removeprefix(f"{path}: ")
    for file in files:
        message = anonymous(message, file)
    return message


@contextmanager
def _owning(out: Path) -> Iterator[None]:
    """Have OUT, and no other process in it. Its lock goes with success, when OUT is no longer free to be taken."""
    _check_free(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with alone_in(out, doing="converting"):
            yield
        with suppress(OSError):
            (out / LOCK_NAME).unlink()
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written ({error.strerror}). Choose another folder.") from error


def _check_free(out: Path) -> None:
    """See that nothing lies in OUT but what a conversion, that may still run, has left. Raises DatasetError."""
    is_begun = (out / UNFINISHED).is_file()
    if not is_begun and out.exists() and (not out.is_dir() or {path.name for path in out.iterdir()} - {LOCK_NAME}):
        raise DatasetError(f"{out}: is not an empty folder. Give a new one; nothing is written over.")


@contextmanager
def _filling(out: Path) -> Iterator[None]:
    """Have OUT empty and marked while it is filled; empty it again on any error."""
    mark = out / UNFINISHED
    try:
        if mark.is_file():
            _clear(out)
        _check_free(out)
        # First the mark: of what lies there without one nobody would know whose it is.
        mark.write_text("coreecho convert is filling this folder, or was stopped. Run it again: it begins anew.\n")
        (out / VIDEOS).mkdir()
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written ({error.strerror}). Choose another folder.") from error
    try:
        yield
        mark.unlink()
    except OSError as error:
        _clear(out)
        raise DatasetError(
            f"{out}: cannot be written ({error.strerror}). Nothing was kept. Free space, then run the same command."
        ) from error
    except BaseException:
        _clear(out)
        raise


def _clear(out: Path) -> None:
    """Remove what an unfinished conversion has written, its mark last, and nothing else."""
    videos = out / VIDEOS
    written = [*videos.glob("0X*.avi"), *videos.glob(".0X*.part.avi"), *(out / name for name in (*TABLES, SEAL))]
    written += [path for name in (*TABLES, SEAL) for path in out.glob(f".{name}.*.part*")]
    for path in written:
        path.unlink(missing_ok=True)
    if videos.is_dir() and not any(videos.iterdir()):
        videos.rmdir()
    (out / UNFINISHED).unlink(missing_ok=True)


def _in_order(
    write_one: "partial[ConvertedClip]", jobs: list[_Job], workers: int | None
) -> Generator[ConvertedClip, None, None]:
    """Convert in threads: FFmpeg and NumPy let go of the interpreter lock."""
    num_workers = max(1, min(workers or os.cpu_count() or 1, len(jobs)))
    pool = ThreadPoolExecutor(num_workers, thread_name_prefix="convert")
    waiting: deque[Future[ConvertedClip]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(write_one, job))
            if len(waiting) > _AHEAD * num_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _convert_one(
    job: _Job, *, out: Path, fps: float, frame_size: int, has_labels: bool, joins_series: bool
) -> ConvertedClip:
    """Convert a file, in a thread; what cannot be read is refused with its reason. Raises OSError on writing."""
    if job.path is None:
        reason = "a folder that cannot be opened (permission denied)"
        return ConvertedClip(number=job.number, note=reason, is_failed=True)
    if isinstance(job.path, Series) and not joins_series:
        return ConvertedClip(number=job.number, note=NOT_JOINED.format(len(job.path.files)))
    if has_labels and job.label is None:
        return ConvertedClip(number=job.number, note="the labels have no EF for it")
    try:
        video = _prepare(_read(job.path), fps, frame_size)
        video.refuse_unmoved()
    except VideoError as error:
        is_failed = not isinstance(error, UnsuitableError)
        return ConvertedClip(number=job.number, note=_anonymous(str(error), job.path), is_failed=is_failed)
    # What nobody foresaw may quote the file; its kind alone is said.
    except Exception as error:
        log_unforeseen(error, f"file {job.number}")
        reason = f"cannot be read: unexpected {type(error).__name__}"
        return ConvertedClip(number=job.number, note=reason, is_failed=True)
    rate = video.fps or fps
    write_mjpeg_avi(out / VIDEOS / f"{job.id}.avi", video.frames, rate, is_phantom=video.is_phantom)
    return ConvertedClip(
        number=job.number,
        id=job.id,
        num_frames=video.num_frames,
        fps=rate,
        frame_size=frame_size,
        is_phantom=video.is_phantom,
        note="; ".join(video.notes),
    )


def _read(path: Path | Series) -> Video:
    if isinstance(path, Series):
        return read_clip_at(path)
    # Made by research software, of whole pictures, and its other file may have any name.
    if is_mhd(path):
        raise VideoError("a MetaImage file; DICOM, AVI, MP4 and other clips are converted")
    if is_nrrd(_head(path)) and is_detached(path):
        raise VideoError(
            "an NRRD header whose pixels lie in another file; DICOM, AVI, MP4 and other clips are converted"
        )
    return read_video(path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _prepare(video: Video, fps: float, frame_size: int) -> Video:
    """Bring a clip to the size and the frame rate asked for.

    Raises:
        VideoError: too short, its sector was not searched, or its frame rate cannot be right.
    """
    notes = list(video.notes)
    if video.num_frames < MIN_FRAMES:
        raise UnsuitableError(f"has {video.num_frames} frames; a heart beat takes at least {MIN_FRAMES}")
    if CROPPED_NOTE not in notes:
        if is_screen(*video.frames.shape[1:]):
            raise VideoError("an array of whole pictures, in which no sector is searched: names may be written in it")
        notes.append("a prepared clip, taken as it is: look whether anything is written in it")
    frames = resize_frames(video.frames, frame_size)
    if video.fps is None:
        notes.append(f"frame rate unknown: taken frame by frame, and written as {fps:g} frames per second")
        return replace(video, frames=frames, notes=tuple(notes))
    resampled = resample_fps(frames, video.fps, fps)
    if resampled is not frames:
        notes.append(f"resampled from {rate_words(video.fps)} to {rate_words(fps)} frames per second")
    return replace(video, frames=resampled, fps=fps, notes=tuple(notes))


def _refuse_mixture(clips: list[ConvertedClip]) -> None:
    """Refuse simulated hearts among others: a mixture could be taken for either."""
    last = clips[-1]
    for clip in clips if last.id is not None else ():
        if clip.id is not None and clip.is_phantom != last.is_phantom:
            simulated, other = (clip, last) if clip.is_phantom else (last, clip)
            raise DatasetError(
                f"Source {simulated.number} is a simulated heart and source {other.number} is not, counted in the "
                "sorted order of the files. Keep the two in folders of their own, and convert each by itself."
            )
