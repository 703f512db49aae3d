"""The doctor's findings as one HTML file that needs nothing else: no scripts, no fonts, no network."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.doctor import Examination
from coreecho.datasets.doctor_clips import ClipFacts
from coreecho.datasets.recording import Recording
from coreecho.errors import DatasetError
from coreecho.files import write_whole

# Pictures on the page: enough to see what is there, few enough to open at once.
MAX_THUMBNAILS = 60
_BARS = 24
_CHART_WIDTH, _CHART_HEIGHT = 360, 110

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #fff; --line: #d5dbe1; --bar: #2f6f9f;
  --bad: #a11d1d; --good: #1d6b34; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b0; --paper: #15181b; --line: #333a41;
  --bar: #6db0e0; --bad: #ff8a80; --good: #7fd196; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.verdict { font-weight: 600; } .clean { color: var(--good); } .faulty { color: var(--bad); }
.phantom { border: 2px solid currentColor; padding: .4rem .8rem; font-weight: 600; }
table { border-collapse: collapse; } th, td { text-align: right; padding: .2rem .9rem .2rem 0;
  border-bottom: 1px solid var(--line); } th:first-child, td:first-child { text-align: left; }
code, li { overflow-wrap: anywhere; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: .82rem; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.4rem; }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: .9rem; }
.clips img { width: 96px; height: 96px; object-fit: contain; background: #000; }
svg { width: 100%; height: auto; } svg rect { fill: var(--bar); } svg text { fill: var(--soft); font-size: 11px; }
summary { cursor: pointer; font-weight: 600; }
"""


def write_page(examination: Examination, path: Path) -> None:
    """Write the page: verdict, faults, remarks, counts, histograms and thumbnails.

    Every text from the data set is escaped. Thumbnails show the sector alone.

    Raises:
        DatasetError: the file cannot be written.
    """
    try:
        write_whole(path, render_page(examination))
    except OSError as error:
        raise DatasetError(f"{path}: the page cannot be written ({error.strerror}). Choose another file.") from error


def render_page(examination: Examination) -> str:
    """Return the page as text."""
    title = f"{examination.dataset}: {'clean' if examination.is_clean else 'faults found'}"
    parts = [
        _heading(examination),
        _faults(examination.faults),
        _list("Remarks", examination.remarks),
        _counts(examination),
        _charts(examination),
        _thumbnails(examination),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _heading(examination: Examination) -> str:
    state = "clean" if examination.is_clean else "faulty"
    phantom = (
        '<p class="phantom">Phantom data: simulated hearts. Nothing here is about patients.</p>\n'
        if examination.is_phantom
        else ""
    )
    return (
        f"<h1>Data set check: {escape(examination.dataset)}</h1>\n{phantom}"
        f'<p class="verdict {state}">{escape(examination.summary())}</p>'
    )


def _faults(faults: Mapping[str, Sequence[str]]) -> str:
    if not faults:
        return ""
    groups = []
    for kind, cases in faults.items():
        items = "".join(f"<li>{escape(case)}</li>" for case in cases)
        is_open = " open" if len(cases) <= 20 else ""
        groups.append(f"<details{is_open}><summary>{len(cases)} {escape(kind)}</summary><ul>{items}</ul></details>")
    return "<h2>To mend</h2>\n" + "\n".join(groups)


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return f"<h2>{escape(title)}</h2>\n<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _counts(examination: Examination) -> str:
    known = {"all": 0, "train": 1, "val": 2, "test": 3}
    names = sorted(
        set(examination.counts) | set(examination.published), key=lambda name: (known.get(name, 4), len(name), name)
    )
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{examination.counts.get(name, 0):,}</td>"
        + (f"<td>{_number(examination.published.get(name))}</td></tr>" if examination.published else "</tr>")
        for name in names
    )
    head = "<tr><th>Recordings</th><th>here</th>" + ("<th>published</th></tr>" if examination.published else "</tr>")
    return f"<h2>Counts</h2>\n<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _charts(examination: Examination) -> str:
    read = [clip for clip in examination.clips.values() if clip.error is None]
    efs = [recording.ef_percent for recording in examination.recordings if recording.ef_percent is not None]
    charts = [
        _histogram("Ejection fraction (%)", np.array(efs, dtype=np.float64)),
        _histogram("Frames of a clip", np.array([clip.num_frames for clip in read], dtype=np.float64)),
        _histogram("Frames per second", np.array([clip.fps for clip in read if clip.fps], dtype=np.float64)),
        _histogram("Longer side of a frame (pixels)", np.array([float(max(clip.height, clip.width)) for clip in read])),
    ]
    if examination.pixels is not None:
        # Eight grey levels a bar; pure black, most of every picture, would hide all else.
        levels = examination.pixels.levels.copy()
        levels[0] = 0
        pixels = examination.pixels
        title = f"Grey levels above 0 (all pixels: mean {pixels.mean:.3f}, sd {pixels.std:.3f} of full scale)"
        charts.append(_bars(title, levels.reshape(32, 8).sum(axis=1), 0, 255))
    shown = "\n".join(chart for chart in charts if chart)
    return f'<h2>Distributions</h2>\n<div class="charts">\n{shown}\n</div>' if shown else ""


