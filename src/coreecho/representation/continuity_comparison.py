"""How much the continuity of two representations differs on the same recordings: figures of the second minus the first.

The same resamples of the recordings that both know are drawn for both, as `compare_metrics` does: what makes a
recording hard for both then cancels, so intervals of the two may overlap where the difference is clear. Paths along
the EF of one heart are no recordings, and have no difference here.

continuity_difference.json   the differences with their intervals, and what they were made from
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import DatasetError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval, WeightedStatistics, bootstrap_intervals
from coreecho.evaluation.kept_results import find_kept, fingerprint_of, interval_from, write_kept
from coreecho.files import writing_into
from coreecho.inference.opening import as_subject
from coreecho.inference.subject import Subject
from coreecho.models.echo_model import EchoModel
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.representation.continuity import (
    NEIGHBOURS,
    PAIR_RESAMPLES,
    checked_embeddings,
    mean_of_counts,
    neighbour_errors,
    rank_correlation_of_counts,
    rnc_of_counts,
    unbiased_intervals,
)
from coreecho.representation.continuity_figures import share_key
from coreecho.representation.continuity_recordings import ContinuityProtocol, ContinuityRecordings, read_recordings
from coreecho.representation.embedding_set import one_number
from coreecho.representation.explained_variance import EF, FOLDS, SharesOfCounts, shares_of_counts
from coreecho.representation.run_continuity import continuity_fingerprint
from coreecho.training.run_folder import RunFolder

_DOCUMENT = "continuity_difference.json"
_MIN_RECORDINGS = 3


@dataclass(frozen=True, kw_only=True)
class ContinuityDifference:
    """The figures of a second run minus those of a first.

    Attributes:
        folder: with the file named above.
        intervals: by the keys of `ContinuityFigure`.
        num_recordings: that both runs were measured on.
        notes: what a reader should know.
    """

    folder: Path
    intervals: Mapping[str, Interval]
    num_recordings: int
    notes: tuple[str, ...]


def compare_continuity(
    runs: tuple[RunFolder | Subject, RunFolder | Subject],
    models: tuple[EchoModel, EchoModel],
    out: Path,
    *,
    protocol: ContinuityProtocol | None = None,
    batch_size: int = 8,
    allow_overlap: bool = False,
    show_progress: bool = False,
) -> ContinuityDifference:
    """Subtract the figures of a first run from those of a second one, and write the folder.

    Args:
        runs: first and second, or models and data.
        models: their best weights, on the device that shall compute.
        out: the folder, made where it is missing; what lies in it is used while it holds.
        protocol: what is measured.
        batch_size: clips at once.
        allow_overlap: see `Subject.check_overlap`.
        show_progress: show bars on stderr.

    Raises:
        DatasetError: a model was trained on some of the recordings, or the two share fewer than 3 of the
            same label.
        RecipeError: the models read different numbers.
        CoReEchoError: the folder cannot be written.
    """
    protocol = protocol or ContinuityProtocol()
    subjects = [as_subject(run) for run in runs]
    one_number([subject.task for subject in subjects])
    for subject in subjects:
        subject.check_overlap(subject.recordings(protocol.split), protocol.split, allow=allow_overlap)
    fingerprint = fingerprint_of(runs=[continuity_fingerprint(subject, protocol) for subject in subjects])
    if (document := find_kept(out / _DOCUMENT, fingerprint=fingerprint)) is not None:
        intervals = {name: interval_from(entries) for name, entries in document["differences"].items()}
        return ContinuityDifference(
            folder=out, intervals=intervals, num_recordings=document["num_recordings"], notes=tuple(document["notes"])
        )
    first, second = (
        read_recordings(
            subject, model, protocol, batch_size=batch_size, allow_overlap=allow_overlap, show_progress=show_progress
        )
        for subject, model in zip(subjects, models, strict=True)
    )
    temperatures = (subjects[0].temperature, subjects[1].temperature)
    rows_first, rows_second, notes = shared_rows(first, second)
    intervals = paired_differences(
        _seen(first, rows_first), _seen(second, rows_second), temperatures=temperatures, seed=protocol.seed
    )
    difference = ContinuityDifference(
        folder=out, intervals=intervals, num_recordings=len(rows_first), notes=tuple(notes)
    )
    document = {
        "result": f"phantom result: {PHANTOM_LABEL}" if first.is_phantom else "result on real hearts",
        "is_phantom": first.is_phantom,
        "notice": NOTICE,
        "definition": "figure of the second run minus that of the first, on the recordings that both were measured on",
        "first": first.source,
        "second": second.source,
        "num_recordings": difference.num_recordings,
        "notes": list(difference.notes),
        "differences": {name: interval.to_dict() for name, interval in difference.intervals.items()},
    }
    with writing_into(out):
        write_kept(out / _DOCUMENT, document, fingerprint=fingerprint, files=[])
    return difference


@dataclass(frozen=True, eq=False, kw_only=True)
class SeenRecordings:
    """N recordings as one of the models sees them; the other's are of the same recordings in the same order.

    Attributes:
        points: embeddings (N, D) float64.
        labels: (N,) float64.
        patients: (N,), whom each recording is of; None where each stands for itself.
        nuisances: by name, (N,) or (N, p); None where there are no shares of variance.
        noun: of the labels.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.float64]
    patients: list[str] | None = None
    nuisances: Mapping[str, NDArray[np.float64]] | None = None
    noun: str = EF

    def shares(self, seed: int) -> SharesOfCounts | None:
        """Of the embedding's variance; None where there are too few patients."""
        num_patients = len(set(self.patients)) if self.patients else len(self.labels)
        if self.nuisances is None or num_patients < FOLDS:
            return None
        return shares_of_counts(
            self.points, self.labels, self.nuisances, noun=self.noun, patients=self.patients, seed=seed
        )


