"""Watches the log of a model's predictions for drift away from what it was calibrated on.

Each check of the gate is watched by a martingale of its own, which gets an equal part of the false alarms; a two-sample
test tells how far the numbers of the whole log lie from those of the calibration.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from coreecho.errors import CalibrationError
from coreecho.names import counted
from coreecho.trust.checks import CHECKS
from coreecho.trust.drift import DEFAULT_FALSE_ALARMS, DriftMonitor, DriftState, TwoSampleTest, energy_test
from coreecho.trust.gate import Gate
from coreecho.trust.prediction_log import PredictionLog

# What comes after a few clips is chance, whatever it is.
LEAST_WATCHED = 10
_PERMUTATIONS = 499


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One number of a stream.

    Attributes:
        name: of the check.
        state: of its martingale.
        test: of all numbers of the log against those of the calibration.
        calibrated_median: of the calibration.
        seen_median: of the log.
        needed_capital: how much evidence is drift.
    """

    name: str
    state: DriftState
    test: TwoSampleTest
    calibrated_median: float
    seen_median: float
    needed_capital: float

    @property
    def label(self) -> str:
        """In words."""
        return CHECKS[self.name].label


def logged_numbers(ef_percent: float, clip_sd: float | None, measured: Mapping[str, float]) -> dict[str, float]:
    """What a log keeps of one prediction: numbers that were measured, and no name."""
    numbers = {"ef_percent": ef_percent, **measured}
    if clip_sd is not None:
        numbers["clip_sd"] = clip_sd
    return {name: float(value) for name, value in numbers.items() if np.isfinite(value)}


def watch(log: PredictionLog, gate: Gate, *, false_alarms: float = DEFAULT_FALSE_ALARMS) -> list[Watched]:
    """Look for drift in a log.

    Args:
        log: of predictions, in order.
        gate: of the model that made them.
        false_alarms: probability that a stream without drift is ever called drifted, by any of its numbers.

    Returns:
        One for each check of the gate that the log has numbers of, the most evidence first.

    Raises:
        CalibrationError: the log has fewer than `LEAST_WATCHED` numbers of every check.
    """
    columns = {}
    for check in gate.checks:
        values = [prediction[check.name] for prediction in log.predictions if check.name in prediction]
        if len(values) >= LEAST_WATCHED:
            columns[check.name] = values
    if not columns:
        raise CalibrationError(
            f"The log holds {counted(len(log.predictions), 'predictions')}: at least {LEAST_WATCHED} with numbers of "
            "this model's checks are needed. `coreecho predict --model MODEL --monitor LOG` adds to it."
        )
    found = []
    for number, check in enumerate(one for one in gate.checks if one.name in columns):
        values = columns[check.name]
        monitor = DriftMonitor(calibration_scores=check.values, false_alarms=false_alarms / len(columns), seed=number)
        found.append(
            Watched(
                name=check.name,
                state=monitor.extend(values),
                test=energy_test(check.values, values, permutations=_PERMUTATIONS),
                calibrated_median=float(np.median(check.values)),
                seen_median=float(np.median(values)),
                needed_capital=len(columns) / false_alarms,
            )
        )
    return sorted(found, key=lambda one: -one.state.largest_capital)
