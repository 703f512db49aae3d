"""Names and messages from outside, as they may stand in a terminal, a table or a document.

A file may be called anything: bytes that are no UTF-8, control sequences that move a terminal's cursor, or a formula
that a spreadsheet would run.
"""

import unicodedata

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def escaped(text: str) -> str:
    r"""Write what cannot be shown as an escape: `\xff` for a byte that is no UTF-8, `\x1b` for a control character.

    Every letter of every script stays as it is.
    """
    # Bytes of a file's name that are no UTF-8 are lone surrogates in Python.
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        letter if unicodedata.category(letter) not in ("Cc", "Cf", "Zl", "Zp", "Cs") else _escape(letter)
        for letter in readable
    )


def csv_cell(text: str) -> str:
    """Escape a text, and keep a spreadsheet from taking it for a formula: it then begins with an apostrophe."""
    shown = escaped(text)
    return f"'{shown}" if text.startswith(_FORMULAS) else shown


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
