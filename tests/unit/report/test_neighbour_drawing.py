import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from coreecho.errors import CoReEchoError, VideoError
from coreecho.inference.preparing import read_clip
from coreecho.models.weights import load_model
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.report import neighbour_drawing
from coreecho.report.neighbour_drawing import draw_neighbours, write_neighbours
from coreecho.report.thumbnails import recording_thumbnail
from coreecho.representation.embeddings import embed_run
from coreecho.representation.neighbour_search import search_neighbours
from coreecho.training.run_folder import RunFolder
from coreecho.trust import Appraisal
from coreecho.video.store import FrameStore


def test_a_clip_unlike_all_others_is_told(run: RunFolder, tmp_path: Path) -> None:
    """Six times as far from its nearest recording as recordings usually are from theirs."""
    recording = run.recordings("test")[0]
    model = load_model(run.path)
    found = search_neighbours(model, embed_run(run, model, "train", clips=1), recording.path, k=2, clips=1)
    near = replace(found, typical_distance=found.neighbours[0].distance / 4)
    assert near.warnings == found.clip.warnings
    far = replace(found, typical_distance=found.neighbours[0].distance / 6)
    assert "the nearest recording is 6 times as far away" in far.warnings[-1]
    assert "nothing like this clip is among those that were searched" in far.warnings[-1]
    write_neighbours(far, partial(recording_thumbnail, run.store()), tmp_path / "out")
    document = json.loads((tmp_path / "out" / "neighbours.json").read_text())
    assert document["warnings"] == list(far.warnings)


def test_the_picture_has_the_doubt_and_the_verdict(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(neighbour_drawing, "save_figure", lambda figure, path: drawn.append(figure))
    model, path = load_model(run.path), run.recordings("test")[0].path
    found = search_neighbours(model, embed_run(run, model, "train", clips=1), path, k=1, clips=1)
    found = replace(found, typical_distance=0.01, unusual_distance=0.0)
    black = np.zeros((56, 56), dtype=np.uint8)
    for appraisal in (
        Appraisal(trust="doubtful", reasons=("dull",)),
        Appraisal(interval_low=41, interval_high=54.6, level=0.9),
    ):
        draw_neighbours(tmp_path / "n.png", found, [black], appraisal=appraisal)
    first, second = (" ".join(text.get_text() for text in figure.findobj(Text)) for figure in drawn)
    assert "\nno interval\ntrust: doubtful" in first
    assert "Why doubtful: dull." in first
    assert "\n41 to 55 % (90 % interval)" in second
    assert "half have another one within 0.01, and 95 of 100 within 0.00: this clip is unlike them" in " ".join(
        first.split()
    )
    usual = replace(found, unusual_distance=1e9)
    assert usual.likeness.endswith(": this clip is like them")
    # Farther than nine of ten hearts lie from their nearest, and not beyond all that is usual.
    assert replace(usual, edge_distance=0.0).likeness.endswith(": this clip is at the edge of what is usual")
    assert f"at a distance of {found.neighbours[0].distance:.2f}, where 0 is the same clip" in usual.likeness


def test_thumbnails_show_the_sector_alone(tmp_path: Path, sector_frames: Callable[..., NDArray[np.uint8]]) -> None:
    frames = sector_frames(20, size=112)
    frames[:, 4:12, 4:30] = 255
    write_mjpeg_avi(tmp_path / "named.avi", frames, 50)
    write_mjpeg_avi(tmp_path / "still.avi", [frames[0]] * 20, 50)
    files = {name: tmp_path / f"{name}.avi" for name in ("named", "still")}
    store = FrameStore.build(tmp_path / "store", files, frame_size=56, workers=1)
    thumbnail = recording_thumbnail(store, "named")
    assert thumbnail[20:40, 26:30].mean() > 50
    assert store.frames("named")[0, 2:6, 4:12].mean() > 200
    assert not thumbnail[:8, :16].any()
    assert not recording_thumbnail(store, "still").any()


def test_a_clip_without_a_sector_is_refused(run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "flicker.avi"
    # The whole picture moves: a still would be refused as one.
    write_mjpeg_avi(path, [np.full((56, 56), 60 + 60 * (n % 2), dtype=np.uint8) for n in range(20)], 50)
    with pytest.raises(VideoError, match="no ultrasound sector found"):
        read_clip(load_model(run.path), path)


def test_a_folder_that_cannot_be_made(run: RunFolder, tmp_path: Path) -> None:
    model, path = load_model(run.path), run.recordings("test")[0].path
    found = search_neighbours(model, embed_run(run, model, "train", clips=1), path, k=1, clips=1)
    (tmp_path / "taken").write_text("")
    with pytest.raises(CoReEchoError, match="Give another `--out`"):
        write_neighbours(found, partial(recording_thumbnail, run.store()), tmp_path / "taken")
