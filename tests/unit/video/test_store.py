import errno
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.shared.stores import assert_holds

from coreecho.errors import DatasetError
from coreecho.video import (
    FrameStore,
    read_video,
    store_building,
    store_index,
    video_file,
)
from coreecho.video.video import Video


def test_what_was_decoded_is_read_back(tmp_path: Path, files: dict[str, Path]) -> None:
    store = FrameStore.build(tmp_path / "store", files, frame_size=8)
    assert store.ids == list(files)
    assert "recording-3" in store
    assert len(store) == 10
    assert store.fps("recording-3") is None
    assert store.verify() == []
    assert_holds(store, files)
    assert_holds(FrameStore.open(tmp_path / "store"), files)


def test_frames_are_views_of_the_disk_that_cannot_be_written(tmp_path: Path, files: dict[str, Path]) -> None:
    frames = FrameStore.build(tmp_path / "store", files, frame_size=16).frames("recording-0")
    assert isinstance(frames, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        frames[0] = 1


def test_fps_comes_from_the_file(tmp_path: Path, smooth_frames: Any, write_clip: Callable[..., Path]) -> None:
    path = write_clip(tmp_path / "a.avi", smooth_frames, fps=47)
    assert FrameStore.build(tmp_path / "store", {"a": path}, frame_size=112).fps("a") == 47.0


def test_a_complete_store_is_opened_without_decoding(
    tmp_path: Path, files: dict[str, Path], decoded: list[str]
) -> None:
    FrameStore.build(tmp_path / "store", files, frame_size=16)
    assert len(decoded) == 10
    stamp = (tmp_path / "store" / "index.json").stat().st_mtime_ns
    assert_holds(FrameStore.build(tmp_path / "store", files, frame_size=16), files)
    assert len(decoded) == 10
    assert (tmp_path / "store" / "index.json").stat().st_mtime_ns == stamp


def test_only_what_is_missing_or_has_changed_is_decoded(
    tmp_path: Path, files: dict[str, Path], decoded: list[str]
) -> None:
    some = dict(list(files.items())[:4])
    old = FrameStore.build(tmp_path / "store", some, frame_size=16)
    before = np.array(old.frames("recording-2"))
    np.save(files["recording-2"], np.full((3, 16, 16), 70, np.uint8))
    decoded.clear()
    store = FrameStore.build(tmp_path / "store", files, frame_size=16)
    assert decoded == ["2.npy", "4.npy", "5.npy", "6.npy", "7.npy", "8.npy", "9.npy"]
    assert_holds(store, files)
    # Who opened the store before goes on reading what it opened.
    np.testing.assert_array_equal(old.frames("recording-2"), before)


def test_earlier_videos_stay(tmp_path: Path, files: dict[str, Path], decoded: list[str]) -> None:
    items = list(files.items())
    FrameStore.build(tmp_path / "store", dict(items[:5]), frame_size=16)
    assert_holds(FrameStore.build(tmp_path / "store", dict(items[5:]), frame_size=16), files)
    assert len(decoded) == 10


def test_shards_are_bounded_and_the_layout_does_not_depend_on_the_workers(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_building, "MAX_SHARD_BYTES", 8000)
    one = FrameStore.build(tmp_path / "one", files, frame_size=16, workers=1)
    two = FrameStore.build(tmp_path / "two", files, frame_size=16, workers=2)
    assert_holds(one, files)
    assert_holds(two, files)
    shards = sorted(path.name for path in (tmp_path / "one").glob("*.bin"))
    # 95 frames of 256 bytes; no shard over 8,000 bytes; no video in two shards.
    assert shards == [f"frames-{index:05d}.bin" for index in range(4)]
    for name in shards:
        assert (tmp_path / "one" / name).stat().st_size <= 8000
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_unreadable_sources_are_all_named_and_the_others_are_kept(
    tmp_path: Path, files: dict[str, Path], decoded: list[str]
) -> None:
    files["recording-1"].write_text("not a video")
    files["recording-4"].unlink()
    files["recording-8"].write_bytes(b"")
    with pytest.raises(DatasetError, match=r"3 of 10 videos cannot be read") as caught:
        FrameStore.build(tmp_path / "store", files, frame_size=16)
    for reason in ("1.npy: not a video", "4.npy: No such file", "8.npy: is empty"):
        assert reason in str(caught.value)
    with pytest.raises(DatasetError, match="half built: the build did not end"):
        FrameStore.open(tmp_path / "store")
    decoded.clear()
    good = {
        video_id: path
        for video_id, path in files.items()
        if video_id not in ("recording-1", "recording-4", "recording-8")
    }
    assert_holds(FrameStore.build(tmp_path / "store", good, frame_size=16), good)
    assert decoded == []


def test_a_file_that_breaks_is_not_served_from_its_old_frames(tmp_path: Path, files: dict[str, Path]) -> None:
    FrameStore.build(tmp_path / "store", files, frame_size=16)
    files["recording-0"].write_bytes(b"broken")
    with pytest.raises(DatasetError, match="1 of 10"):
        FrameStore.build(tmp_path / "store", files, frame_size=16)
    del files["recording-0"]
    assert "recording-0" not in FrameStore.build(tmp_path / "store", files, frame_size=16)


def test_another_frame_size_is_refused(tmp_path: Path, files: dict[str, Path]) -> None:
    FrameStore.build(tmp_path / "store", files, frame_size=16)
    with pytest.raises(DatasetError, match=r"holds a frame store of 16 x 16 pixels; 8 x 8 were asked for"):
        FrameStore.build(tmp_path / "store", files, frame_size=8)


def test_opening_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no frame store"):
        FrameStore.open(tmp_path)


def test_an_unknown_id_is_refused(tmp_path: Path, files: dict[str, Path]) -> None:
    with pytest.raises(DatasetError, match="has no video 'nobody'"):
        FrameStore.build(tmp_path / "store", files, frame_size=16).frames("nobody")


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "damaged"), ("[]", "damaged"), ('{"format": "other", "version": 1}', "expected 'coreecho frame store'")],
)
def test_a_damaged_index_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        FrameStore.open(tmp_path)


