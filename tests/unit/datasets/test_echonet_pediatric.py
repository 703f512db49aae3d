from collections.abc import Callable
from pathlib import Path

import pytest

from coreecho.datasets import load_recordings
from coreecho.datasets.echonet_pediatric import load_echonet_pediatric
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.errors import DatasetError

TreeWriter = Callable[..., Path]


def test_a_view_is_read_with_its_folds(tmp_path: Path, write_pediatric: TreeWriter) -> None:
    recordings = load_recordings("echonet-pediatric", write_pediatric(tmp_path), fold=9)
    assert [recording.id for recording in recordings] == [f"CRA4C{number:03d}" for number in range(10)]
    assert [recording.ef_percent for recording in recordings] == [50.5 + number for number in range(10)]
    assert [recording.fold for recording in recordings] == list(range(10))
    assert [recording.split for recording in recordings] == ["val"] + ["train"] * 8 + ["test"]


def test_both_views_have_ids_of_their_own(tmp_path: Path, write_pediatric: TreeWriter) -> None:
    recordings = load_echonet_pediatric(write_pediatric(tmp_path), view="all")
    assert len({recording.id for recording in recordings}) == 20
    assert recordings[0].id == "A4C/CRA4C000"
    assert recordings[-1].view == "PSAX"


def test_all_faults_are_reported_at_once(tmp_path: Path, write_pediatric: TreeWriter) -> None:
    write_pediatric(tmp_path, changes={(1, "EF"): "130", (2, "Split"): "TRAIN", (3, "Split"): "10"})
    (tmp_path / "A4C" / "Videos" / "CRA4C004.avi").unlink()
    table = tmp_path / "A4C" / "FileList.csv"
    table.write_text(table.read_text() + "CRA4C005,55,F,7,20,120,5\n")
    with pytest.raises(FaultyDatasetError) as raised:
        load_echonet_pediatric(tmp_path)
    text = str(raised.value)
    for fact in (
        "A4C/FileList.csv line 3: CRA4C001: '130'",
        "A4C/FileList.csv line 4: CRA4C002: 'TRAIN'",
        "A4C/FileList.csv line 5: CRA4C003: '10'",
        "A4C/Videos/CRA4C004.avi (line 6)",
        "line 12: 'CRA4C005'",
    ):
        assert fact in text


def test_other_folders_are_refused(tmp_path: Path, write_pediatric: TreeWriter) -> None:
    with pytest.raises(DatasetError, match="holds neither A4C/ nor PSAX/"):
        load_echonet_pediatric(tmp_path, view="all")
    with pytest.raises(DatasetError, match=r"FileList\.csv: not found.*An EchoNet-Pediatric root holds"):
        load_echonet_pediatric(tmp_path)
    with pytest.raises(DatasetError, match="view is 'A2C', expected A4C or PSAX or all"):
        load_echonet_pediatric(write_pediatric(tmp_path), view="A2C")


def test_facts_of_the_child_are_labels(tmp_path: Path, write_pediatric: TreeWriter) -> None:
    recording = load_echonet_pediatric(write_pediatric(tmp_path))[0]
    assert recording.labels == {"age": 7.0, "weight": 20.1, "height": 120.0}
