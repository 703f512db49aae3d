import pytest

from coreecho.training.run_folder import RunFolder


@pytest.fixture
def run(untrained_run: RunFolder) -> RunFolder:
    return untrained_run
