import math

import numpy as np
import pytest

from coreecho.trust import outline_values
from coreecho.trust.outlines import pace_of

# A sector of 40 x 40 pixels in a frame of 56.
SECTOR = np.zeros((56, 56), dtype=bool)
SECTOR[8:48, 8:48] = True


def squares(*places, side=10):
    """Masks with a square ventricle at each place (its first row and column); nothing at None."""
    masks = np.zeros((len(places), 56, 56), dtype=bool)
    for mask, place in zip(masks, places, strict=True):
        if place is not None:
            mask[place[0] : place[0] + side, place[1] : place[1] + side] = True
    return masks


def values(masks, sector=SECTOR):
    return outline_values(masks, sector, num_beats=2, ef_percent=55.0)


def test_a_ventricle_amid_the_sector_is_seen_and_not_cut():
    found = values(squares((20, 20), (22, 20)))
    assert (found.lv_unseen, found.lv_cut) == (0, 0)
    assert found.lv_area == pytest.approx(100 / 1600)
    assert (found.num_beats, found.ef_percent) == (2, 55)


def test_a_ventricle_at_the_sectors_end_is_cut_by_a_side_of_its_outline():
    # Ten of its 36 outline pixels lie in the last column of the sector; so do the corners of its upper and lower side.
    assert values(squares((20, 38))).lv_cut == pytest.approx(10 / 36)
    # The frame ends where the sector does.
    whole = np.ones((56, 56), dtype=bool)
    assert values(squares((20, 46)), whole).lv_cut == pytest.approx(10 / 36)
    # What lies beyond the sector is no ventricle: half of it is cut off, and its outline ends with the sector.
    assert values(squares((20, 43))).lv_cut == pytest.approx(10 / 26)


def test_frames_without_a_ventricle_are_counted_and_specks_are_none():
    found = values(np.concatenate([squares((20, 20), None, None), squares((20, 20), side=3)]))
    assert found.lv_unseen == 0.75
    assert found.lv_area == pytest.approx(4.5 / 1600)
    nowhere = values(squares(None, None))
    assert (nowhere.lv_unseen, nowhere.lv_area, nowhere.lv_cut) == (1, 0, 0)


def test_beside_a_prediction_they_are_the_checks_of_the_outline():
    found = values(squares((20, 20))).beside(43.0)
    assert found["segmentation_disagreement"] == 12
    no_beat = outline_values(squares((20, 20)), SECTOR, num_beats=0, ef_percent=None).beside(43.0)
    assert math.isnan(no_beat["segmentation_disagreement"])
    assert no_beat["num_beats"] == 0


def test_without_a_sector_the_outline_was_not_measured():
    found = values(squares((20, 20)), None)
    assert math.isnan(found.lv_unseen)
    assert math.isnan(found.lv_area)
    assert math.isnan(found.lv_cut)
    assert math.isnan(found.lv_pace)


def beating(beats_a_second, fps, seconds=2.4):
    """Areas that swing so many times a second."""
    return 300 + 60 * np.cos(2 * np.pi * beats_a_second * np.arange(round(seconds * fps)) / fps)


@pytest.mark.parametrize("fps", [8, 25, 30, 50])
@pytest.mark.parametrize("beats_a_second", [0.8, 1.25, 2.5])
def test_the_pace_is_that_of_the_swings_at_any_frame_rate(beats_a_second, fps):
    areas = beating(beats_a_second, fps, seconds=4 / beats_a_second)
    assert pace_of(areas, fps) == pytest.approx(beats_a_second, rel=0.07)
    # The same heart at half its speed: every frame stands twice as long.
    assert pace_of(beating(beats_a_second, 2 * fps, seconds=4 / beats_a_second), fps) == pytest.approx(
        beats_a_second / 2, rel=0.07
    )


def test_frames_without_a_ventricle_do_not_change_the_pace_and_noise_only_raises_it():
    areas = beating(1.25, 25)
    some = areas.copy()
    some[[3, 20, 21, 40]] = np.nan
    assert pace_of(some, 25) == pytest.approx(pace_of(areas, 25), rel=0.05)
    noisy = areas + np.random.default_rng(0).normal(0, 15, len(areas))
    assert pace_of(noisy, 25) > pace_of(areas, 25)


def test_a_pace_that_cannot_be_told_is_not_a_number():
    areas = beating(1.25, 25)
    assert math.isnan(pace_of(areas, None))
    assert math.isnan(pace_of(areas[:3], 25))
    assert math.isnan(pace_of(np.full(60, 300.0), 25))
    assert math.isnan(pace_of(np.where(np.arange(60) % 2 == 0, areas, np.nan), 25))
