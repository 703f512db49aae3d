"""The doctor's findings as one HTML file that needs nothing else: no scripts, no fonts, no network."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.doctor import Examination
from coreecho.datasets.doctor_checks import NO_SPLIT
from coreecho.datasets.doctor_clips import ClipFacts
from coreecho.datasets.recording import Recording, Split
from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.names import counted, one_of, readable
from coreecho.report.rendering import render_page
from coreecho.tasks import Task, plain_tasks

# Pictures on the page: enough to see what is there, few enough to open at once.
MAX_THUMBNAILS = 60
_BARS = 24
_CHART_WIDTH, _CHART_HEIGHT = 360, 110
# Beside the axis: half of a label whose tick is at its end.
_CHART_MARGIN = 24


def write_page(examination: Examination, path: Path) -> None:
    """Write the page: verdict, faults, remarks, counts, histograms and thumbnails.

    Every text from the data set is escaped. Thumbnails show the sector alone.

    Raises:
        DatasetError: the file cannot be written.
    """
    try:
        write_whole(path, render_doctor_page(examination))
    except OSError as error:
        raise DatasetError(f"{path}: the page cannot be written ({error.strerror}). Choose another file.") from error


def render_doctor_page(examination: Examination) -> str:
    """Return the page as text."""
    counts, has_published = _counts(examination), bool(examination.published)
    blamed = {kind: [_recordings_in(case, examination) for case in cases] for kind, cases in examination.faults.items()}
    thumbnails, total = _thumbnails(examination, blamed)
    shown = f"{len(thumbnails)} of {total:,}, those with faults first" if len(thumbnails) < total else f"all {total:,}"
    places = {thumbnail["id"]: thumbnail["anchor"] for thumbnail in thumbnails}
    return render_page(
        "doctor.html",
        styles=("doctor.css",),
        title=f"Data set check: {examination.dataset}",
        is_clean=examination.is_clean,
        is_phantom=examination.is_phantom,
        summary=examination.summary(),
        faults=[
            {
                "anchor": f"fault-{number}",
                "name": counted(len(cases), kind),
                "cases": [
                    {"text": case, "clips": [(name, places[name]) for name in names if name in places]}
                    for case, names in zip(cases, blamed[kind], strict=True)
                ],
            }
            for number, (kind, cases) in enumerate(examination.faults.items())
        ],
        remarks=list(examination.remarks),
        counts=counts,
        has_published=has_published,
        charts=_charts(examination),
        thumbnails=thumbnails,
        thumbnails_count=shown,
    )


def _counts(examination: Examination) -> list[tuple[str, str, str]]:
    """Name of a split or fold, recordings here, and those published."""
    known = {name: place for place, name in enumerate(("all", *get_args(Split), NO_SPLIT))}
    names = sorted(
        set(examination.counts) | set(examination.published),
        key=lambda name: (known.get(name, len(known)), len(name), name),
    )
    return [(name, f"{examination.counts.get(name, 0):,}", _number(examination.published.get(name))) for name in names]


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _charts(examination: Examination) -> list[dict[str, Any]]:
    read = [clip for clip in examination.clips.values() if clip.error is None]
    charts = [
        *_charts_of_labels(examination.recordings),
        _histogram("Frames of a clip", "frames", np.array([clip.num_frames for clip in read], dtype=np.float64)),
        _histogram(
            "Frame rate", "frames a second", np.array([clip.fps for clip in read if clip.fps], dtype=np.float64)
        ),
        _histogram(
            "Longer side of a frame", "pixels", np.array([float(max(clip.height, clip.width)) for clip in read])
        ),
    ]
    if examination.pixels is not None:
        # Eight grey levels a bar; pure black, most of every picture, would hide all else.
        levels = examination.pixels.levels.copy()
        levels[0] = 0
        pixels = examination.pixels
        title = f"Grey levels above 0 (all pixels: mean {pixels.mean:.3f}, sd {pixels.std:.3f} of full scale)"
        counts = levels.reshape(32, 8).sum(axis=1)
        charts.append(_bars(title, counts, 0, 255, along="grey level", up="pixels"))
    return [chart for chart in charts if chart]


def _charts_of_labels(recordings: Sequence[Recording]) -> list[dict[str, Any]]:
    """A histogram of each number that is known of recordings, and the counts of each diagnosis."""
    charts, tasks = [], plain_tasks()
    for each in tasks:
        values = [value for recording in recordings if (value := each.label_of(recording)) is not None]
        if each.is_number:
            charts.append(_histogram(each.title, each.unit, np.array(values, dtype=np.float64)))
        elif values:
            counts = Counter(map(each.say_label, sorted(values)))
            told = ", ".join(f"{count:,} {words}" for words, count in counts.items())
            charts.append({"caption": f"{counted(len(values), 'clips')}: {told}", "bars": []})
    own = {each.label for each in tasks}
    for label in dict.fromkeys(label for recording in recordings for label in recording.known_labels()):
        if label not in own:
            numbers = [number for recording in recordings if (number := recording.number(label)) is not None]
            charts.append(_histogram(readable(label), "", np.array(numbers, dtype=np.float64)))
    return charts


def _histogram(title: str, unit: str, values: NDArray[np.float64]) -> dict[str, Any]:
    """A bar chart; a sentence alone where all values are one; empty where there are none."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return {}
    low, high = float(values.min()), float(values.max())
    if low == high:
        clips = ("all " if len(values) > 1 else "") + counted(len(values), "clips")
        return {"caption": f"{title}: {_with_unit(low, unit)} in {clips}", "bars": []}
    counts, _ = np.histogram(values, bins=_BARS, range=(low, high))
    caption = (
        f"{title}: median {_with_unit(float(np.median(values)), unit)} ({_told(low)} to {_told(high)}), "
        f"{counted(len(values), 'clips')}"
    )
    return _bars(caption, counts, low, high, along=unit or title, up="clips")


