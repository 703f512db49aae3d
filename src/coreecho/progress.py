"""How far long work is: a bar on a terminal, and in a log, which shows no bar, a line now and then."""

import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich import progress
from rich.console import Console

# Short work leaves no lines in a log, and a night's work not too many.
SECONDS_A_LINE = 30.0
Item = TypeVar("Item")


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
