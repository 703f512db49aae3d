import filecmp
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets.camus import camus_clip, load_camus, official_folds
from coreecho.datasets.doctor import examine
from coreecho.errors import DatasetError
from coreecho.phantom import PhantomSettings, write_camus_phantoms
from coreecho.phantom.camus_layout import grade_quality, two_chamber_recording
from coreecho.phantom.simulation import RecordingPlan, plan_recording, render_recording
from coreecho.phantom.truth import label_frame
from coreecho.video.nifti import read_nifti

SETTINGS = PhantomSettings(scanner="C", min_frames=28, max_frames=60)
# As `camus_hearts` are. The eighth patient's files run from ES to ED.
RECORDINGS, SEED = 12, 1


@pytest.fixture
def root(camus_hearts: Path) -> Path:
    return camus_hearts


def test_the_cohort_is_clean_camus(root: Path) -> None:
    examination = examine("camus", root, workers=1)
    assert examination.faults == {}
    assert examination.is_phantom
    assert examination.counts["A4C"] == examination.counts["A2C"] == RECORDINGS


def test_labels_are_the_truth(root: Path) -> None:
    recordings = {recording.id: recording for recording in load_camus(root, view="all")}
    plan = plan_recording(SETTINGS, SEED, 0, "TRAIN")
    for chamber in ("4CH", "2CH"):
        recording = recordings[f"patient0001_{chamber}"]
        assert recording.ef_percent == round(plan.motion.ef_percent)
        assert recording.beat == (0, plan.motion.es_frame - plan.motion.ed_frame)
        assert recording.fps == pytest.approx(plan.facts.fps, abs=0.05)


def test_sizes_differ_and_both_views_show_other_pictures(root: Path) -> None:
    clips = {recording.id: read_nifti(recording.path).frames for recording in load_camus(root, view="all")}
    assert len({clip.shape[1:] for clip in clips.values()}) > RECORDINGS
    first, second = (camus_clip(recording) for recording in load_camus(root, view="all")[:2])
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.9


def grey_in_right_ventricle(plan: RecordingPlan, place: RecordingPlan) -> float:
    """Mean grey of 5 x 5 pixels of the ED frame where the right ventricle of `place` has its middle."""
    anatomy, view = place.anatomy, place.view
    z_mm = 0.75 * anatomy.length_mm
    x_mm = -float(anatomy.epicardium(np.array([z_mm]))[0]) - 0.5 * anatomy.rv_width_mm
    cosine, sine = np.cos(view.tilt_rad), np.sin(view.tilt_rad)
    scan_x = np.array([view.apex_x_mm + cosine * x_mm + sine * z_mm])
    scan_z = np.array([view.apex_z_mm - sine * x_mm + cosine * z_mm])
    columns, rows = view.to_pixels(scan_x, scan_z)
    row, column = round(float(rows[0])), round(float(columns[0]))
    picture = next(islice(render_recording(plan), plan.motion.ed_frame, None))
    return float(picture[row - 2 : row + 3, column - 2 : column + 3].mean())


def test_the_two_chamber_view_has_the_same_ventricle_and_no_right_heart() -> None:
    four, two = [], []
    for index in range(4):
        plan = plan_recording(SETTINGS, SEED, index, "TRAIN")
        recording = two_chamber_recording(plan)
        # One place of the probe for both, so that they differ in nothing but the heart.
        there = replace(recording, view=plan.view, facts=plan.facts)
        for frame in (plan.motion.ed_frame, plan.motion.es_frame):
            np.testing.assert_array_equal(label_frame(there, frame), label_frame(plan, frame))
        four.append(grey_in_right_ventricle(plan, plan))
        two.append(grey_in_right_ventricle(there, plan))
    # The cavity of the right ventricle is dark; without it there is tissue.
    assert np.mean(two) > 1.2 * np.mean(four)


