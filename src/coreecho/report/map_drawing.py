"""The embedding map of a run, or of two side by side, as a folder of files.

map.png    the picture
map.html   the same, to point at; works offline
map.csv    where each recording is
"""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke
from scipy.optimize import linear_sum_assignment

from coreecho.files import write_whole, writing_into
from coreecho.names import printable
from coreecho.notices import PHANTOM_LABEL
from coreecho.report.doubt import caption_of, why_words
from coreecho.report.map_page import map_page, what_is_what
from coreecho.report.map_places import MapPlaces, places_of_map
from coreecho.report.pictures import COLOURS, GREY, SMALL, VERMILION, new_figure, save_figure
from coreecho.report.thumbnails import Thumbnails, thumbnail_uris
from coreecho.representation.embedding_map import EmbeddingMap, PlacedClip, number_range
from coreecho.representation.embedding_set import one_number

# In inches: of a map; what its line and the notice take below it; and a line of its title.
_WIDTH, _WORDS_HEIGHT, _LINE = 5.4, 0.75, 0.19
# Flatter than this a map is hard to look at: it then fills its frame, as on the page.
_FLATTEST = 0.62
# Letters of a line over a map: as wide as the map, and no wider; and of a line beside a star.
_TITLE_LETTERS, _LABEL_LETTERS = 66, 44
# From a star to its words, in points; and of the map, from where on words at a star's height would run out of it.
_BESIDE, _NEAR_EDGE = 11, 0.3


def write_maps(
    maps: Sequence[EmbeddingMap],
    out: Path,
    *,
    placed: Sequence[Sequence[PlacedClip]] = (),
    thumbnails: Sequence[Thumbnails] = (),
) -> tuple[Path, Path]:
    """Write the folder.

    Args:
        maps: one or more.
        out: made where it is missing.
        placed: new clips of each map.
        thumbnails: of each map, what gives the picture of a recording by its id; the page then shows small ones.

    Returns:
        The picture and the page.

    Raises:
        CoReEchoError: it cannot be written.
    """
    tables = [_table(made, number) for number, made in enumerate(maps)]
    with writing_into(out):
        draw_maps(maps, out / "map.png", placed=placed)
        write_whole(out / "map.csv", pd.concat(tables).to_csv(index=False))
        shown = zip(maps, thumbnails, strict=False)
        pictures = [thumbnail_uris(thumbnail, made.recordings.ids) for made, thumbnail in shown]
        write_whole(out / "map.html", map_page(maps, placed=placed, pictures=pictures))
    return out / "map.png", out / "map.html"


def draw_maps(maps: Sequence[EmbeddingMap], path: Path, *, placed: Sequence[Sequence[PlacedClip]] = ()) -> None:
    """Draw maps side by side, coloured by true EF, or the number that is read, on one scale; without it they are grey.

    Args:
        maps: one or more; the source of each, which says the model, is its title.
        path: PNG to write.
        placed: new clips of each map, drawn as stars.

    Raises:
        ValueError: there is no map.
        RecipeError: the maps are of different numbers.
        CoReEchoError: the file cannot be written.
    """
    if not maps:
        raise ValueError("draw_maps needs at least one map, got none")
    clips = [clip for of_map in placed for clip in of_map]
    cautions = dict.fromkeys(
        f"{clip.label}: {words}"
        for clip in clips
        for words in (*clip.warnings, *(f"{why[:1].lower()}{why[1:-1]}" for why in why_words(clip.appraisal)))
    )
    on_maps = [placed[number] if number < len(placed) else () for number in range(len(maps))]
    places = [places_of_map(made, clips) for made, clips in zip(maps, on_maps, strict=True)]
    titles = [_title(*of_map) for of_map in zip(maps, places, on_maps, strict=True)]
    ratio = _ratio(places)
    height = (
        _WIDTH * min(max(ratio, _FLATTEST), 1.0)
        + _WORDS_HEIGHT
        + _LINE * max(title.count("\n") + 1 for title in titles)
    )
    # Each map says of itself whether its hearts are simulated.
    figure, axes = new_figure(
        "", (_WIDTH * len(maps) + 1.2, height), columns=len(maps), cautions=list(cautions), is_phantom=False
    )
    scale, read = Normalize(*number_range(maps)), one_number([made.recordings.task for made in maps])
    for number, (axis, made) in enumerate(zip(axes, maps, strict=True)):
        _draw_map(axis, made, scale, places[number], fills_frame=ratio < _FLATTEST)
        axis.set_title(titles[number], fontsize=10)
        if len(on_maps[number]) == 1:
            _draw_alone(axis, on_maps[number][0])
            continue
        for clip, corner in zip(on_maps[number], _corners(places[number]), strict=True):
            _draw_placed(axis, clip, corner)
    figure.colorbar(ScalarMappable(scale, COLOURS), ax=axes, label=f"True {read.heading}", shrink=0.9)
    save_figure(figure, path)


def _ratio(places: Sequence[MapPlaces]) -> float:
    """How high the highest map is by its width."""
    extents = [np.ptp(np.vstack([each.recordings, each.placed]), axis=0) for each in places]
    return max(float(high / wide) if wide > 0 else 1.0 for wide, high in extents)


