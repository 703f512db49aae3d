"""The recordings that a model finds most alike: a reason for its number that a person can check.

Exact search by Euclidean distance. An approximate index would be one more dependency to save milliseconds: among
100,000 recordings of 512 numbers one query takes about twice as long as reading them from memory once, some 40 ms on
two busy cores (benchmarks/neighbours.py).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.representation.embeddings import EmbeddingSet

# Squared distances held at once, of some queries to all recordings: 2^24 floats are 64 MiB.
_PAIRS_AT_ONCE = 2**24


class NeighbourIndex:
    """Exact nearest neighbours.

    A matrix product in single precision gives all squared distances, with a known bound on its rounding. What lies
    within twice that bound of the k-th smallest is then measured again, by differences and in double precision: so the
    answer is that of the slow way, to the order of all but equal distances.

    Args:
        embeddings: (N, D), finite.

    Raises:
        ValueError: not (N, D) with N and D at least 1, or a value is not finite.
    """

    def __init__(self, embeddings: ArrayLike) -> None:
        points = np.asarray(embeddings)
        if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
            raise ValueError(
                f"a neighbour index needs finite embeddings (N, D), N and D at least 1; got {points.shape}"
            )
        self._points = points
        # Around their centre, numbers are small and little is lost in |a|^2 + |b|^2 - 2ab.
        self._centre = points.mean(axis=0, dtype=np.float64)
        self._centred = np.ascontiguousarray(points - self._centre, dtype=np.float32)
        self._norms = np.einsum("nd,nd->n", self._centred, self._centred)

    def __len__(self) -> int:
        return len(self._points)

    def query(self, embeddings: ArrayLike, k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Find the k nearest of each query, nearest first; equal ones in the order of the index.

        Args:
            embeddings: (Q, D).
            k: how many; all N where there are fewer.

        Returns:
            Distances (Q, k) and positions in the index (Q, k).

        Raises:
            ValueError: not (Q, D) of the index's D, or k is below 1.
        """
        queries = np.asarray(embeddings)
        if queries.ndim != 2 or queries.shape[1] != self._points.shape[1] or k < 1:
            raise ValueError(
                f"expected queries (Q, {self._points.shape[1]}) and k of at least 1; got {queries.shape}, {k}"
            )
        k = min(k, len(self))
        distances = np.empty((len(queries), k))
        positions = np.empty((len(queries), k), dtype=np.int64)
        step = max(1, _PAIRS_AT_ONCE // len(self))
        for first in range(0, len(queries), step):
            chunk = slice(first, first + step)
            distances[chunk], positions[chunk] = self._query_chunk(queries[chunk], k)
        return distances, positions

    def _query_chunk(self, queries: NDArray[np.floating], k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        centred = (queries - self._centre).astype(np.float32)
        norms = np.einsum("qd,qd->q", centred, centred)
        squares = centred @ self._centred.T
        squares *= -2
        squares += self._norms
        kth = np.partition(squares, k - 1, axis=1)[:, k - 1]
        # Rounding of a sum of D products, of the norms, and of the conversion to single precision, each generously.
        width = 4 * (self._points.shape[1] + 8) * np.finfo(np.float32).eps
        margin = width * (norms + self._norms.max())
        found = [
            self._nearest(query, np.flatnonzero(row <= limit), k)
            for query, row, limit in zip(queries, squares, kth + margin, strict=True)
        ]
        return np.stack([distance for distance, _ in found]), np.stack([position for _, position in found])

    def _nearest(
        self, query: NDArray[np.floating], candidates: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        difference = self._points[candidates].astype(np.float64) - query.astype(np.float64)
        distances = np.sqrt(np.einsum("cd,cd->c", difference, difference))
        order = np.argsort(distances, kind="stable")[:k]
        return distances[order], candidates[order]


@dataclass(frozen=True)
class Neighbour:
    """A recording that is like another.

    Attributes:
        rank: 1 is the most alike.
        recording: its id.
        distance: between the embeddings, Euclidean; in their own unit.
        true: its label, of the number that the model reads.
        predicted: what the model says of it.
    """

    rank: int
    recording: str
    distance: float
    true: float
    predicted: float


def most_alike(
    index: NeighbourIndex,
    reference: EmbeddingSet,
    embedding: NDArray[np.float32],
    *,
    k: int = 5,
    leave_out: str | None = None,
) -> list[Neighbour]:
    """List the recordings of a reference that are most like one embedding.

    Args:
        index: of the reference's embeddings.
        reference: what is searched, such as the training set.
        embedding: (D,).
        k: how many.
        leave_out: id of the recording itself, where it is part of the reference.

    Raises:
        ValueError: the embedding is not (D,), or k is below 1.
    """
    distances, positions = index.query(embedding[None], k + (leave_out is not None))
    found = [
        (float(distance), int(position))
        for distance, position in zip(distances[0], positions[0], strict=True)
        if reference.ids[position] != leave_out
    ]
    return [
        Neighbour(
            rank=rank,
            recording=reference.ids[position],
            distance=distance,
            true=float(reference.number_true[position]),
            predicted=float(reference.number_predicted[position]),
        )
        for rank, (distance, position) in enumerate(found[:k], start=1)
    ]
