"""What nobody foresaw is told to people in a word; the way to it stays in the log, or goes on to the caller."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import coreecho
from coreecho.errors import log_unforeseen, way_to

_SOURCE = Path(coreecho.__file__).parent
_KEEPING = {"log_unforeseen", "exception", "way_to"}
# What is caught there is raised later: on the caller's thread, after what came before it, or as what the last try said.
_RAISED_LATER = {"inference/engine.py", "models/adapters/module_encoder.py"}


def _broad(tree: ast.AST) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            named = {"BaseException"} if node.type is None else {getattr(node.type, "id", "")}
            if named & {"Exception", "BaseException"}:
                yield node


def _keeps(handler: ast.ExceptHandler) -> bool:
    within = [each for statement in handler.body for each in ast.walk(statement)]
    called = {getattr(each.func, "id", getattr(each.func, "attr", "")) for each in within if isinstance(each, ast.Call)}
    return bool(called & _KEEPING) or any(isinstance(each, ast.Raise) for each in within)


def test_no_broad_except_drops_the_way_to_an_error() -> None:
    handlers = [
        (path.relative_to(_SOURCE).as_posix(), handler)
        for path in sorted(_SOURCE.rglob("*.py"))
        for handler in _broad(ast.parse(path.read_text(encoding="utf-8")))
    ]
    dropped = {f"{file}:{handler.lineno}": file for file, handler in handlers if not _keeps(handler)}
    assert len(handlers) > 20
    assert set(dropped.values()) == _RAISED_LATER, dropped


def test_the_way_is_kept_without_the_message(caplog: pytest.LogCaptureFixture) -> None:
    def trip(patient: str) -> None:
        raise ValueError(patient)

    patient = "Smith^John"
    with pytest.raises(ValueError, match="Smith") as caught:
        trip(patient)
    assert "in trip" in way_to(caught.value)
    with caplog.at_level(logging.DEBUG, logger="coreecho"):
        log_unforeseen(caught.value, "file 3")
    assert "file 3: ValueError at" in caplog.text
    assert "in trip" in caplog.text
    assert "Smith" not in caplog.text
