import errno
from pathlib import Path

import pytest

from coreecho.files import replacing, write_whole


def test_writes_text_and_bytes(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "ejection fraction: 55 %\n")
    write_whole(tmp_path / "b.bin", b"\x00\x01")
    assert (tmp_path / "a.txt").read_text() == "ejection fraction: 55 %\n"
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\x01"


def test_a_name_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.csv", "M\udcfcller,Ω\n")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "M\\udcfcller,Ω\n"


def test_a_failure_keeps_the_older_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_whole(path, "older")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the new")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_half()
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]
