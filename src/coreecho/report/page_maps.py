"""The embedding maps of a page, drawn as circles that say which recording they are when pointed at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from coreecho.names import counted
from coreecho.notices import PHANTOM_LABEL
from coreecho.report.pictures import COLOURS
from coreecho.representation.embedding_map import EmbeddingMap, Method, make_map, number_range
from coreecho.representation.embedding_set import EmbeddingSet

# Units of the drawing; it takes the width that the page gives.
_SIDE, _MARGIN = 400, 16
# Each circle is about 130 bytes: a page of two runs stays small with any test set.
_MAX_DOTS = 3000
_MIN_RECORDINGS = 4
_COLOUR_STEPS = 24
_UNKNOWN = "#9a9a9a"


# A recording on the map: where it lies, in units of the drawing, its colour, and what it says when pointed at.
Dot = tuple[float, float, str, str]


@dataclass(frozen=True, kw_only=True)
class DrawnMap:
    """A map as the template draws it.

    Attributes:
        side: width of the drawing, units.
        height: of the drawing: what the map needs of it.
        radius: of a dot.
        dots: in the order in which they are drawn.
        low: the number at the left end of the colours, without its unit.
        high: the number at the right end.
        noun: of the number: "EF".
        unit: of the number.
        colours: from low to high.
        description: for those who cannot see it.
        caption: below it.
    """

    side: int
    height: int
    radius: float
    dots: list[Dot]
    low: str
    high: str
    noun: str
    unit: str
    colours: list[str]
    description: str
    caption: str


def page_maps(embedded: Sequence[EmbeddingSet], titles: Sequence[str], *, method: Method) -> list[DrawnMap | None]:
    """Make and draw the maps of all runs with one scale of colours; none where there are too few recordings for a map.

    Args:
        embedded: one a run.
        titles: of the runs.
        method: of the maps.
    """
    if min(map(len, embedded)) < _MIN_RECORDINGS:
        return [None] * len(embedded)
    maps = [make_map(recordings, method=method) for recordings in embedded]
    low, high = number_range(maps)
    return [_draw(made, title, low, high) for made, title in zip(maps, titles, strict=True)]


def _draw(made: EmbeddingMap, title: str, low: float, high: float) -> DrawnMap:
    recordings, task, labels = made.recordings, made.recordings.number, made.recordings.number_true
    shown = np.unique(np.linspace(0, len(recordings) - 1, min(len(recordings), _MAX_DOTS)).round().astype(int))
    places = _fit(made.coordinates)
    dots = [
        (
            round(float(places[recording, 0]), 1),
            round(float(places[recording, 1]), 1),
            _colour(labels[recording], low, high),
            f"{recordings.ids[recording]}: "
            f"true {task.noun} {task.say_if_known(labels[recording])}, "
            f"predicted {task.say_if_known(recordings.number_predicted[recording])}",
        )
        for recording in shown
    ]
    left_out = "" if len(shown) == len(recordings) else f" {len(shown):,} of {len(recordings):,} recordings are drawn."
    unknown = "" if np.isfinite(labels).any() else f" Their {task.noun} is not known, so all dots are grey."
    phantom = f" {PHANTOM_LABEL.capitalize()}." if recordings.is_phantom else ""
    note = f" {made.note}." if made.note else ""
    return DrawnMap(
        side=_SIDE,
        height=_height(made.coordinates),
        radius=4 if len(shown) <= 500 else 2.5,
        dots=dots,
        low=f"{low:.0f}",
        high=f"{high:.0f}",
        noun=task.noun,
        unit=task.unit,
        colours=[_colour(low + (high - low) * step / (_COLOUR_STEPS - 1), low, high) for step in range(_COLOUR_STEPS)],
        description=f"Map of the embeddings of {counted(len(recordings), 'recordings')} by {title}, "
        f"made by {made.method}, coloured by true {task.noun} from {low:.0f} to {high:.0f} {task.unit}".rstrip()
        + f". How well {task.noun} orders the embeddings stands in the table on continuity.",
        caption=f"{made.method} of {len(recordings):,} recordings, turned so that {task.noun} grows to the right."
        + left_out
        + unknown
        + note
        + phantom,
    )


def _fit(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale both axes alike, so that the map is as wide as the drawing or fills a square; y grows downwards there."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    scale = (_SIDE - 2 * _MARGIN) / max(float((high - low).max()), 1e-12)
    centred = (coordinates - (low + high) / 2) * scale
    return np.asarray(centred * [1, -1] + [_SIDE / 2, _height(coordinates) / 2])


def _height(coordinates: NDArray[np.float64]) -> int:
    """How high a drawing of `_SIDE` the map needs, without an empty half; a flat one keeps some."""
    wide, tall = np.maximum(np.ptp(coordinates, axis=0), 1e-12)
    inner = _SIDE - 2 * _MARGIN
    return round(float(np.clip(inner * tall / wide, 0.3 * inner, inner))) + 2 * _MARGIN


def _colour(label: float, low: float, high: float) -> str:
    if not np.isfinite(label):
        return _UNKNOWN
    return to_hex(colormaps[COLOURS]((label - low) / (high - low) if high > low else 0.5))
