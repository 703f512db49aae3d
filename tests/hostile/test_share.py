"""A small share of the campaign, so that every change meets some damage; `make hostile` runs all of it."""

from pathlib import Path

import pytest
from tests.hostile.campaign import OUTCOMES, read_case
from tests.hostile.targets import TARGETS, write_target

CASES = 30
SLOW = {"run"}


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in SLOW])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_read_or_refused_by_name(name: str, tmp_path: Path) -> None:
    sound = write_target(name, tmp_path / "sound")
    contents = [path.read_bytes() for path in sound]
    TARGETS[name].read(tmp_path / "sound", sound[0])
    found = [read_case(name, tmp_path, sound, contents, 7, case) for case in range(CASES)]
    assert [note for outcome, note in found if outcome in OUTCOMES[2:]] == []
    # Wounds that leave everything readable would show nothing.
    assert any(outcome == "refused" for outcome, _ in found)
