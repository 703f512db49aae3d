"""Tables as people export them: every one is read as it is meant, or refused by name."""

import io
import random
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from coreecho.datasets.clip_paths import find_clip
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.table import load_table
from coreecho.datasets.table_rows import number, read_table_rows
from coreecho.errors import CoReEchoError, DatasetError
from coreecho.names import readable

PLAIN = "path,ef_percent,split\na.npy,62.4,train\nb.npy,55,val\nc.npy,41,test\n"
GERMAN = PLAIN.replace(",", ";").replace("62.4", "62,4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        np.save(tmp_path / f"{name}.npy", np.zeros((2, 8, 8), np.uint8))
    return tmp_path


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(",", "\t").encode("utf-16"),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "|").encode(),
        GERMAN.encode(),
        ("sep=;\n" + GERMAN).encode(),
        ("sep=,\r\n" + PLAIN).encode(),
        ('"sep=;"\n' + GERMAN).encode(),
        PLAIN.replace("ef_percent", '"ef_percent"').encode(),
        PLAIN.replace("\n", ",,\n").encode(),
        PLAIN.replace("b.npy", "\nb.npy").encode(),
    ],
)
def test_one_table_in_many_forms(folder: Path, content: bytes) -> None:
    (folder / "recordings.csv").write_bytes(content)
    recordings = load_table(folder)
    assert [(recording.id, recording.ef_percent, recording.split) for recording in recordings] == [
        ("a.npy", 62.4, "train"),
        ("b.npy", 55.0, "val"),
        ("c.npy", 41.0, "test"),
    ]


@pytest.mark.parametrize("required", ["FileName", "path"])
def test_a_decimal_comma_is_never_cut_off(folder: Path, required: str) -> None:
    text = PLAIN.replace("62.4", "62,4").replace("path", required)
    (folder / "recordings.csv").write_text(text)
    with pytest.raises(FaultyDatasetError, match=r"62,4\? write 62\.4") as raised:
        read_table_rows(folder / "recordings.csv")
    (cases,) = raised.value.faults.values()
    assert cases == ("line 2: a.npy,62,4,train",)


def test_a_decimal_comma_in_a_row_that_is_short_by_one_is_found(folder: Path) -> None:
    path = folder / "recordings.csv"
    head = "path,ef_percent,patient,note\nb.npy,55,P2,x\nc.npy,41,P3,\n"
    path.write_text(head + "a.npy,62,4,P1\n")
    with pytest.raises(FaultyDatasetError, match=r"line 4: a\.npy,62,4,P1") as raised:
        load_table(folder)
    assert "write 62.4" in str(raised.value)
    assert "62.0" in str(raised.value)
    # Said to be two numbers, or where a semicolon parts them, they are two.
    for text in (head + "a.npy,62.0,4,P1\n", (head + "a.npy,62,4,P1\n").replace(",", ";")):
        path.write_text(text)
        assert [recording.patient for recording in load_table(folder)] == ["P2", "P3", "4"]
    # Whole numbers side by side are what most tables hold.
    path.write_text("path,ef_percent,age,patient\nb.npy,55,70,P2\nc.npy,41,66,P3\na.npy,62,4,P1\n")
    assert [recording.ef_percent for recording in load_table(folder)] == [55, 41, 62]


def test_a_value_under_no_heading_is_a_fault(folder: Path) -> None:
    (folder / "recordings.csv").write_text("path,ef_percent,\na.npy,62,4\n")
    with pytest.raises(FaultyDatasetError, match="line 2"):
        load_table(folder)
    # pandas writes its index so, at the left.
    (folder / "recordings.csv").write_text(",path,ef_percent,split\n0,a.npy,62,train\n")
    assert load_table(folder)[0].ef_percent == 62


def test_doubtful_numbers_are_faults(folder: Path) -> None:
    (folder / "recordings.csv").write_text("path;ef_percent;edv_ml\na.npy;55.5;1,234\n")
    with pytest.raises(FaultyDatasetError, match="'1,234'"):
        load_table(folder)
    (folder / "recordings.csv").write_text('path,ef_percent\na.npy,"62,4"\n')
    with pytest.raises(FaultyDatasetError, match="'62,4'"):
        load_table(folder)
    assert np.isnan(number("6_2"))


