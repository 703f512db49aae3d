"""A table with a row a file, that a narrow terminal shows, too."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from coreecho.names import readable

# Letters of a name, and of what is said of a file, that a line should hold; less reads like a column of letters.
_SHORTEST_NAME, _SHORTEST_WORDS = 14, 12
# Letters that long names leave to what is said of a file.
_WORDS = 14


def shortened(names: Sequence[str], width: int) -> list[str]:
    """Names that are too long lose letters in their middle: the end tells files of one folder apart.

    Args:
        names: as they may be shown.
        width: letters that there is room for.
    """
    return [name if len(name) <= width else _without_middle(name, width) for name in names]


def _without_middle(name: str, width: int) -> str:
    end = 2 * width // 3
    return f"{name[: width - end - 1]}…{name[len(name) - end :]}"


@dataclass(frozen=True, kw_only=True)
class FileTable:
    """Numbers of files, and what is said of each.

    Where the terminal is narrow, long names lose their middle; where it is too narrow for that, files are numbered and
    named below the table: what is broken into a column of letters nobody reads.

    Attributes:
        files: by their names.
        headings: of the numbers.
        rows: of each file, its numbers.
        words_heading: of the last column.
        words: of each file, what is said of it.
    """

    files: Sequence[str]
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words_heading: str
    words: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay it out for the width that there is."""
        files = [readable(file) for file in self.files]
        longest = max(map(len, files), default=0)
        left = options.max_width - self._width_of_numbers()
        room = left - max(self._width_of_heading(), min(max(map(len, self.words), default=0), _WORDS))
        names: Sequence[str] = shortened(files, max(room, _SHORTEST_NAME))
        last = max(self._width_of_heading(), min(self._longest_word(), _SHORTEST_WORDS))
        is_narrow = left < min(longest, _SHORTEST_NAME) + last
        is_numbered = is_narrow or len(set(names)) < len(set(files))
        if is_numbered:
            names = [str(number) for number in range(1, len(files) + 1)]
        yield self._table(names)
        if is_numbered:
            yield from (Text(f"{number}  {file}") for number, file in zip(names, files, strict=True))

    def _width_of_numbers(self) -> int:
        widest = [
            max(len(line) for cell in column for line in cell.split("\n"))
            for column in zip(self.headings, *self.rows, strict=True)
        ]
        # Two spaces between columns, and one at each end.
        return sum(widest) + 2 * (len(widest) + 2)

    def _width_of_heading(self) -> int:
        """Of the last column: a heading is never broken, either, where the numbers leave it room."""
        return max(map(len, self.words_heading.split("\n")))

    def _longest_word(self) -> int:
        return max((len(word) for text in self.words for word in text.split()), default=0)

    def _table(self, names: Sequence[str]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("File", no_wrap=True)
        for heading in self.headings:
            # A number is never broken.
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column(self.words_heading, overflow="fold", min_width=self._width_of_heading())
        for name, row, words in zip(names, self.rows, self.words, strict=True):
            # Text, not markup: a file may be called [red].avi.
            table.add_row(Text(name), *(Text(cell, no_wrap=True) for cell in row), Text(words))
        return table
