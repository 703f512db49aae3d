import io

import pytest

from coreecho.report.terminal import console, say

NAME = "M\udcfcller \x1b[2J R² ± 心.avi"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", r"M\xfcller \x1b[2J R\xb2 \xb1 \u5fc3.avi"),
        ("cp1252", r"M\xfcller \x1b[2J R² ± \u5fc3.avi"),
        ("utf-8", r"M\xfcller \x1b[2J R² ± 心.avi"),
    ],
)
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_any_name_is_printed_in_any_encoding(
    monkeypatch: pytest.MonkeyPatch, name: str, encoding: str, shown: str
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    monkeypatch.setattr(f"sys.{name}", stream)
    say([NAME, "[bold]as it is[/]"], stderr=name == "stderr")
    assert raw.getvalue().decode(encoding) == f"{shown}\n[bold]as it is[/]\n"
    # The program's own stream is as it was.
    assert stream.errors == "strict"


def test_tables_have_lines_that_the_encoding_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.table import Table

    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    table = Table("R²")
    table.add_row("±")
    console().print(table)
    assert rb"\xb2" in raw.getvalue()
    assert rb"\u" not in raw.getvalue()
