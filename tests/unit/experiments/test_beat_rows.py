from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from coreecho.experiments import beat_rows
from coreecho.experiments.beat_rows import read_beats
from coreecho.experiments.cost import estimate_seconds
from coreecho.experiments.data import Data
from coreecho.experiments.jobs import Training
from coreecho.experiments.runs import Execution
from coreecho.training import Hardware, RunFolder

CPU = Execution(hardware=Hardware(device="cpu"))


class Pulsing:
    """Outlines a ventricle that beats every 20 frames, or stands still; counts the videos that it sees."""

    frame_size = 32

    def __init__(self, period: int) -> None:
        self.period = period
        self.num_videos = 0

    def masks(self, frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
        self.num_videos += 1
        area = 300 + 200 * np.cos(2 * np.pi * np.arange(len(frames)) / self.period)
        return np.asarray(np.arange(32 * 32).reshape(32, 32)[None] < area[:, None, None])


@pytest.fixture
def jobs(copy_of_run: Callable[[str], RunFolder]) -> tuple[Path, Training, Training]:
    """Folder of the runs; a training that reads EF, and one that outlines."""
    found = {name: copy_of_run(name) for name in ("demo", "lv-outline")}
    ef, outlines = (
        Training(name=name, data=Data(dataset="echonet", root=run.data.root, store=run.data.store), settings=run.recipe)
        for name, run in found.items()
    )
    return found["demo"].path.parent, ef, outlines


def pulse(monkeypatch: pytest.MonkeyPatch, period: int) -> Pulsing:
    segmenter = Pulsing(period)
    monkeypatch.setattr(beat_rows, "load_segmenter", lambda *_, **__: segmenter)
    return segmenter


def test_ef_is_read_at_the_beats_which_are_found_once(
    jobs: tuple[Path, Training, Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, ef, outlines = jobs
    segmenter: Any = pulse(monkeypatch, 20)
    table = read_beats(runs, CPU, training=ef, segmenter=outlines)
    tested = [each.id for each in RunFolder.open(runs / ef.name).recordings("test")]
    assert table["recording"].tolist() == tested
    assert (table["num_clips"] >= 2).all()
    # The table of a row, as of any other training.
    assert {"ef_true", "ef_predicted", "patient", "quality", "ef_source"} <= set(table)
    pd.testing.assert_frame_equal(read_beats(runs, CPU, training=ef, segmenter=outlines), table)
    assert segmenter.num_videos == len(tested)
    assert (runs / ef.name / "error_by_beats.csv").read_text().startswith("num_beats,mae,num_recordings")


def test_where_no_beat_is_found_the_row_is_empty(
    jobs: tuple[Path, Training, Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, ef, outlines = jobs
    pulse(monkeypatch, 10_000)
    table = read_beats(runs, CPU, training=ef, segmenter=outlines)
    assert len(table) == 0
    assert {"recording", "ef_true", "ef_predicted", "patient", "ef_source"} <= set(table)


def test_what_outlines_has_a_price_too(jobs: tuple[Path, Training, Training], tmp_path: Path) -> None:
    _, _, outlines = jobs
    seconds = estimate_seconds([outlines], tmp_path / "nothing yet", CPU)
    assert 0 < seconds[outlines.name] < 3600
