"""What an embedding is made of: how much of its variance EF explains, and how much nuisances such as gain or depth.

    share of x = 1 - (sum over recordings of |e_n - f(x_n)|^2) / (sum over recordings of |e_n - mean|^2)

with f fitted on other recordings than n (10 folds): a piecewise linear function of each factor with knots at its
quartiles, by ridge regression whose strength is chosen within the fit. So a factor that explains nothing has a share of
about 0, also with few recordings and many columns; a little below 0 is chance. Shares of factors that go along with
each other (a failing heart is larger, and beats faster) overlap; what EF explains beyond all nuisances together is told
apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.errors import DatasetError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval, WeightedStatistics, bootstrap_intervals
from coreecho.names import counted

Floats = NDArray[np.float64]

FOLDS = 10
# Strengths of the ridge, for columns of unit variance, in recordings.
_STRENGTHS = np.logspace(-2, 4, 13)
_KNOTS = (0.25, 0.5, 0.75)
EF, ALL_NUISANCES = "EF", "all nuisances"


def beyond_nuisances(noun: str) -> str:
    """What a number explains beyond the nuisances is called: `EF beyond nuisances`."""
    return f"{noun} beyond nuisances"


EF_BEYOND = beyond_nuisances(EF)


def explained_shares(
    embeddings: ArrayLike,
    labels: ArrayLike,
    nuisances: Mapping[str, ArrayLike],
    *,
    noun: str = EF,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Share of the embedding's variance that EF, or another number, and each nuisance explain, out of fold.

    Args:
        embeddings: (N, D).
        labels: (N,), finite: EF, or another number.
        nuisances: by name, (N,) or (N, p) for one that takes several numbers.
        noun: of the labels, where they are not EF.
        patients: (N,), whom each recording is of; recordings of one patient are in one fold.
        resamples: of the bootstrap over recordings (or patients), with the fits held fixed.
        seed: of the folds and of the bootstrap.

    Returns:
        `EF`, then each nuisance, and where there are nuisances `all nuisances` and `EF beyond nuisances`: the share of
        EF and nuisances together less that of the nuisances. Not defined for what is the same in all recordings.

    Raises:
        DatasetError: fewer recordings (or patients) than folds, all embeddings alike, or a value is not finite.
        ValueError: shapes disagree.
    """
    shares = shares_of_counts(embeddings, labels, nuisances, noun=noun, patients=patients, seed=seed)
    intervals = bootstrap_intervals(
        shares.statistic, shares.num_recordings, patients=patients, resamples=resamples, seed=seed
    )
    return shares.by_name(intervals)


@dataclass(frozen=True, eq=False)
class SharesOfCounts:
    """Shares of variance as a function of how often each recording counts.

    Attributes:
        columns: what is fitted, by name, (N, p) each; in the order of the statistics.
        statistic: (R, N) counts to (R, K) shares.
    """

    columns: Mapping[str, Floats]
    statistic: WeightedStatistics

    @property
    def num_recordings(self) -> int:
        """N."""
        return len(next(iter(self.columns.values())))

    def by_name(self, intervals: Sequence[Interval]) -> dict[str, Interval]:
        """Name the intervals of the K shares; what is the same in all recordings has none."""
        pairs = zip(self.columns.items(), intervals, strict=True)
        return {name: _unless_constant(interval, columns) for (name, columns), interval in pairs}


def shares_of_counts(
    embeddings: ArrayLike,
    labels: ArrayLike,
    nuisances: Mapping[str, ArrayLike],
    *,
    noun: str = EF,
    patients: Sequence[str] | None,
    seed: int,
) -> SharesOfCounts:
    """Fit all that `explained_shares` needs, which see for arguments and errors."""
    points = np.asarray(embeddings, dtype=np.float64)
    factors = {noun: _columns(noun, labels, len(points))}
    factors |= {name: _columns(name, values, len(points)) for name, values in nuisances.items()}
    folds = _draw_folds(len(points), patients, seed)
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() == 0:
        raise DatasetError("Shares of variance need finite embeddings that are not all alike.")
    fits = dict(factors)
    if nuisances:
        fits[ALL_NUISANCES] = np.hstack([factors[name] for name in nuisances])
        fits[beyond_nuisances(noun)] = np.hstack([fits[ALL_NUISANCES], factors[noun]])
    around_mean = _squared_errors(points, np.empty((len(points), 0)), folds)
    left = np.column_stack([_squared_errors(points, columns, folds) for columns in fits.values()])

    def statistic(counts: Floats) -> Floats:
        shares = 1 - counts @ left / (counts @ around_mean)[:, None]
        if nuisances:
            shares[:, -1] -= shares[:, -2]
        return np.asarray(shares)

    return SharesOfCounts(fits, statistic)


