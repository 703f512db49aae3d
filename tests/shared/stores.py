"""What a store of frames has to hold."""

from pathlib import Path

import numpy as np

from coreecho.video import FrameStore, resize_frames


def assert_holds(store: FrameStore, files: dict[str, Path]) -> None:
    for video_id, path in files.items():
        expected = resize_frames(np.load(path), store.frame_size)
        np.testing.assert_array_equal(store.frames(video_id), expected)
        assert store.num_frames(video_id) == len(expected)
