from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from coreecho import registry
from coreecho.errors import RecipeError
from coreecho.registry import Registry

PARTS: Registry[object] = Registry("part", "coreecho.parts", {"square_root": "math:sqrt", "broken": "math:no_such"})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another package offers a part of its own, and one under a name of ours."""
    points = [
        EntryPoint(name="theirs", value="math:floor", group="coreecho.parts"),
        EntryPoint(name="square_root", value="math:ceil", group="coreecho.parts"),
    ]
    registry._installed.cache_clear()
    monkeypatch.setattr(registry, "entry_points", lambda group: [each for each in points if each.group == group])
    yield
    registry._installed.cache_clear()


def test_a_part_is_found_by_name_by_entry_point_and_by_import_path(installed: None) -> None:
    import math

    assert PARTS.get("square_root") is math.sqrt
    assert PARTS.get("theirs") is math.floor
    assert PARTS.get("os.path:join").__name__ == "join"  # type: ignore[attr-defined]
    assert PARTS.names() == ("square_root", "broken", "theirs")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("square_rot", "no part 'square_rot'. Did you mean 'square_root'.*give `package.module:attribute`"),
        ("", "no part ''"),
        ("no_such_package:Thing", "cannot be imported.*No module named 'no_such_package'"),
        ("math:", "cannot be imported.*is no `package.module:attribute`"),
        ("broken", "cannot be imported.*no_such"),
    ],
)
def test_what_is_not_there_is_refused_with_the_way_out(name: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        PARTS.get(name)
