"""Whether files can be written is seen before anything is computed for them; and models that are nearly named."""

import pytest

from coreecho.errors import CheckpointError, CoReEchoError
from coreecho.files import check_outputs
from coreecho.models.weights import weights_file
from coreecho.shipped import meant_default


def test_a_folder_or_a_missing_one_is_told_with_its_option(tmp_path):
    check_outputs(csv=tmp_path / "ef.csv", page=None)
    with pytest.raises(CoReEchoError, match="is a folder: give `--csv` the name of a file"):
        check_outputs(csv=tmp_path)
    with pytest.raises(CoReEchoError, match=r"folder of .*ef\.html does not exist: .* `--page`"):
        check_outputs(csv=None, page=tmp_path / "gone" / "ef.html")
    assert list(tmp_path.iterdir()) == []


def test_a_slip_in_the_name_of_the_model_that_ships_is_asked_about():
    assert meant_default("defalt") == " Did you mean `default`, the model that ships with coreecho?"
    assert meant_default("runs/echonet") == ""
    with pytest.raises(CheckpointError, match=r"defualt: there is no such file or folder\. Did you mean `default`"):
        weights_file("defualt")
