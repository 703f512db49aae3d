"""Tables of texts for a terminal, all in one look."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table


def plain_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
    title: str | None = None,
    caption: str | None = None,
    last: Sequence[str] | None = None,
) -> Table:
    """Make a table.

    Args:
        header: names of the columns.
        rows: their cells.
        numbers: columns that are set to the right.
        title: above it.
        caption: below it.
        last: a row apart, such as a sum.
    """
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", caption=caption, caption_justify="left")
    for name in header:
        table.add_column(name, justify="right" if name in numbers else "left")
    for row in rows:
        table.add_row(*row)
    if last is not None:
        table.add_section()
        table.add_row(*last)
    return table
