import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from coreecho.datasets import Recording
from coreecho.errors import CheckpointError, DatasetError, RecipeError
from coreecho.evaluation import family_of, metrics_by_group
from coreecho.evaluation.predictions import evaluate_recordings
from coreecho.evaluation.protocol import choose_starts
from coreecho.inference.engine import predict_video
from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.tasks import MI
from coreecho.video.clips import ClipSampling

SAMPLING = ClipSampling(num_frames=4, stride=2)


class StoreInMemory:
    """What evaluation asks of a frame store, with noise of known length for frames."""

    def __init__(self, lengths):
        rng = np.random.default_rng(0)
        self._frames = {name: rng.integers(0, 256, (length, 32, 32), np.uint8) for name, length in lengths.items()}

    def frames(self, name):
        return self._frames[name]

    def num_frames(self, name):
        return len(self._frames[name])


@pytest.fixture(scope="module")
def model() -> EchoModel:
    torch.manual_seed(0)
    return build_model("uniformer_xs", ModelInput(num_frames=4, stride=2, frame_size=32), last_bias=55.0).eval()


@pytest.fixture
def store():
    return StoreInMemory({"a": 20, "b": 5, "c": 11})


@pytest.fixture
def recordings():
    return [Recording(id=name, path=Path(name), ef_percent=ef) for name, ef in (("c", 30.0), ("a", 60.0), ("b", 45.5))]


def test_one_row_a_recording_in_order_with_the_mean_over_its_clips(model, store, recordings):
    table = evaluate_recordings(model, store, recordings, clips=3)
    assert list(table.columns) == ["recording", "ef_true", "ef_predicted", "clip_sd", "num_clips"]
    assert table["recording"].tolist() == ["c", "a", "b"]
    assert table["ef_true"].tolist() == [30.0, 60.0, 45.5]
    assert table["num_clips"].tolist() == [3, 3, 3]
    of_a = predict_video(model, store.frames("a"), [0, 7, 13]).clip_values.astype(float)
    assert table.loc[1, "ef_predicted"] == pytest.approx(of_a.mean())
    assert table.loc[1, "clip_sd"] == pytest.approx(of_a.std(ddof=1))


def test_one_clip_has_no_spread(model, store, recordings):
    table = evaluate_recordings(model, store, recordings, clips=1)
    assert table["clip_sd"].isna().all()
    assert table["num_clips"].tolist() == [1, 1, 1]


def test_the_whole_video_in_steps_of_the_stride_or_as_asked(model, store, recordings):
    # Of 11, 20 and 5 frames, clips that span 7 (padded to 8) have 5, 14 and 2 starts.
    assert evaluate_recordings(model, store, recordings, clips="all")["num_clips"].tolist() == [3, 8, 2]
    assert evaluate_recordings(model, store, recordings, clips="all", step=1)["num_clips"].tolist() == [5, 14, 2]


def test_batches_are_bounded_and_change_nothing(model, store, recordings, monkeypatch):
    sizes = []
    forward = EchoModel.forward

    def note(self, clips, num_valid_frames=None):
        sizes.append(len(clips))
        return forward(self, clips, num_valid_frames)

    whole = evaluate_recordings(model, store, recordings, clips="all", batch_size=100)
    monkeypatch.setattr(EchoModel, "forward", note)
    cut = evaluate_recordings(model, store, recordings, clips="all", batch_size=3)
    assert max(sizes) == 3
    np.testing.assert_allclose(cut["ef_predicted"], whole["ef_predicted"], rtol=1e-5)


def test_given_starts_by_name_with_or_without_suffix(model, store, recordings):
    start_index = {"a.avi": np.array([2, 5]), "b": np.array([0]), "c.avi": np.array([4]), "other.avi": np.array([9])}
    table = evaluate_recordings(model, store, recordings, start_index=start_index)
    assert table["num_clips"].tolist() == [1, 2, 1]
    of_a = predict_video(model, store.frames("a"), [2, 5]).value
    assert table.loc[1, "ef_predicted"] == pytest.approx(of_a)


def test_every_recording_that_the_start_index_lacks_is_named(model, store, recordings):
    with pytest.raises(DatasetError, match=r"lacks 2 of 3 recordings: c, b\."):
        evaluate_recordings(model, store, recordings, start_index={"a.avi": np.array([0])})


def test_every_start_outside_its_video_is_named(model, store, recordings):
    start_index = {"a.avi": np.array([13]), "b.avi": np.array([2]), "c.avi": np.array([-1])}
    with pytest.raises(
        DatasetError, match=r"c \(starts \[-1\], expected 0 to 4\), b \(starts \[2\], expected 0 to 1\)"
    ):
        evaluate_recordings(model, store, recordings, start_index=start_index)


