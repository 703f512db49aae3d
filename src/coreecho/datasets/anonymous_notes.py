"""Reasons for people, without anything that could say whose heart it is."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import coreecho.video

# Values from a file stand in messages in quotes or brackets. Greedy: a value may hold brackets of its own.
_QUOTED = re.compile(r"\s*(?:\(.*\)|\[.*\]|'.*'|\".*\")", re.DOTALL)
# A unique identifier of DICOM may stand for a patient, a recording or a hospital.
_IDENTIFIER = re.compile(r"\d+(?:\.\d+){3,}")
# Shorter parts of a path are found in ordinary words.
_MIN_NAME = 3
_WORD = re.compile(r"[^\W\d_]+")


def anonymous(message: str, path: Path) -> str:
    """Take out of a reader's message all that may come from a file's content, and all parts of its path.

    A file may be called `clip.dcm`: words that the readers use themselves, as they write them, say nothing of it and
    stay.

    Args:
        message: as an error of `read_video` says it.
        path: the file's path, as it was given to `read_video`.
    """
    message = message.replace(f" although it is named {path.suffix}", "")
    text = _IDENTIFIER.sub("...", _QUOTED.sub("", message.removeprefix(f"{path}: ")))
    names = {str(path), *path.parts, path.stem, path.suffix, *path.suffixes}
    # Longest first: a name may hold a shorter one.
    for name in sorted(names, key=len, reverse=True):
        if len(name.strip(".")) >= _MIN_NAME:
            text = _without(name, text)
    return " ".join(text.split())


def _without(name: str, text: str) -> str:
    """Take out a name in any capitals, but where it is a word of the readers, or lies within one."""

    def replaced(found: re.Match[str]) -> str:
        if not _WORD.fullmatch(name):
            return "..."
        around = next(word for word in _WORD.finditer(text) if word.start() <= found.start() < word.end())
        return found[0] if around[0] in _own_words() else "..."

    return re.sub(re.escape(name), replaced, text, flags=re.IGNORECASE)


@cache
def _own_words() -> frozenset[str]:
    """The words of all messages of the readers, by their source; none where it is not there to be read."""
    folder = Path(coreecho.video.__file__).parent
    return frozenset(word for file in folder.glob("*.py") for text in _texts(file) for word in _WORD.findall(text))


def _texts(file: Path) -> Iterator[str]:
    """The texts in a file of source, without what it says of itself."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
