"""Tables of predictions that are held against each other, which they can be where they tell of the same recordings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coreecho.evaluation.metric_family import MetricFamily
from coreecho.names import counted

_NAMED_AT_MOST = 10


@dataclass(frozen=True, kw_only=True)
class PredictionsOfModels:
    """What several models say of the same recordings.

    Attributes:
        recordings: (N,) names, sorted.
        true: (N,) labels.
        predicted: by the name of the model, (N,) predictions.
    """

    recordings: list[str]
    true: NDArray[np.float64]
    predicted: Mapping[str, NDArray[np.float64]]

    def patients(self, patient_of_recording: Mapping[str, str] | None) -> list[str] | None:
        """(N,) names of patients.

        Raises:
            ValueError: recordings have no patient.
        """
        if patient_of_recording is None:
            return None
        missing = [recording for recording in self.recordings if recording not in patient_of_recording]
        if missing:
            raise ValueError(
                f"patients: {len(missing)} of {len(self.recordings)} recordings have none: {named(missing)}"
            )
        return [patient_of_recording[recording] for recording in self.recordings]


def aligned(family: MetricFamily[Any], tables: Mapping[str, pd.DataFrame]) -> PredictionsOfModels:
    """Put the tables of several models into one order of recordings; that of their rows does not matter.

    Args:
        family: says which columns hold labels and predictions; `recording` names the recordings.
        tables: by the name of the model, which is for messages.

    Raises:
        ValueError: a column is missing, a recording occurs twice, tables have other recordings or other labels than the
            first, or values that are no label or no prediction. The message names the recordings.
    """
    true_column, predicted_column = family.true_column, family.predicted_column
    columns = {}
    for name, table in tables.items():
        check_columns(table, ("recording", true_column, predicted_column), name)
        recordings = table["recording"].astype(str)
        twice = sorted(set(recordings[recordings.duplicated()]))
        if twice:
            raise ValueError(f"{name}: {counted(len(twice), 'recordings')} listed more than once: {named(twice)}")
        try:
            true, predicted = family.checked(table[true_column], table[predicted_column])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        columns[name] = pd.DataFrame({"true": true, "predicted": predicted}, index=recordings.to_numpy()).sort_index()
    first_name, first = next(iter(columns.items()))
    for name, other in columns.items():
        _check_same(first_name, first, name, other, true_column)
    return PredictionsOfModels(
        recordings=[str(recording) for recording in first.index],
        true=first["true"].to_numpy(),
        predicted={name: of_model["predicted"].to_numpy() for name, of_model in columns.items()},
    )


def check_columns(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Raise ValueError where a table lacks columns."""
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{name}: lacks the columns {named(missing)}; it has {named(map(str, table.columns))}")


def named(names: Iterable[str]) -> str:
    """Give the first names of many, for a message."""
    names = list(names)
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _check_same(first_name: str, first: pd.DataFrame, name: str, other: pd.DataFrame, true_column: str) -> None:
    only_first, only_other = (sorted(set(a.index) - set(b.index)) for a, b in ((first, other), (other, first)))
    if only_first or only_other:
        differences = [
            f"{len(only)} only in {of}: {named(only)}"
            for of, only in ((first_name, only_first), (name, only_other))
            if only
        ]
        raise ValueError(f"{first_name} and {name} must hold the same recordings, but {'; '.join(differences)}")
    # A label that went through a file or an array of lower precision is still the same label.
    is_other = ~np.isclose(first["true"].to_numpy(), other["true"].to_numpy(), rtol=0, atol=1e-3)
    if is_other.any():
        changed = [str(recording) for recording in first.index[is_other]]
        raise ValueError(
            f"{first_name} and {name} differ in {true_column} of {len(changed)} recordings: {named(changed)}"
        )