def test_files_that_run_backwards_are_mended_by_the_loader(root: Path) -> None:
    backward = [
        recording
        for recording in load_camus(root)
        if recording.beat is not None and recording.beat[0] > recording.beat[1]
    ]
    assert len(backward) == 1
    clip = camus_clip(backward[0])
    still = read_nifti(backward[0].path.with_name(f"{backward[0].id}_ED.nii.gz")).frames
    whole = read_nifti(backward[0].path).frames
    np.testing.assert_array_equal(whole[-1], still[0])
    assert clip.shape == (16, 112, 112)


def test_contours_lie_on_the_heart(root: Path) -> None:
    """The cavity is dark and its wall is bright; the ventricle is smaller at ES."""
    for recording in load_camus(root):
        stem = recording.path.with_name(recording.id)
        pictures = [read_nifti(Path(f"{stem}_{kind}.nii.gz")).frames[0] for kind in ("ED", "ED_gt", "ES_gt")]
        image, first, last = pictures
        assert set(np.unique(first)) == {0, 1, 2}
        assert image[first == 2].mean() > 1.15 * image[first == 1].mean()
        assert (last == 1).sum() < (first == 1).sum()


def test_quality_grades_have_the_shares_of_camus() -> None:
    grades = [grade_quality(plan_recording(SETTINGS, 11, index, "TRAIN").view) for index in range(250)]
    shares = {grade: grades.count(grade) / len(grades) for grade in ("Good", "Medium", "Poor")}
    assert shares == pytest.approx({"Good": 0.35, "Medium": 0.46, "Poor": 0.19}, abs=0.09)


def test_a_dozen_patients_lie_in_all_official_folds() -> None:
    official = official_folds()
    folds = {official[f"patient{index * 181 % 500 + 1:04d}"] for index in range(12)}
    assert folds == set(range(1, 11))


def test_the_same_seed_gives_the_same_bytes_and_a_part_is_continued(root: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_camus_phantoms(again, recordings=1, seed=SEED, workers=1)
    name = "database_nifti/patient0001"
    files = sorted(path.name for path in (root / name).iterdir())
    assert len(files) == 12
    assert filecmp.cmpfiles(root / name, again / name, files, shallow=False)[0] == files
    # As an interrupted command leaves it: no card, and one view missing.
    (again / "phantom.json").rename(again / "phantom-unfinished.json")
    (again / name / "Info_2CH.cfg").unlink()
    before = (again / name / "Info_4CH.cfg").stat().st_mtime_ns
    write_camus_phantoms(again, recordings=1, seed=SEED, workers=1)
    assert filecmp.cmpfiles(root / name, again / name, files, shallow=False)[0] == files
    assert (again / name / "Info_4CH.cfg").stat().st_mtime_ns == before


def test_other_folders_and_numbers_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="501 recordings; CAMUS has at most 500 patients"):
        write_camus_phantoms(tmp_path, recordings=501, seed=0)
    with pytest.raises(DatasetError, match="recordings is 0, expected at least 1"):
        write_camus_phantoms(tmp_path, recordings=0, seed=0)
    with pytest.raises(DatasetError, match="another phantom cohort: seed is 1 there, 4 asked for"):
        write_camus_phantoms(root, recordings=RECORDINGS, seed=4)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DatasetError, match="not empty and holds no phantom cohort"):
        write_camus_phantoms(tmp_path, recordings=1, seed=0)
    (tmp_path / "phantom.json").write_text("[]")
    with pytest.raises(DatasetError, match=r"phantom\.json is not a phantom card"):
        write_camus_phantoms(tmp_path, recordings=1, seed=0)
    with pytest.raises(DatasetError, match="this is a file"):
        write_camus_phantoms(tmp_path / "notes.txt", recordings=1, seed=0)


def test_the_card_says_what_differs(root: Path) -> None:
    card = json.loads((root / "phantom.json").read_text())
    assert card["layout"] == "CAMUS"
    assert card["settings"]["scanner"] == "C"
    assert any("2CH" in note for note in card["notes"])
