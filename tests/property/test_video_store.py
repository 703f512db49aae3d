"""What is put into a frame store comes out of it, however it was built."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from coreecho.video import FrameStore

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
videos = st.dictionaries(names, st.tuples(st.integers(2, 6), st.integers(0, 2**32 - 1)), max_size=6)


@settings(deadline=None, max_examples=25)
@given(videos, st.integers(0, 6), st.sampled_from([1, 3]))
def test_a_store_gives_back_what_it_was_given(
    contents: dict[str, tuple[int, int]], num_first: int, workers: int
) -> None:
    with tempfile.TemporaryDirectory() as root:
        files, frames = {}, {}
        for index, (name, (length, seed)) in enumerate(contents.items()):
            frames[name] = np.random.default_rng(seed).integers(0, 256, (length, 4, 4), dtype=np.uint8)
            files[name] = Path(root) / f"{index}.npy"
            np.save(files[name], frames[name])
        first = dict(list(files.items())[:num_first])
        FrameStore.build(Path(root) / "store", first, frame_size=4, workers=workers)
        FrameStore.build(Path(root) / "store", files, frame_size=4, workers=workers)
        store = FrameStore.open(Path(root) / "store")
        assert store.ids == list(files)
        assert store.verify() == []
        for name, expected in frames.items():
            np.testing.assert_array_equal(store.frames(name), expected)
