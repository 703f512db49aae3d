from typing import Any

import pytest

from coreecho.errors import RecipeError
from coreecho.models import ModelInput


def test_defaults_are_those_of_coreecho() -> None:
    model_input = ModelInput()
    assert (model_input.num_frames, model_input.stride, model_input.frame_size) == (36, 4, 112)
    assert model_input.padding == "black"
    assert model_input.mean == (0.12741163, 0.1279413, 0.12912785)
    assert model_input.std == (0.19557191, 0.19562256, 0.1965878)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"padding": "white"}, "padding is 'white', expected black, mean"),
        ({"frame_size": 0}, "frame_size is 0, expected at least 1 pixel"),
        ({"frame_size": 100_000}, "frame_size is 100000, expected at most 4,096"),
        ({"num_frames": 10**9}, "num_frames is 1000000000, expected at most 10,000"),
        ({"std": (0.1, float("nan"), 0.1)}, "std is .*, expected 3 values, each a finite number"),
        ({"frame_size": 56.0}, "frame_size is 56.0, expected a whole number"),
        ({"mean": (0.1, 0.2)}, "mean is .*, expected 3 values, each a finite number"),
        ({"mean": ("0.1", 0.2, 0.3)}, "mean is .*, expected 3 values, each a finite number"),
        ({"mean": None}, "mean is .*, expected 3 values, each a finite number"),
        ({"std": (True, 1, 1)}, "std is .*, expected 3 values, each a finite number"),
        ({"std": (10**400, 1, 1)}, "std is .*, expected 3 values, each a finite number"),
        ({"mean": (32.5, 32.6, 32.9)}, r"mean is .*, expected fractions of full scale, 0 to 1: divide .* by 255"),
        ({"std": (49.9, 49.9, 50.0)}, r"std is .*, expected fractions of full scale"),
        ({"mean": (-0.1, 0.1, 0.1)}, r"mean is .*, expected fractions of full scale"),
        ({"std": (0.1, 0.0, 0.2)}, "std is .*, expected more than 0 in every channel"),
        ({"num_frames": 0}, "num_frames is 0, expected at least 1"),
        ({"padding": "blak"}, "did you mean black"),
        ({"time": "splin"}, "time is .splin., expected stride, spline, trilinear; did you mean spline"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        ModelInput(**settings)
