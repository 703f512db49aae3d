from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from coreecho.datasets import load_recordings
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.hmc_qu import HMC_QU, hmc_qu_beat, hmc_qu_clip, load_hmc_qu
from coreecho.errors import DatasetError
from coreecho.video.containers import read_container
from coreecho.video.resizing import squash_frames
from coreecho.video.temporal import resample_time

TreeWriter = Callable[..., Path]
Rows = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, write_hmc_qu: TreeWriter, hmc_rows: Rows) -> Path:
    """Twelve A4C clips, nine of them with masks, and six A2C clips."""
    root = tmp_path_factory.mktemp("hmc")
    write_hmc_qu(root, hmc_rows(6, "2CH"), view="A2C")
    return write_hmc_qu(root, hmc_rows(12))


def test_the_sheet_is_read_under_its_two_header_rows(root: Path) -> None:
    recordings = load_hmc_qu(root, only_with_masks=False)
    assert len(recordings) == 12
    assert [recording.id for recording in recordings[:2]] == ["ES0001 _4CH_1", "ES000002 N_4CH_1"]
    assert [recording.patient for recording in recordings[:2]] == ["ES0001", "ES000002 N"]
    assert [recording.has_mi for recording in recordings[:4]] == [True, True, False, True]
    assert recordings[0].beat == (1, 9)
    assert recordings[0].path == root / "A4C" / "ES0001 _4CH_1.avi"


def test_by_default_the_clips_with_masks_alone(root: Path) -> None:
    recordings = load_recordings("hmc-qu", root)
    assert len(recordings) == 9
    assert "ES000004 N_4CH_1" not in {recording.id for recording in recordings}


def test_folds_are_dealt_out_within_each_class_in_order(root: Path) -> None:
    recordings = load_hmc_qu(root, only_with_masks=False, fold=5)
    assert [recording.fold for recording in recordings if recording.has_mi] == [1, 2, 3, 4, 5, 1, 2, 3]
    assert [recording.fold for recording in recordings if not recording.has_mi] == [1, 2, 3, 4]
    assert {recording.split for recording in recordings if recording.fold == 5} == {"test"}
    assert {recording.split for recording in recordings if recording.fold == 1} == {"val"}
    with_masks = load_hmc_qu(root)
    assert [recording.fold for recording in with_masks if recording.has_mi] == [1, 2, 3, 4, 5, 1]


def test_every_missing_clip_is_named(tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows) -> None:
    survey = HMC_QU.survey(write_hmc_qu(tmp_path, hmc_rows(30), clips=[]))
    assert len(survey.faults["missing files"]) == 30
    assert survey.recordings == []


def test_a2c_has_its_own_segments_and_crop(root: Path) -> None:
    recordings = load_hmc_qu(root, view="A2C", only_with_masks=False)
    assert len(recordings) == 6
    assert {recording.view for recording in recordings} == {"A2C"}
    assert hmc_qu_clip(recordings[0]).shape == (12, 224, 224)


@pytest.mark.parametrize(("view", "crop"), [("A4C", 170), ("A2C", 185)])
@pytest.mark.parametrize("method", ["spline", "trilinear"])
def test_a_clip_is_the_published_preprocessing(root: Path, view: Any, crop: int, method: Any) -> None:
    recording = load_hmc_qu(root, view=view, only_with_masks=False)[0]
    frames = read_container(recording.path, "avi", "clip").frames[1:10]
    corner = (224 - crop) // 2
    centre = squash_frames(frames, 224)[:, corner : corner + crop, corner : corner + crop]
    expected = resample_time(squash_frames(centre, 224), 12, method)
    np.testing.assert_array_equal(hmc_qu_clip(recording, method=method), expected)


def test_names_match_whatever_their_spaces(tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows) -> None:
    rows = hmc_rows(12)
    write_hmc_qu(tmp_path, rows)
    (tmp_path / "A4C" / "ES0001 _4CH_1.avi").rename(tmp_path / "A4C" / "ES0001_4CH_1.avi")
    assert load_hmc_qu(tmp_path)[0].path.name == "ES0001_4CH_1.avi"


