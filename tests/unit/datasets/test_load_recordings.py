from pathlib import Path

import pytest

from coreecho.datasets import load_recordings
from coreecho.errors import DatasetError, RecipeError


def test_an_unknown_data_set_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"no data set 'camuss'\. Did you mean 'camus'\? Known are camus, echonet, .*hmc-qu, table"
    ):
        load_recordings("camuss", tmp_path)


def test_an_unknown_option_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"camus has no option chamber; its options are: view, folds, fold, validation, only_with_ef"
    ):
        load_recordings("camus", tmp_path, chamber="4CH")


def test_an_option_of_another_layout_is_refused_with_that_layout(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"echonet has no option columns; .*Those that have it: `--dataset table`"):
        load_recordings("echonet", tmp_path, columns="path=file")
