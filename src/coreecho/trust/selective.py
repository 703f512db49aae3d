"""Refusing the doubtful: how much smaller the error of the recordings is that are kept (El-Yaniv and Wiener 2010)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.trust.conformal import finite_vector


@dataclass(frozen=True, kw_only=True)
class RiskCoverage:
    """The mean error of the recordings kept, as more and more of the doubtful are refused.

    Attributes:
        kept: (N,) share kept: 1/N, 2/N, ... 1; the least doubtful are kept first.
        risk: (N,) mean absolute error of those kept, EF points.
        aurc: mean of `risk`: the area under this curve. Less is better.
        aurc_random: where recordings are refused at random: the mean error of all.
        aurc_best: where those with the largest errors are refused first, as only the truth could.
    """

    kept: NDArray[np.float64]
    risk: NDArray[np.float64]
    aurc: float
    aurc_random: float
    aurc_best: float

    @property
    def gain(self) -> float:
        """Share of the way from random (0) to the best (1) refusal; below 0 is worse than random. NaN without a way."""
        way = self.aurc_random - self.aurc_best
        return (self.aurc_random - self.aurc) / way if way > 0 else float("nan")

    def risk_at(self, share: float) -> float:
        """Mean absolute error where at least this share of recordings is kept.

        Raises:
            ValueError: no share above 0, up to 1.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share: expected above 0, up to 1, got {share}")
        # A share of 0.3 of ten recordings is three, though 3/10 and 0.3 may differ in their last bit.
        return float(self.risk[int(np.searchsorted(self.kept, share - 1e-12))])


def risk_coverage(absolute_errors: ArrayLike, doubt: ArrayLike) -> RiskCoverage:
    """Refuse the most doubtful recordings first.

    Recordings of equal doubt have no order: each counts as the mean of those of its doubt, which is what refusing them
    in random order gives on average. So a doubt with few values (good, doubtful, outside) is neither flattered nor
    punished by the order of the table.

    Args:
        absolute_errors: (N,) EF points.
        doubt: (N,), larger where the prediction is trusted less: a p-value turned round, a spread, a width.

    Raises:
        ValueError: shapes disagree, no recordings, or values that are not finite.
    """
    errors, doubts = finite_vector("absolute_errors", absolute_errors), finite_vector("doubt", doubt)
    if len(errors) == 0 or len(errors) != len(doubts):
        raise ValueError(f"expected one doubt for each error, and at least one, got {len(doubts)} and {len(errors)}")
    _, group, size = np.unique(doubts, return_inverse=True, return_counts=True)
    expected = (np.bincount(group, weights=errors) / size)[group]
    numbers = np.arange(1, len(errors) + 1)
    risk = np.cumsum(expected[np.argsort(doubts, kind="stable")]) / numbers
    return RiskCoverage(
        kept=numbers / len(errors),
        risk=risk,
        aurc=float(risk.mean()),
        aurc_random=float(errors.mean()),
        aurc_best=float((np.cumsum(np.sort(errors)) / numbers).mean()),
    )