def test_all_faults_are_reported_at_once(tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows) -> None:
    rows = hmc_rows(8)
    rows[0] = (rows[0][0], ["MI", "", "MI", "MI", "MI", "MI"], 2, 9, "ü")
    rows[1] = (rows[1][0], rows[1][1], 9, 2, "ü")
    rows[2] = (rows[2][0], rows[2][1], "two", 9, "ü")
    rows[4] = (rows[4][0], rows[4][1], 2, 9, "x")
    rows[5] = rows[6]
    write_hmc_qu(tmp_path, rows)
    (tmp_path / "A4C" / f"{rows[7][0]}.avi").unlink()
    (tmp_path / "A4C" / "ES0007_4CH_1.avi").write_bytes((tmp_path / "A4C" / f"{rows[6][0]}.avi").read_bytes())
    with pytest.raises(FaultyDatasetError) as raised:
        load_hmc_qu(tmp_path)
    text = str(raised.value)
    for fact in (
        "A4C.xlsx row 3 (ES0001 _4CH_1): a segment without a label",
        "row 4 (ES000002 N_4CH_1): frames '9' to '2'",
        "row 5 (ES0003 _4CH_1): frames 'two' to '9'",
        "row 7 (ES0005 _4CH_1): 'x' under the masks, expected 'ü' (available) or 'û' (not)",
        "1 clip listed twice:",
        "A4C.xlsx rows 8 and 9: ES0007 _4CH_1",
        "A4C/ES000008 N_4CH_1.avi (A4C.xlsx row 10)",
        "clip whose names differ in spaces alone",
    ):
        assert fact in text


def test_other_sheets_and_options_are_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(DatasetError, match=r"A4C\.xlsx: not found.*An HMC-QU root holds"):
        load_hmc_qu(tmp_path)
    (tmp_path / "A4C.xlsx").write_text("ECHO,LABEL")
    with pytest.raises(DatasetError, match=r"A4C\.xlsx: cannot be read as an XLSX workbook"):
        load_hmc_qu(tmp_path)
    (tmp_path / "A4C.xlsx").write_bytes((root / "A2C.xlsx").read_bytes())
    with pytest.raises(DatasetError, match="name no column SEG3, SEG9, SEG14, SEG16, SEG12, SEG6"):
        load_hmc_qu(tmp_path)
    with pytest.raises(DatasetError, match="view is 'PSAX', expected A4C or A2C or all"):
        load_hmc_qu(root, view="PSAX")
    with pytest.raises(DatasetError, match=r"holds neither A4C\.xlsx nor A2C\.xlsx"):
        HMC_QU.survey(tmp_path / "gone", view="all")


def test_segments_of_both_views_are_as_published(root: Path) -> None:
    survey = HMC_QU.survey(root, view="all")
    assert Counter(recording.view for recording in survey.checked()) == {"A4C": 12, "A2C": 6}
    assert survey.published == {"A4C": 162}


@pytest.mark.parametrize(
    ("tick", "cross"),
    [
        ("\uf0fc", "\uf0fb"),
        ("✓", "✗"),
        ("✔", "✘"),
        ("√", "×"),
        ("☑", "☐"),
        ("☑\ufe0f", "☒"),
        ("☒", "☐"),
        ("\uf0fe", "\uf0fd"),
        ("þ", "¨"),
        ("yes", "No"),
        ("u\u0308", "u\u0302"),
        (True, False),
        (1, 0),
    ],
)
def test_ticks_of_other_programs_are_read(
    tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows, tick: Any, cross: Any
) -> None:
    rows = hmc_rows(8)
    write_hmc_qu(tmp_path, rows)
    before = [recording.id for recording in load_hmc_qu(tmp_path, only_with_masks=True)]
    change_sheet(tmp_path, {"ü": tick, "û": cross})
    assert [recording.id for recording in load_hmc_qu(tmp_path, only_with_masks=True)] == before
    assert 0 < len(before) < len(rows)


