"""Figures as this package draws them: no picture leaves without its words, and the same content gives the same bytes.

Pictures travel without the text around them. So each says which model it is of, what speaks against trusting it,
whether the hearts are simulated, and that it is no medical device. Figures are made by objects, without pyplot: nothing
global is touched, threads may draw at once, and no display is needed.
"""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from coreecho.errors import CoReEchoError
from coreecho.files import replacing
from coreecho.names import printable
from coreecho.notices import NOTICE, PHANTOM_LABEL

# Okabe and Ito (2008): told apart with every common form of colour blindness, and in grey by their lightness.
BLUE, VERMILION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6E6E6E"
# Of EF: even in lightness.
COLOURS = "viridis"
FONT_SIZE, SMALL, TITLE = 11, 9, 12
_DPI = 150
# Of a letter of one point, in inches: half as wide as it is high.
_LETTER, _LINE = 0.53 / 72, 1.25 / 72
# Of a title, for which the sizes of figures leave room.
_TITLE_LINES = 3


def new_figure(
    title: str,
    size: tuple[float, float],
    *,
    rows: int = 1,
    columns: int = 1,
    heights: Sequence[float] | None = None,
    says: str = "",
    model: str = "",
    cautions: Sequence[str] = (),
    is_phantom: bool,
    dpi: int = _DPI,
) -> tuple[Figure, list[Axes]]:
    """Make a figure with its title above and its words below.

    Args:
        title: over it; may be empty.
        size: width and height without the words below, inches; for a title of some lines, and more for a longer one.
        rows: of axes.
        columns: of axes.
        heights: of the rows, in any unit.
        says: what the picture shows, in a sentence, first below it; may be empty.
        model: what the picture is of; empty where it is of no model, or where the title says it.
        cautions: what speaks against trusting what is shown.
        is_phantom: the hearts are simulated.
        dpi: dots per inch.

    Returns:
        The figure, and its axes row by row.
    """
    width, height = size
    lines = _footer(width, says, model, cautions)
    foot = (len(lines) * SMALL * _LINE) + 0.1
    above = [part for line in title.splitlines() for part in textwrap.wrap(line, _letters(width, TITLE))]
    above += [PHANTOM_LABEL] if is_phantom and PHANTOM_LABEL not in title else []
    # Many words take nothing from what is drawn.
    height += foot - (SMALL * _LINE + 0.1) + max(0, len(above) - _TITLE_LINES) * TITLE * _LINE
    figure = Figure(
        figsize=(width, height), dpi=dpi, layout=ConstrainedLayoutEngine(rect=(0, foot / height, 1, 1 - foot / height))
    )
    FigureCanvasAgg(figure)
    if above:
        figure.suptitle("\n".join(above), fontsize=TITLE)
    for number, line in enumerate(reversed(lines)):
        place = (0.05 + number * SMALL * _LINE) / height
        figure.text(0.005, place, line, fontsize=SMALL, color=GREY, ha="left", va="bottom")
    figure.text(0.995, 0.05 / height, NOTICE, fontsize=SMALL, color=GREY, ha="right", va="bottom")
    axes: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, height_ratios=heights).ravel())
    for axis in axes:
        axis.tick_params(labelsize=SMALL + 1)
        axis.xaxis.label.set_fontsize(FONT_SIZE)
        axis.yaxis.label.set_fontsize(FONT_SIZE)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _footer(width: float, says: str, model: str, cautions: Sequence[str]) -> list[str]:
    """Lines below a picture; the last leaves the notice its place on the right."""
    told = [*([says] if says else []), *(f"Caution: {caution}" for caution in cautions)]
    told += [f"Model: {model}"] if model else []
    letters = _letters(width, SMALL)
    lines = [part for line in told for part in textwrap.wrap(printable(line), letters)]
    return lines if lines and len(lines[-1]) + len(NOTICE) + 4 < letters else [*lines, ""]


def _letters(width: float, size: float) -> int:
    return max(20, int(0.97 * width / (size * _LETTER)))


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all.

    Names in it are only text: a dollar sign begins no formula, and what cannot be drawn is escaped.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    for text in _words(figure):
        text.set_parse_math(False)
        text.set_text(printable(text.get_text()))
    try:
        with replacing(path) as temporary:
            # Without the version of matplotlib in it, a picture changes only when what it shows does.
            figure.savefig(temporary, format="png", metadata={"Software": None})
    except OSError as error:
        raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}.") from error


def _words(artist: Artist) -> Iterator[Text]:
    """Every text below an artist. Numbers along an axis are ours, may be formulas, and take long to list."""
    if isinstance(artist, Axis):
        yield artist.label
        return
    if isinstance(artist, Text):
        yield artist
    for child in artist.get_children():
        yield from _words(child)