def _histogram(title: str, values: NDArray[np.float64]) -> str:
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return ""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return f"<figure><figcaption>{escape(title)}: {low:g} in all {len(values):,} clips</figcaption></figure>"
    counts, _ = np.histogram(values, bins=_BARS, range=(low, high))
    return _bars(f"{title}: median {np.median(values):.4g}, {len(values):,} clips", counts, low, high)


def _bars(title: str, counts: NDArray[np.int64], low: float, high: float) -> str:
    """A bar chart as SVG, with its range below and a text for who cannot see it."""
    width, top = _CHART_WIDTH / len(counts), max(int(counts.max()), 1)
    bars = "".join(
        f'<rect x="{index * width:.1f}" y="{_CHART_HEIGHT * (1 - count / top):.1f}" width="{width - 1:.1f}" '
        f'height="{_CHART_HEIGHT * count / top:.1f}"/>'
        for index, count in enumerate(counts.tolist())
        if count
    )
    labels = (
        f'<text x="0" y="{_CHART_HEIGHT + 14}">{low:.4g}</text>'
        f'<text x="{_CHART_WIDTH}" y="{_CHART_HEIGHT + 14}" text-anchor="end">{high:.4g}</text>'
    )
    picture = (
        f'<svg viewBox="0 0 {_CHART_WIDTH} {_CHART_HEIGHT + 18}" role="img" '
        f'aria-label="Histogram of {escape(title)}, from {low:.4g} to {high:.4g}">{bars}{labels}</svg>'
    )
    return f"<figure>{picture}<figcaption>{escape(title)}</figcaption></figure>"


def _thumbnails(examination: Examination) -> str:
    chosen = [clip for clip in examination.clips.values() if clip.thumbnail is not None]
    if not chosen:
        return ""
    total = len(chosen)
    if total > MAX_THUMBNAILS:
        chosen = [chosen[index] for index in np.linspace(0, total - 1, MAX_THUMBNAILS).astype(int)]
    recordings = {recording.id: recording for recording in examination.recordings}
    figures = "\n".join(_figure(clip, recordings.get(clip.recording_id)) for clip in chosen)
    count = f"{len(chosen)} of {total:,}, evenly chosen" if len(chosen) < total else f"all {total}"
    return f'<h2>Middle frames ({count}; the sector alone)</h2>\n<div class="clips">\n{figures}\n</div>'


def _figure(clip: ClipFacts, recording: Recording | None) -> str:
    data = base64.b64encode(clip.thumbnail or b"").decode("ascii")
    facts = [clip.recording_id]
    if recording is not None and recording.ef_percent is not None:
        facts.append(f"EF {recording.ef_percent:.1f} %")
    if recording is not None and recording.has_mi is not None:
        facts.append("MI" if recording.has_mi else "no MI")
    caption = escape(", ".join(facts))
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    )
