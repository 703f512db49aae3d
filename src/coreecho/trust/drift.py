"""Whether a stream of recordings has drifted away from those that the model was calibrated on.

**While it runs**: a conformal test martingale (Vovk, Nouretdinov and Gammerman 2003). Each recording gets a p-value
among the calibration recordings *and all of the stream before it*; if all could have come in any order, these p-values
are independent and uniform, and nobody who bets on them can expect to win. The martingale is the capital of a gambler
who does bet: by Ville's inequality it ever reaches 1 / delta with probability delta at most, however long one watches.
P-values among the calibration recordings alone would not do: they share those n, whose own chance is soon mistaken for
drift. `docs/simulate_coverage.py` shows both.

**Afterwards**: the energy distance of two samples (Székely and Rizzo 2004) with a permutation test.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from coreecho.trust.conformal import finite_vector

# False alarms of a stream that never drifts: one stream in a hundred, over its whole life.
DEFAULT_FALSE_ALARMS = 0.01
# The gamblers of the Simple Jumper (Vovk et al. 2021): they bet on small p-values, on nothing, and on large ones; at
# each step this share of everyone's capital is dealt out anew, so that a change in the middle of a stream is found.
_BETS = (-1.0, 0.0, 1.0)
_JUMPING = 0.01


@dataclass(kw_only=True)
class JumperMartingale:
    """The capital of three gamblers who bet 1 + e (p - 1/2) on each p-value, e = -1, 0, 1.

    Attributes:
        log_capital: natural logarithm of their capital together; 0 at the start.
        shares: of each gambler, after dealing out.
    """

    log_capital: float = 0.0
    shares: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)

    def update(self, p_value: float) -> float:
        """Bet on one p-value, and give the logarithm of the capital afterwards.

        Raises:
            ValueError: no p-value.
        """
        if not 0 <= p_value <= 1:
            raise ValueError(f"p_value: expected 0 to 1, got {p_value}")
        won = [share * (1 + bet * (p_value - 0.5)) for share, bet in zip(self.shares, _BETS, strict=True)]
        total = sum(won)
        self.log_capital += math.log(total)
        self.shares = tuple((1 - _JUMPING) * part / total + _JUMPING / len(_BETS) for part in won)
        return self.log_capital


@dataclass(frozen=True, kw_only=True)
class DriftState:
    """Where a watched stream stands.

    Attributes:
        num_recordings: of the stream so far.
        capital: of the martingale now; about 1 or less without drift.
        largest_capital: that it ever had.
        drifted_at: number of the recording (from 1) at which the stream was found to have drifted; None if it was not.
    """

    num_recordings: int
    capital: float
    largest_capital: float
    drifted_at: int | None

    @property
    def words(self) -> str:
        """For a person."""
        if self.drifted_at is None:
            return f"no drift found in {self.num_recordings} recordings (evidence {self.largest_capital:.3g} at most)"
        return (
            f"drifted: found at recording {self.drifted_at} of {self.num_recordings}, with odds of "
            f"{self.largest_capital:.3g} to 1 at most. These recordings are not like those of the calibration: its "
            "intervals promise nothing for them. Look at them, and calibrate again."
        )


@dataclass(kw_only=True)
class DriftMonitor:
    """Watches one number of each recording, such as the distance to its neighbours, its EF or its spread.

    Several numbers need several monitors, each with its part of the false alarms.

    Attributes:
        calibration_scores: (n,) of recordings of the calibration.
        false_alarms: probability that a stream without drift is ever called drifted.
        seed: of the random numbers that break ties, one for each place in the stream.
        stream_scores: of all recordings so far, in order: with them a monitor is resumed.
    """

    calibration_scores: tuple[float, ...]
    false_alarms: float = DEFAULT_FALSE_ALARMS
    seed: int = 0
    stream_scores: list[float] = field(default_factory=list)
    _sorted: list[float] = field(init=False, repr=False)
    _martingale: JumperMartingale = field(init=False, repr=False)
    _largest: float = field(init=False, repr=False, default=0.0)
    _drifted_at: int | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms < 1:
            raise ValueError(f"false_alarms: expected a probability between 0 and 1, got {self.false_alarms}")
        known = finite_vector("calibration_scores", self.calibration_scores)
        if len(known) == 0:
            raise ValueError("calibration_scores: expected at least one, got none")
        self._sorted = np.sort(known).tolist()
        self._martingale = JumperMartingale()
        earlier, self.stream_scores = list(self.stream_scores), []
        self.extend(earlier)

    @property
    def state(self) -> DriftState:
        """Where the stream stands."""
        return DriftState(
            num_recordings=len(self.stream_scores),
            capital=_exp(self._martingale.log_capital),
            largest_capital=_exp(self._largest),
            drifted_at=self._drifted_at,
        )

    def update(self, score: float) -> DriftState:
        """Take one recording.

        Raises:
            ValueError: a score that is not finite.
        """
        if not math.isfinite(score):
            raise ValueError(f"score: expected a finite number, got {score}")
        p_value = self._p_value(score)
        self.stream_scores.append(float(score))
        insort(self._sorted, float(score))
        self._largest = max(self._largest, self._martingale.update(p_value))
        if self._drifted_at is None and self._largest >= -math.log(self.false_alarms):
            self._drifted_at = len(self.stream_scores)
        return self.state

    def extend(self, scores: Iterable[float]) -> DriftState:
        """Take several recordings, in order."""
        for score in scores:
            self.update(score)
        return self.state

    def _p_value(self, score: float) -> float:
        """Smoothed, among all recordings before: independent of all others, and uniform, where nothing drifts."""
        below, not_above = bisect_left(self._sorted, score), bisect_right(self._sorted, score)
        tau = float(np.random.default_rng((self.seed, len(self.stream_scores))).uniform())
        above = len(self._sorted) - not_above
        return (above + tau * (not_above - below + 1)) / (len(self._sorted) + 1)


@dataclass(frozen=True, kw_only=True)
class TwoSampleTest:
    """Whether two samples come from one distribution.

    Attributes:
        distance: energy distance, the square root of 2 E|X - Y| - E|X - X'| - E|Y - Y'|.
        p_value: share of the permutations with at least this distance, this order counted too.
        permutations: how many were drawn.
    """

    distance: float
    p_value: float
    permutations: int


def energy_test(
    one: ArrayLike, other: ArrayLike, *, permutations: int = 999, seed: int = 0, most: int = 2_000
) -> TwoSampleTest:
    """Compare two samples of numbers or embeddings by their energy distance.

    Args:
        one: (N,) or (N, D).
        other: (M,) or (M, D).
        permutations: how many.
        seed: of the permutations, and of the draw below.
        most: recordings of each sample that are compared; of a larger one so many are drawn, as all pairs are kept.

    Raises:
        ValueError: an empty sample, widths that differ, values that are not finite, or no permutations.
    """
    if permutations < 1 or most < 2:
        raise ValueError(f"expected 1 permutation and 2 recordings or more, got {permutations} and {most}")
    rng = np.random.default_rng(seed)
    samples = [_sample(name, values, rng, most) for name, values in (("one", one), ("other", other))]
    if samples[0].shape[1] != samples[1].shape[1]:
        raise ValueError(f"expected samples of one width, got {samples[0].shape[1]} and {samples[1].shape[1]}")
    pooled = np.concatenate(samples)
    between = cdist(pooled, pooled)
    is_one = np.zeros((permutations + 1, len(pooled)))
    is_one[:, : len(samples[0])] = 1
    is_one[1:] = rng.permuted(is_one[1:], axis=1)
    squared = _energy(between, is_one)
    # The same split may come out a rounding error apart.
    num_as_far = int((squared[1:] >= squared[0] * (1 - 1e-9)).sum())
    return TwoSampleTest(
        distance=math.sqrt(max(0.0, float(squared[0]))),
        p_value=(num_as_far + 1) / (permutations + 1),
        permutations=permutations,
    )


def _energy(between: NDArray[np.float64], is_one: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, N) memberships to (P,) squared energy distances, the pairs of one recording with itself counted."""
    to_one = is_one @ between
    n = is_one.sum(axis=1)
    m = is_one.shape[1] - n
    within_one = (to_one * is_one).sum(axis=1)
    across = to_one.sum(axis=1) - within_one
    within_other = between.sum() - within_one - 2 * across
    return np.asarray(2 * across / (n * m) - within_one / n**2 - within_other / m**2)


def _sample(name: str, values: ArrayLike, rng: np.random.Generator, most: int) -> NDArray[np.float64]:
    sample = np.asarray(values, dtype=np.float64)
    sample = sample[:, None] if sample.ndim == 1 else sample
    if sample.ndim != 2 or len(sample) == 0 or not np.isfinite(sample).all():
        raise ValueError(f"{name}: expected finite (N,) or (N, D) with N > 0, got the shape {sample.shape}")
    return sample if len(sample) <= most else sample[rng.choice(len(sample), most, replace=False)]


def _exp(logarithm: float) -> float:
    return math.exp(min(logarithm, 700.0))
