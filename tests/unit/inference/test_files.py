import os
from pathlib import Path

import numpy as np
import pytest

from coreecho.inference.files import PredictionFailure, find_files, list_files
from coreecho.video import Series


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_named_files_come_as_given_whatever_their_suffix(tmp_path):
    files = [touch(tmp_path / name) for name in ("b.avi", "a.txt", ".hidden", "c")]
    assert find_files(files) == files
    assert find_files([str(file) for file in files]) == files


def test_a_folder_gives_its_files_sorted_at_any_depth(tmp_path):
    expected = [touch(tmp_path / name) for name in ("a.dcm", "z.avi", "deep/1.mp4", "deep/er/IM0001", "other/0.gif")]
    assert find_files([tmp_path]) == expected


def test_a_folder_passes_over_hidden_files_and_what_lies_beside_clips(tmp_path):
    for name in (".hidden.avi", ".git/a.avi", "FileList.csv", "Notes.TXT", "card.json", "DICOMDIR", "masks.zip"):
        touch(tmp_path / name)
    # A picture is no clip, but nobody should wonder where it went; NIfTI ends in .gz and is no archive.
    kept = [touch(tmp_path / name) for name in ("clip.avi", "picture.png", "volume.nii.gz")]
    assert find_files([tmp_path]) == kept


def test_what_is_not_there_is_a_failure_in_its_place(tmp_path):
    clip = touch(tmp_path / "a.avi")
    (tmp_path / "empty").mkdir()
    missing, found = find_files([tmp_path / "gone.avi", clip, tmp_path / "empty"])
    assert found == clip
    assert missing == PredictionFailure(file=str(tmp_path / "gone.avi"), error="no such file or folder")
    # A day without an examination is no failure.
    assert find_files([tmp_path / "empty"]) == []


def test_what_is_passed_over_in_folders_is_counted_by_kind_and_a_lost_link_has_failed(tmp_path):
    for name in ("DICOMDIR", "a.zip", "b.ZIP", "deep/notes.txt", "deep/.DS_Store", "x.mhd", "x.raw"):
        touch(tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lost.dcm").symlink_to(tmp_path / "gone.dcm")
    (tmp_path / "up").symlink_to(tmp_path / "deep", target_is_directory=True)
    listing = list_files([tmp_path])
    lost = PredictionFailure(file=str(tmp_path / "lost.dcm"), error="a link to a file that is not there")
    assert listing.files == (lost, tmp_path / "x.mhd")
    assert listing.words() == (
        "7 files passed over: 1 .txt, 2 .zip, 1 DICOMDIR, 1 hidden, 1 link to a folder, 1 pipe or device."
    )
    assert listing.after(1) == [str(tmp_path / "x.mhd")]
    assert list_files([tmp_path / "x.mhd"]).words() == ""


def test_a_file_that_is_given_twice_is_read_once_by_whatever_name(tmp_path):
    clip, other = touch(tmp_path / "a.avi"), touch(tmp_path / "b.avi")
    (tmp_path / "c.avi").symlink_to(clip)
    listing = list_files([other, tmp_path, tmp_path / ".." / tmp_path.name / "a.avi", "gone.avi", "gone.avi"])
    assert listing.files == (other, clip, PredictionFailure(file="gone.avi", error="no such file or folder"))
    assert listing.words() == "4 files given twice, and read once."


def test_pipes_are_refused_and_passed_over_in_folders(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    clip = touch(tmp_path / "a.avi")
    assert find_files([tmp_path / "pipe"]) == [
        PredictionFailure(file=str(tmp_path / "pipe"), error="not a regular file")
    ]
    assert find_files([tmp_path]) == [clip]


def test_a_link_to_a_parent_folder_does_not_loop(tmp_path):
    clip = touch(tmp_path / "deep" / "a.avi")
    (tmp_path / "deep" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert find_files([tmp_path]) == [clip]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may open every folder")
def test_a_closed_folder_is_reported(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        (failure,) = find_files([closed])
    finally:
        closed.chmod(0o700)
    assert isinstance(failure, PredictionFailure)
    assert "cannot be opened (Permission denied)" in failure.error


def test_single_frames_of_a_series_are_one_clip_or_one_failure(tmp_path, write_single_frames):
    frames = write_single_frames(tmp_path / "one", 12)
    clip = touch(tmp_path / "one" / "a.avi")
    lone = write_single_frames(tmp_path / "two", 1)
    joined = find_files([tmp_path], joins_series=True)
    assert joined == [Series(tuple(frames)), clip, *lone] or joined == [clip, Series(tuple(frames)), *lone]
    (failure,) = (entry for entry in find_files([tmp_path]) if isinstance(entry, PredictionFailure))
    assert failure.file == f"{frames[0]} and 11 more frames"
    assert "12 single frames of one DICOM series" in failure.error
    assert "`--series` joins them" in failure.error
    # Named one by one, they are frames of one clip, too.
    assert find_files(frames, joins_series=True) == [Series(tuple(frames))]


def test_archives_of_our_own_are_passed_over_and_counted_once_a_folder(tmp_path):
    masks = tmp_path / "Masks"
    masks.mkdir()
    for name in ("a.npz", "b.npz"):
        np.savez(masks / name, labels=np.zeros((9, 4, 4), np.uint8), volume_ml=np.zeros(9))
    np.savez(tmp_path / "clip.npz", clip=np.zeros((9, 4, 4), np.uint8))
    clip, passed = find_files([tmp_path])
    assert clip == tmp_path / "clip.npz"
    assert passed.is_refused
    assert (passed.file, passed.error.split(",")[0]) == (str(masks), "2 files of coreecho's own")
    # Named by itself, a file is what its user says that it is.
    assert find_files([masks / "a.npz"]) == [masks / "a.npz"]
