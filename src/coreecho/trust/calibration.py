"""A calibration: what the errors of some recordings say about the error of the next.

Five ways to turn errors into an interval around a predicted EF, all with the promise of `conformal.py`:

- `absolute`: one half width for all;
- `normalised`: wider where the clips of a recording disagree. Errors are divided by sqrt(spread² + floor²): the
  floor stands for what all clips have in common; without it, clips that agree by chance would promise a width of zero;
- `normalised-by-copies`: the same with how far mirrored and zoomed copies of a clip are read from it;
- `by-range`: a half width for each range of predicted EF (Mondrian), so that failing hearts, which are few and on which
  models err most, are held as often as all others;
- `normalised-by-range`: wider where clips disagree, for each range.

The signed errors also give a whole distribution of the true EF (a conformal predictive system, Vovk et al. 2019), and
with it the probability of being below any threshold.
"""

import math
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coreecho.errors import CalibrationError
from coreecho.trust.conformal import Promise, conformal_quantile, finite_vector, promise
from coreecho.trust.predicted_ranges import PredictedRange, range_of

Method = Literal["absolute", "normalised", "normalised-by-copies", "by-range", "normalised-by-range"]

# For a person.
METHOD_WORDS: dict[Method, str] = {
    "absolute": "one width for all",
    "normalised": "wider where the clips of a recording disagree",
    "normalised-by-copies": "wider where mirrored and zoomed copies of a clip disagree",
    "by-range": "a width for each range of predicted EF",
    "normalised-by-range": "a width for each range of predicted EF, wider where the clips of a recording disagree",
}


def is_by_copies(method: Method) -> bool:
    """Whether its spread is over augmented copies of a clip, and not over the clips of a recording."""
    return method.endswith("by-copies")


def is_normalised(method: Method) -> bool:
    """Whether each prediction needs its spread, by which its interval is wider."""
    return method.startswith("normalised")


def is_by_range(method: Method) -> bool:
    """Whether each range of predicted EF has a width of its own."""
    return method.endswith("by-range")


@dataclass(frozen=True, kw_only=True)
class CalibratedRange:
    """The errors of the calibration recordings whose predicted EF lies in a range.

    Attributes:
        predicted: the range of predicted EF.
        errors: (n,) true minus predicted EF, rising: EF points, or multiples of the spread where it is `normalised`.
    """

    predicted: PredictedRange
    errors: tuple[float, ...]

    def half_width(self, level: float) -> float:
        """Give the conformal quantile of the absolute errors; infinity where they are too few."""
        return conformal_quantile(np.abs(self.errors), level)


