import pytest

from coreecho.errors import RecipeError
from coreecho.models.device_names import fault_of_device
from coreecho.training.hardware import Hardware


@pytest.mark.parametrize("name", ["auto", "gpu", "cpu", "cpu:0", "cuda", "cuda:1", "mps", "xpu:12"])
def test_what_some_machine_has_is_left_to_the_machine(name: str) -> None:
    assert fault_of_device(name) is None
    assert Hardware(device=name).device == name


@pytest.mark.parametrize(
    ("name", "meant"), [("gpux", "gpu"), ("CUDA:1", "cuda"), ("cuda1", "cuda"), ("gpu:1", "gpu"), ("cpu:", "cpu")]
)
def test_what_no_machine_has_is_refused_as_hardware_is_made(name: str, meant: str) -> None:
    with pytest.raises(RecipeError, match=rf"device is '{name}', expected `auto`.*; did you mean {meant}\?$"):
        Hardware(device=name)


@pytest.mark.parametrize("name", ["", "7", "☃"])
def test_where_no_device_is_near_none_is_named(name: str) -> None:
    with pytest.raises(RecipeError, match=r"such as `cuda:1` or `mps`\.$"):
        Hardware(device=name)
