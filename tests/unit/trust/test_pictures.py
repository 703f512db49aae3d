import numpy as np
import pytest

from coreecho.trust import picture_values

SECTOR = np.zeros((20, 20), dtype=bool)
SECTOR[5:, 5:15] = True


def beating(num_frames=40):
    """A disc of tissue whose brightness follows a slow wave."""
    wave = 100 + 40 * np.sin(np.arange(num_frames) / 6)
    frames = np.zeros((num_frames, 20, 20), dtype=np.uint8)
    frames[:, SECTOR] = wave[:, None].astype(np.uint8)
    return frames


def test_values_are_what_they_say():
    frames = beating()
    frames[:, 5:, 10:15] //= 2
    values = picture_values(frames, SECTOR)
    inside = frames[:, SECTOR].astype(float)
    assert values["contrast"] == pytest.approx(inside.mean(axis=0).std() / 127.5, rel=1e-5)
    assert values["motion"] == pytest.approx(inside.std(axis=0).mean() / inside.mean(), rel=1e-5)
    assert values["sector_area"] == SECTOR.mean()
    # Ten of the 76 pixels of the edge: the sector reaches the lower side.
    assert values["sector_cut"] == pytest.approx(10 / 76)


def test_noise_flickers_a_slow_wave_does_not_and_a_still_stands():
    noise = np.random.default_rng(0).normal(128, 20, (100, 20, 20)).clip(0, 255).astype(np.uint8)
    # Mean absolute difference of two normal values over their standard deviation: 2 / sqrt(pi).
    assert picture_values(noise, SECTOR)["flicker"] == pytest.approx(1.128, abs=0.02)
    assert picture_values(beating(), SECTOR)["flicker"] < 0.3
    still = np.repeat(beating()[:1], 30, axis=0)
    assert picture_values(still, SECTOR)["motion"] == picture_values(still, SECTOR)["flicker"] == 0


@pytest.mark.parametrize("sector", [None, np.zeros((20, 20), dtype=bool)])
def test_without_a_sector_nothing_was_measured(sector):
    assert np.isnan(list(picture_values(beating(), sector).values())).all()