def test_a_shortened_shard_is_noticed_and_mended(tmp_path: Path, files: dict[str, Path], decoded: list[str]) -> None:
    FrameStore.build(tmp_path / "store", files, frame_size=16)
    os.truncate(tmp_path / "store" / "frames-00000.bin", 5 * 256 + 6 * 256 + 1)
    with pytest.raises(DatasetError, match="frames of 8 of 10 videos are missing from its shards"):
        FrameStore.open(tmp_path / "store")
    decoded.clear()
    assert_holds(FrameStore.build(tmp_path / "store", files, frame_size=16), files)
    assert len(decoded) == 8


def test_changed_bytes_are_found_by_verify(tmp_path: Path, files: dict[str, Path]) -> None:
    store = FrameStore.build(tmp_path / "store", files, frame_size=16)
    with (tmp_path / "store" / "frames-00000.bin").open("r+b") as file:
        file.seek(6 * 256)
        byte = file.read(1)[0]
        file.seek(6 * 256)
        file.write(bytes([byte ^ 1]))
    assert store.verify() == ["recording-1"]


def test_a_full_disk_stops_with_a_clear_message_and_the_build_goes_on_later(
    tmp_path: Path, files: dict[str, Path], decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_building, "_CHECKPOINT_SECONDS", 0.0)
    append = store_building._Writer.append

    def fill_up(writer: Any, job: Any, frames: Any) -> None:
        if job.video_id == "recording-6":
            writer._open().write(b"half a video")
            raise OSError(errno.ENOSPC, "No space left on device")
        append(writer, job, frames)

    with monkeypatch.context() as full:
        full.setattr(store_building._Writer, "append", fill_up)
        with pytest.raises(DatasetError, match=r"store: the disk is full. What was stored is safe; free some space"):
            FrameStore.build(tmp_path / "store", files, frame_size=16)
    decoded.clear()
    assert_holds(FrameStore.build(tmp_path / "store", files, frame_size=16), files)
    assert decoded == ["6.npy", "7.npy", "8.npy", "9.npy"]