def test_other_encodings_are_named_with_their_line(folder: Path) -> None:
    (folder / "recordings.csv").write_bytes("path,ef_percent\na.npy,50\nMüller.npy,50\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"line 3 is not UTF-8 \(byte 0xfc\).*Save it as CSV in UTF-8"):
        load_table(folder)


def test_further_columns_are_labels(folder: Path) -> None:
    (folder / "recordings.csv").write_text(
        "Path,EDV_mL,GLS,Age (years),note,split\n"
        "a.npy,120,-18.5,64,x,train\nb.npy,98,,71,y,val\nc.npy,80,n/a,50,,test\n"
    )
    recordings = load_table(folder)
    assert [recording.number("edv_ml") for recording in recordings] == [120, 98, 80]
    assert [recording.number("gls") for recording in recordings] == [-18.5, None, None]
    assert recordings[1].labels == {"age_years": 71.0}
    assert all(recording.ef_percent is None for recording in recordings)


def test_columns_by_other_names(folder: Path) -> None:
    (folder / "recordings.csv").write_text(
        "Datei,LVEF,EF,Gruppe,Strain %\na.npy,62,0,train,-18\nb.npy,55,0,val,-12\nc.npy,41,0,test,-9\n"
    )
    recordings = load_table(folder, columns="path=Datei, ef_percent=LVEF,split=gruppe,strain=Strain %")
    assert [recording.ef_percent for recording in recordings] == [62, 55, 41]
    assert [recording.number("strain") for recording in recordings] == [-18, -12, -9]
    with pytest.raises(DatasetError, match=r"has no column clip; its columns are Datei, LVEF"):
        load_table(folder, columns="path=Clip")
    with pytest.raises(DatasetError, match=r"has no column date; .* Did you mean Datei\?"):
        load_table(folder, columns="path=Date")
    with pytest.raises(DatasetError, match=r"expected NAME=COLUMN pairs .* got 'LVEF'"):
        load_table(folder, columns="path=Datei,LVEF")


def test_a_column_named_twice_in_another_case_is_refused(folder: Path) -> None:
    (folder / "recordings.csv").write_text("path,EF,ef\na.npy,62,10\n")
    with pytest.raises(DatasetError, match="has the column ef more than once"):
        load_table(folder)


def test_paths_as_windows_writes_them(folder: Path) -> None:
    (folder / "clips").mkdir()
    (folder / "a.npy").rename(folder / "clips" / "a.npy")
    assert find_clip(folder, "clips\\a.npy") == folder / "clips" / "a.npy"
    assert find_clip(folder, "clips\\gone.npy") == folder / "clips\\gone.npy"
    (folder / "b\\c.npy").write_bytes(b"x")
    assert find_clip(folder, "b\\c.npy") == folder / "b\\c.npy"
    # Another file, whose name has no null byte, is not meant.
    assert find_clip(folder, "a\0.npy") == folder / "a\\0.npy"


def test_names_that_are_not_utf8_can_be_written_into_a_table(folder: Path) -> None:
    odd = folder / "M\udcfcller.npy"
    (folder / "a.npy").rename(odd)
    assert readable(odd.name) == "M\\xfcller.npy"
    assert find_clip(folder, readable(odd.name)) == odd


def test_a_name_that_no_file_can_have_is_a_missing_file(folder: Path) -> None:
    (folder / "table.csv").write_text(PLAIN.replace("b.npy", "b" * 5000 + ".npy"))
    with pytest.raises(FaultyDatasetError, match="1 missing file"):
        load_table(folder / "table.csv")


def workbook(path: Path, rows: list[list[object]], *, notes: bool = False) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    if notes:
        sheet["A1"] = "about this table"
        sheet = book.create_sheet("clips")
    for row in rows:
        sheet.append(row)
    book.save(path)
    return book


ROWS: list[list[object]] = [["path", "ef_percent", "split"], ["a.npy", 62.4, "train"], ["b.npy", 55, "val"]]


def test_a_sheet_of_notes_may_come_first(folder: Path) -> None:
    workbook(folder / "recordings.xlsx", ROWS, notes=True)
    assert [recording.ef_percent for recording in load_table(folder)] == [62.4, 55]


def edited(path: Path, change: str, part: str = "xl/worksheets/sheet1.xml", name: str | None = None) -> None:
    """Put XML into the rows of a workbook's sheet; `name` moves the sheet to another part."""
    with zipfile.ZipFile(path) as archive:
        parts = {item: archive.read(item) for item in archive.namelist()}
    parts[part] = parts[part].replace(b"</sheetData>", change.encode() + b"</sheetData>")
    if name is not None:
        parts[name] = parts.pop(part)
        for other in parts:
            parts[other] = parts[other].replace(part.removeprefix("xl/").encode(), name.removeprefix("xl/").encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item, content in parts.items():
            archive.writestr(item, content)


def test_a_stray_cell_far_away_is_named(folder: Path) -> None:
    path = folder / "recordings.xlsx"
    workbook(path, ROWS)
    edited(path, '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    with pytest.raises(DatasetError, match=r"as far as row 1,048,576, column 16,384.*stray cell"):
        load_table(folder)
    edited(path, "", name="xl/elsewhere/data.bin")
    with pytest.raises(DatasetError, match="stray cell"):
        load_table(folder)


def test_formatted_blank_cells_far_away_do_not_matter(folder: Path) -> None:
    path = folder / "recordings.xlsx"
    workbook(path, ROWS)
    edited(path, '<row r="1048576"><c r="XFD1048576" s="0"/></row>')
    assert len(load_table(folder)) == 2


def test_too_many_cells_end_soon(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "recordings.xlsx"
    workbook(path, ROWS)
    row = "<row>" + "<c><v>1</v></c>" * 16_384 + "</row>"
    edited(path, row * 10)
    monkeypatch.setattr("coreecho.datasets.table_files._MAX_CELLS", 100_000)
    with pytest.raises(DatasetError, match="at most 100,000 cells are read"):
        load_table(folder)


def refusal(path: Path) -> str | None:
    try:
        load_table(path)
    except CoReEchoError as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_damaged_tables_end_in_named_errors(folder: Path, kind: str) -> None:
    table = pd.DataFrame({"path": ["a.npy", "b.npy", "c.npy"], "ef_percent": [62.4, 55, 41]})
    path, content = folder / f"recordings.{kind}", io.BytesIO()
    if kind == "csv":
        table.to_csv(content, index=False)
    elif kind == "xlsx":
        table.to_excel(content, index=False)
    else:
        pytest.importorskip("pyarrow")
        table.to_parquet(content)
    whole, chance = content.getvalue(), random.Random(5)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged[: chance.randint(1, len(damaged))] if chance.random() < 0.3 else damaged)
        assert "recordings." in (refusal(path) or "recordings.")
        (folder / "recordings.splits.csv").unlink(missing_ok=True)
