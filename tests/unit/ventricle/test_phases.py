import numpy as np
import pytest

from coreecho.ventricle import find_phases


def _waves(num_frames: int = 200, period: int = 40, phase: float = 0.0) -> np.ndarray:
    """+1 at frames that are a multiple of the period, -1 half a period later."""
    return np.cos(2 * np.pi * (np.arange(num_frames) - phase) / period)


def test_peaks_between_crossings_of_a_clean_signal() -> None:
    found = find_phases(_waves())
    # Crossings at 10, 30, 50, ..., 190; the first and the last half wave are not between two.
    assert found.num_crossings == 10
    assert found.es_frames == (20, 60, 100, 140, 180)
    assert found.ed_frames == (40, 80, 120, 160)
    assert not found.is_rejected


def test_noise_about_zero_is_smoothed_and_merged() -> None:
    signal = _waves(phase=3.0)
    noisy = signal + np.random.default_rng(1).normal(0, 0.25, len(signal))
    found = find_phases(noisy)
    np.testing.assert_allclose(found.ed_frames, np.array([43, 83, 123, 163]), atol=6)
    np.testing.assert_allclose(found.es_frames, np.array([23, 63, 103, 143, 183]), atol=6)


def test_near_crossings_become_one() -> None:
    """A short notch: the signal crosses zero thrice where it should once."""
    signal = np.where((np.arange(480) // 60) % 2 == 0, 1.0, -1.0)
    signal[112:120], signal[120:128] = 1.0, -1.0
    found = find_phases(signal)
    assert found.num_crossings == 9
    # Of 112, 120 and 128 the first two become 116; then 116 and 128 are nearer than 0.3 of 45 frames, and become 122.
    assert (len(found.ed_frames), len(found.es_frames)) == (3, 3)
    assert found.ed_frames[0] >= 122


@pytest.mark.parametrize("signal", [np.ones(50), _waves(60, 60), np.zeros(30), np.array([]), np.array([1.0, -1.0])])
def test_too_few_crossings_reject_the_video(signal: np.ndarray) -> None:
    found = find_phases(signal)
    assert found.is_rejected
    assert found.ed_frames == found.es_frames == ()


def test_what_is_no_signal_is_refused() -> None:
    with pytest.raises(ValueError, match="all finite"):
        find_phases(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="all finite"):
        find_phases(np.zeros((3, 2)))
