import os
from pathlib import Path

import numpy as np
import pytest

from coreecho.inference.files import PredictionFailure, find_files
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
    missing, found, empty = find_files([tmp_path / "gone.avi", clip, tmp_path / "empty"])
    assert found == clip
    assert missing == PredictionFailure(file=str(tmp_path / "gone.avi"), error="no such file or folder")
    assert isinstance(empty, PredictionFailure)
    assert empty.to_dict() == {
        "file": str(tmp_path / "empty"),
        "error": "the folder holds no file that could be a clip",
    }


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
