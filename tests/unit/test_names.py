import os

import pytest

from coreecho.names import counted, distinct_names, printable


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


@pytest.mark.parametrize(
    ("number", "plural", "words"),
    [
        (3, "missing videos", "3 missing videos"),
        (1200, "videos", "1,200 videos"),
        (0, "videos", "0 videos"),
        (1, "videos", "1 video"),
        (1, "empty videos (0 bytes)", "1 empty video (0 bytes)"),
        (
            1,
            "rows with a bad EF (expected a number from 0 to 100)",
            "1 row with a bad EF (expected a number from 0 to 100)",
        ),
        (1, "clips that cannot be read, are cut off or damaged", "1 clip that cannot be read, is cut off or damaged"),
        (1, "entries that are twice there", "1 entry that is twice there"),
    ],
)
def test_one_thing_is_no_plural(number: int, plural: str, words: str) -> None:
    assert counted(number, plural) == words


def test_names_are_as_long_as_it_takes_to_tell_files_apart() -> None:
    assert distinct_names(["day/A/IM1", "day/B/IM1", "day/B/IM2"]) == ["A/IM1", "B/IM1", "IM2"]
    assert distinct_names(["x/A/1/f", "x/B/1/f", "x/B/1/f"]) == ["A/1/f", "B/1/f", "B/1/f"]
    # One name may be the end of another.
    assert distinct_names(["f", "A/f"]) == ["f", "A/f"]
    assert distinct_names([]) == []
