"""From the errors of recordings that were not trained on to a calibration."""

import math
from collections.abc import Collection, Sequence
from datetime import date
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from coreecho.errors import CalibrationError
from coreecho.trust.calibration import CalibratedRange, Calibration, Method, error_scale, is_by_range, is_normalised
from coreecho.trust.conformal import check_level, conformal_quantile, finite_vector, promise, smallest_calibration
from coreecho.trust.predicted_ranges import PREDICTED_EF_EDGES_PERCENT, merged_ranges, range_of

# In simulations (docs/trust.md) it holds failing hearts as often as healthy ones, which a single width does not (77 %
# of those predicted below 40 %, at a level of 90 %), and it assumes nothing. `normalised-by-range` is narrower where
# clips disagree more when the error is larger, and wider where they do not.
DEFAULT_METHOD: Method = "by-range"
DEFAULT_LEVEL = 0.9
# EF points. Readers who measure the same pictures again differ by several: a smaller spread says nothing of the error.
DEFAULT_SPREAD_FLOOR = 2.0
# A range of 9 recordings can bear a level of 90 %, but its coverage then depends on the draw: a tenth of such
# calibrations hold fewer than 77.5 %. Of 20 recordings a tenth hold fewer than 82 %.
LEAST_OF_RANGE = 20


def calibrate(
    ef_true: ArrayLike,
    ef_predicted: ArrayLike,
    *,
    calibrated_on: str,
    is_phantom: bool,
    model: str,
    spread: ArrayLike | None = None,
    patients: Sequence[str] | None = None,
    training_patients: Collection[str] = (),
    method: Method = DEFAULT_METHOD,
    level: float = DEFAULT_LEVEL,
    spread_floor: float = DEFAULT_SPREAD_FLOOR,
    edges: Sequence[float] = PREDICTED_EF_EDGES_PERCENT,
    made_on: date | None = None,
) -> Calibration:
    """Learn intervals from recordings that the model was not trained on.

    Args:
        ef_true: (N,) percent.
        ef_predicted: (N,) percent.
        calibrated_on: in words, such as `VAL split of echonet`.
        is_phantom: the hearts are simulated.
        model: what names the weights, such as their SHA-256.
        spread: (N,) EF points over the clips or augmented copies of a recording; where the method is normalised.
        patients: (N,) names, to count and compare only: none is kept. None: each recording is a patient.
        training_patients: names of those trained on; one that is also in `patients` is refused.
        method: see `calibration.py`.
        level: share of new recordings whose truth is to be held.
        spread_floor: EF points, more than 0. Chosen before, not from these recordings.
        edges: of the ranges of predicted EF, rising; ranges of fewer than `LEAST_OF_RANGE` recordings, or too few for
            the level, are merged with a neighbour.
        made_on: the day; None for today.

    Raises:
        CalibrationError: patients that were trained on, or no recordings.
        ValueError: shapes disagree, values that are not finite, a level, floor, method or edges that make no sense.
    """
    check_level(level)
    if method not in get_args(Method):
        raise ValueError(f"method: expected one of {', '.join(get_args(Method))}, got {method!r}")
    if not (math.isfinite(spread_floor) and spread_floor > 0):
        raise ValueError(f"spread_floor: expected EF points above 0, got {spread_floor}")
    true, predicted = finite_vector("ef_true", ef_true), finite_vector("ef_predicted", ef_predicted)
    if len(true) != len(predicted):
        raise ValueError(f"expected one prediction for each of {len(true)} true EF, got {len(predicted)}")
    if patients is not None and len(patients) != len(true):
        raise ValueError(f"patients: expected one name for each of {len(true)} recordings, got {len(patients)}")
    refuse_trained_patients(patients or (), training_patients)
    floor = spread_floor if is_normalised(method) else None
    errors = (true - predicted) / error_scale(len(true), spread, floor)
    least = max(LEAST_OF_RANGE, smallest_calibration(level))
    ranges = merged_ranges(predicted, edges if is_by_range(method) else (), least)
    number_of_range = range_of(ranges, predicted)
    return Calibration(
        level=level,
        method=method,
        calibrated_on=calibrated_on,
        is_phantom=is_phantom,
        date=(made_on or date.today()).isoformat(),
        model=model,
        num_patients=len(true if patients is None else set(patients)),
        spread_floor=floor,
        ranges=tuple(
            CalibratedRange(predicted=part, errors=tuple(np.sort(errors[number_of_range == number]).tolist()))
            for number, part in enumerate(ranges)
        ),
    )


def widening_needed(
    calibration: Calibration, ef_true: ArrayLike, ef_predicted: ArrayLike, spread: ArrayLike | None = None
) -> float:
    """Measure how much wider intervals must be to hold at their level on recordings of another kind.

    The conformal quantile of their errors in half widths: a calibration of one number, with the same promise, but of
    these recordings. It stretches all ranges alike, so that few recordings do; enough for ranges of their own deserve
    a calibration of their own.

    Args:
        calibration: of the model, on recordings of the first kind.
        ef_true: (N,) percent, of recordings of the other kind.
        ef_predicted: (N,) percent.
        spread: (N,) EF points, where the method is normalised.

    Returns:
        A factor for `Calibration.widened`, 1 or more.

    Raises:
        CalibrationError: too few recordings for the level, or a calibration whose intervals have no finite width.
        ValueError: shapes disagree, or values that are not finite.
    """
    true, half_widths = finite_vector("ef_true", ef_true), calibration.half_widths(ef_predicted, spread)
    if len(true) != len(half_widths):
        raise ValueError(f"expected one prediction for each of {len(true)} true EF, got {len(half_widths)}")
    promised = promise(len(true), calibration.level)
    if not promised.is_finite:
        raise CalibrationError(f"How much wider intervals must be cannot be measured: {promised.words}")
    if not (np.isfinite(half_widths) & (half_widths > 0)).all():
        raise CalibrationError("Intervals without a finite width cannot be widened: calibrate on more recordings.")
    errors = np.abs(true - np.asarray(ef_predicted, dtype=np.float64))
    return max(1.0, conformal_quantile(errors / half_widths, calibration.level))


def refuse_trained_patients(patients: Collection[str], training_patients: Collection[str]) -> None:
    """Refuse to calibrate on those whom the model has learned by heart: their errors are too small.

    Raises:
        CalibrationError: a patient is in both; the message counts them, and names none.
    """
    num_shared = len(set(patients) & set(training_patients))
    if num_shared > 0:
        raise CalibrationError(
            f"{num_shared} of {len(set(patients))} patients of the calibration were trained on: intervals from their "
            "errors would be too narrow. Calibrate on a split that was not trained on."
        )
