from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets import Recording
from coreecho.datasets.outlines import LABELS, MASK_FOLDER, MaskFolder, TracedOutlines, label_masks
from coreecho.errors import DatasetError
from coreecho.phantom import layouts, truth

RECORDING = Recording(id="a", path=Path("a.avi"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    labels = np.zeros((5, 112, 112), dtype=np.uint8)
    labels[:, 20:80, 30:90] = 2
    labels[:, 30:70, 40:80] = 1
    np.savez(tmp_path / "a.npz", labels=labels)
    return tmp_path


def test_phantoms_write_masks_where_and_as_they_are_looked_for() -> None:
    assert layouts.MASK_FOLDER == MASK_FOLDER
    assert {"cavity": truth.LV_LABEL, "myocardium": truth.MYOCARDIUM_LABEL} == LABELS


def test_masks_of_every_frame_are_given_on_the_grid_of_the_store(folder: Path) -> None:
    traces = MaskFolder(folder)
    assert traces.knows(RECORDING)
    assert list(traces.frames(RECORDING, 5)) == [0, 1, 2, 3, 4]
    whole, half = traces.masks(RECORDING, [1, 4], 5, 112), traces.masks(RECORDING, [1, 4], 5, 56)
    assert (whole.shape, half.shape) == ((2, 2, 112, 112), (2, 2, 56, 56))
    # The cavity, and the wall around it, which it is no part of.
    assert whole.sum(axis=(2, 3)).tolist() == [[1600, 2000]] * 2
    assert half.sum(axis=(2, 3)).tolist() == [[400, 500]] * 2


def test_masks_of_another_video_and_damaged_ones_are_refused(folder: Path) -> None:
    traces = MaskFolder(folder)
    with pytest.raises(DatasetError, match="has the masks of 5 frames, and the video has 7"):
        traces.masks(RECORDING, [0], 7, 112)
    kept = traces.digest(RECORDING)
    (folder / "a.npz").write_bytes(b"no archive")
    for ask in (lambda: traces.digest(RECORDING), lambda: traces.masks(RECORDING, [0], 5, 112)):
        with pytest.raises(DatasetError, match=r"a\.npz: is not a file of masks"):
            ask()
    np.savez(folder / "a.npz", labels=np.zeros((5, 8, 8), dtype=np.uint8))
    assert traces.digest(RECORDING) != kept


def test_traced_frames_are_the_cavity_at_ed_and_es() -> None:
    square = np.array([[40.0, 30.0], [40.0, 70.0], [80.0, 70.0], [80.0, 30.0]])
    traces = TracedOutlines({"a": {9: square, 3: 0.5 * square + 30}, "b": {2: square}})
    other = Recording(id="b", path=Path("b.avi"))
    assert traces.knows(RECORDING)
    assert not traces.knows(other)
    assert traces.ends(RECORDING) == (9, 3)
    assert list(traces.frames(RECORDING, 20)) == [3, 9]
    # Edges of whole pixels are in: 41 x 41.
    assert traces.masks(RECORDING, [9], 20, 112).sum() == 41 * 41
    # Not 20 chords.
    assert traces.points(RECORDING) is None
    with pytest.raises(DatasetError, match="frame 9 is traced, and the video has 8"):
        traces.frames(RECORDING, 8)


def test_pixels_of_a_coarser_grid_are_in_where_half_of_them_is() -> None:
    labels = np.zeros((1, 4, 4), dtype=np.uint8)
    labels[0, :2, :1] = 1
    labels[0, 2:, 3] = labels[0, 2, 2] = 1
    assert label_masks(labels, ["cavity"], 2)[0, 0].tolist() == [[True, False], [False, True]]
