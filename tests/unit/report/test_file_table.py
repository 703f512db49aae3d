"""A table of files on wide and narrow terminals."""

from dataclasses import replace
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


def shown(width: int, table: FileTable = TABLE) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(table)
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


def test_long_names_lose_their_middle_and_keep_their_end():
    first, second = (line.split()[0] for line in shown(70).splitlines() if "avi" in line)
    assert first.startswith("a-fold")
    assert first.endswith("long-name/first.avi")
    assert second.endswith("long-name/second.avi")
    assert "…" in first
    assert all(len(line) <= 70 for line in shown(70).splitlines())


def test_no_heading_is_broken_where_the_numbers_leave_it_room():
    table = FileTable(
        files=("clinic/recordings/0X1A2B3C4D5E6F708.avi",),
        headings=("EF, mean\n(%)", "of each\nbeat (%)", "EDV / ESV\n(mL)", "Rhythm"),
        rows=(("51.0", "50, 51, 52", "120 / 60", "regular,\n75 a minute"),),
        words_heading="Warnings\nand notes",
        words=("N1",),
    )
    lines = shown(80, table).splitlines()
    assert any("Warnings" in line for line in lines)
    assert any("and notes" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_names_that_would_be_the_same_are_numbered():
    files = tuple(f"the-same-start/{folder}/the-very-same-end-of-a-name.avi" for folder in (111, 222))
    lines = shown(60, replace(TABLE, files=files)).splitlines()
    assert [line.split()[0] for line in lines if "45 to 65" in line or "61.0" in line] == ["1", "2"]
    assert [line for line in lines if line.startswith("1  ")] == [f"1  {files[0]}"]


def test_the_last_heading_is_whole_beside_long_names_and_the_widest_numbers_of_a_prediction():
    table = FileTable(
        files=("recordings/0X1A2B3C4D5E6F708.avi", "recordings/0X1A2B3C4D5E6F709.avi"),
        headings=("EF (%)", "90 %\ninterval", "P(< 40)\n/ P(< 50)", "Trust", "EF by\noutline\n(%)", "Spread\nof clips"),
        rows=(("58.3", "43 to 74", "20 / 45 %", "doubtful", "49.6", "0.6"), ("61.0", "", "", "good", "", "")),
        words_heading="Notes",
        words=("R1 W1 N1", ""),
    )
    lines = shown(80, table).splitlines()
    assert any(line.rstrip().endswith(" Notes") for line in lines)
    assert all(len(line) <= 80 for line in lines)
