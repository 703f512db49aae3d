"""How far a long list is, in a log."""

import pytest

from coreecho.inference import progress
from coreecho.inference.progress import told


def test_a_log_has_a_line_every_fifty_files_and_none_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(told(iter(range(150)), total=150, is_shown=True)) == list(range(150))
    assert capsys.readouterr().err == "50 of 150 files\n100 of 150 files\n"


def test_a_slow_list_is_told_of_by_the_clock(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 10.0, 31.0, 31.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    assert list(told(iter("abc"), total=4, is_shown=True)) == ["a", "b", "c"]
    assert capsys.readouterr().err == "2 of 4 files\n"


def test_a_quiet_one_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(told(iter(range(150)), total=150, is_shown=False))) == 150
    assert capsys.readouterr().err == ""
