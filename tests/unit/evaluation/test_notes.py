"""Notes beside an evaluation: whose EF, and at which frame rates."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from coreecho.datasets import Recording
from coreecho.evaluation.evaluate import evaluate
from coreecho.evaluation.notes import frame_rate_note, label_sources
from coreecho.evaluation.protocol import Protocol
from coreecho.inference import Predictor
from coreecho.inference.frame_rate import TimedFrames
from coreecho.inference.opening import open_subject
from coreecho.models.card import TrainedOn
from coreecho.models.weights import load_model, save_weights
from coreecho.tasks import EF, MI
from coreecho.training.run_folder import RunFolder

PROTOCOL = Protocol(split="train", clips=1, resamples=10)


def trained_at(low: float, high: float) -> TrainedOn:
    return TrainedOn(
        dataset="echonet",
        is_phantom=True,
        num_recordings=10,
        fps_range=(low, high),
        label_range=(5.0, 90.0),
        recipe="tiny",
        epoch=0,
        best_validation=10.0,
    )


class Store:
    def __init__(self, *rates: float | None) -> None:
        self.rates = dict(enumerate(rates))

    def fps(self, recording: str) -> float | None:
        return self.rates[int(recording)]


def note(rates: list[float | None], trained_on: TrainedOn | None) -> tuple[str, ...]:
    recordings = [Recording(id=str(number), path=Path("a.avi")) for number in range(len(rates))]
    return frame_rate_note(Store(*rates), recordings, trained_on)


def test_frame_rates_outside_the_training_s_are_named_with_both():
    assert note([25.0, 30.0, 30.0, 52.0], trained_at(47.0, 66.0)) == (
        "the frame rates of these data, 25.8 to 48.7 per second, lie outside of the training's, 47 to 66, in 3 of 4 "
        "recordings: to the model their hearts beat at another speed",
    )


def test_recordings_that_were_brought_to_the_training_s_rate_are_counted():
    recordings = [Recording(id=str(number), path=Path("a.avi")) for number in range(3)]
    seen = TimedFrames(Store(30.0, 50.0, 25.0), {"0": 30.0, "1": 50.0, "2": 25.0}, {"0": 50.0, "2": 50.0})
    assert frame_rate_note(seen, recordings, trained_at(50.0, 50.0)) == (
        "brought to 50 frames per second, the rate of the training, from 25 to 30, as files are that are "
        "predicted: 2 of 3 recordings",
    )


@pytest.mark.parametrize(
    ("rates", "trained_on"),
    [
        ([50.0, 51.0, None], trained_at(47.0, 66.0)),
        ([29.97], trained_at(30.0, 30.0)),
        # One odd file of many is no other data set.
        ([50.0] * 99 + [200.0], trained_at(47.0, 66.0)),
        ([None, None], trained_at(47.0, 66.0)),
        ([30.0], None),
        ([30.0], trained_at(float("nan"), float("nan"))),
    ],
)
def test_what_is_no_difference_or_not_known_is_not_warned_of(rates, trained_on):
    assert note(rates, trained_on) == ()


def test_other_data_come_at_the_training_s_rate_as_files_do(tmp_path, run: RunFolder, truth_root):
    model = load_model(run.path)
    save_weights(run.best_weights, model, replace(model.card, trained_on=trained_at(200.0, 220.0)))
    assert not any("frame rates" in text for text in evaluate(open_subject(run), PROTOCOL).notes)
    other = tmp_path / "hospital"
    other.mkdir()
    for name in ("Videos", "FileList.csv", "VolumeTracings.csv"):
        (other / name).symlink_to(truth_root / name)
    subject = open_subject(run, data=other)
    result = evaluate(subject, PROTOCOL)
    (told,) = [text for text in result.notes if text.startswith("brought to 200 frames per second")]
    count = result.metrics.num_recordings
    assert told.endswith(f", as files are that are predicted: {count} of {count} recordings")
    assert told in json.loads((result.folder / "metrics.json").read_text())["notes"]
    # One rule with `coreecho predict`: the same number of the same recording.
    row = result.predictions.iloc[0]
    (recording,) = [each for each in subject.recordings("train") if each.id == row["recording"]]
    assert row["ef_predicted"] == pytest.approx(Predictor(run.path, clips=1)(recording.path).value, abs=1e-3)


def test_says_which_release_the_ef_is_from(run: RunFolder, monkeypatch):
    original = RunFolder.recordings
    monkeypatch.setattr(
        RunFolder,
        "recordings",
        lambda self, split: [
            replace(recording, ef_source="CAMUS NIfTI release") for recording in original(self, split)
        ],
    )
    result = evaluate(open_subject(run), PROTOCOL)
    assert "EF of the CAMUS NIfTI release" in result.notes
    document = json.loads((result.folder / "metrics.json").read_text())
    assert document["data"]["ef_source"] == ["CAMUS NIfTI release"]
    assert "EF of the CAMUS NIfTI release" in document["notes"]


def test_sources_are_named_once():
    recordings = [
        Recording(id=name, path=Path("a"), ef_source=source) for name, source in zip("abcd", "BAB", strict=False)
    ]
    assert label_sources(recordings, EF()) == ["A", "B"]
    assert label_sources([Recording(id="a", path=Path("a"))], EF()) == []
    # A release tells of its own numbers alone.
    assert label_sources(recordings, MI()) == []
