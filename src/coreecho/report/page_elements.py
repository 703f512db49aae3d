"""What a page is made of: tables, pictures and films, as plain values that the template lays out."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

# A chart has few colours, and a palette makes its file a third of the size.
_CHART_COLOURS = 128


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table.

    Attributes:
        cells: texts; the first names the row.
        remark: small print below the name.
        is_marked: stands out; the caption says why.
        is_shared: its one value holds for all columns.
    """

    cells: tuple[str, ...]
    remark: str = ""
    is_marked: bool = False
    is_shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows.
        header: names of the columns.
        rows: of it.
        notes: below it.
        is_text: its cells are words and not figures, so they are not aligned to the right.
        is_narrow: fits a phone as it is.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    is_text: bool = False
    is_narrow: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture inside the page, which may move.

    Attributes:
        uri: data URI; of a film that of the still that takes its place on paper.
        width: pixels.
        height: pixels.
        description: for those who cannot see it.
        caption: below it; may be empty.
        moving: data URI of an animation that repeats; empty of a picture that does not move.
    """

    uri: str
    width: int
    height: int
    description: str
    caption: str = ""
    moving: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page that there may be nothing to show for.

    Attributes:
        tables: of all runs.
        pictures: of it.
        notes: what a reader should know.
        reason: why there is nothing to show; empty where there is.
    """

    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    notes: Sequence[str] = ()
    reason: str = ""


def data_uri(content: bytes, media_type: str) -> str:
    """Put a file into its own address."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def chart(draw: Callable[[Path], object], *, description: str, caption: str = "") -> Picture:
    """Take a picture from a function that writes a PNG.

    Args:
        draw: writes it to the path that it is given.
        description: for those who cannot see it.
        caption: below it.
    """
    with TemporaryDirectory(prefix="coreecho-") as folder:
        path = Path(folder, "chart.png")
        draw(path)
        with Image.open(path) as drawn:
            picture = drawn.convert("RGB").quantize(_CHART_COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    width, height = picture.size
    return Picture(
        uri=data_uri(buffer.getvalue(), "image/png"),
        width=width,
        height=height,
        description=description,
        caption=caption,
    )
