import time
from pathlib import Path

import pytest

from coreecho.errors import RecipeError
from coreecho.settings_files import read_settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "the key 'a' stands twice"),
        ("a: " + "[" * 30_000, "too many lists in lists"),
        ("a: " + "{b: " * 30_000, "too many lists in lists"),
        ("a: &a [1]\nb: [" + "*a, " * 30 + "]", "too many aliases"),
        ("a: 0x" + "f" * 5000, "a number larger than any setting"),
        ("a: " + "x" * 2**20, "no recipe has more than 1,048,576"),
        ("[a]", "expected `key: value` lines"),
    ],
)
def test_what_is_no_file_of_settings_is_refused_soon(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    start = time.process_time()
    with pytest.raises(RecipeError, match=message):
        read_settings(path, of="recipe")
    assert time.process_time() - start < 2


def test_plain_values_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("seed: 18446744073709551615\nlist: [[1, [2.5]], {a: true}]\nfirst: &x [1]\nsecond: *x\n")
    read = read_settings(path, of="recipe")
    assert read == {"seed": 2**64 - 1, "list": [[1, [2.5]], {"a": True}], "first": [1], "second": [1]}
