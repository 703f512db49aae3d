import errno
from pathlib import Path

import pytest

from coreecho.files import readable, replacing, write_whole


def test_writes_text_and_bytes(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "ejection fraction: 55 %\n")
    write_whole(tmp_path / "b.bin", b"\x00\x01")
    assert (tmp_path / "a.txt").read_text() == "ejection fraction: 55 %\n"
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\x01"


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


def test_bytes_that_are_not_utf8_are_written_out(tmp_path: Path) -> None:
    assert readable("M\udcfcller.avi") == "M\\xfcller.avi"
    assert readable("a\x1b[31m\nb\x9b") == "a\\x1b[31m\\x0ab\\x9b"
    assert readable("Müller \ud800") == "Müller \\ud800"
    write_whole(tmp_path / "names.txt", "Müller, M\udcfcller")
    assert (tmp_path / "names.txt").read_text(encoding="utf-8") == "Müller, M\\udcfcller"


def test_a_private_file_is_for_its_owner(tmp_path: Path) -> None:
    write_whole(tmp_path / "key.csv", "secret", is_private=True)
    assert (tmp_path / "key.csv").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key.csv").read_text() == "secret"
