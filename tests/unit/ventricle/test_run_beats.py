import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from coreecho.errors import NoBeatError, RecipeError
from coreecho.evaluation.evaluate import evaluate
from coreecho.evaluation.protocol import Protocol
from coreecho.inference.opening import open_subject
from coreecho.training import RunFolder
from coreecho.ventricle import run_phases
from coreecho.ventricle.phases import PhaseFrames
from coreecho.ventricle.run_beats import error_by_beats, place_at_beats
from coreecho.ventricle.run_phases import measure_phases


class Pulsing:
    """Outlines a ventricle whose area has a minimum every 20 frames; of the first video it sees, none."""

    frame_size = 32

    def __init__(self, es_frames: tuple[int, ...]) -> None:
        self.es_frames = es_frames
        self.num_videos = 0

    def masks(self, frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
        self.num_videos += 1
        period = 20 if self.num_videos > 1 else 10_000
        area = 300 + 200 * np.cos(2 * np.pi * (np.arange(len(frames)) - self.es_frames[0] + period / 2) / period)
        places = np.arange(32 * 32).reshape(32, 32)
        return np.asarray(places[None] < area[:, None, None])


def test_clips_are_placed_about_end_systoles_and_recordings_without_one_are_counted(
    run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path
) -> None:
    run = run_of_every_recipe["demo"]
    subject = open_subject(run.path)
    recordings = subject.some_recordings("train")
    segmenter: Any = Pulsing((12, 32, 52))
    index = place_at_beats(subject, segmenter, recordings, tmp_path / "out")
    # The first video stands still.
    assert set(index.starts) == {recording.id for recording in recordings[1:]}
    lead = subject.model_input.num_frames * subject.model_input.stride // 2
    starts = index.starts[recordings[1].id]
    assert starts[0] == max(0, 12 - lead)
    assert json.loads(index.path.read_text()) == {name: list(of) for name, of in index.starts.items()}
    protocol = Protocol(split="train", start_index=index.path, is_partial=True, resamples=20)
    evaluation = evaluate(subject, protocol, out=tmp_path / "out", allow_overlap=True, device="cpu")
    assert len(evaluation.predictions) == len(recordings) - 1
    assert any(f"1 of {len(recordings)} recordings" in note for note in evaluation.notes)
    assert evaluation.predictions.num_clips.tolist() == [len(set(of)) for of in index.starts.values()]
    errors = error_by_beats(subject, index, protocol, recordings, max_beats=2)
    assert errors.num_beats.tolist() == [1, 2]
    # Two beats averaged are never worse in the mean than one of them.
    assert errors.mae[1] <= errors.mae[0] + 1e-9


def test_phases_where_every_recording_is_rejected(
    run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No figure, and none that JSON does not have."""
    monkeypatch.setattr(run_phases, "_signal", lambda model, frames: np.ones(len(frames)))
    subject = open_subject(run_of_every_recipe["uvt"].path)
    asked = subject.some_recordings("train")[:2]
    columns = {"recording": [each.id for each in asked], "ef_true": [50.0, 60.0], "ef_predicted": [55.0, 55.0]}
    measured = measure_phases(subject, pd.DataFrame(columns), asked, tmp_path, device="cpu")
    assert measured.note == (
        "phases: 2 of 2 recordings rejected, fewer than 3 crossings of zero; so there is no EF and no distance to tell"
    )
    assert "NaN" not in (text := (tmp_path / "phases.json").read_text())
    assert json.loads(text)["ef_mae_of_covered"] is None
    assert json.loads(text)["ed_frames_from_traced"]["mean"] is None
    # One that has a rhythm.
    monkeypatch.setattr(run_phases, "find_phases", lambda signal: PhaseFrames((4,), (9,), 5))
    measured = measure_phases(subject, pd.DataFrame(columns), asked, tmp_path, device="cpu")
    assert measured.note.startswith(
        "phases: 0 of 2 recordings rejected, fewer than 3 crossings of zero; EF of the others"
    )
    assert "is off by 5.00; ED is " in measured.note


def test_a_video_without_any_beat_is_an_error_of_its_own(
    run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path
) -> None:
    subject = open_subject(run_of_every_recipe["demo"].path)
    segmenter: Any = Pulsing((12,))
    with pytest.raises(NoBeatError, match="finds no beat in any of 1 recordings"):
        place_at_beats(subject, segmenter, subject.some_recordings("train")[:1], tmp_path)


def test_evaluating_a_uvt_reads_its_phases_and_its_own_clips(
    run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path
) -> None:
    run = run_of_every_recipe["uvt"]
    subject = open_subject(run.path)
    recordings = subject.some_recordings("test")
    evaluation = evaluate(
        subject, Protocol(clips="traced", resamples=20), out=tmp_path / "own", device="cpu", allow_overlap=True
    )
    assert len(evaluation.predictions) <= len(recordings)
    asked = [each for each in recordings if each.id in set(evaluation.predictions.recording)]
    measured = measure_phases(subject, evaluation.predictions, asked, tmp_path / "own", device="cpu")
    table = pd.read_csv(tmp_path / "own" / "phases.csv")
    assert len(table) == len(asked)
    assert (table.num_crossings < 3).tolist() == table.is_rejected.tolist()
    document = json.loads((tmp_path / "own" / "phases.json").read_text())
    assert document["num_rejected"] == table.is_rejected.sum()
    assert measured.coverage == pytest.approx(1 - table.is_rejected.mean())
    assert (
        f"phases: {measured.num_rejected} of {len(asked)} recordings rejected, fewer than 3 crossings" in measured.note
    )
    with pytest.raises(RecipeError, match="Phases are read by a UVT"):
        measure_phases(open_subject(run_of_every_recipe["demo"].path), evaluation.predictions, asked, tmp_path)
    with pytest.raises(RecipeError, match="clips that an objective places about traced frames"):
        evaluate(open_subject(run_of_every_recipe["demo"].path), Protocol(clips="traced"), out=tmp_path, device="cpu")
