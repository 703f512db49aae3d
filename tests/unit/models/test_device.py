import pytest
import torch

from coreecho.errors import RecipeError
from coreecho.models.device import find_device


def test_the_processor_is_always_there():
    assert find_device("cpu") == torch.device("cpu")


def test_auto_takes_what_there_is():
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["cuda:99", "meta", "abacus", "gpu" if not torch.cuda.is_available() else "cuda:98"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(RecipeError, match=f"Cannot compute on the device '{name}'.*Here are cpu"):
        find_device(name)
