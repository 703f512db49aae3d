from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets import Recording, camus_clip, hmc_qu_clip, load_recordings, video_files
from coreecho.datasets.camus import camus_beat
from coreecho.datasets.hmc_qu import hmc_qu_beat
from coreecho.errors import DatasetError
from coreecho.video import ClipSampling, FrameStore, read_video, take_clip

SIZE = 32
TreeWriter = Callable[..., Path]


@pytest.fixture(scope="module")
def camus(tmp_path_factory: pytest.TempPathFactory, write_camus: TreeWriter) -> list[Recording]:
    """Three patients of the NIfTI release, the second of which runs backwards."""
    root = write_camus(tmp_path_factory.mktemp("camus"), tuple(range(1, 11)), backward=(2,))
    return load_recordings("camus", root, folds="blocks")


@pytest.fixture(scope="module")
def camus_mhd(tmp_path_factory: pytest.TempPathFactory, write_camus: TreeWriter) -> list[Recording]:
    root = write_camus(tmp_path_factory.mktemp("camus"), tuple(range(1, 11)), release="mhd", backward=(2,))
    return load_recordings("camus", root, folds="blocks")


@pytest.fixture(scope="module")
def hmc_qu(tmp_path_factory: pytest.TempPathFactory, write_hmc_qu: TreeWriter, hmc_rows) -> list[Recording]:
    return load_recordings("hmc-qu", write_hmc_qu(tmp_path_factory.mktemp("hmc"), hmc_rows()))


def test_the_store_of_camus_holds_beats(camus, camus_mhd, tmp_path):
    for recordings, folder in ((camus, tmp_path / "nifti"), (camus_mhd, tmp_path / "mhd")):
        store = FrameStore.build(folder, video_files("camus", recordings), frame_size=SIZE, workers=1)
        assert store.ids == [recording.id for recording in recordings]
        for recording in recordings:
            np.testing.assert_array_equal(store.frames(recording.id), camus_beat(recording, SIZE))
        # The file's first frame is the beat's last where ES comes first.
        assert recordings[1].beat[0] > recordings[1].beat[1]
    assert store.fps(camus_mhd[0].id) is None


def test_the_store_of_hmc_qu_holds_cycles(hmc_qu, tmp_path):
    store = FrameStore.build(tmp_path, video_files("hmc-qu", hmc_qu), frame_size=SIZE, workers=1)
    for recording in hmc_qu:
        np.testing.assert_array_equal(store.frames(recording.id), hmc_qu_beat(recording, SIZE))
        # Not the whole file, and not its aspect.
        assert store.num_frames(recording.id) == recording.beat[1] - recording.beat[0] + 1 < 14


@pytest.mark.parametrize("method", ["spline", "trilinear"])
def test_a_clip_of_a_whole_beat_is_the_published_one(camus, hmc_qu, tmp_path, method):
    sampling = ClipSampling(num_frames=12, time=method)
    for dataset, recording, published in (
        ("camus", camus[1], camus_clip),
        ("hmc-qu", hmc_qu[0], hmc_qu_clip),
    ):
        store = FrameStore.build(tmp_path / dataset, video_files(dataset, [recording]), frame_size=SIZE, workers=1)
        clip, valid = take_clip(store.frames(recording.id), 0, sampling)
        np.testing.assert_array_equal(clip, published(recording, num_frames=12, frame_size=SIZE, method=method))
        assert valid == 12


def test_a_changed_beat_makes_an_entry_stale_though_its_file_is_the_same(camus, tmp_path):
    store = FrameStore.build(tmp_path, video_files("camus", camus), frame_size=SIZE, workers=1)
    assert store.stale(video_files("camus", camus)) == []
    first, last = camus[0].beat
    mended = [replace(camus[0], beat=(first, last - 2)), *camus[1:]]
    assert store.stale(video_files("camus", mended)) == [camus[0].id]
    rebuilt = FrameStore.build(tmp_path, video_files("camus", mended), frame_size=SIZE, workers=1)
    assert rebuilt.num_frames(camus[0].id) == store.num_frames(camus[0].id) - 2
    np.testing.assert_array_equal(rebuilt.frames(camus[0].id), camus_beat(mended[0], SIZE))


def test_a_beat_beyond_its_file_is_named_when_the_store_is_built(hmc_qu, tmp_path):
    broken = replace(hmc_qu[0], beat=(2, 40))
    with pytest.raises(DatasetError, match="runs from frame 2 to 40, but the clip has frames 0 to 13"):
        FrameStore.build(tmp_path, video_files("hmc-qu", [broken]), frame_size=SIZE, workers=1)


def test_other_data_sets_are_stored_whole(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (7, SIZE, SIZE), dtype=np.uint8)
    np.save(tmp_path / "a.npy", frames)
    recording = Recording(id="a", path=tmp_path / "a.npy", beat=(1, 3))
    store = FrameStore.build(tmp_path / "store", video_files("table", [recording]), frame_size=SIZE, workers=1)
    np.testing.assert_array_equal(store.frames("a"), read_video(recording.path).frames)
