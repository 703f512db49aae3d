from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets import (
    FaultyDatasetError,
    ed_es,
    is_phantom_root,
    load_echonet_dynamic,
    load_recordings,
    polygon_area,
    read_tracings,
    video_files,
)
from coreecho.errors import DatasetError, RecipeError

HEADER = "FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"
TRACING_HEADER = "FileName,X1,Y1,X2,Y2,Frame"
# Names and values are invented, as the licence demands. Stems differ in length; sizes are as six rows declare them.
ROWS = [
    "0XABCDEF0123456789,59.123456,40.5,98.25,112,112,50,215,TRAIN",
    "0X12,31.5,80,120,768,1024,50,90,VAL",
    "0XFEDCBA98,70,30,100,112,112,36,28,TEST",
]

Write = Callable[..., Path]


def chords(name: str, frame: int, half_width: float) -> list[str]:
    """A long axis from (50, 10) to (50, 60), and five chords across it."""
    rows = [f"{name},50,10,50,60,{frame}"]
    return rows + [f"{name},{50 - half_width},{y},{50 + half_width},{y},{frame}" for y in (20, 30, 40, 50, 60)]


@pytest.fixture
def write_root(tmp_path: Path) -> Write:
    def write(
        rows: list[str] = ROWS, *, header: str = HEADER, suffix: str = ".avi", videos: list[str] | None = None
    ) -> Path:
        root = tmp_path / "EchoNet-Dynamic"
        (root / "Videos").mkdir(parents=True)
        (root / "FileList.csv").write_text("\n".join([header, *rows]) + "\n")
        for name in [row.split(",")[0] for row in rows] if videos is None else videos:
            (root / "Videos" / (name.removesuffix(".avi") + suffix)).write_bytes(b"RIFF")
        tracings = [line for name in ("0XABCDEF0123456789.avi", "0XFEDCBA98.avi") for line in chords(name, 46, 10)]
        tracings += chords("0XABCDEF0123456789.avi", 61, 6) + chords("0XFEDCBA98.avi", 61, 12)
        (root / "VolumeTracings.csv").write_text("\n".join([TRACING_HEADER, *tracings]) + "\n")
        return root

    return write


def test_recordings_are_read_in_order(write_root: Write) -> None:
    root = write_root()
    first, second, third = load_echonet_dynamic(root)
    assert first.id == "0XABCDEF0123456789"
    assert first.path == root / "Videos" / "0XABCDEF0123456789.avi"
    assert (first.ef_percent, first.esv_ml, first.edv_ml, first.split) == (59.123456, 40.5, 98.25, "train")
    assert (second.id, second.split) == ("0X12", "val")
    assert (third.id, third.split) == ("0XFEDCBA98", "test")


def test_by_name(write_root: Write) -> None:
    root = write_root()
    assert load_recordings("echonet", root) == load_echonet_dynamic(root)
    assert len(load_recordings("echonet", str(root), require_two_traced_frames=True)) == 2


def test_an_unknown_name_is_refused_with_the_likely_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no data set 'echonett'\. Did you mean 'echonet'\? Known are .*echonet"):
        load_recordings("echonett", tmp_path)


@pytest.mark.parametrize("split", ["train", "Train", "TRAIN"])
def test_splits_are_read_in_any_case(write_root: Write, split: str) -> None:
    assert load_echonet_dynamic(write_root([f"a,50,1,2,1,1,1,1,{split}"]))[0].split == "train"


@pytest.mark.parametrize("listed", ["a", "a.avi", "a.AVI", " a "])
@pytest.mark.parametrize("suffix", [".avi", ".AVI", ""])
def test_names_with_and_without_suffix_are_the_same(write_root: Write, listed: str, suffix: str) -> None:
    root = write_root([f"{listed},50,1,2,1,1,1,1,TEST"], suffix=suffix, videos=["a"])
    (recording,) = load_echonet_dynamic(root)
    assert recording.id == "a"
    assert recording.path == root / "Videos" / f"a{suffix}"


