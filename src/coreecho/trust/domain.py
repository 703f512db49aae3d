"""How far an embedding is from those that the model was trained on.

Two distances that see different things: to the nearest training recordings, whatever their EF (an empty place between
known ones is far), and to the centre of the nearest range of EF, with each direction measured by how much it varies
within a range (a known direction may vary much, one that never varied may not). Neither is a probability; the gate
turns each into a p-value against the validation split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from coreecho.errors import CalibrationError
from coreecho.trust.conformal import finite_vector
from coreecho.trust.predicted_ranges import (
    PREDICTED_EF_EDGES_PERCENT,
    PredictedRange,
    merged_ranges,
    range_of,
    ranges_between,
)

DEFAULT_NEIGHBOURS = 10
# A mean of fewer is mostly chance.
LEAST_OF_CLASS = 10


class NeighbourDistance:
    """Mean Euclidean distance to the k nearest training recordings (Sun et al. 2022, for embeddings of any scale).

    Args:
        training: (N, D) embeddings of the training split, one a recording.
        num_neighbours: k.

    Raises:
        CalibrationError: fewer recordings than neighbours.
        ValueError: embeddings that are no finite (N, D), or no neighbours.
    """

    def __init__(self, training: ArrayLike, *, num_neighbours: int = DEFAULT_NEIGHBOURS) -> None:
        known = _embeddings("training", training)
        if num_neighbours < 1:
            raise ValueError(f"num_neighbours: expected 1 or more, got {num_neighbours}")
        if len(known) < num_neighbours:
            raise CalibrationError(
                f"{num_neighbours} neighbours were asked for, and {len(known)} training recordings given."
            )
        self.num_neighbours = num_neighbours
        self._known = known

    def __call__(self, embeddings: ArrayLike) -> NDArray[np.float64]:
        """(M, D) embeddings to (M,) distances. Raises ValueError: another D, or not finite."""
        between = cdist(_embeddings("embeddings", embeddings, self._known.shape[1]), self._known)
        return np.asarray(np.partition(between, self.num_neighbours - 1, axis=1)[:, : self.num_neighbours].mean(axis=1))


@dataclass(frozen=True, kw_only=True)
class ClassDistance:
    """Mahalanobis distance to the nearest of several means, one for each range of EF (Lee et al. 2018).

    The covariance is that within the ranges, the same for all, shrunk towards a multiple of the identity by Ledoit and
    Wolf (2004): with hundreds of dimensions and few failing hearts, an unshrunk one could not be inverted.

    Attributes:
        ranges: of true EF.
        means: (R, D).
        whitening: (D, D); differences multiplied by it have the identity as covariance.
        shrinkage: 0 (the sample's covariance) to 1 (a multiple of the identity).
    """

    ranges: tuple[PredictedRange, ...]
    means: NDArray[np.float64]
    whitening: NDArray[np.float64]
    shrinkage: float

    def __call__(self, embeddings: ArrayLike) -> NDArray[np.float64]:
        """(M, D) embeddings to (M,) distances. Raises ValueError: another D, or not finite."""
        return np.asarray(self._to_each_range(embeddings).min(axis=1))

    def nearest_range(self, embeddings: ArrayLike) -> list[PredictedRange]:
        """Give the range of EF that each embedding is nearest to."""
        return [self.ranges[number] for number in self._to_each_range(embeddings).argmin(axis=1)]

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """Give what is to be stored with a model: no single recording can be told from it."""
        edges = np.array([part.high for part in self.ranges[:-1]], dtype=np.float64)
        return {
            "edges": edges,
            "means": self.means,
            "whitening": self.whitening,
            "shrinkage": np.array([self.shrinkage]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike]) -> "ClassDistance":
        """Take back what `to_arrays` gave.

        Raises:
            CalibrationError: an array is missing or unknown, not finite, or does not fit the others.
        """
        expected = {"edges", "means", "whitening", "shrinkage"}
        if set(arrays) != expected:
            raise CalibrationError(f"Class distance: expected {', '.join(sorted(expected))}, got {', '.join(arrays)}.")
        found = {name: np.asarray(values, dtype=np.float64) for name, values in arrays.items()}
        means, edges = found["means"], found["edges"]
        width = means.shape[1] if means.ndim == 2 else -1
        shapes = {
            "means": (edges.size + 1, width),
            "whitening": (width, width),
            "shrinkage": (1,),
            "edges": (edges.size,),
        }
        for name, shape in shapes.items():
            if found[name].shape != shape or not np.isfinite(found[name]).all():
                raise CalibrationError(
                    f"Class distance, {name}: expected finite numbers of the shape {shape}, got {found[name].shape}."
                )
        try:
            ranges = ranges_between(edges.tolist())
        except ValueError as error:
            raise CalibrationError(f"Class distance, {error}.") from error
        return cls(ranges=ranges, means=means, whitening=found["whitening"], shrinkage=float(found["shrinkage"][0]))

    def _to_each_range(self, embeddings: ArrayLike) -> NDArray[np.float64]:
        """(M, R)."""
        new = _embeddings("embeddings", embeddings, self.means.shape[1]) @ self.whitening
        centres = self.means @ self.whitening
        return np.stack([np.linalg.norm(new - centre, axis=1) for centre in centres], axis=1)


def fit_class_distance(
    training: ArrayLike, ef_true: ArrayLike, *, edges: Sequence[float] = PREDICTED_EF_EDGES_PERCENT
) -> ClassDistance:
    """Learn the means and the covariance.

    Args:
        training: (N, D) embeddings of the training split, one a recording.
        ef_true: (N,) percent.
        edges: of the ranges of EF; ranges of fewer than `LEAST_OF_CLASS` recordings are merged with a neighbour.

    Raises:
        CalibrationError: fewer than two recordings, or embeddings that are all alike.
        ValueError: shapes disagree, or values that are not finite.
    """
    # Takes a second to import, and a prediction needs none of it.
    from sklearn.covariance import LedoitWolf

    known, true = _embeddings("training", training), finite_vector("ef_true", ef_true)
    if len(known) != len(true):
        raise ValueError(f"ef_true: expected one EF for each of {len(known)} embeddings, got {len(true)}")
    if len(known) < 2:
        raise CalibrationError(f"A covariance needs at least two training recordings, got {len(known)}.")
    ranges = merged_ranges(true, edges, LEAST_OF_CLASS)
    number_of_range = range_of(ranges, true)
    means = np.stack([known[number_of_range == number].mean(axis=0) for number in range(len(ranges))])
    within = LedoitWolf(assume_centered=True).fit(known - means[number_of_range])
    variances, directions = np.linalg.eigh(within.covariance_)
    # Shrinkage lifts every direction above zero, unless nothing varies at all.
    if not variances[0] > 0:
        raise CalibrationError("The training embeddings do not vary: the model is collapsed, or one clip was repeated.")
    return ClassDistance(
        ranges=ranges,
        means=means,
        whitening=np.asarray(directions / np.sqrt(variances)),
        shrinkage=float(within.shrinkage_),
    )


def _embeddings(name: str, values: ArrayLike, width: int | None = None) -> NDArray[np.float64]:
    embeddings = np.asarray(values, dtype=np.float64)
    if embeddings.ndim != 2 or (width is not None and embeddings.shape[1] != width):
        raise ValueError(f"{name}: expected the shape (N, {width or 'D'}), got {embeddings.shape}")
    if not np.isfinite(embeddings).all():
        raise ValueError(f"{name}: {int((~np.isfinite(embeddings).all(axis=1)).sum())} of {len(embeddings)} not finite")
    return embeddings