def _title(made: EmbeddingMap, places: MapPlaces, placed: Sequence[PlacedClip]) -> str:
    number = f"n = {len(made.recordings)}"
    lines = [
        f"{made.method}: {made.recordings.source}",
        f"{number}; {places.note}" if places.note else number,
        made.note,
        what_is_what(made, placed),
    ]
    if made.recordings.is_phantom and PHANTOM_LABEL not in made.recordings.source:
        lines.insert(1, PHANTOM_LABEL)
    return "\n".join(part for line in lines if line for part in textwrap.wrap(line, _TITLE_LETTERS))


def _corners(places: MapPlaces) -> Iterator[tuple[int, int, int]]:
    """Where the words of each new clip stand: right and top as 0 or 1, and how far inwards.

    The emptiest corners are taken. Of all ways to give them to the clips, that with the shortest lines: no two cross.
    """
    low, high = places.recordings.min(axis=0), places.recordings.max(axis=0)
    size = np.maximum(high - low, np.finfo(np.float64).tiny)
    shares = (places.recordings - low) / size

    def crowd(corner: tuple[int, int]) -> int:
        near = np.abs(shares - corner) < (0.5, 0.35)
        return int(near.all(axis=1).sum())

    emptiest = sorted(product((0, 1), (0, 1)), key=crowd)
    rows = range(len(places.placed))
    corners = [(right, top, row) for row in rows for right, top in emptiest][: len(rows)]
    ends = np.array([_anchor(corner) for corner in corners]).reshape(-1, 1, 2)
    stars = (places.placed[None] - low) / size
    chosen, of_clips = linear_sum_assignment(np.linalg.norm((ends - stars) * size, axis=2))
    return (corners[place] for place in chosen[np.argsort(of_clips)])


def _anchor(corner: tuple[int, int, int]) -> tuple[float, float]:
    """Of the words of a clip, in shares of the map."""
    right, top, row = corner
    return 0.98 if right else 0.02, 0.96 - 0.25 * row if top else 0.04 + 0.25 * row


def _draw_map(axis: Axes, made: EmbeddingMap, scale: Normalize, places: MapPlaces, *, fills_frame: bool) -> None:
    labels, (x, y) = made.recordings.number_true, places.recordings.T
    known = np.isfinite(labels)
    size, opacity = (26, 0.9) if len(known) <= 500 else (7, 0.7)
    axis.scatter(x[~known], y[~known], s=size, alpha=opacity, linewidths=0, color="#B0B0B0", zorder=2)
    colours = labels[known]
    axis.scatter(x[known], y[known], s=size, alpha=opacity, linewidths=0, c=colours, cmap=COLOURS, norm=scale, zorder=3)
    if not fills_frame:
        axis.set_aspect("equal", adjustable="datalim")
    axis.spines[:].set_visible(True)
    axis.set(xticks=[], yticks=[])
    own = "\nHeight and width have scales of their own" if fills_frame else ""
    axis.set_xlabel(f"The axes have no unit: near dots are alike to the model{own}", fontsize=SMALL, color=GREY)


def _draw_alone(axis: Axes, clip: PlacedClip) -> None:
    """A star with its words right above or below it, towards the middle of the map."""
    _draw_star(axis, clip)
    # The limits are final here: with equal scales they only grow, and a star then lies nearer to the middle.
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    across, up = (clip.x - left) / (right - left), (clip.y - bottom) / (top - bottom)
    is_below = up > 0.5
    label = axis.annotate(
        _label(clip),
        (clip.x, clip.y),
        (0, -_BESIDE if is_below else _BESIDE),
        textcoords="offset points",
        ha="left" if across < _NEAR_EDGE else "right" if across > 1 - _NEAR_EDGE else "center",
        va="top" if is_below else "bottom",
        **_words_style(),
    )
    label.set_in_layout(False)


def _draw_placed(axis: Axes, clip: PlacedClip, corner: tuple[int, int, int]) -> None:
    """One star of several: words beside each would lie on those of others, and so they stand in corners."""
    _draw_star(axis, clip)
    right, top, _ = corner
    label = axis.annotate(
        _label(clip),
        (clip.x, clip.y),
        _anchor(corner),
        textcoords="axes fraction",
        # Thin and dotted: a solid line across the dots reads as one that was fitted to them.
        arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.7, "linestyle": ":"},
        ha="right" if right else "left",
        va="top" if top else "bottom",
        **_words_style(),
    )
    label.set_in_layout(False)


def _draw_star(axis: Axes, clip: PlacedClip) -> None:
    axis.scatter(clip.x, clip.y, s=260, marker="*", color=VERMILION, edgecolor="white", zorder=4)


def _label(clip: PlacedClip) -> str:
    lines = caption_of(clip, "\n").split("\n")
    return "\n".join(part for line in lines for part in textwrap.wrap(line, _LABEL_LETTERS))


def _words_style() -> dict[str, Any]:
    """Of what stands on the dots: letters with a white rim hide no neighbour of the star, as a white ground would."""
    return {"fontsize": SMALL, "path_effects": [withStroke(linewidth=2.5, foreground="white")], "zorder": 5}


def _table(made: EmbeddingMap, number: int) -> pd.DataFrame:
    x, y = made.coordinates.T
    recordings = made.recordings
    return pd.DataFrame(
        {
            "map": number + 1,
            "method": made.method,
            "recording": [printable(recording) for recording in recordings.ids],
            "x": x,
            "y": y,
            recordings.number.label: recordings.number_true,
            recordings.number.predicted_column: recordings.number_predicted,
            "is_phantom": recordings.is_phantom,
        }
    )
