"""A small share of the campaign, so that every change meets some damage; `make hostile` runs all of it."""

from pathlib import Path

import numpy as np
import pytest
from tests.hostile.campaign import OUTCOMES, read_case
from tests.hostile.mutations import mutate
from tests.hostile.target_clips import HTJ2K, write_htj2k
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


@pytest.mark.parametrize("syntax", HTJ2K)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_stream_of_htj2k_is_read_or_refused_by_name(syntax: str, tmp_path: Path) -> None:
    read = []
    for case in range(CASES):
        # Every frame alike, and nothing of the file around them: all of the damage comes to the decoder.
        stream = mutate(HTJ2K[syntax], np.random.default_rng([7, case]), list(HTJ2K.values())) or b"\x00\x00"
        read.append(_is_read(write_htj2k(tmp_path / "clip.dcm", syntax, stream)))
    assert set(read) == {True, False}


def _is_read(path: Path) -> bool:
    try:
        TARGETS["dicom"].read(path.parent, path)
    except VideoError:
        return False
    return True
