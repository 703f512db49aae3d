"""A word of docs/architecture.md means one thing: a source is where something comes from, in words for a person."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import coreecho

_PACKAGE = Path(coreecho.__file__).parent
_WORDS = {"str", "str | None", "list[str]"}
# Stored with the words by which a file is named: what that file was when it was read.
_OF_THE_FILE = {"source_bytes", "source_mtime_ns"}
# As two words of the field: program text, and a module of Python.
_OTHER = re.compile(r"resources?$|getsource")


def _wrong(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ClassDef) and "Source" in node.name:
            yield f"class {node.name}"
        elif isinstance(node, ast.arg):
            yield from _not_words(node.arg, node.annotation)
        elif isinstance(node, ast.AnnAssign):
            yield from _not_words(ast.unparse(node.target), node.annotation)
        elif isinstance(node, ast.FunctionDef):
            yield from _not_words(node.name, node.returns)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"[Ss]ource (?:frames?|pixels?|videos?|clips?)\b", node.value)


def _not_words(name: str, annotation: ast.expr | None) -> Iterator[str]:
    if "source" not in name.lower() or _OTHER.search(name) or name in _OF_THE_FILE:
        return
    told = None if annotation is None else ast.unparse(annotation)
    if told not in _WORDS:
        yield f"{name}: {told}"


def test_a_source_is_told_in_words() -> None:
    files = {path.relative_to(_PACKAGE).as_posix(): path for path in _PACKAGE.rglob("*.py")}
    assert [name for name in files if "source" in name] == []
    found = {name: wrong for name, path in files.items() if (wrong := [*_wrong(path.read_text(encoding="utf-8"))])}
    assert found == {}


@pytest.mark.parametrize(
    "code",
    [
        "class FrameSource: ...",
        "def read(source: Path) -> None: ...",
        "def read(num_source_frames: int) -> None: ...",
        "class Job:\n    source: Path",
        "def source_of(recording): ...",
        'def read():\n    """Source frames of a clip."""',
    ],
)
def test_another_meaning_is_seen(code: str) -> None:
    assert [*_wrong(code)] != []
