"""The heart rate of a clip."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coreecho.tasks import Number


@dataclass(frozen=True, kw_only=True)
class HeartRate(Number):
    """Beats in a minute."""

    name: ClassVar[str] = "heart_rate"
    # Slow and fast hearts of adults at rest.
    thresholds: ClassVar[tuple[float, ...]] = (60, 100)
    label: str = "heart_rate"
    title: str = "Heart rate"
    noun: str = "heart rate"
    unit: str = "bpm"
    error_unit: str = "bpm"
    true_column: str = "heart_rate_true"
    predicted_column: str = "heart_rate_predicted"
    output_column: str = "heart_rate_output"
    losses: tuple[str, ...] = ("l1", "mse")
    selection: str = "val_mae"
    metrics: str = "coreecho.evaluation.metrics:NumberFamily"
    notice: str = "Not a medical device: this heart rate must not guide the care of a patient."
    low: float = 20.0
    high: float = 300.0

    def value_of(self, output: NDArray[np.float64]) -> NDArray[np.float64]:
        """No heart beats slower than `low` or faster than `high`."""
        return np.clip(output, self.low, self.high)
