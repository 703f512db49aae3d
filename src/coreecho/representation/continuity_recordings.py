"""The recordings that continuity is measured on: their embeddings, EF or another number, and what else they show."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.recording import Asked, words_of
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation.patients import patients_of
from coreecho.inference.preparing import DEFAULT_CLIPS
from coreecho.inference.subject import Subject
from coreecho.models.echo_model import EchoModel
from coreecho.names import counted
from coreecho.representation.embeddings import embed_run
from coreecho.representation.explained_variance import FOLDS
from coreecho.representation.nuisances import picture_nuisances
from coreecho.representation.phantom_truth import PhantomCohort, can_be_moved
from coreecho.tasks import Task


@dataclass(frozen=True, kw_only=True)
class ContinuityProtocol:
    """What is measured.

    Attributes:
        split: of the data set.
        clips: evenly placed clips of each recording.
        start_index: file of each recording's starts; goes before `clips`, but for hearts that are moved.
        hearts: simulated hearts whose EF is moved in steps; 0 for none. Only where the data are phantoms.
        seed: of folds and bootstrap.
    """

    split: Asked = "test"
    clips: int = DEFAULT_CLIPS
    start_index: Path | None = None
    hearts: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clips < 1 or self.hearts < 0:
            raise RecipeError(f"expected at least 1 clip and 0 hearts, got {self.clips} and {self.hearts}")


@dataclass(frozen=True, eq=False, kw_only=True)
class ContinuityRecordings:
    """N recordings whose label is known, as a run's model sees them.

    Attributes:
        ids: (N,) text.
        embeddings: (N, D) float32.
        labels: (N,) float64, finite.
        number: what the labels are: what the model reads, or EF where that is no number.
        patients: (N,), whom each recording is of; None where each stands for itself.
        nuisances: by name, (N,) or (N, p); None where there are too few patients for shares of variance.
        cohort: of the phantoms, where these are phantoms that can be made anew.
        source: the embeddings, in words.
        is_phantom: the hearts are simulated.
        notes: what a reader should know.
    """

    ids: list[str]
    embeddings: NDArray[np.float32]
    labels: NDArray[np.float64]
    number: Task
    patients: list[str] | None
    nuisances: Mapping[str, NDArray[np.float64]] | None
    cohort: PhantomCohort | None
    source: str
    is_phantom: bool
    notes: list[str]


def read_recordings(
    subject: Subject,
    model: EchoModel,
    protocol: ContinuityProtocol,
    *,
    batch_size: int = 8,
    allow_overlap: bool = False,
    show_progress: bool = False,
) -> ContinuityRecordings:
    """Embed a split of the data, or read what an earlier call left, with all that is known of the recordings.

    Args:
        subject: model and data.
        model: its weights, on the device that shall compute.
        protocol: which split, and how many clips.
        batch_size: clips at once.
        allow_overlap: see `Subject.check_overlap`.
        show_progress: show a bar on stderr.

    Raises:
        DatasetError: the split is empty, no label of it is known, or the model was trained on some of it.
    """
    embedded = embed_run(
        subject,
        model,
        protocol.split,
        clips=protocol.clips,
        start_index=protocol.start_index,
        batch_size=batch_size,
        allow_overlap=allow_overlap,
        show_progress=show_progress,
    )
    number = embedded.number
    known = np.flatnonzero(np.isfinite(embedded.number_true))
    if len(known) == 0:
        raise DatasetError(
            f"Continuity compares embeddings with {number.noun}, and none of the {len(embedded)} recordings of the "
            f"{words_of(protocol.split)} has one that is known."
        )
    recordings = [subject.recordings(protocol.split)[index] for index in known]
    ids, patients = [recording.id for recording in recordings], patients_of(recordings)
    cohort, notes = _cohort(subject)
    if cohort and protocol.hearts and not can_be_moved(number):
        notes.append(f"paths move the EF of a simulated heart, and this model reads the {number.noun}: there are none")
    if len(known) < len(embedded):
        notes.append(f"without {number.noun}, and left out: {counted(len(embedded) - len(known), 'recordings')}")
    nuisances: Mapping[str, NDArray[np.float64]] | None = None
    if len(set(patients or ids)) < FOLDS:
        notes.append(f"shares of variance need at least {FOLDS} recordings of different patients")
    else:
        nuisances = cohort.nuisances(ids, but=number.label) if cohort else picture_nuisances(subject.store(), ids)
    return ContinuityRecordings(
        ids=ids,
        embeddings=embedded.embeddings[known],
        labels=embedded.number_true[known],
        number=number,
        patients=patients,
        nuisances=nuisances,
        cohort=cohort,
        source=embedded.source,
        is_phantom=embedded.is_phantom,
        notes=notes,
    )


def _cohort(subject: Subject) -> tuple[PhantomCohort | None, list[str]]:
    """The phantoms of the data with all that is true of them, or a note why that cannot be had."""
    if not subject.is_phantom:
        return None, []
    try:
        return PhantomCohort(subject.data.root), []
    except DatasetError as error:
        return None, [f"nuisances are measured in the pictures, and there are no paths: {error}"]