def test_a_store_survives_pickling_without_its_maps(tmp_path: Path, files: dict[str, Path]) -> None:
    store = FrameStore.build(tmp_path / "store", files, frame_size=16)
    store.frames("recording-0")
    pickled = pickle.dumps(store)
    assert len(pickled) < 4000  # the frames alone are 24,320 bytes
    assert_holds(pickle.loads(pickled), files)


BUILD = """
import os, sys, pathlib
from coreecho.video import FrameStore, store_building
store_building._CHECKPOINT_SECONDS = 0.0
folder = pathlib.Path(sys.argv[1])
files = {path.stem: path for path in sorted(folder.glob("videos/*.npy"))}
decode = store_building._decode
def slow(file, frame_size):
    import time
    time.sleep(0.25)
    # In one piece: two threads may write at once.
    os.write(1, f"{file.path.stem}\\n".encode())
    return decode(file, frame_size)
store_building._decode = slow
FrameStore.build(folder / "store", files, frame_size=16)
"""


def start_build(tmp_path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", BUILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)


def test_a_killed_build_goes_on_where_it_stopped(tmp_path: Path, files: dict[str, Path], decoded: list[str]) -> None:
    build = start_build(tmp_path)
    assert build.stdout is not None
    for _ in range(5):
        build.stdout.readline()
    build.send_signal(signal.SIGKILL)
    build.wait()
    renamed = {path.stem: path for path in files.values()}
    store = FrameStore.build(tmp_path / "store", renamed, frame_size=16)
    # The writer may lag behind what is decoded.
    assert 5 <= len(decoded) <= 6
    assert_holds(store, renamed)
    assert store.verify() == []


def test_two_builders_share_the_work_instead_of_spoiling_it(tmp_path: Path, files: dict[str, Path]) -> None:
    builds = [start_build(tmp_path) for _ in range(2)]
    names = [line for build in builds for line in build.communicate()[0].split()]
    assert [build.returncode for build in builds] == [0, 0]
    assert sorted(names) == sorted(path.stem for path in files.values())
    assert_holds(FrameStore.open(tmp_path / "store"), {path.stem: path for path in files.values()})


def test_a_store_works_in_a_new_process(tmp_path: Path, files: dict[str, Path]) -> None:
    store = FrameStore.build(tmp_path / "store", files, frame_size=16)
    store.frames("recording-0")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(FrameStore.verify, (store,)) == []
        assert pool.apply(FrameStore.num_frames, (store, "recording-9")) == 14


def test_interrupting_keeps_what_was_done(
    tmp_path: Path, files: dict[str, Path], decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(100))

    def interrupt(path: Path) -> Video:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return read_video(path)

    with monkeypatch.context() as context:
        context.setattr(video_file, "read_video", interrupt)
        with pytest.raises(KeyboardInterrupt):
            FrameStore.build(tmp_path / "store", files, frame_size=16)
    index = json.loads((tmp_path / "store" / "index.json").read_text())
    assert len(index["entries"]) == 4
    assert index["completed"] is None
    start = time.monotonic()
    assert_holds(FrameStore.build(tmp_path / "store", files, frame_size=16), files)
    assert len(decoded) == 6
    assert time.monotonic() - start < 60


def test_clearing_frees_the_disk_and_a_build_begins_anew(tmp_path: Path, files: dict[str, Path]) -> None:
    folder = tmp_path / "store"
    store = FrameStore.build(folder, files, frame_size=32)
    num_bytes = sum(path.stat().st_size for path in folder.iterdir())
    assert store.stale(files) == []
    assert FrameStore.clear(folder) == num_bytes
    assert not folder.exists()
    assert FrameStore.build(folder, files, frame_size=32).verify() == []


def test_a_half_built_store_can_be_cleared(tmp_path: Path, files: dict[str, Path]) -> None:
    folder = tmp_path / "store"
    index = store_index.StoreIndex(frame_size=32, shards=(0,))
    folder.mkdir()
    index.write(folder)
    (folder / "frames-00000.bin").write_bytes(b"half a video")
    FrameStore.clear(folder)
    assert not folder.exists()


def test_files_that_the_store_did_not_write_are_neither_deleted_nor_written_over(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    names = ["frames-from-scanner.bin", "frames-00000.bin", "frames-00007.bin", "lock"]
    for name in names:
        (folder / name).write_bytes(b"of a scanner")
    store = FrameStore.build(folder, files, frame_size=16)
    assert_holds(store, files)
    for path in files.values():
        os.utime(path, ns=(1, 1))
    assert_holds(FrameStore.build(folder, files, frame_size=16), files)
    FrameStore.clear(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert {(folder / name).read_bytes() for name in names} == {b"of a scanner"}


@pytest.mark.parametrize(
    "content", ['{"name": "my web page"}', "[]", '{"format": "coreecho frame store", "version": 9}', "{" * 2000, "\xff"]
)
def test_an_index_of_another_program_is_named_and_no_folder_is_to_be_deleted(
    tmp_path: Path, files: dict[str, Path], content: str
) -> None:
    (tmp_path / "index.json").write_text(content, encoding="latin-1")
    with pytest.raises(DatasetError, match=r"index\.json: This index of a frame store .* by `--store`") as caught:
        FrameStore.build(tmp_path, files, frame_size=16)
    assert "elete" not in str(caught.value)
    assert (tmp_path / "index.json").read_text(encoding="latin-1") == content


@pytest.mark.parametrize(
    ("field", "value"), [("num_frames", 1e9), ("offset", -1), ("shard", "0"), ("crc32", None), ("fps", [])]
)
def test_entries_of_impossible_values_are_named(
    tmp_path: Path, files: dict[str, Path], field: str, value: object
) -> None:
    FrameStore.build(tmp_path / "store", files, frame_size=16)
    path = tmp_path / "store" / "index.json"
    index = json.loads(path.read_text())
    index["entries"]["recording-3"][field] = value
    path.write_text(json.dumps(index))
    with pytest.raises(DatasetError, match=rf"entries\.recording-3\.{field}: "):
        FrameStore.open(tmp_path / "store")


def test_a_store_of_before_contents_were_looked_at_is_built_again(
    tmp_path: Path, files: dict[str, Path], decoded: list[str]
) -> None:
    FrameStore.build(tmp_path / "store", files, frame_size=16)
    path = tmp_path / "store" / "index.json"
    index = json.loads(path.read_text())
    del index["shards"]
    for entry in index["entries"].values():
        del entry["source_content"]
    path.write_text(json.dumps(index))
    assert_holds(FrameStore.build(tmp_path / "store", files, frame_size=16), files)
    assert len(decoded) == 20


def test_frames_of_a_store_of_before_are_hashed_where_they_lie_and_damaged_ones_are_decoded_anew(
    tmp_path: Path, files: dict[str, Path], decoded: list[str]
) -> None:
    new = FrameStore.build(tmp_path / "store", files, frame_size=16)
    expected = {name: new.digest(name) for name in files}
    path = tmp_path / "store" / "index.json"
    index = json.loads(path.read_text())
    for entry in index["entries"].values():
        del entry["frames_hash"]
    path.write_text(json.dumps(index))
    # Read without a build, its frames have the same names.
    assert FrameStore.open(tmp_path / "store").digest("recording-3") == expected["recording-3"]
    with (tmp_path / "store" / "frames-00000.bin").open("r+b") as shard:
        shard.seek(index["entries"]["recording-4"]["offset"])
        shard.write(b"damage")
    decoded.clear()
    again = FrameStore.build(tmp_path / "store", files, frame_size=16)
    assert decoded == ["4.npy"]
    assert {name: again.digest(name) for name in files} == expected
    assert all(entry["frames_hash"] for entry in json.loads(path.read_text())["entries"].values())
    assert_holds(again, files)


def test_a_black_video_is_not_stored(tmp_path: Path, files: dict[str, Path]) -> None:
    np.save(files["recording-4"], np.full((20, 16, 16), 3, dtype=np.uint8))
    with pytest.raises(DatasetError, match=r"1 of 10 videos cannot be read[\s\S]*4\.npy: its picture is black"):
        FrameStore.build(tmp_path / "store", files, frame_size=16)