def test_columns_may_be_fewer_more_and_in_another_order(write_root: Write) -> None:
    root = write_root(["VAL,a,x,44.5"], header="\ufeffSplit,FileName,Comment,EF", videos=["a"])
    (recording,) = load_echonet_dynamic(root)
    assert (recording.id, recording.ef_percent, recording.split, recording.esv_ml) == ("a", 44.5, "val", None)


def test_two_traced_frames_as_an_option(write_root: Write) -> None:
    root = write_root()
    assert [recording.id for recording in load_echonet_dynamic(root, require_two_traced_frames=True)] == [
        "0XABCDEF0123456789",
        "0XFEDCBA98",
    ]


def test_all_missing_videos_are_in_one_error(write_root: Write) -> None:
    rows = [f"0X{index:03d},50,1,2,112,112,50,100,TRAIN" for index in range(30)]
    root = write_root(rows, videos=["0X007"])
    with pytest.raises(FaultyDatasetError, match=r"29 missing videos:\n  Videos/0X000\.avi \(line 2\)") as caught:
        load_echonet_dynamic(root)
    assert str(caught.value).count("Videos/") == 20
    assert "... and 9 more" in str(caught.value)
    assert len(caught.value.faults["missing videos"]) == 29
    assert caught.value.faults["missing videos"][-1] == "Videos/0X029.avi (line 31)"


def test_all_bad_rows_are_in_one_error_with_their_lines(write_root: Write) -> None:
    rows = [
        "good,50,1,2,1,1,1,1,TRAIN",
        "a,nan,1,2,1,1,1,1,TRAIN",
        "b,-0.5,1,2,1,1,1,1,TRAIN",
        "c,100.5,1,2,1,1,1,1,TRAIN",
        "d,high,1,2,1,1,1,1,TRAIN",
        "e,,1,2,1,1,1,1,TRAIN",
        "f,50,1,2,1,1,1,1,HOLDOUT",
        "g,50,1,2",
        "good.avi,50,1,2,1,1,1,1,TEST",
        "h,50,-4,2,1,1,1,1,TEST",
    ]
    with pytest.raises(FaultyDatasetError) as caught:
        load_echonet_dynamic(write_root(rows))
    message = str(caught.value)
    assert "5 rows with a bad EF (expected a number from 0 to 100):" in message
    for line, name, value in ((3, "a", "nan"), (4, "b", "-0.5"), (5, "c", "100.5"), (6, "d", "high"), (7, "e", "")):
        assert f"line {line}: {name} has EF '{value}'" in message
    assert "1 row with a bad Split (expected TRAIN, VAL or TEST):" in message
    assert "1 row with fewer cells than the header:\n  line 9: g, whose Split is not there" in message
    assert "1 row whose FileName came before, with other values" in message
    assert "line 8: f has Split 'HOLDOUT'" in message
    assert "line 10: 'good.avi'" in message
    assert "line 11: h has ESV '-4', EDV '2'" in message


def test_both_ends_of_the_ef_scale_are_valid(write_root: Write) -> None:
    recordings = load_echonet_dynamic(write_root(["a,0,1,2,1,1,1,1,TRAIN", "b,100,1,2,1,1,1,1,TRAIN"]))
    assert [recording.ef_percent for recording in recordings] == [0, 100]


