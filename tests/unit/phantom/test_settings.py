"""Settings that cannot be met are refused with what was given and what is expected."""

import json

import pytest

from coreecho.errors import DatasetError
from coreecho.phantom import SCANNERS, PhantomSettings


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"scanner": "D"}, "scanner is 'D', expected one of A, B, C"),
        ({"difficulty": "hard"}, "difficulty is 'hard', expected one of easy, standard"),
        ({"overlay": "logo"}, "overlay is 'logo'"),
        ({"cue": "age", "cue_strength": 0.5}, "cue is 'age'"),
        ({"min_frames": 8}, "min_frames is 8"),
        ({"min_frames": 100, "max_frames": 50}, "min_frames is 100 and max_frames 50"),
        ({"cue": "gain", "cue_strength": 1.5}, "cue_strength is 1.5, expected -1 to 1"),
        ({"cue": "gain"}, "expected both or neither"),
        ({"cue_strength": 0.5}, "expected both or neither"),
        ({"label_noise": -1.0}, "label_noise is -1.0"),
    ],
)
def test_wrong_settings_are_refused(values, text) -> None:
    with pytest.raises(DatasetError, match=text):
        PhantomSettings(**values)


def test_settings_survive_json() -> None:
    settings = PhantomSettings(scanner="B", cue="gain", cue_strength=0.7, truth=True)
    assert PhantomSettings(**json.loads(json.dumps(settings.to_json()))) == settings


def test_scanners_differ_in_texture_gain_depth_and_frame_rate() -> None:
    for name in ("B", "C"):
        for field in ("wavelength_mm", "pulse_mm", "mean_grey", "depth_mm", "dynamic_range_db", "fps"):
            assert getattr(SCANNERS[name], field) != getattr(SCANNERS["A"], field)


def test_frame_rate_probabilities_sum_to_one() -> None:
    for scanner in SCANNERS.values():
        assert sum(share for _, share in scanner.fps) == pytest.approx(1.0)
