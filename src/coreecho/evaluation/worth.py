"""Whether what stands beside an EF holds: intervals, probabilities and trust, on recordings whose EF is known.

The intervals are those of the mean of as many evenly placed clips as the calibration was made with, whatever clips an
evaluation takes its metrics from.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coreecho.datasets import Recording
from coreecho.evaluation.intervals import FEW
from coreecho.evaluation.measured_clips import Computing, MeasuredClips, Outliner, measure_clips
from coreecho.evaluation.patients import patients_of
from coreecho.evaluation.reliability import Reliability, reliability
from coreecho.inference.subject import Subject
from coreecho.names import CELL_SEPARATOR, counted
from coreecho.tasks import Task
from coreecho.trust import (
    Calibration,
    CoverageTest,
    ModelCalibration,
    RiskCoverage,
    Verdict,
    calibration_path,
    coverage_test,
    read_calibration,
    risk_coverage,
)
from coreecho.trust.appraisal import EF_LIMITS
from coreecho.trust.predicted_ranges import range_of, ranges_between

# Reduced EF, by which a probability is judged.
RELIABILITY_THRESHOLD = float(EF_LIMITS[0])
# Of whom refusing is told in a sentence: as many as a clinic might look at once more.
SET_ASIDE = 0.2
# EF points: less cannot be seen where EF has one digit after the point.
_SAME = 0.05
# How often chance alone may do what is then not called chance.
_SURPRISING = 0.05
# Trust in the order in which clips are refused.
_ORDER = {"good": 0, "doubtful": 1, "outside": 2}
# Of a group of fewer, a share held is chance.
_LEAST_OF_GROUP = 5
_ALL = "all"
# Told even of a single group, or a small one.
_ALWAYS_TOLD = (_ALL, "trust")


def is_of_all(grouping: str) -> bool:
    """Whether the recordings are not grouped at all."""
    return grouping == _ALL


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often intervals hold in a group of recordings.

    Attributes:
        grouping: by what they are grouped: `all`, `predicted EF`, `true EF`, `quality`, `view`, `scanner`, `trust`.
        group: which they are.
        num_recordings: in it.
        num_held: whose true EF lies in its interval.
        mean_width: of the intervals, EF points.
        mae: EF points.
    """

    grouping: str
    group: str
    num_recordings: int
    num_held: int
    mean_width: float
    mae: float

    @property
    def name(self) -> str:
        """Of the group, for a person."""
        return self.group if is_of_all(self.grouping) else f"{self.grouping} {self.group}"

    @property
    def coverage(self) -> float:
        """Share held."""
        return self.num_held / self.num_recordings


