"""What rooms below the commands say on stderr: a sentence, and how far long work is.

A terminal shows a bar, and a log, which shows none, a line now and then.
"""

import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich import progress
from rich.console import Console

# Short work leaves no lines in a log, and a night's work not too many.
SECONDS_A_LINE = 30.0
Item = TypeVar("Item")
Bar = progress.Progress


def track(
    sequence: Iterable[Item],
    description: str,
    total: float | None = None,
    *,
    console: Console | None = None,
    disable: bool = False,
    transient: bool = False,
) -> Iterator[Item]:
    """Give the items of a sequence, and tell how many were asked for.

    Args:
        sequence: of items, each of which takes its time.
        description: what they are, in a word or two.
        total: how many there are; the length of the sequence when not given.
        console: where it is told; stderr when not given.
        disable: tell nothing.
        transient: leave no bar on the terminal at the end.
    """
    console = console or Console(stderr=True)
    if total is None and isinstance(sequence, Sized):
        total = len(sequence)
    if disable or console.is_terminal:
        yield from progress.track(sequence, description, total, console=console, disable=disable, transient=transient)
        return
    told = time.monotonic()
    for number, item in enumerate(sequence):
        if time.monotonic() - told >= SECONDS_A_LINE:
            told = time.monotonic()
            of = "" if total is None else f" of {total:g}"
            console.print(f"{description}: {number}{of}", markup=False, highlight=False)
        yield item


def bar_of_steps(*, is_shown: bool) -> Bar:
    """A bar whose description changes as it goes on, with the time that went by and the time that is left."""
    return Bar(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not is_shown,
    )


def tell(text: str, style: str | None = None) -> None:
    """Say something on stderr; outside a terminal on one line, which `tail -n 1` and `grep` find whole."""
    console = Console(stderr=True)
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def head(text: str) -> None:
    """Say on stderr what follows, in a rule across the terminal."""
    Console(stderr=True).rule(text)
