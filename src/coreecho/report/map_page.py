"""The embedding map as a page that works without a network: point at a recording, and see its EF, or whatever number
the model reads, and what was predicted.

Style, script and data are inside; nothing is loaded. The data are recording ids, labels, places on the map, and small
pictures of the ultrasound sector.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps

from coreecho.names import counted, printable
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.doubt import caption_of, doubt_words, why_words
from coreecho.report.map_places import places_of_map
from coreecho.report.pictures import COLOURS
from coreecho.report.rendering import render_page
from coreecho.representation.embedding_map import EmbeddingMap, PlacedClip, number_range
from coreecho.representation.embedding_set import one_number

_STOPS = 17
# Of predicted minus true: two hues that are told apart with all common forms of colour blindness, white between.
_DIVERGING = "PuOr_r"


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
        RecipeError: the maps are of different numbers.
    """
    if not maps:
        raise ValueError("a map page needs at least one map, got none")
    number = one_number([made.recordings.task for made in maps])
    is_phantom = any(made.recordings.is_phantom for made in maps)
    clips = [clip for of_map in placed for clip in of_map]
    return render_page(
        "map.html",
        styles=("map.css",),
        script="map.js",
        title="Embedding map"
        + (f": {PHANTOM_LABEL}" if is_phantom else "")
        + (" and " + ("your clip" if len(clips) == 1 else "your clips") if clips else ""),
        is_phantom=is_phantom,
        whose=" ".join(dict.fromkeys(filter(None, (what_is_what(made, clips) for made in maps)))),
        phantom_label=PHANTOM_LABEL,
        imprint=NOTICE,
        number=number,
        colourings=(("true", f"true {number.noun}"), ("predicted", number.output), ("error", "predicted − true")),
        figures=[_figure(made, each, len(maps)) for each, made in enumerate(maps)],
        placed=[(f"{caption_of(clip, ', ')}.", " ".join(why_words(clip.appraisal))) for clip in clips],
        cautions=list(dict.fromkeys(f"{clip.label}: {warning}." for clip in clips for warning in clip.warnings)),
        data={
            "limits": list(number_range(maps)),
            "noun": number.noun,
            "unit": number.unit,
            "sequential": _stops(COLOURS),
            "diverging": _stops(_DIVERGING),
            "names": {
                "true": f"true {number.noun} ({number.unit})" if number.unit else f"true {number.noun}",
                "predicted": f"predicted {number.noun} ({number.unit})" if number.unit else f"predicted {number.noun}",
                "error": f"{number.error_unit} too high" if number.error_unit else "too high",
            },
            "hint": f"Point at a recording, or touch it, to see it and its {number.noun}.",
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


def what_is_what(made: EmbeddingMap, placed: Sequence[PlacedClip]) -> str:
    """Whose hearts the dots and the stars are, in a sentence; empty where no new clip is on the map."""
    if not placed:
        return ""
    dots = "simulated hearts" if made.recordings.is_phantom else "recordings"
    stars = "the star is your clip" if len(placed) == 1 else "the stars are your clips"
    simulated = ", simulated too" if made.recordings.is_phantom and all(clip.is_phantom for clip in placed) else ""
    return f"The dots are {dots}; {stars}{simulated}."


def _figure(made: EmbeddingMap, number: int, count: int) -> dict[str, str]:
    recordings = made.recordings
    name = f"{'AB'[number] if number < 2 else number + 1}: " if count > 1 else ""
    notes = [f"{made.method} of {counted(len(recordings), 'recordings')}", made.note, places_of_map(made).note]
    if recordings.is_phantom and PHANTOM_LABEL not in recordings.source:
        notes.insert(0, PHANTOM_LABEL)
    return {
        "caption": f"{name}{recordings.source}",
        "small": " · ".join(note for note in notes if note),
        "description": f"Scatter of {counted(len(recordings), 'recordings')}, coloured by {recordings.number.noun}",
    }


def _panel(made: EmbeddingMap, placed: Sequence[PlacedClip], pictures: Mapping[str, str]) -> dict[str, Any]:
    recordings, places = made.recordings, places_of_map(made, placed)
    return {
        "id": [printable(recording) for recording in recordings.ids],
        "x": _numbers(places.recordings[:, 0].tolist(), 4),
        "y": _numbers(places.recordings[:, 1].tolist(), 4),
        "true": _numbers(recordings.number_true.tolist(), 2),
        "predicted": _numbers(recordings.number_predicted.tolist(), 2),
        "pictures": {printable(recording): picture for recording, picture in pictures.items()},
        "placed": [
            {
                "label": clip.label,
                "x": clip.x,
                "y": clip.y,
                "predicted": _numbers([clip.predicted], 4)[0],
                "doubt": doubt_words(clip.appraisal, clip.task),
                "why": why_words(clip.appraisal),
            }
            for clip in placed
        ],
    }


def _numbers(values: Sequence[float], digits: int) -> list[float | None]:
    """JSON knows no NaN."""
    return [round(value, digits) if math.isfinite(value) else None for value in values]


def _stops(name: str) -> list[list[int]]:
    return [[round(255 * channel) for channel in colormaps[name](step / (_STOPS - 1))[:3]] for step in range(_STOPS)]
