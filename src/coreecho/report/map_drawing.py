"""The embedding map of a run, or of two side by side, as a folder of files.

map.png    the picture
map.html   the same, to point at; works offline
map.csv    where each recording is
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from coreecho.files import write_whole, writing_into
from coreecho.names import printable
from coreecho.notices import PHANTOM_LABEL
from coreecho.report.map_page import map_page
from coreecho.report.pictures import COLOURS, VERMILION, new_figure, save_figure
from coreecho.report.thumbnails import Thumbnails, thumbnail_uris
from coreecho.representation.embedding_map import EmbeddingMap, PlacedClip, number_range
from coreecho.representation.embedding_set import one_number

# In inches: of a map, and what its title and the notice take above and below it.
_WIDTH, _WORDS_HEIGHT = 5.4, 1.1
# Lower than this a map is hard to point at.
_FLATTEST = 0.4


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
    cautions = dict.fromkeys(f"{clip.label}: {warning}" for clip in clips for warning in clip.warnings)
    # Each map says of itself whether its hearts are simulated.
    figure, axes = new_figure(
        "", (_WIDTH * len(maps) + 1.2, _height(maps)), columns=len(maps), cautions=list(cautions), is_phantom=False
    )
    scale, read = Normalize(*number_range(maps)), one_number([made.recordings.task for made in maps])
    for number, (axis, made) in enumerate(zip(axes, maps, strict=True)):
        _draw_map(axis, made, scale)
        for clip in placed[number] if number < len(placed) else ():
            _draw_placed(axis, clip)
    figure.colorbar(ScalarMappable(scale, COLOURS), ax=axes, label=f"True {read.heading}", shrink=0.9)
    save_figure(figure, path)


def _height(maps: Sequence[EmbeddingMap]) -> float:
    """Of the picture, in inches: as high as the maps need at their width, so that no half of it is empty."""
    extents = [np.ptp(made.coordinates, axis=0) for made in maps]
    ratio = max(float(high / wide) if wide > 0 else 1.0 for wide, high in extents)
    return _WIDTH * min(max(ratio, _FLATTEST), 1.0) + _WORDS_HEIGHT


def _draw_map(axis: Axes, made: EmbeddingMap, scale: Normalize) -> None:
    labels, (x, y) = made.recordings.number_true, made.coordinates.T
    known = np.isfinite(labels)
    size, opacity = (26, 0.9) if len(known) <= 500 else (7, 0.7)
    axis.scatter(x[~known], y[~known], s=size, alpha=opacity, linewidths=0, color="#B0B0B0", zorder=2)
    colours = labels[known]
    axis.scatter(x[known], y[known], s=size, alpha=opacity, linewidths=0, c=colours, cmap=COLOURS, norm=scale, zorder=3)
    lines = [f"{made.method}: {made.recordings.source}", f"n = {len(known)}", made.note]
    if made.recordings.is_phantom and PHANTOM_LABEL not in made.recordings.source:
        lines.insert(1, PHANTOM_LABEL)
    axis.set_title("\n".join(part for line in lines if line for part in textwrap.wrap(line, 62)), fontsize=10)
    axis.set_aspect("equal", adjustable="datalim")
    axis.spines[:].set_visible(True)
    # The axes have no unit and no meaning of their own.
    axis.set(xticks=[], yticks=[])


def _draw_placed(axis: Axes, clip: PlacedClip) -> None:
    axis.scatter(clip.x, clip.y, s=260, marker="*", color=VERMILION, edgecolor="white", zorder=4)
    axis.annotate(clip.caption, (clip.x, clip.y), (8, 8), textcoords="offset points", fontsize=9, zorder=5)


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
