from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets import load_recordings
from coreecho.datasets.camus import CAMUS, camus_clip, load_camus, official_folds
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.errors import DatasetError, VideoError
from coreecho.video.resizing import squash_frames

TreeWriter = Callable[..., Path]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, write_camus: TreeWriter) -> Path:
    """Patients spread over the 500, so that every official fold is there."""
    patients = [1 + 16 * number for number in range(31)]
    return write_camus(tmp_path_factory.mktemp("camus"), patients, backward=[17])


def test_both_releases_are_read(tmp_path: Path, root: Path, write_camus: TreeWriter) -> None:
    nifti = CAMUS.survey(root, view="A4C").checked()
    old = CAMUS.survey(write_camus(tmp_path, release="mhd", testing=[3]), view="A4C").checked()
    assert [recording.ef_percent for recording in nifti[:2]] == [41, 57]
    assert [recording.ef_percent for recording in old] == [41, 42, None]
    assert (old[0].edv_ml, old[0].esv_ml) == (100, 59)
    assert nifti[0].fps == 50.6
    assert {recording.ef_source for recording in nifti} == {"CAMUS NIfTI release"}
    assert [recording.ef_source for recording in old] == ["CAMUS MetaImage release"] * 2 + [None]
    assert old[0].path.name == "patient0001_4CH_sequence.mhd"
    assert nifti[0].path.name == "patient0001_4CH_half_sequence.nii.gz"


def test_a_recording_has_its_quality_patient_and_view(root: Path) -> None:
    first = load_camus(root, view="A2C")[0]
    assert (first.id, first.patient, first.view, first.quality) == ("patient0001_2CH", "patient0001", "A2C", "Medium")
    both = load_camus(root, view="all")
    assert len(both) == 2 * 31
    assert {recording.view for recording in both} == {"A4C", "A2C"}


def test_official_folds_make_the_splits(root: Path) -> None:
    official = official_folds()
    recordings = load_recordings("camus", root, fold=10)
    assert all(recording.fold == official[str(recording.patient)] for recording in recordings)
    assert {recording.split for recording in recordings if recording.fold == 10} == {"test"}
    assert {recording.split for recording in recordings if recording.fold == 1} == {"val"}
    assert {recording.split for recording in recordings if recording.fold not in (1, 10)} == {"train"}


def test_blocks_are_an_option(root: Path) -> None:
    recordings = load_camus(root, folds="blocks")
    assert [recording.fold for recording in recordings] == sorted(
        recording.fold for recording in recordings if recording.fold
    )
    assert recordings[0].split == "test"
    assert recordings[-1].split == "train"


def test_the_testing_patients_of_the_first_release_have_no_ef(tmp_path: Path, write_camus: TreeWriter) -> None:
    write_camus(tmp_path, tuple(range(1, 13)), release="mhd", testing=[12])
    assert len(load_camus(tmp_path, folds="blocks")) == 11
    assert len(load_camus(tmp_path, folds="blocks", only_with_ef=False)) == 12
    remarks = " ".join(CAMUS.survey(tmp_path).remarks)
    assert "2 clips have no EF (testing/ of the MetaImage release)" in remarks
    assert "The EF is that of the CAMUS MetaImage release" in remarks


def test_a_clip_runs_from_ed_to_es_in_16_frames_of_112_pixels(root: Path) -> None:
    forward, backward = load_camus(root)[:2]
    assert forward.beat == (0, 12)
    assert backward.beat == (13, 0)
    for recording in (forward, backward):
        clip = camus_clip(recording)
        assert clip.shape == (16, 112, 112)
        assert clip.dtype == np.uint8
        # The disc of the test's heart shrinks from ED to ES.
        assert clip[0].mean() > 1.5 * clip[-1].mean()


def test_the_ends_of_a_clip_are_ed_and_es_themselves(tmp_path: Path, write_camus: TreeWriter) -> None:
    import nibabel as nib

    recording = load_camus(write_camus(tmp_path, tuple(range(1, 11))), folds="blocks")[0]
    for index, kind in ((0, "ED"), (-1, "ES")):
        still = np.asarray(nib.load(recording.path.with_name(f"patient0001_4CH_{kind}.nii.gz")).dataobj).T[None]
        np.testing.assert_array_equal(camus_clip(recording)[index], squash_frames(still, 112)[0])


