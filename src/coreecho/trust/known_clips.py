"""What is kept of the clips that a model was trained on, so that a new clip can be held beside them.

The embeddings of some hundred training recordings, and the means and the covariance of all that were looked at. No
picture, name, label or place in a data set can be told from them; who holds the weights of a model can compute the
embedding of a clip that they have, and so see whether it is one of these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.errors import CalibrationError
from coreecho.trust.domain import DEFAULT_NEIGHBOURS, ClassDistance, NeighbourDistance, fit_class_distance

# Distances to the ten nearest of these differ little from those to the ten nearest of thousands; the file stays small.
MOST_KNOWN = 500
# Below, a covariance and ten neighbours say nothing of where training clips lie.
LEAST_KNOWN = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownClips:
    """Where a model puts the clips that it was trained on.

    Attributes:
        embeddings: (K, D) of training recordings, as they are kept: float16 numbers.
        of_class: means by range of EF and the covariance within.
        words: whose they are: `300 recordings of the TRAIN split of echonet`.
    """

    embeddings: NDArray[np.float16]
    of_class: ClassDistance
    words: str

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or self.embeddings.shape[1] != self.of_class.means.shape[1]:
            raise CalibrationError(
                f"Known clips: expected embeddings (K, {self.of_class.means.shape[1]}), got {self.embeddings.shape}."
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KnownClips):
            return NotImplemented
        one, two = self.to_arrays(), other.to_arrays()
        return self.words == other.words and all(np.array_equal(one[name], two[name]) for name in one)

    @property
    def width(self) -> int:
        """D of the embeddings that can be held beside."""
        return int(self.embeddings.shape[1])

    def distances(self, embeddings: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Measure how far (M, D) embeddings lie from the known ones, by the names of the gate's checks.

        Raises:
            ValueError: another D, or embeddings that are not finite.
        """
        nearest = NeighbourDistance(self.embeddings, num_neighbours=min(DEFAULT_NEIGHBOURS, len(self.embeddings)))
        return {"neighbour_distance": nearest(embeddings), "class_distance": self.of_class(embeddings)}

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """All that is to be kept, by name."""
        return {"embeddings": self.embeddings, **self.of_class.to_arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], words: str) -> "KnownClips":
        """Take back what `to_arrays` gave. Raises CalibrationError: it does not fit together."""
        others = {name: values for name, values in arrays.items() if name != "embeddings"}
        if len(others) == len(arrays):
            raise CalibrationError("Known clips: the embeddings are missing.")
        embeddings = np.asarray(arrays["embeddings"], dtype=np.float16)
        if not np.isfinite(embeddings).all():
            raise CalibrationError("Known clips: expected finite embeddings.")
        return cls(embeddings=embeddings, of_class=ClassDistance.from_arrays(others), words=words)


def know(embeddings: ArrayLike, ef_true: Sequence[float], *, words: str) -> KnownClips:
    """Keep what is needed of the training clips.

    Args:
        embeddings: (N, D), one a training recording.
        ef_true: (N,) percent.
        words: whose they are.

    Raises:
        CalibrationError: fewer than `LEAST_KNOWN` recordings, or embeddings that do not vary or are not finite.
        ValueError: shapes disagree.
    """
    seen = np.asarray(embeddings, dtype=np.float32)
    if len(seen) < LEAST_KNOWN:
        raise CalibrationError(f"At least {LEAST_KNOWN} training recordings are needed, and {len(seen)} are there.")
    kept = seen[:MOST_KNOWN].astype(np.float16)
    if not np.isfinite(kept).all():
        raise CalibrationError("The embeddings of the training recordings are not finite, or beyond 65504.")
    of_class = fit_class_distance(seen, ef_true)
    # As they are read back, so that a distance is the same before and after.
    whitening = of_class.whitening.astype(np.float32).astype(np.float64)
    means = of_class.means.astype(np.float32).astype(np.float64)
    rounded = ClassDistance(
        ranges=of_class.ranges, means=means, whitening=whitening, shrinkage=float(np.float32(of_class.shrinkage))
    )
    return KnownClips(embeddings=kept, of_class=rounded, words=words)