def paired_differences(
    first: SeenRecordings,
    second: SeenRecordings,
    *,
    temperatures: tuple[float, float] = (1.0, 1.0),
    resamples: int = DEFAULT_RESAMPLES,
    pair_resamples: int = PAIR_RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Subtract the figures of a first model from those of a second one on the same recordings.

    Args:
        first: the recordings as the first model sees them.
        second: the same recordings, in the same order, as the second does.
        temperatures: of the Rank-N-Contrast loss of each, that of its training.
        resamples: of the bootstrap.
        pair_resamples: of the bootstrap of measures of pairs.
        seed: of folds and bootstrap.

    Returns:
        By the keys of `ContinuityFigure`.
    """
    sides, count, patients = (first, second), len(first.labels), first.patients
    orders = [rank_correlation_of_counts(side.points, side.labels) for side in sides]
    neighbours = [
        mean_of_counts(neighbour_errors(side.points, side.labels, k=NEIGHBOURS, patients=patients)) for side in sides
    ]
    losses = [
        rnc_of_counts(side.points, side.labels, temperature=temperature)
        for side, temperature in zip(sides, temperatures, strict=True)
    ]
    (order,) = bootstrap_intervals(_minus(*orders), count, patients=patients, resamples=pair_resamples, seed=seed)
    (error,) = bootstrap_intervals(_minus(*neighbours), count, patients=patients, resamples=resamples, seed=seed)
    loss, gain = unbiased_intervals(_minus(*losses), count, patients=patients, resamples=pair_resamples, seed=seed)
    intervals = {"rank_correlation": order, "knn_error": error, "rnc_loss": loss, "rnc_gain": gain}
    return intervals | _share_differences(sides, resamples=resamples, seed=seed)


def shared_rows(
    first: ContinuityRecordings, second: ContinuityRecordings
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Rows of the recordings that are in both with the same label, in the order of the first, and notes about them.

    Raises:
        DatasetError: fewer than 3.
    """
    row_of = {recording: row for row, recording in enumerate(second.ids)}
    pairs = [
        (row, row_of[recording])
        for row, recording in enumerate(first.ids)
        if recording in row_of and first.labels[row] == second.labels[row_of[recording]]
    ]
    if len(pairs) < _MIN_RECORDINGS:
        raise DatasetError(
            f"The runs share {len(pairs)} recordings of the same {first.number.noun}, and a difference on the same "
            f"recordings needs at least {_MIN_RECORDINGS}. Give two runs on one data set."
        )
    is_all = len(pairs) == len(first.ids) == len(second.ids)
    notes = [] if is_all else [f"the difference is of the {len(pairs)} recordings that both runs have"]
    rows = np.array(pairs, dtype=np.int64)
    return rows[:, 0], rows[:, 1], notes


def _seen(recordings: ContinuityRecordings, rows: NDArray[np.int64]) -> SeenRecordings:
    points, labels = checked_embeddings(recordings.embeddings[rows], recordings.labels[rows])
    nuisances = recordings.nuisances
    return SeenRecordings(
        points=points,
        labels=labels,
        patients=None if recordings.patients is None else [recordings.patients[row] for row in rows],
        nuisances=None if nuisances is None else {name: values[rows] for name, values in nuisances.items()},
        noun=recordings.number.noun,
    )


def _share_differences(sides: Sequence[SeenRecordings], *, resamples: int, seed: int) -> dict[str, Interval]:
    before, after = (side.shares(seed) for side in sides)
    if before is None or after is None or list(before.columns) != list(after.columns):
        return {}
    intervals = bootstrap_intervals(
        _minus(before.statistic, after.statistic),
        before.num_recordings,
        patients=sides[0].patients,
        resamples=resamples,
        seed=seed,
    )
    return {share_key(name): interval for name, interval in before.by_name(intervals).items()}


def _minus(first: WeightedStatistics, second: WeightedStatistics) -> WeightedStatistics:
    return lambda counts: second(counts) - first(counts)