@dataclass(frozen=True, kw_only=True)
class PredictionInterval:
    """Where the true EF of one recording lies, in percent.

    Attributes:
        low: lower end, 0 to 100.
        high: upper end, 0 to 100.
        level: that was asked for.
        promised: by the recordings whose errors gave the width.
        notes: what a reader of the interval must know.
    """

    low: float
    high: float
    level: float
    promised: Promise
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """All that is needed to put an interval and probabilities beside a predicted EF.

    Attributes:
        level: share of recordings whose truth the interval is to hold.
        method: see the head of this file.
        calibrated_on: in words, such as `VAL split of echonet`.
        is_phantom: whether its hearts were simulated; nothing then is promised of patients.
        date: day on which it was made, as 2026-01-31.
        model: what names the weights whose errors these are, such as their SHA-256.
        num_patients: of the recordings.
        spread_floor: EF points; None where the method has no spread.
        ranges: from the lowest to the highest predicted EF; together all numbers.
        widened_by: factor on all errors, for use on recordings of another kind; 1 as calibrated.
        widened_because: in words, what was measured on the other kind; needed where the factor is not 1.
    """

    level: float
    method: Method
    calibrated_on: str
    is_phantom: bool
    date: str
    model: str
    num_patients: int
    spread_floor: float | None
    ranges: tuple[CalibratedRange, ...]
    widened_by: float = 1.0
    widened_because: str = ""

    def __post_init__(self) -> None:
        _check_calibration(self)

    @property
    def is_normalised(self) -> bool:
        """Whether each prediction needs its spread."""
        return is_normalised(self.method)

    @property
    def num_recordings(self) -> int:
        """Of all ranges."""
        return sum(len(part.errors) for part in self.ranges)

    def half_widths(self, ef_predicted: ArrayLike, spread: ArrayLike | None = None) -> NDArray[np.float64]:
        """Give how far the truth may lie from each prediction, in EF points; infinity where recordings are too few.

        Args:
            ef_predicted: (M,) percent.
            spread: (M,) EF points, where the method is normalised.

        Raises:
            ValueError: as in `intervals`.
        """
        predicted, scale = self._checked(ef_predicted, spread)
        of_ranges = np.array([part.half_width(self.level) for part in self.ranges])
        return np.asarray(of_ranges[self._range_of(predicted)] * scale)

    def intervals(self, ef_predicted: ArrayLike, spread: ArrayLike | None = None) -> NDArray[np.float64]:
        """Put intervals around predictions.

        Args:
            ef_predicted: (M,) percent.
            spread: (M,) EF points, standard deviation over the clips of a recording; where the method is normalised.

        Returns:
            (M, 2) percent, from 0 to 100; 0 and 100 where there are too few recordings for the level.

        Raises:
            ValueError: values that are not finite, no spread where one is needed, or a negative one.
        """
        low, high = self._unclipped(ef_predicted, spread)
        # No heart has an EF below 0 or above 100: what is cut off held nobody.
        return np.clip(np.stack([low, high], axis=1), 0, 100)

    def interval(self, ef_predicted: float, spread: float | None = None) -> PredictionInterval:
        """Put an interval around one prediction, with what must be known of it.

        Raises:
            ValueError: as in `intervals`.
        """
        spreads = None if spread is None else [spread]
        low, high = (float(end[0]) for end in self._unclipped([ef_predicted], spreads))
        part = self.ranges[int(self._range_of([ef_predicted])[0])]
        promised = promise(len(part.errors), self.level)
        notes = []
        if not promised.is_finite:
            notes.append(promised.words)
        elif low < 0 or high > 100:
            notes.append(f"the interval of {low:.1f} to {high:.1f} % was cut at 0 to 100 %")
        if self.widened_by != 1:
            notes.append(f"widened {self.widened_by:g} times: {self.widened_because}")
        if self.is_phantom:
            notes.append("calibrated on simulated hearts: nothing is promised of patients")
        return PredictionInterval(
            low=min(100.0, max(0.0, low)),
            high=min(100.0, max(0.0, high)),
            level=self.level,
            promised=promised,
            notes=tuple(notes),
        )

    def probability_below(
        self, threshold: float, ef_predicted: ArrayLike, spread: ArrayLike | None = None, *, tau: ArrayLike = 0.5
    ) -> NDArray[np.float64]:
        """Give the probability that the true EF lies below a threshold, by the conformal predictive distribution.

        Q = (errors that put the truth below the threshold + tau * (those that put it there exactly, + 1)) / (n + 1).
        With tau drawn uniformly for each recording, Q at the true EF is uniform (`smoothed`); that would give the same
        clip another number each time. The fixed tau of 0.5 is the middle of the range from tau = 0 to 1 that the n
        recordings leave open, which is 1 / (n + 1) wide.

        Args:
            threshold: percent.
            ef_predicted: (M,) percent.
            spread: (M,) EF points, where the method is normalised.
            tau: 0 to 1, one for all or (M,).

        Returns:
            (M,), 0 to 1. Exactly 0 for a threshold of 0 or less, and 1 for one above 100.

        Raises:
            ValueError: values that are not finite, tau outside of 0 to 1, or as in `intervals`.
        """
        if not math.isfinite(threshold):
            raise ValueError(f"threshold: expected a finite EF in percent, got {threshold}")
        predicted, scale = self._checked(ef_predicted, spread)
        taus = np.broadcast_to(np.asarray(tau, dtype=np.float64), predicted.shape)
        if not ((taus >= 0) & (taus <= 1)).all():
            raise ValueError("tau: expected values from 0 to 1")
        if threshold <= 0 or threshold > 100:
            return np.full(predicted.shape, float(threshold > 0))
        probability = np.empty_like(predicted)
        number_of_range = self._range_of(predicted)
        for number, part in enumerate(self.ranges):
            inside = number_of_range == number
            errors = np.asarray(part.errors)
            needed = (threshold - predicted[inside]) / scale[inside]
            below, not_above = (np.searchsorted(errors, needed, side=side) for side in ("left", "right"))
            probability[inside] = (below + taus[inside] * (not_above - below + 1)) / (len(errors) + 1)
        return probability

    def widened(self, factor: float, because: str) -> "Calibration":
        """Stretch all errors, for recordings on which the model was measured to err more.

        Args:
            factor: 1 or more, as `widening_needed` measures it, on top of what it is widened already.
            because: in words: what was measured, and on what.

        Raises:
            CalibrationError: the factor is smaller than 1, or there is no reason.
        """
        _expect(math.isfinite(factor) and factor >= 1, "widened_by", "a factor of 1 or more", factor)
        return replace(self, widened_by=self.widened_by * factor, widened_because=because)

    @property
    def as_calibrated(self) -> "Calibration":
        """Without what it was widened by, for recordings of the kind that it was calibrated on."""
        return replace(self, widened_by=1.0, widened_because="")

    @property
    def words(self) -> str:
        """On what, when and how it was calibrated, and what it can promise."""
        of_hearts = "simulated hearts" if self.is_phantom else "recordings"
        text = (
            f"Calibrated on {self.num_recordings} {of_hearts} ({self.calibrated_on}) on {self.date}: "
            f"{METHOD_WORDS[self.method]}."
        )
        if self.num_patients < self.num_recordings:
            text += (
                f" They are of {self.num_patients} patients only, which count, not recordings: "
                "the promise is weaker than it says."
            )
        return f"{text} {self._promise_words}{self._widened_words}"

    @property
    def _promise_words(self) -> str:
        promised = [promise(len(part.errors), self.level) for part in self.ranges]
        if len(promised) == 1:
            return promised[0].words
        parts = [
            f"{one.range_words} of those with a predicted EF {part.predicted.name} ({one.num_recordings} recordings)"
            for part, one in zip(self.ranges, promised, strict=True)
        ]
        return (
            f"They aim to hold the true EF of {100 * self.level:g} % of new recordings of the same kind. How many one "
            f"calibration holds is its luck, the more so the fewer its recordings: most likely {', '.join(parts)}."
        )

    @property
    def _widened_words(self) -> str:
        if not self.widened_because:
            return ""
        how = "Wide enough as it is" if self.widened_by == 1 else f"Widened {self.widened_by:g} times"
        return f" {how}: {self.widened_because}."

    def _unclipped(
        self, ef_predicted: ArrayLike, spread: ArrayLike | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        reach = self.half_widths(ef_predicted, spread)
        predicted = np.asarray(ef_predicted, dtype=np.float64)
        return predicted - reach, predicted + reach

    def _range_of(self, ef_predicted: ArrayLike) -> NDArray[np.intp]:
        return range_of([part.predicted for part in self.ranges], ef_predicted)

    def _checked(
        self, ef_predicted: ArrayLike, spread: ArrayLike | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(M,) predictions, and (M,) EF points for an error of 1."""
        predicted = finite_vector("ef_predicted", ef_predicted)
        return predicted, self.widened_by * error_scale(len(predicted), spread, self.spread_floor)


def error_scale(count: int, spread: ArrayLike | None, floor: float | None) -> NDArray[np.float64]:
    """Give the (count,) EF points for an error of 1; ones where there is no floor, as the method then has no spread.

    Raises:
        ValueError: no spread where one is needed, another number, or a negative one.
    """
    if floor is None:
        return np.ones(count)
    if spread is None:
        raise ValueError("spread: a normalised calibration needs the spread over the clips of each recording, got none")
    spreads = finite_vector("spread", spread)
    if len(spreads) != count or (spreads < 0).any():
        raise ValueError(f"spread: expected {count} values of 0 or more, got {len(spreads)}, {(spreads < 0).sum()} < 0")
    return np.asarray(np.hypot(spreads, floor))


def _check_calibration(calibration: Calibration) -> None:
    """Refuse what no calibration can be.

    Raises:
        CalibrationError: naming the entry, what was expected, and what it is.
    """
    floor = calibration.spread_floor
    ends = [(part.predicted.low, part.predicted.high) for part in calibration.ranges]
    _expect(0 < calibration.level < 1, "level", "a share between 0 and 1", calibration.level)
    _expect(
        calibration.method in get_args(Method), "method", "one of " + ", ".join(get_args(Method)), calibration.method
    )
    for name, text in (("calibrated_on", calibration.calibrated_on), ("model", calibration.model)):
        _expect(text.strip() != "", name, "some words", text)
    _expect(_is_date(calibration.date), "date", "a day such as 2026-01-31", calibration.date)
    _expect(
        (floor is not None) == calibration.is_normalised, "spread_floor", "a value for normalised methods only", floor
    )
    _expect(floor is None or (math.isfinite(floor) and floor > 0), "spread_floor", "EF points above 0", floor)
    factor = calibration.widened_by
    _expect(math.isfinite(factor) and factor >= 1, "widened_by", "a factor of 1 or more", factor)
    _expect(factor == 1 or calibration.widened_because != "", "widened_because", "words, where widened", "")
    _expect(len(ends) > 0, "ranges", "at least one", ends)
    _expect(
        ends[0][0] == -math.inf
        and ends[-1][1] == math.inf
        and all(low < high for low, high in ends)
        and all(one[1] == other[0] for one, other in pairwise(ends)),
        "ranges",
        "ranges that join and together cover all numbers",
        ends,
    )
    _expect(len(ends) == 1 or is_by_range(calibration.method), "ranges", "one, without by-range", len(ends))
    for number, part in enumerate(calibration.ranges):
        is_sorted = bool((np.diff(part.errors) >= 0).all())
        _expect(all(map(math.isfinite, part.errors)), f"ranges[{number}].errors", "finite numbers", "others")
        _expect(is_sorted, f"ranges[{number}].errors", "rising numbers", "others")
    count = calibration.num_recordings
    _expect(count > 0, "ranges", "at least one recording", count)
    _expect(1 <= calibration.num_patients <= count, "num_patients", f"from 1 to {count}", calibration.num_patients)


def _expect(is_right: bool, entry: str, expected: str, got: object) -> None:
    if not is_right:
        raise CalibrationError(f"Calibration, {entry}: expected {expected}, got {got!r}.")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
