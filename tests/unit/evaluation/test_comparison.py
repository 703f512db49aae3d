import numpy as np
import pytest

from coreecho.evaluation import EF_METRICS, compare_metrics, compute_metrics


@pytest.fixture
def recordings() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True EF, predictions of a good model, and of one with the same errors three times as large."""
    rng = np.random.default_rng(5)
    true = rng.uniform(20, 70, size=60)
    errors = rng.normal(0, 3, size=60)
    return true, true + errors, true + 3 * errors


def test_the_difference_is_that_of_the_metrics(recordings):
    true, first, second = recordings
    differences = compare_metrics(true, first, second, resamples=50)
    of_first, of_second = (compute_metrics(true, predicted, resamples=50) for predicted in (first, second))
    assert list(differences) == [definition.key for definition in EF_METRICS.definitions]
    for key, difference in differences.items():
        assert difference.estimate == pytest.approx(of_second[key].estimate - of_first[key].estimate, abs=1e-9)


def test_a_model_differs_from_itself_by_exactly_nothing(recordings):
    true, first, _ = recordings
    for difference in compare_metrics(true, first, first, resamples=50).values():
        assert (difference.estimate, difference.low, difference.high) == (0, 0, 0)


def test_pairing_narrows_the_interval(recordings):
    true, first, second = recordings
    difference = compare_metrics(true, first, second, resamples=2000)["mae"]
    widths = [
        compute_metrics(true, predicted, resamples=2000)["mae"].high
        - compute_metrics(true, predicted, resamples=2000)["mae"].low
        for predicted in (first, second)
    ]
    # The errors are proportional, so the difference is twice the first model's error, resample by resample.
    assert difference.estimate == pytest.approx(2 * compute_metrics(true, first, resamples=1)["mae"].estimate)
    assert difference.high - difference.low == pytest.approx(2 * widths[0], rel=0.05)
    assert difference.high - difference.low < widths[1]
    assert difference.low > 0


def test_patients_are_resampled_together(recordings):
    true, first, second = recordings
    doubled = [np.tile(values, 2) for values in recordings]
    patients = [f"patient {number % 60}" for number in range(120)]
    of_patients = compare_metrics(*doubled, patients=patients, resamples=500)["mae"]
    of_recordings = compare_metrics(true, first, second, resamples=500)["mae"]
    assert of_patients.method == "percentile bootstrap over patients"
    assert of_patients.high - of_patients.low == pytest.approx(of_recordings.high - of_recordings.low, rel=0.2)


def test_refuses_predictions_of_other_recordings(recordings):
    true, first, second = recordings
    with pytest.raises(ValueError, match="expected the same shape"):
        compare_metrics(true, first, second[:-1])
