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
        ({"padding": "white"}, "padding must be one of black, mean; got 'white'"),
        ({"frame_size": 0}, "frame_size must be a whole number of at least 1 pixel; got 0"),
        ({"frame_size": 100_000}, "frame_size must be at most 4,096; got 100000"),
        ({"num_frames": 10**9}, "num_frames must be at most 10,000; got 1000000000"),
        ({"std": (0.1, float("nan"), 0.1)}, "std must have three finite values"),
        ({"frame_size": 56.0}, "frame_size must be a whole number"),
        ({"mean": (0.1, 0.2)}, "mean must have three finite values"),
        ({"mean": ("0.1", 0.2, 0.3)}, "mean must have three finite values"),
        ({"mean": None}, "mean must have three finite values"),
        ({"std": (True, 1, 1)}, "std must have three finite values"),
        ({"std": (10**400, 1, 1)}, "std must have three finite values"),
        ({"std": (0.1, 0.0, 0.2)}, "std must be greater than 0 in every channel"),
        ({"num_frames": 0}, "num_frames must be a whole number of at least 1"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        ModelInput(**settings)
