import numpy as np
import pytest

from coreecho.ventricle.beat_by_beat import average_beats, beat_clips, error_by_number_of_beats


def test_clips_lie_about_end_systole() -> None:
    """A video of 171 frames has the starts 0 to 108."""
    clips = beat_clips([20, 60, 104, 140, 141], 171 - 62)
    assert clips.starts == (0, 28, 72, 108)
    assert clips.num_late == 1


def test_videos_without_a_beat_drop_out_and_are_counted() -> None:
    found = average_beats({"a": [50.0, 60.0], "b": [], "c": [30.0], "d": []})
    assert found.ef_percent == {"a": 55.0, "c": 30.0}
    assert found.num_beats == {"a": 2, "c": 1}
    assert found.without_beats == ("b", "d")
    assert found.coverage == 0.5
    assert np.isnan(average_beats({}).coverage)


def test_more_beats_err_less() -> None:
    """Errors of beats that know nothing of each other shrink with the root of their number."""
    rng = np.random.default_rng(3)
    predictions = {f"{number:03}": (60 + rng.normal(0, 5, 8)).tolist() for number in range(400)}
    predictions["few"] = [0.0, 0.0]
    errors = error_by_number_of_beats(predictions, dict.fromkeys(predictions, 60.0))
    expected = 5 * np.sqrt(2 / np.pi) / np.sqrt(np.arange(1, 6))
    np.testing.assert_allclose(errors, expected, rtol=0.05)


def test_all_beats_of_a_video_have_one_mean() -> None:
    errors = error_by_number_of_beats({"a": [50.0, 56.0, 62.0]}, {"a": 60.0}, max_beats=3)
    assert errors[2] == pytest.approx(4)
    assert errors[0] == pytest.approx((10 + 4 + 2) / 3, abs=1)
    assert np.isnan(error_by_number_of_beats({"a": [50.0]}, {"a": 60.0})).all()
