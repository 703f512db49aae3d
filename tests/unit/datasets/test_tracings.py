import random
from pathlib import Path

import pytest

from coreecho.datasets import ed_es, polygon_area, read_tracings
from coreecho.datasets.echonet_dynamic import ECHONET_DYNAMIC
from coreecho.datasets.tracings import all_tracings
from coreecho.errors import CoReEchoError, DatasetError

HEADER = "FileName,X1,Y1,X2,Y2,Frame"


def tracing(name: str, frame: int, half_width: float, *, left: float = 50.0) -> list[str]:
    """A long axis and five chords across it."""
    rows = [f"{name},{left},10,{left},60,{frame}"]
    return rows + [f"{name},{left - half_width},{y},{left + half_width},{y},{frame}" for y in (20, 30, 40, 50, 60)]


def write(root: Path, lines: list[str], header: str = HEADER) -> Path:
    path = root / "VolumeTracings.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    "kind", ["the file twice", "a frame again, the same", "a frame again, otherwise", "each row twice"]
)
def test_a_frame_traced_twice_keeps_its_area(tmp_path: Path, kind: str) -> None:
    ed, es = tracing("a", 46, 10), tracing("a", 61, 6)
    lines = {
        "the file twice": [*ed, *es, *ed, *es],
        "a frame again, the same": [*ed, *ed, *es],
        "each row twice": [row for row in (*ed, *es) for _ in range(2)],
        "a frame again, otherwise": [*ed, *tracing("a", 46, 14, left=52.5), *es],
    }[kind]
    once = read_tracings(write(tmp_path, [*ed, *es]))["a"]
    found = all_tracings(write(tmp_path, lines))
    assert {frame: polygon_area(contour) for frame, contour in found.contours["a"].items()} == {
        frame: polygon_area(contour) for frame, contour in once.items()
    }
    assert found.repeated[0] == "a, frame 46"
    assert ed_es(found.contours["a"]) == (46, 61)


def test_repeated_tracings_are_remarked(tmp_path: Path) -> None:
    (tmp_path / "Videos").mkdir()
    (tmp_path / "Videos" / "a.avi").write_bytes(b"RIFF")
    (tmp_path / "FileList.csv").write_text("FileName,EF,Split\na,50,TRAIN\n")
    write(tmp_path, tracing("a", 46, 10) * 2 + tracing("a", 61, 6))
    survey = ECHONET_DYNAMIC.survey(tmp_path)
    assert any(
        "Traced more than once in VolumeTracings.csv: 1 frame;" in remark and "a, frame 46" in remark
        for remark in survey.remarks
    )
    assert survey.traced_frames == {"a": (46, 61)}


@pytest.mark.parametrize(
    ("header", "line", "message"),
    [
        (f"{HEADER},Frame", "a,1,2,3,4,5,6", "has the column Frame more than once"),
        (HEADER, "a,1,2,3,4,5,6", "cannot be read as a CSV file"),
        (HEADER, "a,1,2,3,4,1e300", "line 2"),
        (HEADER, "a,1,2,3,4,5.5", "line 2"),
        (HEADER, 'a,1,2,3,4,"5', "cannot be read as a CSV file"),
        ("", "", "has no column FileName"),
    ],
)
def test_damage_is_named(tmp_path: Path, header: str, line: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_tracings(write(tmp_path, [line], header))


def test_other_encodings_and_separators(tmp_path: Path) -> None:
    lines = [*tracing("a", 46, 10), *tracing("a", 61, 6)]
    plain = read_tracings(write(tmp_path, lines))["a"]
    text = "\n".join([HEADER, *lines]).replace(",", ";")
    (tmp_path / "VolumeTracings.csv").write_text("sep=;\n" + text, encoding="utf-16")
    other = read_tracings(tmp_path)["a"]
    assert {frame: contour.tolist() for frame, contour in other.items()} == {
        frame: contour.tolist() for frame, contour in plain.items()
    }
    (tmp_path / "VolumeTracings.csv").write_bytes(text.replace("a;", "ä;").encode("latin-1"))
    with pytest.raises(DatasetError, match="line 2 is not UTF-8"):
        read_tracings(tmp_path)


def refusal(root: Path) -> str | None:
    try:
        read_tracings(root)
    except CoReEchoError as error:
        return str(error)
    return None


def test_mutated_tracings_end_in_named_errors(tmp_path: Path) -> None:
    whole = "\n".join([HEADER, *tracing("a", 46, 10), *tracing("a", 61, 6)]).encode()
    chance = random.Random(3)
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b',;"\n\r\0\xff\xfe-.e9')
        (tmp_path / "VolumeTracings.csv").write_bytes(damaged)
        assert "VolumeTracings.csv" in (refusal(tmp_path) or "VolumeTracings.csv")
