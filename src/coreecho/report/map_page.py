"""The embedding map as a page that works without a network: point at a recording, and see its EF and what was
predicted.

Style, script and data are inside; nothing is loaded. The data are recording ids, EFs, places on the map, and small
pictures of the ultrasound sector.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps

from coreecho.names import printable
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.pictures import COLOURS
from coreecho.report.rendering import render_page
from coreecho.representation.embedding_map import EmbeddingMap, PlacedClip, ef_range

_STOPS = 17
# Of predicted minus true EF: two hues that are told apart with all common forms of colour blindness, white between.
_DIVERGING = "PuOr_r"
_COLOURINGS = (("ef", "true EF"), ("predicted", "predicted EF"), ("error", "predicted − true"))
_LEGENDS = {"ef": "true EF, %", "predicted": "predicted EF, %", "error": "EF points too high"}


def map_page(
    maps: Sequence[EmbeddingMap],
    *,
    placed: Sequence[Sequence[PlacedClip]] = (),
    pictures: Sequence[Mapping[str, str]] = (),
) -> str:
    """A whole HTML page with one map or several side by side.

    Args:
        maps: one or more.
        placed: new clips of each map, drawn as stars.
        pictures: of each map, data URIs of its recordings' pictures by their ids; of the sector alone.

    Raises:
        ValueError: there is no map.
    """
    if not maps:
        raise ValueError("a map page needs at least one map, got none")
    is_phantom = any(made.recordings.is_phantom for made in maps)
    clips = [clip for of_map in placed for clip in of_map]
    return render_page(
        "map.html",
        styles=("map.css",),
        script="map.js",
        title="Embedding map" + (f": {PHANTOM_LABEL}" if is_phantom else ""),
        is_phantom=is_phantom,
        phantom_label=PHANTOM_LABEL,
        imprint=NOTICE,
        colourings=_COLOURINGS,
        figures=[_figure(made, number, len(maps)) for number, made in enumerate(maps)],
        cautions=list(dict.fromkeys(f"{clip.label}: {warning}." for clip in clips for warning in clip.warnings)),
        data={
            "limits": list(ef_range(maps)),
            "sequential": _stops(COLOURS),
            "diverging": _stops(_DIVERGING),
            "names": _LEGENDS,
            "hint": "Point at a recording, or touch it, to see it and its EF.",
            "panels": [
                _panel(
                    made,
                    placed[number] if number < len(placed) else (),
                    pictures[number] if number < len(pictures) else {},
                )
                for number, made in enumerate(maps)
            ],
        },
    )


def _figure(made: EmbeddingMap, number: int, count: int) -> dict[str, str]:
    recordings = made.recordings
    name = f"{'AB'[number] if number < 2 else number + 1}: " if count > 1 else ""
    notes = [f"{made.method} of {len(recordings)} recordings", made.note]
    if recordings.is_phantom and PHANTOM_LABEL not in recordings.source:
        notes.insert(0, PHANTOM_LABEL)
    return {
        "caption": f"{name}{recordings.source}",
        "small": " · ".join(note for note in notes if note),
        "description": f"Scatter of {len(recordings)} recordings, coloured by EF",
    }


def _panel(made: EmbeddingMap, placed: Sequence[PlacedClip], pictures: Mapping[str, str]) -> dict[str, Any]:
    recordings = made.recordings
    return {
        "id": [printable(recording) for recording in recordings.ids],
        "x": _numbers(made.coordinates[:, 0].tolist(), 4),
        "y": _numbers(made.coordinates[:, 1].tolist(), 4),
        "ef": _numbers(recordings.ef_percent.tolist(), 2),
        "predicted": _numbers(recordings.ef_predicted.tolist(), 2),
        "pictures": {printable(recording): picture for recording, picture in pictures.items()},
        "placed": [
            {"label": clip.label, "x": clip.x, "y": clip.y, "predicted": _numbers([clip.ef_predicted], 4)[0]}
            for clip in placed
        ],
    }


def _numbers(values: Sequence[float], digits: int) -> list[float | None]:
    """JSON knows no NaN."""
    return [round(value, digits) if math.isfinite(value) else None for value in values]


def _stops(name: str) -> list[list[int]]:
    return [[round(255 * channel) for channel in colormaps[name](step / (_STOPS - 1))[:3]] for step in range(_STOPS)]
