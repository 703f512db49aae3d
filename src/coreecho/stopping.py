"""How a long task is asked to stop where it can stop well, and how a command turns Ctrl-C and SIGTERM into that.

A task takes a `Stop`, and looks at it at moments after which nothing is lost. Who asks, and by what, is the caller's:
a command by signals (`stop_on_signals`), another program by `Stop.ask`, from any thread.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# What a shell adds to a signal's number for the exit code of a program that it ended.
_BY_SIGNAL = 128
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


class Interrupted(KeyboardInterrupt):
    """A signal ended what ran, wherever it was.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.exit_code = _BY_SIGNAL + number


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
    once, by Interrupted.

    Args:
        doing: when the task will look next, in words: "after this step".
    """
    stop = Stop()

    def receive(number: int, frame: FrameType | None) -> None:
        if stop.is_heeded and not stop.is_set:
            stop.ask(number)
            say(f"Stopping {doing}; once more to stop at once.")
            return
        if stop.is_set:
            say("Stopped at once.")
        raise Interrupted(number)

    earlier = {number: signal.signal(number, receive) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextmanager
def ended_by_signals(tell: Callable[[KeyboardInterrupt], int]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM raise Interrupted in the main thread while the body, a whole command, runs.

    While a module is imported the process is over at once: there is nothing to tidy up yet, and libraries that import
    others in C lose what is raised there. A second signal does not wait for what the first has left to tidy up, either.
    In a thread that is not the main one nothing is changed; signals do not come there.

    Args:
        tell: says what ended the command, and gives its exit code; for the end at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_ending = False

    def receive(number: int, frame: FrameType | None) -> None:
        nonlocal is_ending
        if is_ending:
            say("Stopped at once.")
            os._exit(_BY_SIGNAL + number)
        is_ending = True
        if _is_importing(frame):
            os._exit(tell(Interrupted(number)))
        raise Interrupted(number)

    earlier = {number: signal.signal(number, receive) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the body has run; processes that begin in it never get them.

    Those are ended by the one that began them. On Windows nothing is held back.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    with _noted_for_later():
        earlier = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


@contextmanager
def _noted_for_later() -> Iterator[None]:
    """In the main thread, send the signals that come while the body runs once more after it.

    A mask is of one thread, and the system may give a signal to any other one of the process (torch and NumPy have
    some), upon which Python runs the handler in the main thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    earlier = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        for missed in came:
            signal.raise_signal(missed)


def exit_code_of(stopped: KeyboardInterrupt) -> int:
    """The exit code of a command that this ended: 143 after SIGTERM, else 130."""
    code = getattr(stopped, "exit_code", None)
    return code if isinstance(code, int) else _BY_SIGNAL + signal.SIGINT


def _is_importing(frame: FrameType | None) -> bool:
    """Whether Python's import of a module is among the calls that lead to this frame."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def say(text: str) -> None:
    """Write a line to stderr, in the middle of anything."""
    # Past Python's buffers: a signal comes in the middle of anything, of a print to the same stream as well.
    with suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
