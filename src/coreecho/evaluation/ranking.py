"""How well a score ranks recordings of one class before those of the other, whatever the threshold."""

import numpy as np
from numpy.typing import NDArray


class RankingOfCounts:
    """Areas under the ROC and the precision-recall curve of recordings that count several times.

    Args:
        score: (N,), **rising**; the higher, the more a recording looks like a positive one. Equal scores are ties.
        is_positive: (N, C) of 0 and 1, for C ways of dividing the recordings into two classes.
    """

    def __init__(self, score: NDArray[np.float64], is_positive: NDArray[np.float64]) -> None:
        self._is_positive = is_positive
        self._tie_starts = np.flatnonzero(np.r_[True, np.diff(score) != 0])
        self._tie_sizes = np.diff(np.r_[self._tie_starts, len(score)])

    def auroc(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, C): how often a positive recording scores higher than a negative one, ties counting
        half.

        Mann-Whitney's U from ranks, equal scores sharing their mean rank, over the number of pairs.

        U = sum of the ranks of the positives - P^2/2, where a recording's rank is the count of all recordings with a
        lower
        score plus half of those with its own: the second term removes the positives' pairs among themselves.

        NaN without both classes.
        """
        of_ties = np.add.reduceat(counts, self._tie_starts, axis=1)
        rank_of_ties = np.cumsum(of_ties, axis=1) - of_ties / 2
        ranks = np.repeat(rank_of_ties, self._tie_sizes, axis=1)
        positives = counts @ self._is_positive
        pairs = positives * (counts.sum(axis=1, keepdims=True) - positives)
        u = (counts * ranks) @ self._is_positive - positives**2 / 2
        return np.asarray(u / np.where(pairs > 0, pairs, np.nan))

    def average_precision(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, N) counts to (R, C): the area under the steps of the precision-recall curve.

        The mean, over the positive recordings, of the precision when the threshold is the recording's own score.
        Nothing is
        interpolated between thresholds: a straight line there is too optimistic (Davis and Goadrich 2006).

        NaN without both classes.
        """
        called = _at_or_above(np.add.reduceat(counts, self._tie_starts, axis=1))
        areas = []
        for is_positive in self._is_positive.T:
            of_ties = np.add.reduceat(counts * is_positive, self._tie_starts, axis=1)
            found = _at_or_above(of_ties)
            # Where no recording counts so high up, none is called, and none of the sum's terms is there.
            precision = found / np.where(called > 0, called, 1)
            positives = found[:, 0]
            has_both = (positives > 0) & (positives < called[:, 0])
            areas.append((of_ties * precision).sum(axis=1) / np.where(has_both, positives, np.nan))
        return np.column_stack(areas)


def _at_or_above(of_ties: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, ties) counts by rising score, to the counts of all that score as high or higher."""
    return np.asarray(np.cumsum(of_ties[:, ::-1], axis=1)[:, ::-1])
