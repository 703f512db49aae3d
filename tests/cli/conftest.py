from collections.abc import Callable

import pytest
from tests.conftest import Shown


@pytest.fixture
def run(command_line: Callable[..., Shown]) -> Callable[..., Shown]:
    """Run a command line; gives exit code and what it showed."""
    return command_line


@pytest.fixture(autouse=True)
def _kept_readers(kept_readers: None) -> None:
    """Of every command."""
