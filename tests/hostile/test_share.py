"""A small share of the campaign, so that every change meets some damage; `make hostile` runs all of it."""

from pathlib import Path

import pytest
from tests.hostile.campaign import OUTCOMES, read_case
from tests.hostile.targets import TARGETS, write_target

from coreecho.errors import VideoError

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


@pytest.mark.filterwarnings("ignore")
def test_dicom_of_every_coding_is_read_while_it_is_sound(tmp_path: Path) -> None:
    sound = write_target("dicom", tmp_path)
    refused = [path.name for path in sound if not _is_read(path)]
    # A deflated file is refused by its name, with the command that inflates it.
    assert refused == ["deflated.dcm"]
    assert {"HTJ2K.dcm", "HTJ2KLossless.dcm", "rle.dcm", "SC_rgb_jpeg_gdcm.dcm"} < {path.name for path in sound}


def _is_read(path: Path) -> bool:
    try:
        TARGETS["dicom"].read(path.parent, path)
    except VideoError:
        return False
    return True
