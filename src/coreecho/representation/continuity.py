"""How continuous a representation is: whether clips that lie near each other in it have a similar EF.

Each measure is a definition on embeddings (N, D) and labels (N,), with a 95 % percentile bootstrap interval over
recordings (or over patients). Measures of pairs and triples of recordings are computed anew for each resample: had one
resampled only the anchors, with everything they are compared to held fixed, the intervals would come out about half as
wide as they are. A copy of the anchor among the others of a resample is left out, as the anchor is itself.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from torch import Tensor

from coreecho.errors import DatasetError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval, WeightedStatistics, bootstrap_intervals
from coreecho.losses import rank_n_contrast_loss
from coreecho.representation.neighbours import NeighbourIndex

Floats = NDArray[np.float64]

# Each resample of a measure of pairs costs N^2 operations; a thousand settle the ends to a twentieth of the width.
PAIR_RESAMPLES = 1000
NEIGHBOURS = 10
_MIN_RECORDINGS = 3
# A resample whose distances or labels hardly vary has rounding errors for a variance.
_RELATIVE_ZERO = 1e-9


def rank_correlation(
    embeddings: ArrayLike,
    numbers: ArrayLike,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = PAIR_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Whether what lies farther from a recording in the embedding also differs more in EF, or another number.

    For each recording n, Spearman's correlation over all others m between |e_n - e_m| and |y_n - y_m|; then the mean
    over n. 1 where the others of every recording lie in the order of their EF; 0 where embeddings have nothing to do
    with EF. This is what Rank-N-Contrast asks for, without its temperature and unit. In a resample, recordings keep the
    ranks that they have in the whole set.

    Args:
        embeddings: (N, D).
        numbers: (N,), finite: EF, or another number.
        patients: (N,), whom each recording is of.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DatasetError: fewer than 3 recordings, or a value is not finite.
    """
    points, labels = checked_embeddings(embeddings, numbers)
    statistic = rank_correlation_of_counts(points, labels)
    (interval,) = bootstrap_intervals(statistic, len(labels), patients=patients, resamples=resamples, seed=seed)
    if interval.is_defined:
        return interval
    return replace(interval, reason="all recordings have the same label, or all embeddings the same place")


def rank_correlation_of_counts(points: Floats, labels: Floats) -> WeightedStatistics:
    """`rank_correlation` of (R, N) counts, (R, 1); embeddings (N, D) and EF (N,)."""
    near, alike = _other_ranks(cdist(points, points)), _other_ranks(np.abs(labels[:, None] - labels))
    products = [near, alike, near**2, alike**2, near * alike]

    def statistic(counts: Floats) -> Floats:
        # For each resample and anchor: sums over the others. The diagonal of every product is 0.
        others = counts.sum(axis=1, keepdims=True) - counts
        means = [counts @ product.T / np.maximum(others, 1) for product in products]
        variance_near, variance_alike = means[2] - means[0] ** 2, means[3] - means[1] ** 2
        is_defined = np.minimum(variance_near, variance_alike) > _RELATIVE_ZERO * len(labels) ** 2
        covariance = means[4] - means[0] * means[1]
        with np.errstate(invalid="ignore", divide="ignore"):
            correlations = covariance / np.sqrt(variance_near * variance_alike)
        weights = counts * is_defined
        with np.errstate(invalid="ignore"):
            mean = np.where(is_defined, weights * correlations, 0).sum(axis=1) / weights.sum(axis=1)
        return np.asarray(mean[:, None])

    return statistic


def _other_ranks(distances: Floats) -> Floats:
    """Ranks of each row without its diagonal, (N, N), centred for the sake of rounding; the diagonal is 0."""
    count = len(distances)
    is_other = ~np.eye(count, dtype=bool)
    ranks = rankdata(distances[is_other].reshape(count, count - 1), axis=1) - count / 2
    spread = np.zeros((count, count))
    spread[is_other] = ranks.ravel()
    return spread


