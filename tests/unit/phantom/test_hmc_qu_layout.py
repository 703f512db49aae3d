import filecmp
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import scipy.io
from sklearn.metrics import roc_auc_score

from coreecho.datasets.doctor import examine
from coreecho.datasets.hmc_qu import hmc_qu_clip, load_hmc_qu
from coreecho.phantom import PhantomSettings, write_hmc_qu_phantoms
from coreecho.phantom.hmc_qu_layout import cycle_frames, plan_patient
from coreecho.phantom.simulation import RecordingPlan
from coreecho.phantom.xlsx import workbook_bytes
from coreecho.video.containers import read_container
from coreecho.video.resizing import squash_frames

SETTINGS = PhantomSettings(scanner="B")
# As `hmc_qu_hearts` are.
RECORDINGS, SEED = 18, 2


@pytest.fixture
def root(hmc_qu_hearts: Path) -> Path:
    return hmc_qu_hearts


def test_the_cohort_is_clean_hmc_qu(root: Path) -> None:
    examination = examine("hmc-qu", root, has_thumbnails=True, workers=1)
    assert examination.faults == {}
    assert examination.counts["A4C"] == RECORDINGS
    assert all(clip.thumbnail for clip in examination.clips.values())
    assert {clip.fps for clip in examination.clips.values()} == {25.0}


def test_labels_and_cycles_are_the_truth(root: Path) -> None:
    for index, recording in enumerate(load_hmc_qu(root, only_with_masks=False)):
        plan = plan_patient(SETTINGS, SEED, index)
        assert recording.has_mi == (plan.anatomy.wall_motion.territory != "none")
        assert recording.beat == cycle_frames(plan)


def unevenness(plan: RecordingPlan) -> float:
    """How differently four parts of the wall move in, from ED to ES: the largest minus the smallest shortening."""
    first, last = plan.endocardium(plan.motion.ed_frame), plan.endocardium(plan.motion.es_frame)
    moved = [
        1 - np.abs(getattr(last, side)[part]).mean() / np.abs(getattr(first, side)[part]).mean()
        for part in (slice(20, 60), slice(60, 100))
        for side in ("septal_x", "lateral_x")
    ]
    return float(max(moved) - min(moved))


def test_the_motion_of_the_wall_tells_mi_and_the_ef_tells_some_of_it() -> None:
    plans = [plan_patient(SETTINGS, 5, index) for index in range(120)]
    has_mi = np.array([plan.anatomy.wall_motion.territory != "none" for plan in plans])
    ef_percent = np.array([plan.motion.ef_percent for plan in plans])
    assert 0.45 < np.mean(has_mi) < 0.7
    assert roc_auc_score(has_mi, [unevenness(plan) for plan in plans]) > 0.95
    assert 0.75 < roc_auc_score(has_mi, -ef_percent) < 0.95
    assert ef_percent[~has_mi].mean() == pytest.approx(63, abs=2)
    assert ef_percent[has_mi].mean() == pytest.approx(54, abs=2)


def test_cycles_are_as_long_as_in_hmc_qu() -> None:
    """Published: 13 to 73 frames, mean 22."""
    ends = [cycle_frames(plan_patient(SETTINGS, 5, index)) for index in range(120)]
    lengths = np.array([last - first + 1 for first, last in ends])
    assert 10 <= lengths.min() < lengths.max() <= 73
    assert lengths.mean() == pytest.approx(22, abs=2)


def test_the_centre_crop_leaves_text_and_ecg_out(root: Path) -> None:
    """What stands still and shines, and the ECG's band, are on the screen and not in the published clip."""
    recording = load_hmc_qu(root)[0]
    frames = read_container(recording.path, "avi", "clip").frames
    assert frames.shape[1:] == (422, 636)
    assert frames[:, :32, :100].max() > 150
    assert frames[-1, 390:].max() > 150
    squashed = squash_frames(frames, 224)
    outside = np.ones((224, 224), dtype=bool)
    outside[27:197, 27:197] = False
    text_rows = slice(0, 18)
    assert squashed[:, text_rows, :36].max() > 60
    assert outside[text_rows, :36].all()
    assert outside[int(390 * 224 / 422) :].all()
    clip = hmc_qu_clip(recording)
    assert clip.shape == (12, 224, 224)
    # The corners of a sector's picture are black.
    assert clip[:, :40, :40].max() < 60


def test_the_ecg_runs(root: Path) -> None:
    frames = read_container(load_hmc_qu(root)[0].path, "avi", "clip").frames
    drawn = (frames[:, 388:] > 100).any(axis=1).sum(axis=1)
    assert (np.diff(drawn) >= 0).all()
    assert drawn[-1] > drawn[0] + 50


def test_masks_lie_on_the_wall(root: Path) -> None:
    for recording in load_hmc_qu(root):
        path = root / "LV Ground-truth Segmentation Masks" / f"Mask_{recording.id}.mat"
        masks = scipy.io.loadmat(str(path))["predicted"]
        assert recording.beat is not None
        first, last = recording.beat
        assert masks.shape == (last - first + 1, 224, 224)
        assert set(np.unique(masks)) == {0, 1}
        assert 0.01 < masks.mean() < 0.15


def test_the_sheet_is_one_that_others_read(root: Path) -> None:
    sheet = openpyxl.load_workbook(root / "A4C.xlsx").active
    assert sheet["A1"].value == "ECHO"
    assert [sheet.cell(2, column).value for column in range(2, 8)] == [
        "SEG3",
        "SEG9",
        "SEG14",
        "SEG16",
        "SEG12",
        "SEG6",
    ]
    assert {str(each) for each in sheet.merged_cells.ranges} == {"A1:A2", "B1:G1", "H1:I1", "J1:J2"}
    assert sheet["A3"].value == "ES0001 _4CH_1"
    assert {sheet.cell(row, 10).value for row in range(3, 11)} == {"ü", "û"}
    assert sheet.max_row == 2 + RECORDINGS


def test_the_same_seed_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    write_hmc_qu_phantoms(tmp_path / "again", recordings=2, seed=SEED, workers=1)
    for folder in ("A4C", "LV Ground-truth Segmentation Masks"):
        names = sorted(path.name for path in (tmp_path / "again" / folder).iterdir())
        same, _, _ = filecmp.cmpfiles(root / folder, tmp_path / "again" / folder, names, shallow=False)
        assert same == names
        assert len(names) == 2


def test_cells_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_bytes(workbook_bytes([["<a> & b ", None, 3], [None, "ü", -1]]))
    sheet = openpyxl.load_workbook(tmp_path / "book.xlsx").active
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [["<a> & b ", None, 3], [None, "ü", -1]]
