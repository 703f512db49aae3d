"""Whether small numbers are read higher, against the truth, than large ones: the slope of a Bland-Altman plot."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from coreecho.evaluation.metrics import checked_pair

_LEVEL = 0.95
# A line through fewer points has no interval worth its name.
_LEAST_RECORDINGS = 10
# Where the line is looked at: near the ends of what was measured, and not at two lone recordings.
_ENDS_PERCENT = (10, 90)


@dataclass(frozen=True, kw_only=True)
class AgreementSlope:
    """The straight line through the differences, predicted minus true, over the means of both.

    Attributes:
        slope: points of difference for each point of the mean.
        low: end of its interval.
        high: other end.
        level: of the interval.
        at_ends: the line's height at the 10th and the 90th percentile of the means.
    """

    slope: float
    low: float
    high: float
    level: float
    at_ends: tuple[float, float]

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    def words(self, noun: str) -> str:
        """In a sentence, where it is clear; else nothing.

        Args:
            noun: what was measured, such as `EF`.
        """
        if not self.is_clear:
            return ""
        first, last = self.at_ends
        if first > 0 > last:
            said = f"Low {noun} read too high, high {noun} too low"
        elif first < 0 < last:
            said = f"Low {noun} read too low, high {noun} too high"
        else:
            said = f"Low {noun} read {'higher' if self.slope < 0 else 'lower'}, against the truth, than high {noun}"
        return f"{said}: slope {self.slope:+.2f} ({100 * self.level:g} % interval {self.low:+.2f} to {self.high:+.2f})."


def agreement_slope(true: ArrayLike, predicted: ArrayLike) -> AgreementSlope | None:
    """Fit the line by least squares (Bland and Altman 1999, section 3.2), with Student's interval of its slope.

    Args:
        true: (N,), in any unit.
        predicted: (N,), in the same.

    Returns:
        The line; None of fewer than ten recordings, or where all means are one.
    """
    known, read = checked_pair(true, predicted)
    means = (known + read) / 2
    if len(means) < _LEAST_RECORDINGS or math.isclose(float(means.min()), float(means.max())):
        return None
    found = stats.linregress(means, read - known)
    reach = float(stats.t.ppf((1 + _LEVEL) / 2, len(means) - 2)) * float(found.stderr)
    ends = found.intercept + found.slope * np.percentile(means, _ENDS_PERCENT)
    return AgreementSlope(
        slope=float(found.slope),
        low=float(found.slope) - reach,
        high=float(found.slope) + reach,
        level=_LEVEL,
        at_ends=(float(ends[0]), float(ends[1])),
    )
