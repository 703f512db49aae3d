"""Files that are read in a process of their own: the same videos, and an end to those that never end."""

from pathlib import Path

import numpy as np
import pytest

from coreecho.errors import VideoError
from coreecho.video import reader_process
from coreecho.video.reader_process import ReaderProcesses, read_resized

# Does to files of certain names what some decoders do to damaged ones.
_UNRULY = """
import os, sys, time
from coreecho.video import reader_process as process
read = process.read_resized
def unruly(path, size):
    if "slow" in path:
        time.sleep(60)
    if "crash" in path:
        os._exit(7)
    if "large" in path:
        raise MemoryError
    if "greedy" in path and sys.platform == "linux":
        bytearray(1200 * 2**20)
    elif "greedy" in path:
        raise MemoryError
    if "odd" in path:
        raise ZeroDivisionError("a width of 0")
    if "loud" in path:
        os.write(1, b"a library says something")
    return read(path, size)
process.read_resized = unruly
process.serve()
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (9, 24, 24), np.uint8))
    return path


def test_the_same_video_as_in_this_process(clip: Path) -> None:
    with ReaderProcesses(1) as processes:
        there, here = processes.read(clip, 16), read_resized(clip, 16)
        np.testing.assert_array_equal(there.video.frames, here.video.frames)
        assert (there.num_frames, there.fps, there.video.notes) == (here.num_frames, here.fps, here.video.notes)
        assert there.video.source == str(clip)
        with pytest.raises(VideoError, match="no such file"):
            processes.read(clip.with_name("gone.npy"), 16)


def test_a_name_that_is_not_utf8(clip: Path) -> None:
    odd = Path(str(clip.with_name("na")) + "\udcffme.npy")
    try:
        clip.rename(odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    with ReaderProcesses(1) as processes:
        assert processes.read(odd, 16).num_frames == 9


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("slow", r"slow\.npy: given up: it was not read within 1 seconds"),
        ("crash", r"crash\.npy: the process that read it came to an end \(exit code 7\)"),
        ("large", r"large\.npy: needs more than 1\.1 GB to be read"),
        ("greedy", r"greedy\.npy: needs more than 1\.1 GB to be read"),
        ("odd", r"odd\.npy: unexpected ZeroDivisionError: a width of 0"),
    ],
)
def test_an_unruly_file_is_refused_and_the_next_one_is_read(
    clip: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setattr(reader_process, "_SERVE", _UNRULY)
    unruly = clip.with_name(f"{name}.npy")
    unruly.write_bytes(clip.read_bytes())
    with ReaderProcesses(1, seconds=1) as processes:
        with pytest.raises(VideoError, match=message):
            processes.read(unruly, 16)
        assert processes.read(clip, 16).num_frames == 9


def test_what_a_library_prints_does_not_disturb(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_process, "_SERVE", _UNRULY)
    loud = clip.rename(clip.with_name("loud.npy"))
    with ReaderProcesses(1) as processes:
        assert processes.read(loud, 16).num_frames == 9


def test_closing_ends_the_processes(clip: Path) -> None:
    processes = ReaderProcesses(1)
    processes.read(clip, 16)
    (process,) = processes._started
    processes.close()
    assert not process.is_alive
    with pytest.raises(VideoError, match="the reading was ended"):
        processes.read(clip, 16)
