import os

import pytest

from coreecho.names import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.avi", "plain name.avi"),
        ("Müller 心 Ω.avi", "Müller 心 Ω.avi"),
        (os.fsdecode(b"M\xfcller.avi") if os.name == "posix" else "M\udcfcller.avi", r"M\xfcller.avi"),
        ("\x1b[2J\x07gone", r"\x1b[2J\x07gone"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202egva.exe", r"a\u202egva.exe"),
        ("a\u2028b\0", r"a\u2028b\x00"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("two\nlines\tand tabs", "two\nlines\tand tabs"),
        ("👩\u200d⚕", "👩\u200d⚕"),
    ],
)
def test_what_is_no_letter_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    shown.encode("utf-8")
