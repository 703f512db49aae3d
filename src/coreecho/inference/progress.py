"""How far a long list of files is: a bar on a terminal, and lines of their own in a log."""

import time
from collections.abc import Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Each = TypeVar("Each")
# Whichever comes first: a log of a night stays short, and nobody wonders for long.
_EVERY_FILES = 50
_EVERY_SECONDS = 30.0


def told(results: Iterator[Each], *, total: int, is_shown: bool) -> Iterator[Each]:
    """Go through results, and say on stderr how many of all there are.

    Args:
        results: one a file.
        total: files.
        is_shown: say it at all.
    """
    console = Console(stderr=True)
    if not is_shown:
        yield from results
    elif console.is_terminal:
        yield from track(results, total=total, description="Files", console=console, transient=True)
    else:
        said, said_at = 0, time.monotonic()
        for number, result in enumerate(results, start=1):
            yield result
            is_due = number - said >= _EVERY_FILES or time.monotonic() - said_at >= _EVERY_SECONDS
            if is_due and number < total:
                console.print(f"{number} of {total} files", highlight=False, soft_wrap=True)
                said, said_at = number, time.monotonic()
