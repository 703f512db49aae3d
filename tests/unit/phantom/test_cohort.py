"""The cohort's distributions are those of EchoNet-Dynamic, and a recording depends on its seed and its number alone."""

import numpy as np
import pytest

from coreecho.phantom.cohort import draw_facts, draw_splits, ef_quantile, ef_score
from coreecho.phantom.settings import PhantomSettings

# Enough for a standard error of EF's mean of 0.2 points.
_RECORDINGS = 4000


@pytest.fixture(scope="module")
def facts():
    return [draw_facts(PhantomSettings(), 17, index, "TRAIN") for index in range(_RECORDINGS)]


def test_ef_has_the_mean_spread_and_tails_of_echonet(facts) -> None:
    ef = np.array([recording.ef_percent for recording in facts])
    assert ef.mean() == pytest.approx(55.75, abs=0.8)
    assert ef.std() == pytest.approx(12.37, abs=0.5)
    for limit, share in ((35.0, 0.095), (40.0, 0.126), (50.0, 0.224)):
        assert np.mean(ef < limit) == pytest.approx(share, abs=0.02)
    assert ef.min() >= 5.0


def test_ef_quantiles_integrate_to_the_published_moments() -> None:
    ef = ef_quantile((np.arange(100_000) + 0.5) / 100_000)
    assert ef.mean() == pytest.approx(55.75, abs=0.1)
    assert ef.std() == pytest.approx(12.37, abs=0.1)


def test_lengths_and_frame_rates_are_those_of_echonet(facts) -> None:
    frames = np.array([recording.num_frames for recording in facts])
    fps = np.array([recording.fps for recording in facts])
    assert np.median(frames) == pytest.approx(171, abs=4)
    assert np.mean(frames < 144) == pytest.approx(0.247, abs=0.025)
    assert frames.min() >= 28
    assert frames.max() <= 1002
    assert np.mean(fps == 50.0) == pytest.approx(0.79, abs=0.025)
    assert fps.min() >= 18
    assert fps.max() <= 138


def test_volumes_are_those_of_echonet_and_failing_hearts_are_larger(facts) -> None:
    edv = np.array([recording.edv_ml for recording in facts])
    esv = np.array([recording.edv_ml * (1 - recording.ef_percent / 100) for recording in facts])
    ef = np.array([recording.ef_percent for recording in facts])
    assert np.median(edv) == pytest.approx(82.0, rel=0.1)
    assert np.median(esv) == pytest.approx(34.0, rel=0.1)
    assert np.median(edv[ef < 35]) > 1.3 * np.median(edv[ef > 55])


def test_a_recording_does_not_depend_on_the_others() -> None:
    settings = PhantomSettings()
    assert draw_facts(settings, 5, 9, "TRAIN") == draw_facts(settings, 5, 9, "TRAIN")
    assert draw_facts(settings, 5, 9, "TRAIN") != draw_facts(settings, 6, 9, "TRAIN")
    stems = {draw_facts(settings, 5, index, "TRAIN").stem for index in range(500)}
    assert len(stems) == 500
    assert all(stem.startswith("0X") and int(stem, 16) >= 0 for stem in stems)


def test_fixed_length_holds_a_whole_systole_at_every_frame_rate() -> None:
    settings = PhantomSettings(min_frames=16, max_frames=16)
    for index in range(300):
        recording = draw_facts(settings, 1, index, "TRAIN")
        assert recording.num_frames == 16
        assert (recording.num_frames - 2) / recording.fps >= 0.49


@pytest.mark.parametrize("recordings", [3, 4, 10, 57])
def test_every_split_has_a_recording_from_three_on(recordings) -> None:
    splits = draw_splits(recordings, 0)
    assert len(splits) == recordings
    assert set(splits) == {"TRAIN", "VAL", "TEST"}


def test_splits_have_the_proportions_of_echonet() -> None:
    splits = draw_splits(10_030, 3)
    assert splits.count("TRAIN") == 7465
    assert splits.count("VAL") == 1288
    assert splits.count("TEST") == 1277


def test_more_test_recordings_leave_the_others_as_they_are() -> None:
    splits = draw_splits(57, 3, more_test=20)
    assert splits[:57] == draw_splits(57, 3)
    assert splits[57:] == ["TEST"] * 20


def test_the_score_of_an_ef_is_its_place_in_the_cohort() -> None:
    recording = draw_facts(PhantomSettings(), 4, 17, "TRAIN")
    assert ef_score(recording.ef_percent) == pytest.approx(recording.ef_score)
    assert ef_score(90.0) > ef_score(60.0) > ef_score(5.0) > -6


def test_label_error_is_off_by_default_and_has_the_asked_spread() -> None:
    noisy = PhantomSettings(label_noise=5.0)
    errors = [draw_facts(noisy, 2, index, "TRAIN").label_error for index in range(2000)]
    assert np.std(errors) == pytest.approx(5.0, rel=0.06)
    assert abs(np.mean(errors)) < 0.4
    assert draw_facts(PhantomSettings(), 2, 0, "TRAIN").label_error == 0.0
