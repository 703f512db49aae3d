"""How sure a measured figure is: the percentile bootstrap over recordings, or over patients who have several."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Takes (R, N) float64 counts, how often each of the N recordings is in each of R resamples; gives (R, K) statistics.
# A statistic that a resample does not define is NaN.
WeightedStatistics = Callable[[NDArray[np.float64]], NDArray[np.float64]]

METHOD = "percentile bootstrap"
DEFAULT_RESAMPLES = 10_000
DEFAULT_LEVEL = 0.95
# Of fewer recordings, or patients, a resampled interval is a guess: the tails of the errors are hardly among them.
FEW = 30
# After the point, of a difference that is as small as that.
_MOST_DIGITS = 6
# 2^16 counts are 512 KiB: a chunk stays in the cache and memory stays bounded. 2^17 and more took four times as long.
_CHUNK_ELEMENTS = 2**16


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and the interval around it, with all that is needed to say what the interval is.

    Attributes:
        estimate: the statistic of the recordings as they are; NaN where it is not defined.
        low: lower end of the interval; NaN where the estimate is.
        high: upper end.
        level: confidence level, 0.95 for a 95 % interval.
        method: how the ends were found.
        resamples: how many resamples were drawn.
        excluded_resamples: how many of them did not define the statistic (for an AUROC: held one class only).
        reason: why the estimate is not defined; empty where it is.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: str = METHOD
    resamples: int
    excluded_resamples: int = 0
    reason: str = ""

    @property
    def is_defined(self) -> bool:
        """Whether there is an estimate at all."""
        return not math.isnan(self.estimate)

    def format(self, digits: int = 2) -> str:
        """Give the text of a table's cell: `3.90 (3.71 to 4.10)`, or `n/a`."""
        if not self.is_defined:
            return "n/a"
        if math.isnan(self.low):
            return f"{self.estimate:z.{digits}f} (no interval)"
        return f"{self.estimate:z.{digits}f} ({self.low:z.{digits}f} to {self.high:z.{digits}f})"

    def digits_apart_from_0(self, digits: int = 2) -> int:
        """As many digits as it takes that no end prints as a 0 that it is not.

        `0.00 (0.00 to 0.00)` of a difference would deny what its ends say.

        Args:
            digits: at least so many after the point.
        """
        ends = [abs(end) for end in (self.low, self.high) if end != 0 and math.isfinite(end)]
        if not ends:
            return digits
        enough = (each for each in range(digits, _MOST_DIGITS) if round(min(ends), each) > 0)
        return next(enough, max(digits, _MOST_DIGITS))

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary; NaN, which JSON does not know, becomes None."""
        fields = {
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "method": self.method,
            "resamples": self.resamples,
            "excluded_resamples": self.excluded_resamples,
            "reason": self.reason,
        }
        return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in fields.items()}


def resampled_counts(
    patient_of_recording: NDArray[np.int64], *, resamples: int, seed: int, chunk_elements: int = _CHUNK_ELEMENTS
) -> Iterator[NDArray[np.float64]]:
    """Draw bootstrap resamples of the patients, a chunk at a time.

    Counts say all that a statistic of a resample needs, and turn most statistics into one matrix product. The resamples
    depend on the seed only, not on how they are cut into chunks.

    Args:
        patient_of_recording: (N,), the patient of each recording as a number from 0 to P - 1; every number occurs.
        resamples: how many resamples are drawn in all.
        seed: of a generator made here.
        chunk_elements: about how many counts are held at once.

    Yields:
        (R, N) float64 counts, the rows of all chunks being `resamples`.
    """
    num_recordings = len(patient_of_recording)
    num_patients = int(patient_of_recording.max()) + 1
    rows_per_chunk = max(1, chunk_elements // max(num_patients, num_recordings))
    rng = np.random.default_rng(seed)
    for first in range(0, resamples, rows_per_chunk):
        rows = min(rows_per_chunk, resamples - first)
        drawn = rng.integers(0, num_patients, size=(rows, num_patients))
        # One bincount for all rows, each with its own range of bins: far cheaper than multinomial draws.
        drawn += np.arange(rows)[:, None] * num_patients
        counts = np.bincount(drawn.ravel(), minlength=rows * num_patients).reshape(rows, num_patients)
        yield counts[:, patient_of_recording].astype(np.float64)


def bootstrap_intervals(
    statistics: WeightedStatistics,
    num_recordings: int,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> list[Interval]:
    """Estimate K statistics with their percentile bootstrap intervals, all from the same resamples.

    The percentile interval of Efron (1979): the (1 - level)/2 and (1 + level)/2 quantiles of the statistic over
    resamples of the patients with replacement. Resamples that do not define a statistic are excluded from its
    quantiles, and counted.

    Args:
        statistics: of (R, N) counts; the estimate is the one of N ones.
        num_recordings: N.
        patients: (N,) names; recordings of one patient are resampled together. None: each recording is a patient.
        resamples: how many.
        level: between 0 and 1.
        seed: of the resamples.

    Returns:
        K intervals, in the order of the statistics.

    Raises:
        ValueError: no recordings, a level outside (0, 1), no resamples, or not one patient a recording.
    """
    check_bootstrap(num_recordings, patients, resamples, level)
    patient_of_recording = np.arange(num_recordings)
    if patients is not None:
        patient_of_recording = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    estimates = statistics(np.ones((1, num_recordings)))[0]
    chunks = resampled_counts(patient_of_recording, resamples=resamples, seed=seed)
    values = np.concatenate([statistics(counts) for counts in chunks])
    method = f"{METHOD} over {'recordings' if patients is None else 'patients'}"
    return [
        percentile_interval(float(estimate), of_resamples, level, method)
        for estimate, of_resamples in zip(estimates, values.T, strict=True)
    ]


def check_bootstrap(num_recordings: int, patients: Sequence[str] | None, resamples: int, level: float) -> None:
    """Check what a bootstrap is asked for.

    Raises:
        ValueError: no recordings, a level outside (0, 1), no resamples, or not one patient a recording.
    """
    if num_recordings < 1:
        raise ValueError("a bootstrap needs at least one recording, got none")
    if patients is not None and len(patients) != num_recordings:
        raise ValueError(f"patients: expected one name for each of {num_recordings} recordings, got {len(patients)}")
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected a share between 0 and 1 such as 0.95, got {level}")


def percentile_interval(estimate: float, of_resamples: NDArray[np.float64], level: float, method: str) -> Interval:
    """Put the quantiles of (R,) resampled values around an estimate; NaN values are excluded, and counted."""
    defined = of_resamples[~np.isnan(of_resamples)]
    low = high = math.nan
    if not math.isnan(estimate) and len(defined) > 0:
        low, high = (float(end) for end in np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]))
    return Interval(
        estimate=estimate,
        low=low,
        high=high,
        level=level,
        method=method,
        resamples=len(of_resamples),
        excluded_resamples=len(of_resamples) - len(defined),
    )