def change_sheet(root: Path, cells: dict[str, Any], *, notes: bool = False, title: bool = False) -> None:
    book = openpyxl.load_workbook(root / "A4C.xlsx")
    for row in book.active.iter_rows(min_row=3):
        for cell in row:
            cell.value = cells.get(cell.value, cell.value)
    if title:
        for merged in list(book.active.merged_cells.ranges):
            book.active.unmerge_cells(str(merged))
        book.active.insert_rows(1)
        book.active["A1"] = "HMC-QU, apical four-chamber"
    if notes:
        book.create_sheet("Notes", 0)["A1"] = "about this data set"
    book.save(root / "A4C.xlsx")


@pytest.mark.parametrize("cells", [{"ü": "☑", "û": "☒", "none": "☐"}, {"ü": "☒", "û": "☒"}])
def test_a_crossed_box_that_may_mean_either_is_refused(
    tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows, cells: dict[str, str]
) -> None:
    write_hmc_qu(tmp_path, hmc_rows(8))
    change_sheet(tmp_path, cells)
    if "none" in cells:
        book = openpyxl.load_workbook(tmp_path / "A4C.xlsx")
        next(cell for row in book.active.iter_rows(min_row=3) for cell in row if cell.value == "☒").value = "☐"
        book.save(tmp_path / "A4C.xlsx")
    with pytest.raises(FaultyDatasetError, match="'☒' under the masks, which may mean either here"):
        load_hmc_qu(tmp_path)


def test_an_unknown_tick_is_shown_readably(tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows) -> None:
    write_hmc_qu(tmp_path, hmc_rows(3))
    change_sheet(tmp_path, {"ü": "\uf04a"})
    with pytest.raises(FaultyDatasetError, match=r"'\\uf04a' under the masks, expected 'ü'"):
        load_hmc_qu(tmp_path)


@pytest.mark.parametrize("moved", [{"notes": True}, {"title": True}, {"notes": True, "title": True}])
def test_the_sheet_is_found_by_its_headers(
    tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows, moved: dict[str, bool]
) -> None:
    write_hmc_qu(tmp_path, hmc_rows(8))
    before = load_hmc_qu(tmp_path)
    change_sheet(tmp_path, {}, **moved)
    assert load_hmc_qu(tmp_path) == before


def test_a_sorted_sheet_is_remarked_and_folds_can_follow_the_names(
    tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows
) -> None:
    rows = hmc_rows(12)
    as_published = {each.id: each.fold for each in load_hmc_qu(write_hmc_qu(tmp_path / "a", rows))}
    root = write_hmc_qu(tmp_path / "b", sorted(rows, key=lambda row: str(row[1])))
    loaded = load_hmc_qu(root)
    assert {each.id: each.fold for each in loaded} != as_published
    assert "not in the order of the clips' names" in " ".join(loaded.remarks)
    assert {each.id: each.fold for each in load_hmc_qu(root, folds="names")} == as_published
    assert load_hmc_qu(tmp_path / "a").remarks == ()


def test_the_end_frame_as_the_published_code_has_it(tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Rows) -> None:
    rows = hmc_rows(6)
    rows[0] = ("ES00071 _4CH_1", rows[0][1], 2, 12, "ü")
    root = write_hmc_qu(tmp_path, rows)
    assert load_hmc_qu(root)[0].beat == (1, 11)
    halved, other, *_ = load_hmc_qu(root, end_frame="exclusive")
    inclusive = load_hmc_qu(root)[1]
    assert inclusive.beat is not None
    assert (other.beat, other.beat_step) == ((inclusive.beat[0], inclusive.beat[1] - 1), 1)
    # Listed 2 to 12: the published code reads, counted from 0, range(1, 10, 2).
    frames = read_container(halved.path, "avi", "clip").frames[1:10:2]
    corner = (224 - 170) // 2
    centre = squash_frames(frames, 224)[:, corner:-corner, corner:-corner]
    np.testing.assert_array_equal(hmc_qu_beat(halved, 224), squash_frames(centre, 224))
    assert HMC_QU.video_file(halved).preparation.endswith("beat (1, 9), step 2")
    assert HMC_QU.video_file(other).preparation == f"hmc-qu A4C, beat {other.beat}"


def test_one_view_at_a_time(root: Path) -> None:
    with pytest.raises(DatasetError, match="is loaded one view at a time"):
        load_hmc_qu(root, view="all")
