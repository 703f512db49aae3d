import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import coreecho
from coreecho import progress


def test_a_log_has_a_line_now_and_then_and_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    log = io.StringIO()
    assert list(progress.track("abcd", "Files", console=Console(file=log, width=80))) == list("abcd")
    assert log.getvalue().splitlines() == ["Files: 1 of 4", "Files: 3 of 4"]


def test_short_work_leaves_nothing_in_a_log() -> None:
    log = io.StringIO()
    list(progress.track(iter("ab"), "Files", console=Console(file=log)))
    assert log.getvalue() == ""


def test_a_terminal_has_a_bar() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    assert list(progress.track([1, 2], "Files", console=console)) == [1, 2]
    assert "Files" in screen.getvalue()
    assert "100%" in screen.getvalue()
    hidden = io.StringIO()
    list(progress.track([1], "Files", console=Console(file=hidden, force_terminal=True), disable=True))
    assert hidden.getvalue() == ""


def test_what_is_said_outside_a_terminal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress.tell("[b]no markup[/b] " + "word " * 40, "red")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "[b]no markup[/b] " + "word " * 40 + "\n"


def test_nobody_else_below_the_reports_writes_to_a_terminal() -> None:
    root = Path(coreecho.__file__).parent
    writers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"(?m)^\s*(from|import) (rich|matplotlib|jinja2)\b", path.read_text(encoding="utf-8"))
    }
    assert {name for name in writers if not name.startswith(("report/", "cli/"))} == {"progress.py"}