def test_long_lists_of_faults_are_cut(model):
    recordings = [Recording(id=f"s{number:02d}", path=Path("x")) for number in range(13)]
    with pytest.raises(DatasetError, match=r"13 of 13 recordings have no EF .*s00, .*s09 and 3 more\."):
        evaluate_recordings(model, None, recordings)


def test_an_empty_split_is_refused(model, store):
    with pytest.raises(DatasetError, match="no recording to evaluate"):
        evaluate_recordings(model, store, [])


def test_an_ef_that_is_no_number_is_refused_with_its_recordings(model, store, recordings):
    broken = build_model("uniformer_xs", model.model_input, last_bias=math.nan).eval()
    with pytest.raises(CheckpointError, match="not a finite number for 3 recordings: c, a, b"):
        evaluate_recordings(broken, store, recordings)


@pytest.mark.parametrize(
    ("clips", "step", "message"),
    [
        (0, None, "clips: expected a number of at least 1, or 'all', got 0"),
        (True, None, "got True"),
        ("every", None, "got 'every'"),
        (3, 2, "step: only the whole video has one, and clips is 3"),
        ("all", 0, "at least 1 frame; got 0"),
    ],
)
def test_refuses_clips_that_make_no_sense(clips, step, message):
    with pytest.raises(RecipeError, match=message):
        choose_starts(20, SAMPLING, clips, step=step)


def test_refuses_an_empty_batch(model, store, recordings):
    with pytest.raises(RecipeError, match="batch_size: expected at least 1, got 0"):
        evaluate_recordings(model, store, recordings, batch_size=0)


@pytest.fixture(scope="module")
def mi_model() -> EchoModel:
    torch.manual_seed(0)
    model_input = ModelInput(num_frames=4, stride=2, frame_size=32)
    return build_model("uniformer_xs", model_input, last_bias=0.5, task=MI()).eval()


def test_infarctions_are_a_mean_logit_and_its_probability(mi_model, store):
    recordings = [
        Recording(id="c", path=Path("c"), has_mi=True),
        Recording(id="a", path=Path("a"), has_mi=False, ef_percent=60),
    ]
    table = evaluate_recordings(mi_model, store, recordings, clips=3)
    assert list(table.columns) == ["recording", "has_mi", "mi_logit", "probability", "num_clips"]
    assert table["has_mi"].tolist() == [True, False]
    assert table["num_clips"].tolist() == [3, 3]
    logits = predict_video(mi_model, store.frames("a"), [0, 7, 13]).clip_values.astype(float)
    assert table.loc[1, "mi_logit"] == pytest.approx(logits.mean())
    # The probability is that of the mean logit, which is not the mean of the probabilities.
    assert table.loc[1, "probability"] == pytest.approx(1 / (1 + math.exp(-table.loc[1, "mi_logit"])), abs=1e-12)


def test_recordings_without_the_models_label_are_named(mi_model, store, recordings):
    with pytest.raises(DatasetError, match="3 of 3 recordings have no finding of infarction to compare with: c, a, b"):
        evaluate_recordings(mi_model, store, recordings)


def test_a_logit_that_is_no_number_is_refused(mi_model, store):
    broken = build_model("uniformer_xs", mi_model.model_input, last_bias=math.nan, task=MI()).eval()
    with pytest.raises(CheckpointError, match="logit is not a finite number for 1 recording: a"):
        evaluate_recordings(broken, store, [Recording(id="a", path=Path("a"), has_mi=True)])


def test_the_release_of_an_ef_is_kept_where_it_is_known(model, store, recordings):
    known = [replace(recording, ef_source="CAMUS NIfTI release") for recording in recordings[:2]]
    table = evaluate_recordings(model, store, [*known, recordings[2]], clips=1)
    assert table["ef_source"].fillna("").tolist() == ["CAMUS NIfTI release", "CAMUS NIfTI release", ""]
    assert "ef_source" not in evaluate_recordings(model, store, recordings, clips=1)


def test_the_metrics_of_a_diagnosis_read_the_packages_own_table(mi_model, store):
    """They once asked for a column `logit`, which no table of this package has."""
    recordings = [Recording(id=name, path=Path(name), has_mi=has_mi) for name, has_mi in (("a", True), ("b", False))]
    table = evaluate_recordings(mi_model, store, recordings)
    family = family_of(mi_model.task)
    metrics = metrics_by_group(table, ["all"] * 2, family=family, min_patients=0, resamples=20)["all"]
    straight = family.measure(table[family.true_column], table[family.predicted_column], resamples=20)
    assert metrics["auroc"].estimate == straight["auroc"].estimate
    assert family.predicted_column == "mi_logit"
