"""Split conformal prediction: how far the truth may lie from a prediction, learned from recordings not trained on.

If n calibration recordings and a new one could have come in any order (they are *exchangeable*), the new error is as
likely to be the smallest of the n + 1 as the largest, or any between. So the k-th smallest of n errors is exceeded by
the new one with probability (n + 1 - k) / (n + 1), whatever the model and whatever the distribution (Vovk, Gammerman
and Shafer 2005; Lei et al. 2018). Nothing is promised of recordings of another kind, and nothing of one patient: the
probability is over calibration and new recordings together.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# The middle share of calibration draws whose coverage is told in words.
DRAWS_TOLD = 0.9

Side = Literal["high", "low", "both"]


def check_level(level: float) -> None:
    """Refuse a level that is no share.

    Raises:
        ValueError: it does not lie between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a share between 0 and 1 such as 0.9, got {level}")


def conformal_rank(num_recordings: int, level: float) -> int:
    """Which of the sorted errors of n recordings bounds a new one at this level: ceil((n + 1) * level).

    The level is taken as the decimal that a person wrote: in binary, 100 * 0.55 is a little more than 55, whose ceiling
    would be one rank too far.

    Returns:
        From 1 to n + 1; n + 1 where no finite bound holds at this level.

    Raises:
        ValueError: fewer than no recordings, or no level.
    """
    check_level(level)
    if num_recordings < 0:
        raise ValueError(f"num_recordings: expected 0 or more, got {num_recordings}")
    return math.ceil((num_recordings + 1) * Fraction(repr(float(level))))


def smallest_calibration(level: float) -> int:
    """How many recordings a finite interval needs at least: 9 at 90 %, 19 at 95 %."""
    check_level(level)
    share = Fraction(repr(float(level)))
    return math.ceil(share / (1 - share))


def conformal_quantile(scores: ArrayLike, level: float) -> float:
    """Bound a new score: the `conformal_rank`-th smallest of (n,) scores, infinity where they are too few.

    Raises:
        ValueError: scores that are no finite (n,), or no level.
    """
    values = finite_vector("scores", scores)
    rank = conformal_rank(len(values), level)
    return math.inf if rank > len(values) else float(np.partition(values, rank - 1)[rank - 1])


def is_strange_high(side: Side) -> bool:
    """Whether high scores are strange."""
    return side != "low"


def is_strange_low(side: Side) -> bool:
    """Whether low scores are strange."""
    return side != "high"