def test_a_folder_of_another_kind_is_told_how_a_root_looks(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"FileList\.csv: not found\..* An EchoNet-Dynamic root holds FileList\.csv, V"
    ):
        load_echonet_dynamic(tmp_path)
    (tmp_path / "FileList.csv").write_text(f"{HEADER}\n{ROWS[0]}\n")
    with pytest.raises(DatasetError, match=r"Videos: cannot be listed \(No such file"):
        load_echonet_dynamic(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column FileName, EF, Split"),
        (b"FileName,EF\na,1\n", "has no column Split; its columns are FileName, EF"),
        (b"FileName,EF,Split\n", "has no rows below its header"),
        (b"\xff\xfe\x00", "cannot be read as a CSV file"),
    ],
)
def test_another_file_list_is_refused(write_root: Write, content: bytes, message: str) -> None:
    root = write_root()
    (root / "FileList.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        load_echonet_dynamic(root)


def test_names_lead_nowhere_else(write_root: Write) -> None:
    root = write_root(["../../secret,50,1,2,1,1,1,1,TRAIN"], videos=[])
    (root.parent / "secret.avi").touch()
    with pytest.raises(FaultyDatasetError, match="1 missing video:"):
        load_echonet_dynamic(root)


def test_contours_run_down_one_side_and_up_the_other(write_root: Write) -> None:
    tracings = read_tracings(write_root())
    assert tracings.keys() == {"0XABCDEF0123456789", "0XFEDCBA98"}
    contour = tracings["0XABCDEF0123456789"][46]
    expected = [(40, y) for y in (20, 30, 40, 50, 60)] + [(60, y) for y in (60, 50, 40, 30, 20)]
    np.testing.assert_array_equal(contour, expected)
    assert polygon_area(contour) == 20 * 40


def test_ed_is_the_larger_contour_whichever_comes_first(write_root: Write) -> None:
    tracings = read_tracings(write_root() / "VolumeTracings.csv")
    assert ed_es(tracings["0XABCDEF0123456789"]) == (46, 61)
    assert ed_es(tracings["0XFEDCBA98"]) == (61, 46)
    with pytest.raises(DatasetError, match="ED and ES need two traced frames; got 1"):
        ed_es({3: np.zeros((4, 2))})


def test_bad_tracings_are_refused_with_their_lines(write_root: Write) -> None:
    root = write_root()
    path = root / "VolumeTracings.csv"
    path.write_text("\n".join([TRACING_HEADER, *chords("a", 3, 10), "a,1,2,x,4,3", "a,1,2,3,4,-1", ",1,2,3,4,5"]))
    with pytest.raises(
        FaultyDatasetError, match=r"3 rows that are not a name and finite numbers:\n  line 8: a,"
    ) as caught:
        read_tracings(root)
    (lines,) = caught.value.faults.values()
    assert [line.split(":")[0] for line in lines] == ["line 8", "line 9", "line 10"]
    path.write_text("FileName,X,Y,Frame\na,1,2,3\n")
    with pytest.raises(DatasetError, match=r"has no column X1, Y1, X2, Y2; expected .*EchoNet-Dynamic"):
        read_tracings(root)
    path.write_text(f"{TRACING_HEADER}\na,1,2,3,4,5\n")
    with pytest.raises(DatasetError, match="1 frame with a long axis and no chords:\n  frame 5 of a"):
        read_tracings(root)
    path.unlink()
    with pytest.raises(DatasetError, match=r"VolumeTracings\.csv: not found"):
        read_tracings(root)


def test_a_phantom_root_is_known_by_its_card(tmp_path: Path) -> None:
    assert not is_phantom_root(tmp_path)
    (tmp_path / "phantom.json").write_text("{}")
    assert is_phantom_root(tmp_path)
    assert is_phantom_root(str(tmp_path))


def test_recordings_are_brought_to_a_frame_rate_where_that_is_asked_for(write_root: Write) -> None:
    root = write_root()
    assert {each.target_fps for each in load_echonet_dynamic(root)} == {None}
    recordings = load_recordings("echonet", root, fps="48")
    files = video_files("echonet", recordings)
    assert {files[each.id].preparation for each in recordings} == {
        "whole video, upright and evenly timed, from its own to 48.0 frames a second"
    }
    with pytest.raises(DatasetError, match="the option fps is 0, expected at least 1 frame a second"):
        load_recordings("echonet", root, fps=0)
