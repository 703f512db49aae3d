"""Tables of texts for a terminal, all in one look."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from coreecho.report import page_elements

# As those who make them for a terminal call what they return.
PlainTable = Table
PlainTables = Group


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


def plain_tables(
    title: str, tables: Sequence[page_elements.Table], notes: Sequence[str], *, above: Sequence[str] = ()
) -> Group:
    """Show on a terminal the tables of a page.

    Args:
        title: above all; a table of the same caption bears none.
        tables: with a text in their first two columns, and numbers in the others.
        notes: below them.
        above: lines below the title.
    """
    parts: list[Text | Table] = [Text(line, style="bold") for line in (title, *above)]
    for each in tables:
        shown = plain_table(each.header, (row.cells for row in each.rows), numbers=each.header[2:])
        parts += [shown] if each.caption == title else [Text(each.caption), shown]
    return Group(*parts, *(Text(f"- {note}") for note in notes))
