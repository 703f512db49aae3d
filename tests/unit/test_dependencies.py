"""What the package is installed with: bounded above, and the tests run with what the bounds allow."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

# Python 3.11 gets an older one.
_WITH_PYTHON_3_12 = {"av": Version("19")}
_PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
_NEEDED = [
    Requirement(line)
    for line in chain(
        _PROJECT["project"]["dependencies"],
        *_PROJECT["project"]["optional-dependencies"].values(),
        _PROJECT["build-system"]["requires"],
    )
]


@pytest.mark.parametrize("needed", _NEEDED, ids=str)
def test_a_dependency_is_bounded_above_and_the_tested_one_is_within(needed: Requirement) -> None:
    highest = [Version(each.version) for each in needed.specifier if each.operator == "<"]
    assert len(highest) == 1
    try:
        tested = Version(version(needed.name))
    except PackageNotFoundError:
        pytest.skip("not installed here")
    assert tested in needed.specifier
    # No further than the next great release, which no test has seen.
    newest = max(tested, _WITH_PYTHON_3_12.get(needed.name, tested))
    assert highest[0] <= Version(f"{newest.major + 1}")


def test_the_malware_by_a_like_name_is_not_asked_for() -> None:
    assert "lightning" not in {needed.name for needed in _NEEDED}
