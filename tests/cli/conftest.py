"""A command line that is typed, in this process: starting Python and importing PyTorch takes seconds, a test parts."""

import sys
import warnings
from collections.abc import Callable
from typing import NamedTuple

import pytest

from coreecho.cli.main import main


class Shown(NamedTuple):
    """What a command leaves in a terminal."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    """Run a command line as `coreecho` does, in a terminal of 200 columns; gives exit code and what it showed."""
    monkeypatch.setenv("COLUMNS", "200")

    def type_in(*words: object) -> Shown:
        monkeypatch.setattr(sys, "argv", ["coreecho", *map(str, words)])
        with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
            # The command line is read from sys.argv on purpose.
            warnings.filterwarnings("ignore", "Cyclopts application invoked without tokens")
            main()
        return Shown(int(ended.value.code or 0), *capsys.readouterr())

    return type_in