def _with_unit(value: float, unit: str) -> str:
    return f"{_told(value)} {unit}".rstrip()


def _told(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _bars(caption: str, counts: NDArray[np.int64], low: float, high: float, *, along: str, up: str) -> dict[str, Any]:
    """The bars of a chart in its own units, with its range, and what its axes are."""
    width, top = _CHART_WIDTH / len(counts), max(int(counts.max()), 1)
    bars = [
        {
            "x": f"{index * width:.1f}",
            "y": f"{_CHART_HEIGHT * (1 - count / top):.1f}",
            "width": f"{width - 1:.1f}",
            "height": f"{_CHART_HEIGHT * count / top:.1f}",
        }
        for index, count in enumerate(counts.tolist())
        if count
    ]
    ticks = [
        {"x": f"{_CHART_WIDTH * (value - low) / (high - low):.1f}", "text": _told(value)}
        for value in round_numbers(low, high)
    ]
    ends = {"low": _told(low), "high": _told(high), "along": along, "up": counted(int(counts.max()), up)}
    return {
        "caption": caption,
        "bars": bars,
        "width": _CHART_WIDTH,
        "height": _CHART_HEIGHT,
        "margin": _CHART_MARGIN,
        "ticks": ticks,
        **ends,
    }


def round_numbers(low: float, high: float) -> list[float]:
    """Two to six round numbers from `low` to `high`, 1, 2 or 5 times a power of ten apart."""
    power = 10.0 ** np.floor(np.log10((high - low) / 2))
    step = next(times * power for times in (5, 2, 1) if (high - low) / (times * power) >= 2)
    return [float(step * place) for place in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _recordings_in(case: str, examination: Examination) -> list[str]:
    """The recordings that the case of a fault names, in its order."""
    if case in examination.clips:
        return [case]
    # A case names a recording, or its file, among words and marks.
    words = [word.strip("():;,'\"") for word in case.replace("/", " ").split()]
    stems = [word if word in examination.clips else word.rsplit(".", 1)[0] for word in words]
    return list(dict.fromkeys(stem for stem in stems if stem in examination.clips))


def _thumbnails(
    examination: Examination, blamed: Mapping[str, Sequence[Sequence[str]]]
) -> tuple[list[dict[str, Any]], int]:
    """Pictures with their captions, those with faults first; and of how many they are chosen."""
    faults: dict[str, list[tuple[str, str]]] = {}
    for number, (kind, of_cases) in enumerate(blamed.items()):
        for name in dict.fromkeys(name for names in of_cases for name in names):
            faults.setdefault(name, []).append((one_of(kind).partition(" (")[0], f"fault-{number}"))
    shown = [clip for clip in examination.clips.values() if clip.thumbnail is not None]
    faulty = [clip for clip in shown if clip.recording_id in faults][:MAX_THUMBNAILS]
    others = [clip for clip in shown if clip.recording_id not in faults]
    left = min(MAX_THUMBNAILS - len(faulty), len(others))
    evenly = [others[index] for index in np.linspace(0, len(others) - 1, left).astype(int)] if left else []
    recordings, tasks = {recording.id: recording for recording in examination.recordings}, plain_tasks()
    chosen = [
        _thumbnail(clip, recordings.get(clip.recording_id), tasks)
        | {"id": clip.recording_id, "anchor": f"clip-{number}", "faults": faults.get(clip.recording_id, [])}
        for number, clip in enumerate([*faulty, *evenly])
    ]
    return chosen, len(shown)


def _thumbnail(clip: ClipFacts, recording: Recording | None, tasks: Sequence[Task]) -> dict[str, Any]:
    facts = [clip.recording_id]
    if recording is not None:
        known = [(each, each.label_of(recording)) for each in tasks]
        facts += [each.say_label(label) for each, label in known if label is not None]
    return {"data": base64.b64encode(clip.thumbnail or b"").decode("ascii"), "facts": facts}
