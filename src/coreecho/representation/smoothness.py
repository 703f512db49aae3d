"""Whether an embedding moves steadily while the EF of one and the same heart is moved in small steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from coreecho.errors import DatasetError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval, bootstrap_intervals

_MIN_POINTS = 3


@dataclass(frozen=True, kw_only=True)
class Smoothness:
    """How a path e_0, ..., e_K runs whose points belong to EFs y_0 < ... < y_K.

    Attributes:
        order: share of the triples i < j < k in which i and k are farther from each other than either is from j. 1 for
            a path on which what lies between in EF lies between in the embedding; 1/3 for points in no order.
        straightness: |e_K - e_0| over the length of the path. 1 for a straight line; near 0 for one that comes back or
            trembles.
        step_variation: standard deviation over mean of the steps' lengths, each for one EF point. 0 for a path that
            moves as much with each point; 1 for steps as different as those of chance.
    """

    order: float
    straightness: float
    step_variation: float


@dataclass(frozen=True, eq=False)
class EFPath:
    """The embeddings of one heart whose EF is moved in steps.

    Attributes:
        recording: whose heart it is.
        embeddings: (K + 1, D) float32.
        ef_percent: (K + 1,) float64, growing.
        ef_predicted: (K + 1,) float64, what the model says.
    """

    recording: str
    embeddings: NDArray[np.float32]
    ef_percent: NDArray[np.float64]
    ef_predicted: NDArray[np.float64]

    def to_frame(self) -> pd.DataFrame:
        """One row a point: recording, ef_true, ef_predicted, distance from the path's first point."""
        moved = np.linalg.norm(self.embeddings.astype(np.float64) - self.embeddings[0], axis=1)
        columns = {"ef_true": self.ef_percent, "ef_predicted": self.ef_predicted, "distance_from_start": moved}
        return pd.DataFrame({"recording": self.recording, **columns})


SMOOTHNESS_MEASURES = ("order", "straightness", "step_variation", "ef_slope")


def smoothness(embeddings: ArrayLike, ef_percent: ArrayLike) -> Smoothness:
    """Measure one path.

    Args:
        embeddings: (K + 1, D), in the order of EF.
        ef_percent: (K + 1,), growing.

    Raises:
        DatasetError: fewer than 3 points, EF does not grow, or the embedding never moves.
        ValueError: shapes disagree.
    """
    points, labels = np.asarray(embeddings, dtype=np.float64), np.asarray(ef_percent, dtype=np.float64)
    if points.ndim != 2 or labels.shape != (len(points),):
        raise ValueError(f"expected embeddings (K + 1, D) and EF (K + 1,), got {points.shape} and {labels.shape}")
    if len(points) < _MIN_POINTS or not (np.diff(labels) > 0).all():
        raise DatasetError(f"A path needs at least {_MIN_POINTS} points of growing EF, got {labels.tolist()}.")
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    steps = np.diagonal(distances, offset=1)
    if steps.sum() == 0:
        raise DatasetError("The embedding never moves: all points of the path are the same.")
    speeds = steps / np.diff(labels)
    is_ordered = [
        distances[i, k] > max(distances[i, j], distances[j, k]) for i, j, k in combinations(range(len(points)), 3)
    ]
    return Smoothness(
        order=float(np.mean(is_ordered)),
        straightness=float(distances[0, -1] / steps.sum()),
        step_variation=float(speeds.std() / speeds.mean()),
    )


def mean_smoothness(
    paths: Sequence[EFPath], *, resamples: int = DEFAULT_RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Mean over paths, such as of several hearts, with bootstrap intervals over the paths.

    Args:
        paths: at least one.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        `order`, `straightness` and `step_variation` of `Smoothness`, and `ef_slope`: the slope of predicted over true
        EF along the path, by least squares; 1 for a model that follows the heart.

    Raises:
        DatasetError: no path, or one that is none.
    """
    if not paths:
        raise DatasetError("Smoothness needs at least one path, got none.")
    values = np.array([_measures(path) for path in paths])

    def means(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(counts @ values / counts.sum(axis=1, keepdims=True))

    intervals = bootstrap_intervals(means, len(values), resamples=resamples, seed=seed)
    return dict(zip(SMOOTHNESS_MEASURES, intervals, strict=True))


def _measures(path: EFPath) -> tuple[float, float, float, float]:
    """In the order of `SMOOTHNESS_MEASURES`."""
    measured = smoothness(path.embeddings, path.ef_percent)
    true = path.ef_percent - path.ef_percent.mean()
    slope = float(true @ path.ef_predicted / (true @ true))
    return measured.order, measured.straightness, measured.step_variation, slope
