"""Whom recordings are of: what is resampled together."""

from collections.abc import Sequence

from coreecho.datasets import Recording


def patients_of(recordings: Sequence[Recording]) -> list[str] | None:
    """Name the patient of each recording; None where the data set knows none, and each recording stands for itself."""
    if all(recording.patient is None for recording in recordings):
        return None
    return [recording.patient or f"recording {recording.id}" for recording in recordings]
