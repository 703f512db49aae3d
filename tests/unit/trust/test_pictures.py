import numpy as np
import pytest
from scipy import ndimage

from coreecho.trust import picture_values
from coreecho.video.affine import transform

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


def speckle(num_frames, side=48):
    """A clip of one fine-grained picture in a sector that leaves a margin."""
    rng = np.random.default_rng(0)
    picture = ndimage.gaussian_filter(rng.uniform(0, 255, (side, side)), 1.5)
    picture = 255 * (picture - picture.min()) / np.ptp(picture)
    sector = np.zeros((side, side), dtype=bool)
    sector[6:-6, 6:-6] = True
    return np.repeat((picture * sector).astype(np.uint8)[None], num_frames, axis=0), sector


def beating_wall(frames, sector):
    """The picture, in which a disc about the centre grows and shrinks."""
    side = frames.shape[1]
    away = np.hypot(*(np.mgrid[:side, :side] - side / 2))
    radii = 8 + 4 * np.cos(2 * np.pi * np.arange(len(frames)) / 24)
    return np.where((away < radii[:, None, None]) & sector, 5, frames).astype(np.uint8)


def test_a_picture_that_moves_as_a_whole_is_told_from_one_that_beats():
    frames, sector = speckle(60)
    swaying = [
        transform(
            frame[None],
            degrees=4 * np.sin(number / 9),
            scale=1 + 0.02 * np.sin(number / 11),
            shift=(2 * np.sin(number / 7), 1.5 * np.sin(number / 5)),
        )[0]
        for number, frame in enumerate(frames)
    ]
    still = picture_values(np.stack(swaying), sector, 50.0)["deformation"]
    # A change of gain is no beat, either.
    brighter = (np.stack(swaying) * np.linspace(0.6, 1.0, 60)[:, None, None]).astype(np.uint8)
    assert max(still, picture_values(brighter, sector, 50.0)["deformation"]) < 0.3
    assert picture_values(beating_wall(frames, sector), sector, 50.0)["deformation"] > 0.6
    assert picture_values(frames, sector, 50.0)["deformation"] == 0
    # Too short for a pair of frames.
    assert np.isnan(picture_values(frames[:8], sector, 50.0)["deformation"])


@pytest.mark.parametrize("is_left", [True, False])
def test_a_shadow_over_a_side_is_found_on_either_side(is_left):
    frames = np.random.default_rng(0).normal(120, 20, (60, 20, 20)).clip(0, 255)
    lit = picture_values(frames.astype(np.uint8), SECTOR)["shaded"]
    assert lit > 0.9
    side = slice(5, 10) if is_left else slice(10, 15)
    frames[:, :, side] *= 0.1
    assert picture_values(frames.astype(np.uint8), SECTOR)["shaded"] < 0.3