@dataclass(frozen=True, kw_only=True, eq=False)
class Worth:
    """What was found.

    Attributes:
        calibration: whose intervals were tried.
        test: whether the share held fits the promise, which is one of recordings of the same kind.
        groups: all recordings, then those of each group.
        reliability: of P(EF < 40 %).
        by_gate: error of the recordings kept as the gate refuses; None without a gate.
        by_spread: as the spread over clips does; None where there is one clip.
        by_doubt: as `Verdict.doubt` does: by one check alone; None where no gate has any.
        table: one row a recording: interval, probabilities, trust and reasons.
        is_without_outline: the gate knows outlines, and none was looked at here.
    """

    calibration: Calibration
    test: CoverageTest
    groups: tuple[Coverage, ...]
    reliability: Reliability
    by_gate: RiskCoverage | None
    by_spread: RiskCoverage | None
    by_doubt: RiskCoverage | None
    table: pd.DataFrame
    is_without_outline: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary of the figures."""
        table = self.reliability
        return {
            "level": self.calibration.level,
            "method": self.calibration.method,
            "calibrated_on": self.calibration.words,
            "coverage": self.test.coverage,
            "promised": self.test.promised.mean_coverage,
            "p_value": self.test.p_value,
            "groups": [
                {
                    "grouping": group.grouping,
                    "group": group.group,
                    "num_recordings": group.num_recordings,
                    "coverage": group.coverage,
                    "mean_width": group.mean_width,
                    "mae": group.mae,
                }
                for group in self.groups
            ],
            "p_below_40": {
                "brier": table.brier.to_dict(),
                "brier_skill": table.brier_skill.to_dict(),
                "bias": table.bias.to_dict(),
                "calibration_error": table.calibration_error,
            },
            "aurc": {
                name: None if found is None else {"aurc": found.aurc, "gain": _or_none(found.gain)}
                for name, found in (("doubt", self.by_doubt), ("gate", self.by_gate), ("spread", self.by_spread))
            }
            | {"random": float(np.mean(self.table["absolute_error"]))},
        }

    @property
    def is_of_few(self) -> bool:
        """Whether the recordings are so few that chance alone decides how all of this comes out."""
        return len(self.table) < FEW

    @property
    def words(self) -> tuple[str, ...]:
        """For a person who knows hearts and no statistics; the figures behind it are those of `to_dict`."""
        if self.is_of_few:
            return (
                f"{counted(len(self.table), 'recordings')} cannot tell whether the intervals hold, how far the "
                f"probabilities may be believed, or what refusing the doubtful is worth: that takes {FEW} and more",
            )
        return tuple(line for line in (self._interval_words, self._probability_words, self.refusal_words) if line)

    def interval_of(self, recording: str, predicted: float) -> str:
        """The interval of a recording, and whether it held, in words; empty where it is of another prediction.

        Args:
            recording: its id.
            predicted: what the interval is to stand beside, EF percent; other clips may have given another.
        """
        is_same = (self.table["ef_predicted"] - predicted).abs() < _SAME
        rows = self.table[(self.table["recording"] == recording) & is_same]
        if rows.empty:
            return ""
        row = rows.iloc[0]
        low, high = (max(0.0, row["interval_low"]), min(100.0, row["interval_high"]))
        held = "holds the truth" if row["is_held"] else "misses the truth"
        return f"{100 * self.calibration.level:g} % interval {low:.0f} to {high:.0f} %, {held}"

    @property
    def held_words(self) -> str:
        """How many intervals held, in a few words."""
        return (
            f"{100 * self.calibration.level:g} % intervals held the true EF of {self.test.num_held} of "
            f"{self.test.num_recordings} recordings ({100 * self.test.coverage:.1f} %)"
        )

    @property
    def _interval_words(self) -> str:
        verdict = "as promised"
        if self.test.p_value < _SURPRISING:
            verdict = (
                "fewer than chance explains: on such recordings they are too narrow"
                if self.test.p_too_few < self.test.p_too_many
                else "more than chance explains: on such recordings they are wider than needed"
            )
        promised = f"{100 * self.test.promised.mean_coverage:.1f} %"
        return f"The {self.held_words}; {promised} were to be expected. That is {verdict}"

    @property
    def _probability_words(self) -> str:
        told, num_below = self.table["p_below_40"].sum(), int((self.table["ef_true"] < RELIABILITY_THRESHOLD).sum())
        words = (
            f"By the probabilities of an EF below {RELIABILITY_THRESHOLD:g} %, {told:.{0 if told >= 10 else 1}f} of "
            f"{len(self.table)} recordings should be below; {num_below} are"
        )
        skill = self.reliability.brier_skill
        if not skill.is_defined:
            return words
        if skill.low > 0:
            return f"{words}. They are nearer to what was found than one probability for all would be"
        return (
            f"{words}. It is not clear that they are nearer to what was found than one probability for all would be, "
            "the share of such hearts; of the order of the hearts the AUROC speaks"
        )

    @property
    def refusal_words(self) -> str:
        """What setting aside the most doubted is worth, in a sentence; empty where nothing doubts."""
        if self.by_doubt is None or self.is_of_few:
            return ""
        kept, all_of_them = (f"{self.by_doubt.risk_at(share):.1f}" for share in (1 - SET_ASIDE, 1.0))
        words = f"If the {100 * SET_ASIDE:.0f} % most doubted clips are set aside, the rest err by {kept} EF points on"
        outline = ". The outline, at which `predict` looks, too, is not asked here" if self.is_without_outline else ""
        if kept == all_of_them:
            return f"{words} average, as all together do{outline}"
        return f"{words} average; all together err by {all_of_them}{outline}"


def worth_of(
    subject: Subject,
    recordings: Sequence[Recording],
    *,
    computing: Computing,
    resamples: int,
    seed: int = 0,
    calibrated: ModelCalibration | None = None,
    outliner: Outliner | None = None,
) -> Worth | None:
    """Try the calibration of a model on recordings whose EF is known.

    Args:
        subject: the model and the data.
        recordings: of the data; not those that it was calibrated on.
        computing: how.
        resamples: of the bootstrap.
        seed: of the resamples.
        calibrated: what is tried; the file beside the weights when not given.
        outliner: of left ventricles, for the checks that look at them; None leaves these out.

    Returns:
        None where the model was never calibrated, reads no EF, or gives no interval on such recordings.

    Raises:
        CalibrationError: the calibration is damaged, or of other weights.
    """
    calibrated = calibrated or calibration_of(subject)
    if calibrated is None:
        return None
    intervals = calibrated.intervals
    if intervals.is_phantom:
        if not subject.is_phantom and not intervals.widened_because:
            return None
        intervals = intervals if not subject.is_phantom else intervals.as_calibrated
    measured = measure_clips(
        subject,
        recordings,
        clips=calibrated.num_clips,
        known=calibrated.known,
        computing=computing,
        outliner=outliner,
    )
    return worth_of_measured(
        measured, recordings, calibrated=calibrated, intervals=intervals, resamples=resamples, seed=seed
    )


def calibration_of(subject: Subject) -> ModelCalibration | None:
    """The calibration beside a subject's weights; None where there is none, or its task has none.

    Raises:
        CalibrationError: it is damaged, or of other weights.
    """
    path = calibration_path(subject.weights)
    if not subject.task.is_appraised or not path.exists():
        return None
    found = read_calibration(path)
    found.refuse_other_weights(subject.weights_sha256, str(path))
    return found


def worth_of_measured(
    measured: MeasuredClips,
    recordings: Sequence[Recording],
    *,
    calibrated: ModelCalibration,
    intervals: Calibration,
    resamples: int,
    seed: int = 0,
) -> Worth:
    """As `worth_of`, of recordings that are measured already, by intervals that hold for recordings of their kind."""
    true, predicted = measured.true, measured.predicted
    spread = measured.spread
    scale = measured.spread_for(intervals.method)
    low, high = intervals.intervals(predicted, scale).T
    verdicts = [measured.verdict(number, calibrated) for number in range(len(true))]
    table = pd.DataFrame(
        {
            "recording": measured.predictions["recording"],
            "ef_true": true,
            "ef_predicted": predicted,
            "absolute_error": np.abs(true - predicted),
            "interval_low": low,
            "interval_high": high,
            "is_held": (low <= true) & (true <= high),
            **{f"p_below_{limit:g}": intervals.probability_below(limit, predicted, scale) for limit in EF_LIMITS},
            "trust": [None if one is None else one.trust for one in verdicts],
            "reasons": ["" if one is None else CELL_SEPARATOR.join(one.words) for one in verdicts],
            "doubt": [None if one is None else one.doubt for one in verdicts],
        }
    )
    rarest = [_rarest(one) for one in verdicts if one is not None]
    doubts = [one.doubt for one in verdicts if one is not None and one.doubt is not None]
    errors = measured.absolute_errors
    return Worth(
        calibration=intervals,
        # Ranges keep their promise each; together they are as one of so many recordings.
        test=coverage_test(table["is_held"], num_calibrated=intervals.num_recordings, level=intervals.level),
        groups=tuple(_groups(table, recordings, intervals, measured.task)),
        reliability=reliability(
            table["p_below_40"],
            true < RELIABILITY_THRESHOLD,
            patients=patients_of(recordings),
            resamples=resamples,
            seed=seed,
        ),
        by_gate=risk_coverage(errors, rarest) if rarest else None,
        by_spread=None if spread is None else risk_coverage(errors, spread),
        by_doubt=risk_coverage(errors, doubts) if doubts else None,
        table=table,
        is_without_outline=calibrated.outlined_by is not None and measured.outlined_by is None,
    )


def _rarest(verdict: Verdict) -> float:
    """What the gate refuses first: what is outside, then what is doubtful, each the rarer the sooner."""
    rarest = min((check.p_value for check in verdict.checks if math.isfinite(check.p_value)), default=0.0)
    return _ORDER[verdict.trust] + 1 - rarest


def _groups(table: pd.DataFrame, recordings: Sequence[Recording], intervals: Calibration, task: Task) -> list[Coverage]:
    """All, by predicted and true EF, and by what the data set says of the recordings."""
    ranges = ranges_between([part.predicted.high for part in intervals.ranges[:-1]])
    by_true = ranges_between(task.interval_edges)
    named: list[tuple[str, Callable[[], list[str]]]] = [
        (_ALL, lambda: [_ALL] * len(table)),
        ("predicted EF", lambda: [ranges[number].name for number in range_of(ranges, table["ef_predicted"])]),
        ("true EF", lambda: [by_true[number].name for number in range_of(by_true, table["ef_true"])]),
        ("quality", lambda: [recording.quality or "" for recording in recordings]),
        ("view", lambda: [recording.view or "" for recording in recordings]),
        ("scanner", lambda: [recording.scanner or "" for recording in recordings]),
        ("trust", lambda: [trust or "" for trust in table["trust"]]),
    ]
    ordered = {"predicted EF": [part.name for part in ranges], "true EF": [part.name for part in by_true]}
    found = []
    for grouping, names in named:
        of_recording = np.array(names(), dtype=str)
        order = ordered.get(grouping, list(_ORDER))
        groups = sorted({str(name) for name in of_recording if name}, key=partial(_place, order))
        if grouping not in _ALWAYS_TOLD and len(groups) < 2:
            continue
        for group in groups:
            part = table[of_recording == group]
            if len(part) >= _LEAST_OF_GROUP or grouping in _ALWAYS_TOLD:
                found.append(_coverage(grouping, group, part))
    return found


def _place(order: Sequence[str], name: str) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)


def _coverage(grouping: str, group: str, part: pd.DataFrame) -> Coverage:
    widths: NDArray[np.float64] = (part["interval_high"] - part["interval_low"]).to_numpy(dtype=np.float64)
    return Coverage(
        grouping=grouping,
        group=group,
        num_recordings=len(part),
        num_held=int(part["is_held"].sum()),
        mean_width=float(widths.mean()),
        mae=float(part["absolute_error"].mean()),
    )


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
