"""Processes that read files, kept from one command to the next: each takes most of a second to import what it needs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coreecho.video import reader_process

_Process = reader_process._Process


class KeptProcess(_Process):
    """Waits for the next that begins one in the same folder, where it would be ended while it has nothing to do."""

    def __init__(self, waiting: list["KeptProcess"]) -> None:
        super().__init__()
        self.waiting = waiting
        self.is_reading = False

    def read(self, *words: object, **options: object) -> reader_process.ResizedVideo:
        self.is_reading = True
        video = super().read(*words, **options)  # type: ignore[arg-type]
        self.is_reading = False
        return video

    def end(self) -> None:
        # One that failed to read a file is not taken again.
        if self.is_reading or not self.is_alive:
            super().end()
        elif self not in self.waiting:
            self.waiting.append(self)

    def end_at_last(self) -> None:
        super().end()


@pytest.fixture(scope="session")
def begin_or_keep() -> Iterator[Callable[[], KeptProcess]]:
    waiting: dict[Path, list[KeptProcess]] = {}
    begun: list[KeptProcess] = []

    def begin() -> KeptProcess:
        here = waiting.setdefault(Path.cwd(), [])
        while here:
            kept = here.pop()
            if kept.is_alive:
                return kept
        begun.append(KeptProcess(here))
        return begun[-1]

    yield begin
    for process in begun:
        process.end_at_last()


@pytest.fixture
def kept_readers(begin_or_keep: Callable[[], KeptProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what is done with the clips of a file, and not of who reads it."""
    monkeypatch.setattr(reader_process, "_Process", begin_or_keep)
