"""Labels in the unit in which a task reads them."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from coreecho.datasets.recording import TRUTHS, Recording
from coreecho.datasets.survey import Recordings
from coreecho.errors import DatasetError
from coreecho.tasks import EF, Task

# Left ventricles of a newborn hold some 5 mL, the largest of adults some 500.
_VOLUMES_ML = (1.0, 1500.0)
LOW_EF_FAULT = "recordings with an EF of at most 1 %, which no heart has (a fraction among percents?)"
# Points of EF. Tables round volumes to 0.1 mL or finer, which moves the EF by less than half a point.
_EF_TOLERANCE = 1.0


def scaled(recordings: Iterable[Recording], scale: float, label: str = EF.label) -> Recordings:
    """Multiply one label of every recording, such as EF in fractions by 100.

    Args:
        recordings: as loaded; one without the label stays as it is.
        scale: above 0.
        label: one of `NUMBERS` but a truth, or a column of `labels`.

    Returns:
        The recordings; what was left out and remarked of them stays.

    Raises:
        DatasetError: the scale is no number above 0, or the label is a truth.
    """
    if not (scale > 0 and math.isfinite(scale)) or (label in TRUTHS and scale != 1):
        raise DatasetError(f"label_scale is {scale:g} for {label}, expected a number above 0, and a label on a scale.")
    found = [_scaled(recording, scale, label) for recording in recordings] if scale != 1 else recordings
    if isinstance(recordings, Recordings):
        return Recordings(found, recordings.left_out, recordings.remarks)
    return Recordings(found)


def _scaled(recording: Recording, scale: float, label: str) -> Recording:
    value = recording.number(label)
    if value is None:
        return recording
    # Binary fractions: 0.55 times 100 is 55.000000000000007.
    return recording.with_number(label, float(f"{value * scale:.12g}"))


def fault_of_labels(recordings: Iterable[Recording], task: Task | None = None) -> str | None:
    """Say why the labels, all of a data set, cannot be in the task's unit; None where they can.

    Args:
        recordings: of the data set.
        task: whose label; EF when not given.
    """
    task = task or EF()
    labels = [label for recording in recordings if (label := task.label_of(recording)) is not None]
    return task.fault_of_labels(labels) if labels else None


def check_labels(recordings: Iterable[Recording], task: Task | None = None) -> None:
    """See that the labels can be in the task's unit. Raises DatasetError."""
    fault = fault_of_labels(recordings, task)
    if fault is not None:
        raise DatasetError(f"The labels cannot be right: {fault}.")


class OddLabel(NamedTuple):
    """A label that cannot be true.

    Attributes:
        kind: of fault, a plural noun.
        case: which, and why.
        about: the recording; None where it is of the data set as a whole.
    """

    kind: str
    case: str
    about: str | None = None


def odd_labels(recordings: Sequence[Recording]) -> list[OddLabel]:
    """Labels that cannot be true together, or are in another unit than they should be."""
    # Of lone fractions each is named, and so the set of them need not be.
    low = _low_efs(recordings)
    fractions = None if low else fault_of_labels(recordings)
    found = [] if fractions is None else [OddLabel("sets of labels in another unit", fractions)]
    return found + _other_units(recordings) + low + _odd_volumes(recordings)


def odd_among(recordings: Sequence[Recording]) -> list[OddLabel]:
    """Those of `odd_labels` that are of one recording, of data whose EFs are percents.

    Where most are fractions, which a recipe may scale, nothing is said of any.
    """
    efs = [recording.ef_percent for recording in recordings if recording.ef_percent is not None]
    if 2 * sum(map(EF().is_doubtful, efs)) >= len(efs):
        return []
    return [found for found in odd_labels(recordings) if found.about is not None]


def _other_units(recordings: Sequence[Recording]) -> list[OddLabel]:
    low, high = _VOLUMES_ML
    cases = []
    for name in ("esv_ml", "edv_ml"):
        values = [value for recording in recordings if (value := recording.number(name)) is not None]
        if len(values) < 2:
            continue
        unit = "litres" if 0 < max(values) < low else "cubic millimetres" if min(values) > high else None
        if unit is not None:
            cases.append(f"{name} goes from {min(values):g} to {max(values):g}: {unit}? Give millilitres.")
    return [OddLabel("volumes in another unit than mL", case) for case in cases]


def _low_efs(recordings: Sequence[Recording]) -> list[OddLabel]:
    efs = [(recording.id, recording.ef_percent) for recording in recordings if recording.ef_percent is not None]
    low = [(name, ef) for name, ef in efs if EF().is_doubtful(ef)]
    # Of all of them the task says so.
    if len(low) == len(efs):
        return []
    return [OddLabel(LOW_EF_FAULT, f"{name}: {ef:g}", name) for name, ef in low]


def _odd_volumes(recordings: Iterable[Recording]) -> list[OddLabel]:
    found = []
    for recording in recordings:
        if recording.ef_percent is None or recording.esv_ml is None or recording.edv_ml is None:
            continue
        if not 0 <= recording.esv_ml <= recording.edv_ml or recording.edv_ml == 0:
            case = f"{recording.id}: ESV {recording.esv_ml:g} mL, EDV {recording.edv_ml:g} mL"
            found.append(OddLabel("recordings with an ESV above the EDV, or an EDV of 0", case, recording.id))
            continue
        of_volumes = 100 * (recording.edv_ml - recording.esv_ml) / recording.edv_ml
        if abs(of_volumes - recording.ef_percent) > _EF_TOLERANCE:
            case = f"{recording.id}: EF {recording.ef_percent:g}, but 100 (EDV - ESV) / EDV is {of_volumes:.1f}"
            found.append(OddLabel("recordings with an EF that does not follow from the volumes", case, recording.id))
    return found
