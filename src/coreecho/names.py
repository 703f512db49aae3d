"""Names and texts from outside, such as those of files, as they may be shown anywhere.

A name may hold what is no letter: bytes of a file's name that are not UTF-8, which Python keeps as lone surrogates and
no file or terminal takes; sequences that move a terminal's cursor or turn the reading direction; the NUL. All of these
are shown as escapes, so that a name can be recognised and does nothing.
"""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

# Control characters, formats such as a change of direction, surrogates, and the two odd line ends of Unicode.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# They join letters of emoji, and of Indic and Persian words.
_JOINERS = frozenset({"\u200c", "\u200d"})
# Of a text of several lines.
_KEPT = frozenset({"\n", "\t"})
# Between the entries of a list in one cell of a table: a sentence among them may hold a semicolon.
CELL_SEPARATOR = " | "


def printable(text: str) -> str:
    r"""Escape what is no visible letter: `b"M\xfcller.avi"` is shown as `M\xfcller.avi`, an escape as `\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if letter in _KEPT else _escaped(letter) for letter in text)


def readable(name: str | Path) -> str:
    """As `printable`, for a name among others on a line: it has no line ends and no tabs of its own."""
    return "".join(_escaped(letter) for letter in str(name))


def _escaped(letter: str) -> str:
    if letter in _JOINERS or unicodedata.category(letter) not in _HIDDEN:
        return letter
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        # How Python reads a byte that is not UTF-8 (PEP 383).
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def distinct_names(paths: Sequence[str | Path]) -> list[str]:
    """Names that tell paths apart: `IM0001` of one, `A/IM0001` and `B/IM0001` where folders repeat it.

    Args:
        paths: of files or folders; one that comes twice has the same name twice.
    """
    parts = [Path(path).parts for path in paths]

    def name(own: tuple[str, ...]) -> str:
        others = {other for other in parts if other != own}
        length = next((n for n in range(1, len(own)) if all(own[-n:] != other[-n:] for other in others)), len(own))
        return str(Path(*own[-length:])) if own else ""

    return [name(own) for own in parts]


def counted(number: int, plural: str) -> str:
    """A number with its noun: `3 missing videos`, `1 missing video`.

    Args:
        number: of things.
        plural: what they are; its first word that ends in s is the noun.
    """
    return f"1 {one_of(plural)}" if number == 1 else f"{number:,} {plural}"


def one_of(plural: str) -> str:
    """A single one of many things: `missing video` of `missing videos`, as `counted` says it."""
    words = plural.split(" ")
    noun = next((place for place, word in enumerate(words) if re.fullmatch(r"\w+[^s\W]s", word)), None)
    if noun is not None:
        words[noun] = f"{words[noun][:-3]}y" if words[noun].endswith("ies") else words[noun][:-1]
    # The verbs of what is said of the noun; of others it may be said that they are many.
    return re.sub(r"\b(that|not) are\b|, are\b", lambda verb: verb[0][:-3] + "is", " ".join(words))
