from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets import load_recordings
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.table import find_table, load_table
from coreecho.errors import DatasetError


def write(
    folder: Path, columns: Mapping[str, list[object]], name: str = "recordings.csv", *, clips: bool = True
) -> Path:
    table = pd.DataFrame(dict(columns))
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".csv"):
        table.to_csv(folder / name, index=False)
    elif name.endswith(".xlsx"):
        table.to_excel(folder / name, index=False)
    else:
        table.to_parquet(folder / name)
    if clips:
        for path in map(str, table.get("path", pd.Series(dtype=str))):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            np.save((folder / path).open("wb"), np.zeros((2, 8, 8), dtype=np.uint8))
    return folder / name


def cohort(num_patients: int = 12, clips_each: int = 2) -> dict[str, list[object]]:
    count = num_patients * clips_each
    return {
        "path": [f"clips/{number:03d}.npy" for number in range(count)],
        "label": [40.0 + number for number in range(count)],
        "patient": [f"P{number // clips_each:02d}" for number in range(count)],
    }


@pytest.mark.parametrize("name", ["recordings.csv", "recordings.xlsx", "recordings.parquet"])
def test_every_kind_of_table_gives_the_same_recordings(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    columns = cohort() | {
        "split": ["train"] * 20 + ["val", "val", "test", "test"],
        "scanner": ["Epiq", "Vivid E95"] * 12,
    }
    recordings = load_recordings("table", write(tmp_path, columns, name))
    assert [recording.scanner for recording in recordings] == columns["scanner"]
    assert [recording.ef_percent for recording in recordings] == [40.0 + number for number in range(24)]
    assert [recording.split for recording in recordings] == columns["split"]
    assert recordings[3].path == tmp_path / "clips" / "003.npy"
    assert recordings[3].id == "clips/003.npy"
    assert recordings[3].patient == "P01"


def test_missing_splits_are_made_by_patient_and_kept(tmp_path: Path) -> None:
    table = write(tmp_path, cohort())
    first = load_table(table, seed=3)
    assert {recording.split for recording in first} == {"train", "val", "test"}
    places: dict[str, set[str]] = {}
    for recording in first:
        places.setdefault(str(recording.patient), set()).add(str(recording.split))
    assert all(len(splits) == 1 for splits in places.values())
    assert (tmp_path / "recordings.splits.csv").read_text().startswith("patient,split\nP00,")
    assert load_table(table, seed=4) == first


def test_new_patients_join_and_old_ones_stay(tmp_path: Path) -> None:
    before = {recording.id: recording.split for recording in load_table(write(tmp_path, cohort(12)))}
    after = {recording.id: recording.split for recording in load_table(write(tmp_path, cohort(30)))}
    assert len(after) == 60
    assert {recording_id: after[recording_id] for recording_id in before} == before


def test_without_patients_each_clip_is_its_own(tmp_path: Path) -> None:
    columns = cohort()
    del columns["patient"]
    recordings = load_table(write(tmp_path, columns))
    assert all(recording.patient is None for recording in recordings)
    assert "clips/000.npy," in (tmp_path / "recordings.splits.csv").read_text()


def test_folds_make_splits(tmp_path: Path) -> None:
    columns = cohort() | {"fold": [number // 2 % 4 for number in range(24)]}
    table = write(tmp_path, columns)
    assert {recording.fold for recording in load_table(table) if recording.split == "test"} == {0}
    assert {recording.fold for recording in load_table(table, fold=3) if recording.split == "val"} == {0}
    assert not (tmp_path / "recordings.splits.csv").exists()


def test_a_fold_that_is_asked_for_goes_before_the_splits(tmp_path: Path) -> None:
    splits = ["train", "val", "test"]
    columns = cohort() | {"fold": [number // 2 % 4 for number in range(24)]}
    table = write(tmp_path, columns | {"split": [splits[number // 2 % 3] for number in range(24)]})
    assert {recording.fold for recording in load_table(table) if recording.split == "test"} == {0, 1, 2, 3}
    for fold in range(4):
        assert {recording.fold for recording in load_table(table, fold=fold) if recording.split == "test"} == {fold}
    with pytest.raises(DatasetError, match="No recording is in fold 99"):
        load_table(table, fold=99)
    without = write(tmp_path / "without", cohort())
    with pytest.raises(DatasetError, match="fold 2 is asked for, and 24 of 24 recordings have none"):
        load_table(without, fold=2)


def test_labels_may_be_mi(tmp_path: Path) -> None:
    columns = cohort(3, 1)
    columns["has_mi"] = ["yes", "0", "TRUE"]
    del columns["label"]
    recordings = load_table(write(tmp_path, columns))
    assert [recording.has_mi for recording in recordings] == [True, False, True]
    assert all(recording.ef_percent is None for recording in recordings)


def test_a_folder_holds_one_table(tmp_path: Path) -> None:
    table = write(tmp_path, cohort(), "export.csv")
    assert find_table(tmp_path) == table
    load_table(tmp_path)
    assert find_table(tmp_path) == table, "the stored splits are no table of clips"
    write(tmp_path, cohort(), "other.csv")
    with pytest.raises(DatasetError, match=r"expected one table named recordings.*found export.csv, other.csv"):
        find_table(tmp_path)
    assert find_table(write(tmp_path, cohort()).parent).name == "recordings.csv"


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "path": ["a.npy", "b.npy", "c.npy", "a.npy", "gone.npy", "f.npy", "g.npy"],
        "ef_percent": [50, 0.55e3, "n/a", 50, 50, 50, 50],
        "patient": ["P1", "P1", "P2", "P3", "P4", "P5", "P6"],
        "split": ["train", "test", "holdout", "val", "val", "", "val"],
        "fold": [1, 1, 1, 1, 1, 1, "two"],
        "view": ["A4C", "A4C", "A4C", "A4C", "A4C", "PLAX", "psax"],
    }
    table = write(tmp_path, columns)
    (tmp_path / "gone.npy").unlink()
    with pytest.raises(FaultyDatasetError) as raised:
        load_table(table)
    text = str(raised.value)
    for fact in (
        "recordings.csv line 3: '550.0'",
        "recordings.csv line 4: 'n/a'",
        "recordings.csv line 5: 'a.npy' (as in line 2)",
        "gone.npy (recordings.csv line 6)",
        "patient P1 is in splits train (a.npy), test (b.npy)",
        "recordings.csv line 4: 'holdout'",
        "recordings.csv line 8: 'two'",
        "recordings.csv line 7: 'PLAX'",
        "1 row without a split, where others have one",
    ):
        assert fact in text


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"expected the columns path and ef_percent .* its columns are path, patient"
    ):
        load_table(write(tmp_path, {"path": ["a.npy"], "patient": ["P1"]}))
    with pytest.raises(DatasetError, match="has no rows below its header"):
        load_table(write(tmp_path, {"path": [], "label": []}))
    with pytest.raises(DatasetError, match=r"notes\.txt: is not a table"):
        load_table(tmp_path / "notes.txt")
    with pytest.raises(DatasetError, match=r"gone\.csv: not found"):
        load_table(tmp_path / "gone.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DatasetError, match=r"bad\.parquet: (cannot be read|reading Parquet takes pyarrow)"):
        load_table(tmp_path / "bad.parquet")


def test_a_damaged_list_of_splits_is_refused(tmp_path: Path) -> None:
    table = write(tmp_path, cohort())
    (tmp_path / "recordings.splits.csv").write_text("patient,split\nP00,train\nP00,test\n")
    with pytest.raises(DatasetError, match=r"recordings\.splits\.csv: line 3 is wrong \('P00', 'test'\)"):
        load_table(table)


def test_a_patient_listed_twice_in_the_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recordings.csv").write_text("path,label,label\na.npy,1,2\n")
    with pytest.raises(DatasetError, match="has the column label more than once"):
        load_table(tmp_path)


def test_the_table_of_a_published_data_set_is_known_by_its_folder(tmp_path):
    (tmp_path / "Videos").mkdir()
    table = tmp_path / "FileList.csv"
    table.write_text("FileName,EF,Split\na,50,TRAIN\n")
    with pytest.raises(DatasetError) as refused:
        load_table(table)
    assert f"This is of EchoNet-Dynamic; use --dataset echonet --data {tmp_path}." in str(refused.value)
    assert "`--columns path=FileName`" in str(refused.value)


def test_columns_are_advised_by_what_others_call_them(tmp_path):
    table = tmp_path / "recordings.csv"
    table.write_text("File,LVEF,site\na.avi,50,2\n")
    with pytest.raises(DatasetError, match=r"such as here: `--columns path=File,ef_percent=LVEF`"):
        load_table(table)
