import errno
import os
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from coreecho.errors import BusyError, CoReEchoError
from coreecho.files import LOCK_NAME, alone_in, replacing, write_whole, writing_into


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


@pytest.mark.skipif(os.name != "posix", reason="Windows opens no folders")
def test_the_folder_is_put_on_disk_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, fsync = [], os.fsync

    def note(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append("folder" if is_folder else "file")
        if is_folder:
            assert (tmp_path / "a.txt").read_text() == "new"
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    write_whole(tmp_path / "a.txt", "new")
    assert synced == ["file", "folder"]


def test_a_file_system_that_syncs_no_folders_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write_whole(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_one_is_alone_in_a_folder_also_among_threads(tmp_path: Path) -> None:
    found: list[str] = []

    def try_to_enter() -> None:
        try:
            with alone_in(tmp_path, doing="converting"):
                found.append("in")
        except BusyError as error:
            found.append(str(error))

    with alone_in(tmp_path, doing="converting"):
        thread = threading.Thread(target=try_to_enter)
        thread.start()
        thread.join()
        try_to_enter()
    try_to_enter()
    assert found[0] == found[1]
    assert found[0].startswith(f"Another process is converting in {tmp_path}. Wait")
    assert found[2] == "in"


def test_who_waits_is_alone_even_if_the_lock_was_deleted_meanwhile(tmp_path: Path) -> None:
    """Without `fcntl`, and so on Windows, too: builders of a store once were not kept apart there."""
    inside = [0]
    most: list[int] = []

    def build() -> None:
        with alone_in(tmp_path, doing="decoding", waits=True):
            inside[0] += 1
            most.append(inside[0])
            time.sleep(0.05)
            inside[0] -= 1
            (tmp_path / LOCK_NAME).unlink()

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_the_lock_of_a_killed_process_is_let_go(tmp_path: Path) -> None:
    program = f"""
        import os, signal
        from pathlib import Path
        from coreecho.files import alone_in
        with alone_in(Path({str(tmp_path)!r}), doing="training"):
            print("in", flush=True)
            signal.pause()
    """
    other = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "in\n"
    with pytest.raises(BusyError), alone_in(tmp_path, doing="training"):
        pass
    other.kill()
    other.wait()
    with alone_in(tmp_path, doing="training"):
        pass


def test_training_is_imported_where_the_system_has_no_fcntl() -> None:
    program = """
        import sys
        sys.modules["fcntl"] = None
        import coreecho.training, coreecho.cli.train
        print(coreecho.training.Recipe().name)
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert done.stdout == "custom\n", done.stderr


def test_a_folder_that_cannot_be_written_to_is_told_as_a_fault_of_the_choice(tmp_path: Path) -> None:
    with writing_into(tmp_path / "new" / "folder") as folder:
        write_whole(folder / "a.txt", "a")
    assert (tmp_path / "new" / "folder" / "a.txt").is_file()
    taken = writing_into(folder / "a.txt")
    with pytest.raises(CoReEchoError, match=r"a\.txt cannot be written to: .*Give another `--out`"), taken:
        pass
    with pytest.raises(CoReEchoError, match="folder cannot be written to: No space left"), writing_into(folder):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_private_file_is_for_its_owner(tmp_path: Path) -> None:
    write_whole(tmp_path / "key.csv", "secret", is_private=True)
    assert (tmp_path / "key.csv").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key.csv").read_text() == "secret"
