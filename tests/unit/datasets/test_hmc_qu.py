from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coreecho.datasets import load_recordings
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.hmc_qu import HMC_QU, hmc_qu_clip, load_hmc_qu
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
        "1 clips listed twice:",
        "A4C.xlsx rows 8 and 9: ES0007 _4CH_1",
        "A4C/ES000008 N_4CH_1.avi (A4C.xlsx row 10)",
        "clips whose names differ in spaces alone",
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
