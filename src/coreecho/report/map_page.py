"""The embedding map as a page that works without a network: point at a recording, and see its EF and what was
predicted.

The map comes as a fragment (for a report) or as a page of its own. Style, script and data are inside; nothing is
loaded. The data are recording ids, EFs and places on the map.
"""

import base64
import hashlib
import html
import json
import math
from collections.abc import Sequence
from importlib import resources
from typing import Any

from matplotlib import colormaps
from numpy.typing import NDArray

from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.pictures import COLOURS
from coreecho.representation.embedding_map import EmbeddingMap, PlacedClip, ef_range

_STOPS = 17
# Of predicted minus true EF: two hues that are told apart with all common forms of colour blindness, white between.
_DIVERGING = "PuOr_r"
_HINT = "Point at a recording to see its EF."


def map_page(maps: Sequence[EmbeddingMap], *, placed: Sequence[Sequence[PlacedClip]] = ()) -> str:
    """A whole HTML page with one map or several side by side.

    Its Content-Security-Policy allows nothing but its own style and script, by their hashes.

    Args:
        maps: one or more.
        placed: new clips of each map, drawn as stars.

    Raises:
        ValueError: there is no map.
    """
    fragment = map_fragment(maps, placed=placed)
    style, script = (
        base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode() for name in ("map.css", "map.js")
    )
    policy = f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'"
    is_phantom = any(made.recordings.is_phantom for made in maps)
    title = "Embedding map" + (f": {PHANTOM_LABEL}" if is_phantom else "")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n</head>\n<body>\n"
        f'<h1 class="coreecho-map-title">{html.escape(title)}</h1>\n{fragment}\n</body>\n</html>\n'
    )


def map_fragment(maps: Sequence[EmbeddingMap], *, placed: Sequence[Sequence[PlacedClip]] = ()) -> str:
    """The map as a piece of HTML that stands anywhere in a page; several may stand in one.

    Args:
        maps: one or more.
        placed: new clips of each map.

    Raises:
        ValueError: there is no map.
    """
    if not maps:
        raise ValueError("a map page needs at least one map, got none")
    data = {
        "limits": list(ef_range(maps)),
        "sequential": _stops(COLOURS),
        "diverging": _stops(_DIVERGING),
        "hint": _HINT,
        "panels": [_panel(made, placed[number] if number < len(placed) else ()) for number, made in enumerate(maps)],
    }
    # In a script element, only "</" and "<!--" could end or change what follows.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    figures = "\n".join(_figure(made, number, len(maps)) for number, made in enumerate(maps))
    choices = (("ef", "true EF"), ("predicted", "predicted EF"), ("error", "predicted − true"))
    group = hashlib.sha256(text.encode()).hexdigest()[:12]
    radios = "\n".join(
        f'<label><input type="radio" name="colour-{group}" value="{value}"> {label}</label>' for value, label in choices
    ).replace("> ", " checked> ", 1)
    return (
        f'<div class="coreecho-map">\n<style>{_asset("map.css")}</style>\n'
        f'<div class="controls"><fieldset><legend>Colour:</legend>\n{radios}</fieldset>\n'
        '<label>Find a recording: <input type="search" autocomplete="off" spellcheck="false"></label></div>\n'
        f'<div class="panels">\n{figures}\n</div>\n'
        '<div class="scale"><output></output><div class="bar"></div><output></output><span>EF points</span></div>\n'
        f'<p class="told" role="status">{_HINT}</p>\n'
        f'<p class="notice">Near points are alike to the model; axes and far distances mean nothing. {NOTICE}.</p>\n'
        f'<script type="application/json">{text}</script>\n<script>{_asset("map.js")}</script>\n</div>'
    )


def _figure(made: EmbeddingMap, number: int, count: int) -> str:
    name = f"{'AB'[number] if number < 2 else number + 1}: " if count > 1 else ""
    notes = [f"{made.method} of {len(made.recordings)} recordings", made.note]
    if made.recordings.is_phantom and PHANTOM_LABEL not in made.recordings.source:
        notes.insert(0, PHANTOM_LABEL)
    caption = html.escape(f"{name}{made.recordings.source}")
    small = html.escape(" · ".join(note for note in notes if note))
    label = html.escape(f"Scatter of {len(made.recordings)} recordings, coloured by EF", quote=True)
    return (
        f"<figure><figcaption>{caption}<small>{small}</small></figcaption>"
        f'<canvas role="img" aria-label="{label}"></canvas></figure>'
    )


def _panel(made: EmbeddingMap, placed: Sequence[PlacedClip]) -> dict[str, Any]:
    recordings = made.recordings
    return {
        "id": list(recordings.ids),
        "x": _numbers(made.coordinates[:, 0], 4),
        "y": _numbers(made.coordinates[:, 1], 4),
        "ef": _numbers(recordings.ef_percent, 2),
        "predicted": _numbers(recordings.ef_predicted, 2),
        "placed": [{"label": clip.label, "x": clip.x, "y": clip.y, "predicted": clip.ef_predicted} for clip in placed],
    }


def _numbers(values: NDArray[Any], digits: int) -> list[float | None]:
    """JSON knows no NaN."""
    return [round(value, digits) if math.isfinite(value) else None for value in values.tolist()]


def _stops(name: str) -> list[list[int]]:
    return [[round(255 * channel) for channel in colormaps[name](step / (_STOPS - 1))[:3]] for step in range(_STOPS)]


def _asset(name: str) -> str:
    return (resources.files("coreecho.report") / "assets" / name).read_text(encoding="utf-8")
