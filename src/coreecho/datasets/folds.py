"""Folds of cross-validation and splits by patient. A patient is never in two of them."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from coreecho.datasets.recording import Recording, Split
from coreecho.errors import DatasetError

# About the shares of EchoNet-Dynamic: 7,465 / 1,288 / 1,277 of 10,030.
SPLIT_SHARES: dict[Split, float] = {"train": 0.75, "val": 0.125, "test": 0.125}


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """By which protocol a data set is cross-validated.

    Attributes:
        words: for people: who trains, which epoch is tested, and how the folds come together.
        has_validation: a fold of its own is left out of training, by which the best epoch is chosen.
        is_mean_over_folds: its figures are means of the folds' metrics, and not metrics of all predictions pooled.
        options: of the data set's loader.
        settings: of the recipe; flags that contradict them ask for another protocol.
        defaults: of the recipe as well, and flags may change them.
    """

    words: str
    has_validation: bool = True
    is_mean_over_folds: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


# Nothing of a fold is seen before it is tested; which data set it is of does not matter.
HELD_OUT = CrossValidation(
    words=(
        "one fold is tested, the next chooses the best epoch and the others train; metrics of all folds' predictions "
        "pooled"
    ),
    settings={"select": "best", "select_on": "val"},
    defaults={"keep_last_batch": False},
)


def consecutive_blocks(names: Iterable[str], num_folds: int = 10) -> dict[str, int]:
    """Folds 1 to `num_folds` of consecutive blocks of the sorted names, as the code of CoReEcho's authors has them.

    Raises:
        DatasetError: there are fewer names than folds.
    """
    ordered = sorted(set(names))
    if not 2 <= num_folds <= len(ordered):
        raise DatasetError(f"{num_folds} folds need at least 2 folds and as many patients; there are {len(ordered)}.")
    return {name: index * num_folds // len(ordered) + 1 for index, name in enumerate(ordered)}


def stratified_in_order(labels: Sequence[Hashable], num_folds: int = 5) -> list[int]:
    """Folds 1, 2, ..., `num_folds`, 1, 2, ... dealt out in order within each class: the published lists of HMC-QU."""
    dealt: dict[Hashable, int] = {}
    folds = []
    for label in labels:
        position = dealt.get(label, 0)
        folds.append(position % num_folds + 1)
        dealt[label] = position + 1
    return folds


def split_by_fold(recordings: Iterable[Recording], test_fold: int, *, has_validation: bool = True) -> list[Recording]:
    """Set each recording's split for one round of cross-validation.

    The round's fold is tested; the next one, after the last the first, is the validation, as CAMUS's authors do; the
    others train. Recordings without a fold get no split.

    Args:
        recordings: with folds.
        test_fold: is tested.
        has_validation: whether there is a validation; without one, all folds but the tested one train.

    Raises:
        DatasetError: no recording has that fold, or there are fewer than three folds; two without a validation.
    """
    recordings = list(recordings)
    folds = sorted({recording.fold for recording in recordings if recording.fold is not None})
    if test_fold not in folds:
        known = f"{folds[0]} to {folds[-1]}" if folds else "none"
        raise DatasetError(f"No recording is in fold {test_fold}; the folds of this data set are: {known}.")
    splits: dict[int, Split] = {test_fold: "test"}
    if has_validation:
        if len(folds) < 3:
            raise DatasetError(f"Train, validation and test need at least three folds; this data set has {len(folds)}.")
        splits[folds[(folds.index(test_fold) + 1) % len(folds)]] = "val"
    elif len(folds) < 2:
        raise DatasetError(f"Train and test need at least two folds; this data set has {len(folds)}.")
    return [
        replace(recording, split=None if recording.fold is None else splits.get(recording.fold, "train"))
        for recording in recordings
    ]


def patient_splits(patients: Iterable[str], *, seed: int, known: Mapping[str, Split] | None = None) -> dict[str, Split]:
    """Put whole patients into train, val and test, about in the shares of EchoNet-Dynamic by number of clips.

    Args:
        patients: the patient of each clip.
        seed: of the order in which patients are dealt out.
        known: patients that have their split already; they keep it.

    Returns:
        The split of each patient. From three patients on, no split is empty.
    """
    clips: dict[str, int] = {}
    for patient in patients:
        clips[patient] = clips.get(patient, 0) + 1
    splits = {patient: split for patient, split in (known or {}).items() if patient in clips}
    filled = dict.fromkeys(SPLIT_SHARES, 0)
    for patient, split in splits.items():
        filled[split] += clips[patient]
    order = sorted(set(clips) - set(splits))
    np.random.Generator(np.random.Philox(key=[seed, 0])).shuffle(order)
    total = sum(clips.values())
    for patient in order:
        empty = [split for split, count in filled.items() if count == 0]
        lacking = empty or list(SPLIT_SHARES)
        split = max(lacking, key=lambda name: SPLIT_SHARES[name] * total - filled[name])
        splits[patient] = split
        filled[split] += clips[patient]
    return splits


def divided_patients(recordings: Iterable[Recording]) -> list[str]:
    """Describe each patient whose clips lie in more than one split or fold."""
    cases = []
    for name in ("split", "fold"):
        found: dict[str, dict[object, str]] = {}
        for recording in recordings:
            place = getattr(recording, name)
            if recording.patient is not None and place is not None:
                found.setdefault(recording.patient, {}).setdefault(place, recording.id)
        for patient, places in found.items():
            if len(places) > 1:
                where = ", ".join(f"{place} ({recording_id})" for place, recording_id in places.items())
                cases.append(f"patient {patient} is in {name}s {where}")
    return cases
