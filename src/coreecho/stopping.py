"""How a long task is asked to stop where it can stop well, and how a command turns Ctrl-C and SIGTERM into that.

A task takes a `Stop`, and looks at it at moments after which nothing is lost. Who asks, and by what, is the caller's:
a command by signals (`stop_on_signals`), another program by `Stop.ask`, from any thread.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# What a shell adds to a signal's number for the exit code of a program that it ended.
_BY_SIGNAL = 128


class Stop:
    """A wish that a long task stops at its next good moment.

    Attributes:
        is_set: somebody asked.
        is_heeded: a task is looking.
        signal: the number of the signal that asked; None where a program did.
    """

    def __init__(self) -> None:
        self.is_set = False
        self.is_heeded = False
        self.signal: int | None = None

    def ask(self, number: int | None = None) -> None:
        """Ask the task to stop. The first who asks is the one whose signal counts."""
        if not self.is_set:
            self.signal = number
        self.is_set = True

    @property
    def exit_code(self) -> int:
        """Of a command that stopped: 143 after SIGTERM, else 130, as after Ctrl-C."""
        return _BY_SIGNAL + (self.signal or signal.SIGINT)

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Say, while the body runs, that the task looks; before and after it a signal ends the program at once."""
        self.is_heeded = True
        try:
            yield
        finally:
            self.is_heeded = False


class Stopped(KeyboardInterrupt):
    """A task of many parts was asked to stop, and did; raised through them all, past what mends their errors.

    Args:
        stop: that asked.
    """

    def __init__(self, stop: Stop) -> None:
        super().__init__("stopped")
        self.exit_code = stop.exit_code


@contextmanager
def stop_on_signals(*, doing: str) -> Iterator[Stop]:
    """Let Ctrl-C and SIGTERM ask for a stop while the body runs; in the main thread of a command alone.

    The first one asks where the task heeds it. Where it does not (yet), and at the second one, the program ends at
    once: by KeyboardInterrupt, which is exit code 130, or at SIGTERM by SystemExit with 143.

    Args:
        doing: when the task will look next, in words: "after this step".
    """
    stop = Stop()

    def receive(number: int, frame: FrameType | None) -> None:
        if stop.is_heeded and not stop.is_set:
            stop.ask(number)
            _say(f"Stopping {doing}; once more to stop at once.")
            return
        _say("Stopped at once.")
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(_BY_SIGNAL + number)

    earlier = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    # Past Python's buffers: a signal comes in the middle of anything, of a print to the same stream as well.
    with suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
