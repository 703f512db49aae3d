"""Frames in a store are known by what their files hold, whatever these are called and wherever they lie."""

import os
import zlib
from pathlib import Path

import numpy as np
from tests.shared.stores import assert_holds

from coreecho.video import (
    FrameStore,
    file_stamp,
)


def test_a_touched_file_is_stale(tmp_path: Path, files: dict[str, Path], decoded: list[str]) -> None:
    FrameStore.build(tmp_path / "store", files, frame_size=16)
    decoded.clear()
    os.utime(files["recording-5"], ns=(1, 1))
    FrameStore.build(tmp_path / "store", files, frame_size=16)
    assert decoded == ["5.npy"]


def test_stale_names_what_is_missing_changed_or_gone(tmp_path: Path, files: dict[str, Path]) -> None:
    store = FrameStore.build(tmp_path / "store", files, frame_size=32)
    first, second, *_ = files
    os.utime(files[first], (1, 1))
    files[second].unlink()
    assert store.stale({**files, "new": files[first]}) == [first, second, "new"]


def _write_array(path: Path, seed: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.random.default_rng(seed).integers(0, 256, (40, 64, 64), dtype=np.uint8))
    os.utime(path, ns=(10**18, 10**18))
    return path


def test_two_tables_with_equal_ids_sizes_and_times_do_not_share_frames(tmp_path: Path) -> None:
    first, second = (_write_array(tmp_path / name / "a.npy", seed) for seed, name in enumerate(("one", "two")))
    assert first.stat().st_size == second.stat().st_size
    FrameStore.build(tmp_path / "store", {"a": first}, frame_size=64)
    assert FrameStore.open(tmp_path / "store").stale({"a": second}) == ["a"]
    assert_holds(FrameStore.build(tmp_path / "store", {"a": second}, frame_size=64), {"a": second})


def test_a_video_that_was_replaced_with_equal_size_and_time_is_stale(tmp_path: Path) -> None:
    path = _write_array(tmp_path / "a.npy", 0)
    store = FrameStore.build(tmp_path / "store", {"a": path}, frame_size=64)
    frames = np.load(path)
    # Neither its head nor its tail: some frames in the middle.
    frames[18:24] = 7
    np.save(path, frames)
    os.utime(path, ns=(10**18, 10**18))
    assert store.stale({"a": path}) == ["a"]


def test_a_data_set_that_was_moved_keeps_its_frames(tmp_path: Path, decoded: list[str]) -> None:
    path = _write_array(tmp_path / "here" / "a.npy", 0)
    FrameStore.build(tmp_path / "store", {"a": path}, frame_size=64)
    moved = (tmp_path / "here").rename(tmp_path / "there") / "a.npy"
    FrameStore.build(tmp_path / "store", {"a": moved}, frame_size=64)
    assert decoded == ["a.npy"]


def test_pixels_that_lie_beside_their_header_belong_to_the_source(tmp_path: Path) -> None:
    header, pixels = tmp_path / "a.mhd", tmp_path / "a.raw"
    header.write_text("NDims = 3")
    pixels.write_bytes(bytes(100))
    before = file_stamp.stamp_of(header).content
    pixels.write_bytes(bytes(99) + b"1")
    assert file_stamp.stamp_of(header).content != before


def test_frames_that_were_made_to_share_their_checksum_are_told_apart(tmp_path: Path) -> None:
    made = {}
    for seed in (0, 1):
        frames = np.random.default_rng(seed).integers(60, 200, 512, dtype=np.uint8)
        # Whatever ends in its own CRC32 has the same CRC32.
        frames[-4:] = list(zlib.crc32(frames[:-4].data).to_bytes(4, "little"))
        made[f"recording-{seed}"] = tmp_path / f"{seed}.npy"
        np.save(made[f"recording-{seed}"], frames.reshape(2, 16, 16))
    store = FrameStore.build(tmp_path / "store", made, frame_size=16)
    assert store.checksum("recording-0") == store.checksum("recording-1")
    assert store.digest("recording-0") != store.digest("recording-1")
