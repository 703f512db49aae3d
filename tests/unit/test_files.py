import errno
from pathlib import Path

import pytest

from coreecho.errors import CoReEchoError
from coreecho.files import replacing, write_whole, writing_into


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


def test_a_folder_that_cannot_be_written_to_is_told_as_a_fault_of_the_choice(tmp_path: Path) -> None:
    with writing_into(tmp_path / "new" / "folder") as folder:
        write_whole(folder / "a.txt", "a")
    assert (tmp_path / "new" / "folder" / "a.txt").is_file()
    taken = writing_into(folder / "a.txt")
    with pytest.raises(CoReEchoError, match=r"a\.txt cannot be written to: .*Give another `--out`"), taken:
        pass
    with pytest.raises(CoReEchoError, match="folder cannot be written to: No space left"), writing_into(folder):
        raise OSError(errno.ENOSPC, "No space left on device")