def knn_error(
    embeddings: ArrayLike,
    numbers: ArrayLike,
    *,
    k: int = NEIGHBOURS,
    reference: tuple[ArrayLike, ArrayLike] | None = None,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """How far a recording's EF, or another number, is from that of its neighbours, in its unit.

    The mean over recordings of |y_n - mean EF of the k recordings nearest to e_n|. Neighbours are the other recordings
    of the set, or those of a reference such as the training set. It needs no head: it is what the embedding itself
    knows. The interval is over recordings, with their neighbours held fixed.

    Args:
        embeddings: (N, D).
        numbers: (N,), finite: EF, or another number.
        k: neighbours; all there are, where there are fewer.
        reference: embeddings (M, D) and EF (M,) to search instead.
        patients: (N,), whom each recording is of; recordings of one patient are no neighbours of each other.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DatasetError: fewer than 3 recordings, a value is not finite, or all recordings are of one patient.
        ValueError: k is below 1.
    """
    points, labels = checked_embeddings(embeddings, numbers)
    if k < 1:
        raise ValueError(f"k: expected at least 1 neighbour, got {k}")
    if reference is None:
        errors = neighbour_errors(points, labels, k=k, patients=patients)
    else:
        searched, known = (np.asarray(values, dtype=np.float64) for values in reference)
        errors = np.abs(labels - known[NeighbourIndex(searched).query(points, k)[1]].mean(axis=1))
    statistic = mean_of_counts(errors)
    (interval,) = bootstrap_intervals(statistic, len(labels), patients=patients, resamples=resamples, seed=seed)
    return interval


def neighbour_errors(points: Floats, labels: Floats, *, k: int, patients: Sequence[str] | None) -> Floats:
    """|y_n - mean EF of the k nearest recordings of other patients|, (N,); see `knn_error`."""
    return np.abs(labels - _mean_of_others(points, labels, k, patients))


def mean_of_counts(values: Floats) -> WeightedStatistics:
    """The mean of (N,) values, of (R, N) counts, (R, 1)."""

    def statistic(counts: Floats) -> Floats:
        return np.asarray(counts @ values / counts.sum(axis=1))[:, None]

    return statistic


def _mean_of_others(points: Floats, labels: Floats, k: int, patients: Sequence[str] | None) -> Floats:
    """Mean EF of the k nearest recordings of other patients, (N,)."""
    groups = np.arange(len(labels)) if patients is None else np.unique(np.asarray(patients), return_inverse=True)[1]
    if groups.max() == 0:
        raise DatasetError("All recordings are of one patient: there is no other to compare with.")
    largest = int(np.bincount(groups).max())
    positions = NeighbourIndex(points).query(points, k + largest)[1]
    means = []
    for group, found in zip(groups, positions, strict=True):
        means.append(labels[found[groups[found] != group][:k]].mean())
    return np.array(means)


def rnc_loss(
    embeddings: ArrayLike,
    numbers: ArrayLike,
    *,
    temperature: float = 1.0,
    patients: Sequence[str] | None = None,
    resamples: int = PAIR_RESAMPLES,
    seed: int = 0,
) -> tuple[Interval, Interval]:
    """The Rank-N-Contrast loss over all recordings at once, and how much lower it is than that of no order at all.

    The loss is L_RnC of Eq. (1) of Maani et al. 2024, with one embedding a recording. It grows with the logarithm of
    N, and depends on the embedding's unit through the temperature. Its gain is the loss of embeddings that all
    coincide minus
    this loss, in nats: 0 is no order, and embeddings that are ordered wrongly are below 0.

    A resample has fewer different recordings, with copies that lie at distance 0 from each other; that shifts the loss
    as a smaller set would. The intervals are moved back by the mean shift.

    Args:
        embeddings: (N, D).
        numbers: (N,), finite: EF, or another number.
        temperature: of the loss; that of the training.
        patients: (N,), whom each recording is of.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        The loss, and the gain.

    Raises:
        DatasetError: fewer than 3 recordings, or a value is not finite.
        ValueError: the temperature is not a positive number.
    """
    points, labels = checked_embeddings(embeddings, numbers)
    tensors = torch.from_numpy(points), torch.from_numpy(labels)
    loss = float(rank_n_contrast_loss(*tensors, temperature))
    collapsed = float(rank_n_contrast_loss(torch.zeros_like(tensors[0]), tensors[1], temperature))
    statistic = rnc_of_counts(points, labels, temperature=temperature)
    intervals = unbiased_intervals(statistic, len(labels), patients=patients, resamples=resamples, seed=seed)
    of_loss, of_gain = (
        replace(interval, estimate=estimate)
        for interval, estimate in zip(intervals, (loss, collapsed - loss), strict=True)
    )
    return of_loss, of_gain


def rnc_of_counts(points: Floats, labels: Floats, *, temperature: float) -> WeightedStatistics:
    """The loss and the gain of `rnc_loss` of (R, N) counts, (R, 2)."""

    def statistic(counts: Floats) -> Floats:
        of_order, of_collapse = weighted_rnc_loss(points, labels, counts, temperature=temperature).T
        return np.stack([of_order, of_collapse - of_order], axis=1)

    return statistic


def unbiased_intervals(
    statistics: WeightedStatistics, num_recordings: int, *, patients: Sequence[str] | None, resamples: int, seed: int
) -> list[Interval]:
    """Bootstrap intervals of statistics that resampling shifts, moved back by the mean shift; see `rnc_loss`."""
    values: list[Floats] = []

    def noted(counts: Floats) -> Floats:
        values.append(statistics(counts))
        return values[-1]

    intervals = bootstrap_intervals(noted, num_recordings, patients=patients, resamples=resamples, seed=seed)
    # The first call is the estimate, of counts of one.
    shifts = np.nanmean(np.concatenate(values[1:]), axis=0) - values[0][0]
    return [
        replace(
            interval,
            low=interval.low - shift,
            high=interval.high - shift,
            method=f"{interval.method}, moved back by its bias",
        )
        for interval, shift in zip(intervals, shifts.tolist(), strict=True)
    ]


def weighted_rnc_loss(points: Floats, labels: Floats, counts: Floats, *, temperature: float) -> Floats:
    """The Rank-N-Contrast loss where recording l counts c_l times, of some such countings at once.

    The loss of a pair (n, m) is log(sum over l in S(n, m) of c_l s(n, l)) - log s(n, m), and pairs count c_n c_m.

    Args:
        points: embeddings (N, D).
        labels: (N,).
        counts: (R, N), at least 0.
        temperature: of the loss.

    Returns:
        (R, 2): the loss, and that of embeddings that all coincide.
    """
    weights, values = torch.from_numpy(counts), torch.from_numpy(labels)
    logits = torch.from_numpy(-cdist(points, points) / temperature)
    total = torch.zeros(len(counts), 2, dtype=torch.float64)
    num_pairs = torch.zeros(len(counts), 1, dtype=torch.float64)
    for anchor in range(len(labels)):
        order, first = _ranked_others(values, anchor)
        of_others = weights[:, order]
        pairs = weights[:, anchor, None] * of_others
        num_pairs += pairs.sum(dim=1, keepdim=True)
        for column, of_anchor in enumerate((logits[anchor, order], torch.zeros(len(order), dtype=torch.float64))):
            # S(n, m) is a suffix of the order, which starts at the first of m's tie group.
            suffixes = (of_others.log() + of_anchor).flip(1).logcumsumexp(dim=1).flip(1)[:, first]
            total[:, column] += torch.where(pairs > 0, pairs * (suffixes - of_anchor), 0).sum(dim=1)
    return (total / num_pairs).numpy()


def _ranked_others(labels: Tensor, anchor: int) -> tuple[Tensor, Tensor]:
    """The others of an anchor in the order of their label distance, and where each one's tie group starts; (N - 1,)."""
    distances = (labels - labels[anchor]).abs()
    distances[anchor] = -1
    ordered, order = distances.sort(stable=True)
    is_start = torch.cat([torch.tensor([True]), ordered[2:] != ordered[1:-1]])
    first = torch.where(is_start, torch.arange(len(is_start)), 0).cummax(dim=0).values
    return order[1:], first


def checked_embeddings(embeddings: ArrayLike, numbers: ArrayLike) -> tuple[Floats, Floats]:
    """Turn embeddings (N, D) and EF (N,) into arrays of double precision.

    Raises:
        DatasetError: fewer than 3 recordings, or a value is not finite.
        ValueError: shapes disagree.
    """
    points, labels = np.asarray(embeddings, dtype=np.float64), np.asarray(numbers, dtype=np.float64)
    if points.ndim != 2 or labels.shape != (len(points),):
        raise ValueError(f"expected embeddings (N, D) and labels (N,), got {points.shape} and {labels.shape}")
    if len(labels) < _MIN_RECORDINGS:
        raise DatasetError(
            f"Continuity compares recordings and needs at least {_MIN_RECORDINGS} of them, got {len(labels)}."
        )
    if not (np.isfinite(points).all() and math.isfinite(float(labels.sum()))):
        raise DatasetError("Continuity needs a label for each recording, and finite embeddings.")
    return points, labels
