"""What a reason for doubt is worth: how much more the recordings erred that it flags."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, Interval, bootstrap_intervals
from coreecho.trust.conformal import finite_vector


def error_ratio(
    absolute_errors: ArrayLike,
    is_flagged: ArrayLike,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> Interval:
    """Measure what a reason for doubt is worth: mean absolute error of the flagged over that of all others.

    Args:
        absolute_errors: (N,) EF points.
        is_flagged: (N,) of True where the check is not good.
        patients: (N,) names where a patient may have several recordings; these are resampled together.
        resamples: of the bootstrap.
        level: of the interval.
        seed: of the resamples.

    Returns:
        The ratio with its interval; NaN with a reason where all or none are flagged.

    Raises:
        ValueError: shapes disagree, errors that are not finite, or as in `bootstrap_intervals`.
    """
    errors, flagged = finite_vector("absolute_errors", absolute_errors), np.asarray(is_flagged, dtype=np.float64)
    if errors.shape != flagged.shape:
        raise ValueError(f"is_flagged: expected one for each of {len(errors)} errors, got the shape {flagged.shape}")
    parts = np.stack([flagged * errors, flagged, (1 - flagged) * errors, 1 - flagged], axis=1)

    def ratio(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        of_flagged, num_flagged, of_others, num_others = (counts @ parts).T
        is_defined = (num_flagged > 0) & (num_others > 0) & (of_others > 0)
        below = np.where(is_defined, num_flagged * of_others, np.nan)
        return np.asarray(of_flagged * num_others / below)[:, None]

    found = bootstrap_intervals(ratio, len(errors), patients=patients, resamples=resamples, level=level, seed=seed)[0]
    if found.is_defined:
        return found
    if flagged.all() or not flagged.any():
        return replace(found, reason=f"{'every' if flagged.all() else 'no'} recording was flagged")
    return replace(found, reason="the recordings that were not flagged have no error")