def _columns(name: str, values: ArrayLike, count: int) -> Floats:
    columns = np.asarray(values, dtype=np.float64)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.ndim != 2 or len(columns) != count:
        raise ValueError(f"{name}: expected one value, or one row, for each of {count} recordings, got {columns.shape}")
    if lost := int((~np.isfinite(columns)).any(axis=1).sum()):
        raise DatasetError(f"{name}: no finite value of {counted(lost, 'recordings')}.")
    return columns


def _draw_folds(count: int, patients: Sequence[str] | None, seed: int) -> NDArray[np.int64]:
    """The fold of each recording, (N,)."""
    names = np.arange(count).astype(str) if patients is None else np.asarray(patients)
    groups = np.unique(names, return_inverse=True)[1]
    num_groups = int(groups.max()) + 1 if count else 0
    if num_groups < FOLDS:
        raise DatasetError(
            f"Shares of variance need at least {FOLDS} recordings of different patients, got {num_groups}."
        )
    return np.asarray(np.random.default_rng(seed).permutation(num_groups)[groups] % FOLDS)


def _squared_errors(points: Floats, columns: Floats, folds: NDArray[np.int64]) -> Floats:
    """|e_n - f(x_n)|^2 of each recording, (N,), with f fitted on the other folds; without columns, f is their mean."""
    errors = np.empty(len(points))
    for fold in range(FOLDS):
        held_out = folds == fold
        fitted, asked = _basis(columns[~held_out], columns[held_out])
        mean = points[~held_out].mean(axis=0)
        expected = mean + asked @ _ridge(fitted, points[~held_out] - mean)
        errors[held_out] = ((points[held_out] - expected) ** 2).sum(axis=1)
    return errors


def _ridge(columns: Floats, points: Floats) -> Floats:
    """Coefficients (p, D) of the strength that predicts best when each recording is left out in turn.

    Both arguments are centred. The error without recording n is the error with it over 1 - h_n, its leverage (Allen
    1974).
    """
    scales, directions = np.linalg.eigh(columns.T @ columns)
    along = columns @ directions
    targets = along.T @ points

    def error_left_out(strength: float) -> float:
        leverage = 1 / len(columns) + along**2 @ (1 / (scales + strength))
        errors = points - along @ (targets / (scales + strength)[:, None])
        return float(((errors / np.maximum(1 - leverage, 1e-9)[:, None]) ** 2).sum())

    best = min(_STRENGTHS.tolist(), key=error_left_out)
    return np.asarray(directions @ (targets / (scales + best)[:, None]))


def _basis(fitted: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Piecewise linear functions of each column, knots at the quartiles of those to fit, scaled to unit variance."""
    parts: list[tuple[Floats, Floats]] = []
    for known, new in zip(fitted.T, asked.T, strict=True):
        # A factor with few values, such as a frame rate, has fewer knots, and a switch has none.
        knots = np.unique(np.quantile(known, _KNOTS))
        inner = knots[(knots > known.min()) & (knots < known.max())].tolist()
        parts.append((known, new))
        parts += [(np.maximum(known - knot, 0), np.maximum(new - knot, 0)) for knot in inner]
    scales = [(float(known.mean()), float(known.std())) for known, _ in parts]
    kept = [
        ((known - mean) / deviation, (new - mean) / deviation)
        for (known, new), (mean, deviation) in zip(parts, scales, strict=True)
        if deviation > 0
    ]
    if not kept:
        return np.empty((len(fitted), 0)), np.empty((len(asked), 0))
    return np.column_stack([known for known, _ in kept]), np.column_stack([new for _, new in kept])


def _unless_constant(interval: Interval, columns: Floats) -> Interval:
    if np.ptp(columns, axis=0).max() > 0:
        return interval
    reason = "it is the same in all recordings"
    return replace(interval, estimate=np.nan, low=np.nan, high=np.nan, reason=reason)
