import numpy as np
import pandas as pd
import pytest

from coreecho.errors import DatasetError
from coreecho.saliency.lv_focus import LVFocus, focus_of_maps, lv_focus_difference, mean_lv_focus

SECTOR = np.zeros((40, 40), dtype=bool)
SECTOR[:, 10:30] = True  # 800 pixels
VENTRICLE = np.zeros((1, 40, 40), dtype=bool)
VENTRICLE[0, 10:20, 10:20] = True  # 100 pixels, an eighth of the sector


def focus(maps: np.ndarray) -> LVFocus:
    return focus_of_maps("a", maps.astype(np.float32), VENTRICLE, SECTOR)


def test_looking_everywhere_in_the_sector_alike_is_one() -> None:
    found = focus(SECTOR[None])
    assert found.lv_focus == pytest.approx(1)
    assert found.energy_in_lv == pytest.approx(1 / 8)
    assert found.lv_share_of_sector == pytest.approx(1 / 8)
    assert found.energy_in_sector == 1


def test_looking_at_the_ventricle_alone_is_the_largest() -> None:
    assert focus(VENTRICLE).lv_focus == pytest.approx(8)
    assert focus(SECTOR[None] & ~VENTRICLE).lv_focus == 0


def test_twice_the_map_in_the_ventricle() -> None:
    """Energy 200 in it and 700 in the rest of the sector."""
    assert focus(SECTOR[None] + 1.0 * VENTRICLE).lv_focus == pytest.approx(200 / 900 * 8)


def test_scale_does_not_count() -> None:
    maps = np.random.default_rng(0).random((1, 40, 40))
    assert focus(maps).lv_focus == pytest.approx(focus(1000 * maps).lv_focus)


def test_looking_outside_the_sector_lowers_it() -> None:
    """Half of the picture is sector: a map over all of it holds half of its energy there."""
    found = focus(np.ones((1, 40, 40)))
    assert found.lv_focus == pytest.approx(0.5)
    assert found.energy_in_sector == pytest.approx(0.5)


def test_frames_count_by_their_energy_and_area() -> None:
    """A frame with a ventricle half as large and a map three times as strong."""
    small = np.zeros((1, 40, 40), dtype=bool)
    small[0, 10:15, 10:20] = True
    found = focus_of_maps(
        "a",
        np.concatenate([SECTOR[None], 3.0 * SECTOR[None]]).astype(np.float32),
        np.concatenate([VENTRICLE, small]),
        SECTOR,
    )
    energy = (100 + 3 * 50) / (800 + 3 * 800)
    assert found.lv_focus == pytest.approx(energy / (150 / 1600))
    assert found.num_frames == 2


def test_not_defined_says_why() -> None:
    assert focus(np.zeros((1, 40, 40))).reason == "the map is zero everywhere: no evidence of this sign"
    empty = focus_of_maps("a", SECTOR[None].astype(np.float32), np.zeros_like(VENTRICLE), SECTOR)
    assert empty.reason == "the traced LV holds no pixel"
    assert np.isnan(empty.lv_focus)


def table(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "recording": [f"s{number}" for number in range(len(values))],
            "lv_focus": values,
            "energy_in_lv": 0.5,
            "lv_share_of_sector": 0.25,
            "energy_in_sector": 1.0,
            "num_frames": 2,
            "reason": ["" if np.isfinite(value) else "no sector" for value in values],
        }
    )


def test_mean_leaves_out_what_is_not_defined() -> None:
    means = mean_lv_focus(table([1.0, 2.0, np.nan, 3.0]), resamples=2000)
    assert means["lv_focus"].estimate == pytest.approx(2)
    assert 1 <= means["lv_focus"].low < 2 < means["lv_focus"].high <= 3
    assert means["energy_in_lv"].low == means["energy_in_lv"].high == 0.5


def test_interval_is_that_of_a_mean() -> None:
    """Of 400 draws with standard deviation 1, the mean's 95 % interval is 1.96 / 20 to each side."""
    values = np.random.default_rng(0).normal(2, 1, 400)
    interval = mean_lv_focus(table(values.tolist()))["lv_focus"]
    assert interval.high - interval.low == pytest.approx(2 * 1.96 / 20, rel=0.1)


def test_recordings_of_a_patient_go_together() -> None:
    """Each patient's 50 recordings are alike: as many independent values as patients."""
    values = np.repeat([1.0, 2.0, 3.0, 4.0], 50).tolist()
    patients = np.repeat(["a", "b", "c", "d"], 50).tolist()
    alone = mean_lv_focus(table(values), resamples=2000)["lv_focus"]
    together = mean_lv_focus(table(values), patients=patients, resamples=2000)["lv_focus"]
    assert together.high - together.low > 4 * (alone.high - alone.low)


def test_defined_nowhere_is_refused() -> None:
    with pytest.raises(DatasetError, match="not defined in any of 2 recordings; the first, s0: no sector"):
        mean_lv_focus(table([np.nan, np.nan]))


def test_the_difference_of_two_models_is_of_the_recordings_in_which_both_are_defined() -> None:
    first = pd.DataFrame({"recording": ["a", "b", "c", "d"], "lv_focus": [1.0, 2.0, np.nan, 4.0]})
    second = pd.DataFrame({"recording": ["d", "c", "b", "a"], "lv_focus": [5.0, 3.0, np.nan, 1.5]})
    difference = lv_focus_difference(first, second, resamples=200)
    assert difference is not None
    assert difference.estimate == pytest.approx((0.5 + 1.0) / 2)
    assert 0.5 <= difference.low <= difference.high <= 1.0
    of_patients = lv_focus_difference(first, second, patients=["p", "q", "r", "p"], resamples=50)
    assert of_patients is not None
    assert of_patients.low == of_patients.high == difference.estimate
    assert lv_focus_difference(first, second.iloc[:3]) is None
    assert lv_focus_difference(first, second.assign(lv_focus=np.nan)) is None