def test_both_releases_give_the_same_clip(tmp_path: Path, write_camus: TreeWriter) -> None:
    patients = tuple(range(1, 11))
    recordings = [
        load_camus(write_camus(tmp_path / release, patients, release=release), folds="blocks")[4]
        for release in ("nifti", "mhd")
    ]
    np.testing.assert_array_equal(camus_clip(recordings[0]), camus_clip(recordings[1]))


def test_all_faults_are_reported_at_once(tmp_path: Path, write_camus: TreeWriter) -> None:
    changes = {
        (1, "ED"): 99,
        (2, "EF"): 130,
        (3, "ImageQuality"): "Superb",
        (4, "EF"): None,
        (5, "ES"): 1,
        (6, "NbFrame"): "many",
    }
    write_camus(tmp_path, (1, 2, 3, 4, 5, 6, 7, 8, 999), changes=changes)
    folder = tmp_path / "database_nifti"
    (folder / "patient0007" / "patient0007_4CH_half_sequence.nii.gz").unlink()
    (folder / "patient0008" / "Info_4CH.cfg").unlink()
    with pytest.raises(FaultyDatasetError) as raised:
        load_camus(tmp_path)
    text = str(raised.value)
    for fact in (
        "database_nifti/patient0001/Info_4CH.cfg: ED is '99', expected a whole number from 1 to 13",
        "patient0002/Info_4CH.cfg: EF is '130', expected a number from 0 to 100",
        "patient0003/Info_4CH.cfg: ImageQuality is 'Superb', expected Good or Medium or Poor",
        "patient0004/Info_4CH.cfg: EF is nothing, expected a number from 0 to 100",
        "1 Info file whose ED is ",
        "NbFrame is 'many', expected a whole number from 1",
        "2 missing files:",
        "patient0007/patient0007_4CH_half_sequence.nii.gz",
        "patient0008/Info_4CH.cfg",
        "1 patient without an official fold",
        "patient0999",
    ):
        assert fact in text


def test_other_folders_and_options_are_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no patients of CAMUS\. A CAMUS root holds database_nifti"):
        load_camus(tmp_path)
    with pytest.raises(DatasetError, match="CAMUS: the option view is 'PSAX', expected A4C or A2C or all"):
        load_camus(root, view="PSAX")
    with pytest.raises(DatasetError, match="No recording is in fold 11"):
        load_camus(root, fold=11)


def test_a_file_shorter_than_its_beat_is_refused(tmp_path: Path, write_camus: TreeWriter) -> None:
    write_camus(tmp_path, tuple(range(1, 11)), changes={(1, "NbFrame"): 40, (1, "ES"): 40})
    with pytest.raises(VideoError, match="runs from frame 0 to 39, but the clip has frames 0 to 12"):
        camus_clip(load_camus(tmp_path, folds="blocks")[0])


def test_info_files_may_begin_with_a_byte_order_mark(tmp_path: Path, write_camus: TreeWriter) -> None:
    write_camus(tmp_path, tuple(range(1, 11)))
    before = load_camus(tmp_path, folds="blocks")
    for path in tmp_path.rglob("*.cfg"):
        text = path.read_text()
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        # As Windows saves it under the name "Unicode".
        if "patient0003" in str(path):
            path.write_bytes(text.encode("utf-16"))
    assert load_camus(tmp_path, folds="blocks") == before


def test_an_info_file_in_another_encoding_is_one_fault_that_says_what_to_do(
    tmp_path: Path, write_camus: TreeWriter
) -> None:
    write_camus(tmp_path, tuple(range(1, 11)))
    path = tmp_path / "database_nifti" / "patient0001" / "Info_4CH.cfg"
    path.write_bytes(b"Operator: M\xfcller\n" + path.read_bytes())
    with pytest.raises(FaultyDatasetError) as raised:
        load_camus(tmp_path, folds="blocks")
    assert raised.value.faults == {
        "Info files that cannot be read": (
            "database_nifti/patient0001/Info_4CH.cfg: cannot be read as an Info file: line 1 is not UTF-8 (byte 0xfc), "
            "so its letters are in doubt. Save it as UTF-8.",
        )
    }


def test_an_info_file_that_contradicts_itself_is_a_fault(tmp_path: Path, write_camus: TreeWriter) -> None:
    write_camus(tmp_path, tuple(range(1, 11)))
    path = tmp_path / "database_nifti" / "patient0001" / "Info_4CH.cfg"
    path.write_text(path.read_text() + "EF: 12\n")
    with pytest.raises(FaultyDatasetError, match=r"say a thing twice.*:\n.*Info_4CH\.cfg: EF"):
        load_camus(tmp_path, folds="blocks")
