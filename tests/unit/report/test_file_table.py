"""A table of files on wide and narrow terminals."""

from io import StringIO

from rich.console import Console

from coreecho.report.file_table import FileTable

NAMES = ("a-folder/that-has-a-long-name/first.avi", "a-folder/that-has-a-long-name/second.avi")
TABLE = FileTable(
    files=NAMES,
    headings=("EF (%)", "90 %\ninterval", "Trust"),
    rows=(("55.2", "45 to 65", "doubtful"), ("61.0", "", "good")),
    words_heading="Notes",
    words=("R1 W1 N1", ""),
)


def shown(width: int) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(TABLE)
    return console.file.getvalue()


def test_names_stand_in_the_rows_where_there_is_room():
    (row,) = [line for line in shown(120).splitlines() if NAMES[0] in line]
    assert row.split() == [NAMES[0], "55.2", "45", "to", "65", "doubtful", "R1", "W1", "N1"]


def test_on_a_narrow_terminal_files_are_numbered_and_named_below_and_no_number_is_broken():
    lines = shown(44).splitlines()
    (row,) = [line for line in lines if "45 to 65" in line]
    assert row.split()[:6] == ["1", "55.2", "45", "to", "65", "doubtful"]
    assert all(len(line) <= 44 for line in lines)
    assert "".join(lines).count(NAMES[1]) == 1
