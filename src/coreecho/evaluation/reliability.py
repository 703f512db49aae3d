"""Whether probabilities are what they say: of hearts with a probability of 0.3 for EF < 40 %, 30 % should have it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, Interval, bootstrap_intervals
from coreecho.trust.conformal import check_level, finite_vector


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Recordings whose probability lies in low <= p < high (p <= high in the last bin).

    Attributes:
        low: of the bin.
        high: of the bin.
        num_recordings: in it.
        num_events: of these, with the event.
        mean_probability: predicted; NaN without recordings.
        observed_low: end of the interval of the observed share (Clopper and Pearson 1934); NaN without recordings.
        observed_high: other end.
    """

    low: float
    high: float
    num_recordings: int
    num_events: int
    mean_probability: float
    observed_low: float
    observed_high: float

    @property
    def observed(self) -> float:
        """Share with the event; NaN without recordings."""
        return self.num_events / self.num_recordings if self.num_recordings else float("nan")

    @property
    def is_empty(self) -> bool:
        """Whether no recording lies in it."""
        return self.num_recordings == 0


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """A reliability table and the Brier score.

    Attributes:
        bins: from the smallest probability to the largest.
        level: of all intervals.
        brier: mean squared difference of probability and event; 0 is best.
        brier_skill: 1 - brier / that of always saying the share of events; above 0 is better than that. NaN, with a
            reason, where all or none have the event.
        bias: mean probability minus the share of events.
        calibration_error: mean over recordings of |mean probability - observed share| of their bin. It grows with
            fewer recordings a bin, also for perfect probabilities: compare it at the same number only.
    """

    bins: tuple[ReliabilityBin, ...]
    level: float
    brier: Interval
    brier_skill: Interval
    bias: Interval
    calibration_error: float

    def pooled(self, least: int) -> tuple[ReliabilityBin, ...]:
        """Bins joined with their neighbours until each has enough recordings for its share to say something.

        Args:
            least: recordings in each; what is left at the end joins the last.
        """
        groups: list[list[ReliabilityBin]] = [[]]
        for part in self.bins:
            if part.is_empty:
                continue
            if sum(one.num_recordings for one in groups[-1]) >= least:
                groups.append([])
            groups[-1].append(part)
        if len(groups) > 1 and sum(one.num_recordings for one in groups[-1]) < least:
            groups[-2:] = [groups[-2] + groups[-1]]
        return tuple(_joined(group, self.level) for group in groups)


def _joined(parts: list[ReliabilityBin], level: float) -> ReliabilityBin:
    """One bin of several that have recordings."""
    count = sum(part.num_recordings for part in parts)
    return _bin(
        (parts[0].low, parts[-1].high),
        count,
        sum(part.num_events for part in parts),
        sum(part.num_recordings * part.mean_probability for part in parts) / count,
        level,
    )


def reliability(
    probability: ArrayLike,
    is_event: ArrayLike,
    *,
    num_bins: int = 10,
    patients: list[str] | None = None,
    level: float = DEFAULT_LEVEL,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> Reliability:
    """Compare probabilities with what came.

    Args:
        probability: (N,), such as P(EF < 40 %).
        is_event: (N,) of True where the true EF is below it.
        num_bins: of equal width, from 0 to 1.
        patients: (N,) names where a patient may have several recordings; these are resampled together.
        level: of the intervals.
        resamples: of the bootstrap.
        seed: of the resamples.

    Raises:
        ValueError: shapes disagree, no recordings, no probabilities, events other than 0 and 1, no bins, or as in
            `bootstrap_intervals`.
    """
    check_level(level)
    predicted, event = finite_vector("probability", probability), finite_vector("is_event", is_event)
    if len(predicted) == 0 or len(predicted) != len(event):
        raise ValueError(f"expected one event for each probability, got {len(event)} and {len(predicted)}")
    if ((predicted < 0) | (predicted > 1)).any() or not np.isin(event, (0, 1)).all():
        raise ValueError("expected probabilities from 0 to 1 and events of 0 or 1")
    if num_bins < 1:
        raise ValueError(f"num_bins: expected at least 1, got {num_bins}")
    brier, skill, bias = bootstrap_intervals(
        lambda counts: _scores(counts, predicted, event),
        len(predicted),
        patients=patients,
        level=level,
        resamples=resamples,
        seed=seed,
    )
    if not skill.is_defined:
        skill = replace(skill, reason=f"{'every' if event.all() else 'no'} recording has the event")
    bins = _bins(predicted, event, num_bins, level)
    off = [part.num_recordings * abs(part.mean_probability - part.observed) for part in bins if part.num_recordings]
    return Reliability(
        bins=bins, level=level, brier=brier, brier_skill=skill, bias=bias, calibration_error=sum(off) / len(predicted)
    )


def _scores(
    counts: NDArray[np.float64], predicted: NDArray[np.float64], event: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(R, N) counts to (R, 3): Brier score, its skill, and bias."""
    values = np.stack([(predicted - event) ** 2, predicted, event], axis=1)
    brier, mean_predicted, share = (counts @ values / counts.sum(axis=1, keepdims=True)).T
    of_share = share * (1 - share)
    # A share of resampled events of one kind is 0 or 1 up to rounding.
    skill = 1 - brier / np.where(of_share > 1e-12, of_share, np.nan)
    return np.stack([brier, skill, mean_predicted - share], axis=1)


def _bins(
    predicted: NDArray[np.float64], event: NDArray[np.float64], num_bins: int, level: float
) -> tuple[ReliabilityBin, ...]:
    edges = np.linspace(0, 1, num_bins + 1)
    number_of_bin = np.minimum(np.searchsorted(edges, predicted, side="right") - 1, num_bins - 1)
    bins = []
    for number in range(num_bins):
        inside = number_of_bin == number
        count, events = int(inside.sum()), int(event[inside].sum())
        mean = float(predicted[inside].mean()) if count else float("nan")
        bins.append(_bin((float(edges[number]), float(edges[number + 1])), count, events, mean, level))
    return tuple(bins)


def _bin(ends: tuple[float, float], count: int, events: int, mean: float, level: float) -> ReliabilityBin:
    low = high = float("nan")
    if count > 0:
        exact = stats.binomtest(events, count).proportion_ci(level, method="exact")
        low, high = float(exact.low), float(exact.high)
    return ReliabilityBin(
        low=ends[0],
        high=ends[1],
        num_recordings=count,
        num_events=events,
        mean_probability=mean,
        observed_low=low,
        observed_high=high,
    )