def conformal_p_values(
    calibration_scores: ArrayLike, scores: ArrayLike, *, side: Side = "high", tolerance: float = 0.0
) -> NDArray[np.float64]:
    """How rare new scores are among those of the calibration.

    For `high`, p = (number of calibration scores >= the new one, + 1) / (n + 1): of exchangeable recordings, at most a
    share of alpha has p <= alpha. For `both`, twice the smaller of both sides, at most 1.

    Args:
        calibration_scores: (n,).
        scores: (M,).
        side: which scores are strange.
        tolerance: differences up to this count as ties, which can only raise a p-value.

    Returns:
        (M,), from 1 / (n + 1) to 1.

    Raises:
        ValueError: scores that are not finite, or none to calibrate with.
    """
    known, new = np.sort(finite_vector("calibration_scores", calibration_scores)), finite_vector("scores", scores)
    if len(known) == 0:
        raise ValueError("calibration_scores: expected at least one, got none")
    at_least = len(known) - np.searchsorted(known, new - tolerance, side="left")
    at_most = np.searchsorted(known, new + tolerance, side="right")
    high, low = (np.asarray((count + 1) / (len(known) + 1)) for count in (at_least, at_most))
    if is_strange_high(side) and is_strange_low(side):
        return np.asarray(np.minimum(1.0, 2 * np.minimum(high, low)))
    return high if is_strange_high(side) else low


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What an interval calibrated on n recordings holds, and how much that depends on which n they were.

    Attributes:
        num_recordings: n.
        level: that was asked for.
        rank: of the error that became the half width; n + 1 where there is none.
    """

    num_recordings: int
    level: float
    rank: int

    @property
    def is_finite(self) -> bool:
        """Whether so few recordings give an interval at all."""
        return self.rank <= self.num_recordings

    @property
    def mean_coverage(self) -> float:
        """Over many calibrations, the share of new recordings that is held: rank / (n + 1), or more with ties."""
        return self.rank / (self.num_recordings + 1)

    def coverage_quantile(self, share: float) -> float:
        """Coverage that this share of calibrations does not exceed: it is Beta(rank, n + 1 - rank) over their draws."""
        if not self.is_finite:
            return 1.0
        return float(stats.beta.ppf(share, self.rank, self.num_recordings + 1 - self.rank))

    @property
    def words(self) -> str:
        """For a person: what may be expected, and its limits."""
        asked = f"{100 * self.level:g} %"
        if not self.is_finite:
            return (
                f"{_recordings(self.num_recordings)} cannot promise {asked}: the interval is the whole of 0 to 100 %. "
                f"At least {smallest_calibration(self.level)} are needed."
            )
        return (
            f"Of new recordings of the same kind, {asked} intervals from {_recordings(self.num_recordings)} hold the "
            f"true EF of {100 * self.mean_coverage:.1f} % on average over many such calibrations, and a single one, by "
            f"its luck, of {self.range_words}."
        )

    @property
    def range_words(self) -> str:
        """How many a single calibration may hold: so many do in the share `DRAWS_TOLD` of calibrations."""
        if not self.is_finite:
            return f"too few to promise {100 * self.level:g} %"
        low, high = (self.coverage_quantile(share) for share in ((1 - DRAWS_TOLD) / 2, (1 + DRAWS_TOLD) / 2))
        return f"between {100 * low:.0f} and {100 * high:.0f} %"


def promise(num_recordings: int, level: float) -> Promise:
    """Say what n recordings can promise.

    Raises:
        ValueError: as in `conformal_rank`.
    """
    return Promise(num_recordings=num_recordings, level=level, rank=conformal_rank(num_recordings, level))


@dataclass(frozen=True, kw_only=True)
class CoverageTest:
    """Whether the share of new recordings whose truth was held fits the promise.

    Attributes:
        num_held: intervals that hold the truth.
        num_recordings: that were tested.
        promised: of the calibration.
        p_too_few: how often chance alone holds as few as this.
        p_too_many: how often chance alone holds as many as this.
    """

    num_held: int
    num_recordings: int
    promised: Promise
    p_too_few: float
    p_too_many: float

    @property
    def coverage(self) -> float:
        """Share held."""
        return self.num_held / self.num_recordings

    @property
    def p_value(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.p_too_few, self.p_too_many))

    @property
    def words(self) -> str:
        """For a person."""
        return (
            f"{self.num_held} of {self.num_recordings} held ({100 * self.coverage:.1f} %), "
            f"{100 * self.promised.mean_coverage:.1f} % promised; p {self.p_value:.2g}"
        )


def coverage_test(is_held: ArrayLike, *, num_calibrated: int, level: float) -> CoverageTest:
    """Test whether intervals keep their promise on new recordings.

    Of exchangeable recordings without ties, the number held is beta-binomial: the coverage of the calibration that one
    happens to have is Beta(rank, n + 1 - rank), and the new recordings are binomial given that. A plain binomial test
    would call good calibrations broken, the sooner the more recordings are tested. A wrong rank, a calibration on
    recordings that were trained on, and recordings of another kind all show as too few.

    Args:
        is_held: (M,) of True where the interval holds the truth.
        num_calibrated: n of the calibration.
        level: of the intervals.

    Raises:
        ValueError: no recordings, or a calibration too small for a finite interval.
    """
    held = np.asarray(is_held, dtype=bool)
    promised = promise(num_calibrated, level)
    if held.ndim != 1 or len(held) == 0:
        raise ValueError(f"is_held: expected (M,) with M > 0, got the shape {held.shape}")
    if not promised.is_finite:
        raise ValueError(f"{promised.words} There is nothing to test.")
    count = int(held.sum())
    chance = stats.betabinom(len(held), promised.rank, num_calibrated + 1 - promised.rank)
    return CoverageTest(
        num_held=count,
        num_recordings=len(held),
        promised=promised,
        p_too_few=float(chance.cdf(count)),
        p_too_many=float(chance.sf(count - 1)),
    )


def finite_vector(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Turn values into (N,) float64.

    Raises:
        ValueError: another shape, or a value that is not finite.
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise ValueError(f"{name}: expected the shape (N,), got {vector.shape}")
    wrong = np.flatnonzero(~np.isfinite(vector))
    if len(wrong) > 0:
        raise ValueError(
            f"{name}: {len(wrong)} of {len(vector)} values are not finite, first at {wrong[0]} ({vector[wrong[0]]:g})"
        )
    return vector


def _recordings(count: int) -> str:
    return f"{count} recording{'' if count == 1 else 's'}"
