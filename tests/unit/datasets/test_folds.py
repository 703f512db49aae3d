from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreecho.datasets.camus import official_folds
from coreecho.datasets.folds import (
    consecutive_blocks,
    divided_patients,
    patient_splits,
    split_by_fold,
    stratified_in_order,
)
from coreecho.datasets.recording import Recording, Split
from coreecho.errors import DatasetError


def recording(
    name: str, *, fold: int | None = None, patient: str | None = None, split: Split | None = None
) -> Recording:
    return Recording(id=name, path=Path(name), fold=fold, patient=patient, split=split)


def test_camus_has_ten_official_folds_of_fifty() -> None:
    folds = official_folds()
    assert Counter(folds.values()) == dict.fromkeys(range(1, 11), 50)
    assert set(folds) == {f"patient{number:04d}" for number in range(1, 501)}


def test_official_folds_are_not_consecutive_blocks() -> None:
    folds = official_folds()
    assert consecutive_blocks(folds) != folds


def test_blocks_of_camus_are_fifty_sorted_names_each() -> None:
    blocks = consecutive_blocks(f"patient{number:04d}" for number in reversed(range(1, 501)))
    assert [blocks[f"patient{number:04d}"] for number in (1, 50, 51, 500)] == [1, 1, 2, 10]


def test_blocks_need_as_many_names_as_folds() -> None:
    with pytest.raises(DatasetError, match="10 folds need at least 2 folds and as many patients; there are 2"):
        consecutive_blocks(["a", "b"])


def test_stratified_folds_are_dealt_out_within_each_class() -> None:
    labels = ["MI", "MI", "no", "MI", "no", "MI", "MI", "MI", "no"]
    assert stratified_in_order(labels) == [1, 2, 1, 3, 2, 4, 5, 1, 3]


def test_the_next_fold_validates() -> None:
    recordings = [recording(f"s{fold}", fold=fold) for fold in range(1, 11)]
    splits = {each.fold: each.split for each in split_by_fold(recordings, 3)}
    assert splits == dict.fromkeys(range(1, 11), "train") | {3: "test", 4: "val"}
    assert {each.fold: each.split for each in split_by_fold(recordings, 10)}[1] == "val"


def test_without_a_validation_all_folds_but_the_tested_one_train() -> None:
    recordings = [recording(f"s{fold}", fold=fold) for fold in range(1, 6)]
    splits = {each.fold: each.split for each in split_by_fold(recordings, 3, has_validation=False)}
    assert splits == dict.fromkeys(range(1, 6), "train") | {3: "test"}
    assert {each.split for each in split_by_fold(recordings[:2], 1, has_validation=False)} == {"test", "train"}
    with pytest.raises(DatasetError, match="at least two folds; this data set has 1"):
        split_by_fold(recordings[:1], 1, has_validation=False)


def test_a_fold_that_does_not_exist_is_refused() -> None:
    recordings = [recording(f"s{fold}", fold=fold) for fold in (1, 2, 3)]
    with pytest.raises(DatasetError, match="No recording is in fold 4; the folds of this data set are: 1 to 3"):
        split_by_fold(recordings, 4)
    with pytest.raises(DatasetError, match="at least three folds; this data set has 2"):
        split_by_fold(recordings[:2], 1)


@given(st.lists(st.integers(0, 20).map(str), min_size=1, max_size=80), st.integers(0, 2**32))
def test_no_patient_is_in_two_splits_and_none_is_left_out(patients: list[str], seed: int) -> None:
    splits = patient_splits(patients, seed=seed)
    assert set(splits) == set(patients)
    recordings = [recording(str(i), patient=name, split=splits[name]) for i, name in enumerate(patients)]
    assert divided_patients(recordings) == []
    if len(set(patients)) >= 3:
        assert set(splits.values()) == {"train", "val", "test"}


def test_splits_have_about_their_shares_of_the_clips() -> None:
    patients = [str(number % 400) for number in range(1000)]
    splits = patient_splits(patients, seed=0)
    clips = Counter(splits[patient] for patient in patients)
    assert clips == pytest.approx({"train": 750, "val": 125, "test": 125}, abs=4)


def test_splits_depend_on_the_seed_and_not_on_the_order() -> None:
    patients = [str(number) for number in range(50)]
    assert patient_splits(patients, seed=1) == patient_splits(patients[::-1], seed=1)
    assert patient_splits(patients, seed=1) != patient_splits(patients, seed=2)


def test_known_patients_keep_their_split() -> None:
    before = patient_splits([str(number) for number in range(20)], seed=1)
    after = patient_splits([str(number) for number in range(60)], seed=99, known=before)
    assert {patient: after[patient] for patient in before} == before


def test_divided_patients_are_named_with_their_clips() -> None:
    recordings = [
        recording("a", patient="P1", split="train", fold=1),
        recording("b", patient="P1", split="test", fold=1),
        recording("c", patient="P2", fold=1),
        recording("d", patient="P2", fold=2),
        recording("e", split="val"),
    ]
    assert divided_patients(recordings) == [
        "patient P1 is in splits train (a), test (b)",
        "patient P2 is in folds 1 (c), 2 (d)",
    ]
