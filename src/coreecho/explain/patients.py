"""Whom studies are of: what is resampled together."""

from collections.abc import Sequence

from coreecho.datasets import Study


def patients_of(studies: Sequence[Study]) -> list[str] | None:
    """Name the patient of each study; None where the data set knows none, and each study stands for itself."""
    if all(study.patient is None for study in studies):
        return None
    return [study.patient or f"study {study.id}" for study in studies]
