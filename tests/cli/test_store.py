"""`coreecho store`, as a user types it."""

import os
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from coreecho.cli.store import app
from coreecho.errors import DatasetError
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import find_data
from coreecho.video import FrameStore

Type = Callable[..., tuple[int, str]]


@pytest.fixture
def tree(phantom_root: Path, tmp_path: Path) -> Path:
    """Three of the phantoms, in a data set of their own."""
    # Tests before this one may have decoded frames beside the phantoms.
    root = Path(copytree(phantom_root, tmp_path / "tree", ignore=ignore_patterns(".coreecho-store*")))
    lines = (root / "FileList.csv").read_text().splitlines()
    (root / "FileList.csv").write_text("\n".join(lines[:4]) + "\n")
    return root


@pytest.fixture
def store(capsys: pytest.CaptureFixture[str]) -> Type:
    """Run `coreecho store ...`; gives exit code and stdout."""

    def type_in(*words: object) -> tuple[int, str]:
        code = app([str(word) for word in words], result_action="return_value", exit_on_error=False)
        return int(code), capsys.readouterr().out

    return type_in


def test_a_store_is_built_where_training_looks_for_it(tree: Path, store: Type) -> None:
    code, out = store("build", "echonet", tree)
    folder = find_data("echonet", tree, Recipe(), None).store
    assert (code, folder) == (0, tree / ".coreecho-store-112")
    assert f"{folder}: 3 videos, 72 frames of 112 x 112 pixels, 0.9 MiB" in out
    assert len(FrameStore.open(folder)) == 3
    assert store("verify", "echonet", tree) == (0, f"{folder}: all 3 videos are as they were written\n")


def test_size_and_folder_may_be_chosen(tree: Path, store: Type, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    assert store("build", "echonet", tree, "--frame-size", 32, "--store", folder)[0] == 0
    assert FrameStore.open(folder).frame_size == 32
    store("build", "echonet", tree, "--frame-size", 56)
    assert FrameStore.open(tree / ".coreecho-store-56").frame_size == 56


def test_verify_tells_changed_sources_from_damaged_frames(tree: Path, store: Type) -> None:
    store("build", "echonet", tree)
    opened = FrameStore.open(tree / ".coreecho-store-112")
    first, second, _ = opened.ids
    os.utime(tree / "Videos" / f"{first}.avi", (1, 1))
    shard = tree / ".coreecho-store-112" / "frames-00000.bin"
    content = bytearray(shard.read_bytes())
    content[30 * 112 * 112] ^= 1
    shard.write_bytes(content)
    code, out = store("verify", "echonet", tree)
    assert code == 1
    assert out.splitlines() == [
        f"{first}: missing, or its file has changed since: build the store again",
        f"{second}: damaged on disk: clear the store, and build it again",
    ]


def test_clear_deletes_the_store_and_nothing_else(tree: Path, store: Type) -> None:
    before = set(tree.rglob("*"))
    store("build", "echonet", tree)
    code, out = store("clear", "echonet", tree)
    assert code == 0
    assert "deleted, 0.9 MiB freed" in out
    assert set(tree.rglob("*")) == before


def test_clear_leaves_what_else_lies_in_the_folder(tree: Path, store: Type) -> None:
    store("build", "echonet", tree)
    folder = tree / ".coreecho-store-112"
    for name in ("notes.txt", "frames-mine.bin"):
        (folder / name).write_text("mine")
    store("clear", "echonet", tree)
    assert sorted(path.name for path in folder.iterdir()) == ["frames-mine.bin", "notes.txt"]


@pytest.mark.parametrize("content", [None, "{}"])
def test_clear_refuses_what_is_no_store(tree: Path, store: Type, tmp_path: Path, content: str | None) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "frames-00000.bin").write_text("mine")
    if content is not None:
        (folder / "index.json").write_text(content)
    for target in (folder, tree / "Videos", tmp_path / "gone") if content is None else (folder,):
        with pytest.raises(
            DatasetError, match=r"holds no frame store .* nothing is deleted|index\.json: This index of a frame store"
        ):
            store("clear", "echonet", tree, "--store", target)
    assert (folder / "frames-00000.bin").read_text() == "mine"


def test_verify_of_nothing_says_how_to_build(tree: Path, store: Type) -> None:
    with pytest.raises(DatasetError, match=r"holds no frame store"):
        store("verify", "echonet", tree)


def test_verify_finds_a_video_that_was_replaced_with_equal_size_and_time(tree: Path, store: Type) -> None:
    store("build", "echonet", tree)
    first, *_ = FrameStore.open(tree / ".coreecho-store-112").ids
    video = tree / "Videos" / f"{first}.avi"
    stat, content = video.stat(), bytearray(video.read_bytes())
    content[len(content) // 2] ^= 1
    video.write_bytes(content)
    os.utime(video, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    code, out = store("verify", "echonet", tree)
    assert (code, out) == (1, f"{first}: missing, or its file has changed since: build the store again\n")
