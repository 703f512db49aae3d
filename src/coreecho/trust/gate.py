"""Whether the model knows such recordings. Named checks, each against the validation split, and never one magic score.

A check measures one thing of a recording, and holds the values of recordings that the model is known to read (the
validation split: not trained on, and of the same kind). Two rules, and no others:

- **doubtful**: the value is so rare there that its conformal p-value is at most the check's part of `doubted_share`.
  The parts are equal (Bonferroni), so that of recordings like those of the split no more than that share is doubted.
- **outside**: the value lies more than twice as far from the median as any recording of the split. This needs no large
  split, and has no probability of its own beyond 1 / (n + 1).

What could not be measured is doubtful: a check must never pass because it did not run.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from coreecho.errors import CalibrationError
from coreecho.trust.conformal import Side, conformal_p_values, finite_vector

Trust = Literal["good", "doubtful", "outside"]

DEFAULT_DOUBTED_SHARE = 0.05
# How many times as far from the median as the farthest recording of the split is outside.
OUTSIDE_FACTOR = 2.0


@dataclass(frozen=True, kw_only=True)
class CheckDefinition:
    """One thing that can be strange about a recording.

    Attributes:
        name: a key.
        label: in words.
        unit: of the value, with what is to stand before it; empty where there is none.
        side: which values are strange.
        tolerance: differences up to this mean nothing, such as 49.97 frames a second where all others have 50.
        is_of_outline: it is measured in the outline of the left ventricle, and so only where something outlines it.
    """

    name: str
    label: str
    unit: str = ""
    side: Side
    tolerance: float = 0.0
    is_of_outline: bool = False


CHECKS: dict[str, CheckDefinition] = {
    definition.name: definition
    for definition in (
        CheckDefinition(name="neighbour_distance", label="distance to the nearest training recordings", side="high"),
        CheckDefinition(name="class_distance", label="distance to the training recordings of any EF", side="high"),
        CheckDefinition(name="frame_rate", label="frame rate", unit=" per second", side="both", tolerance=1.0),
        CheckDefinition(name="num_frames", label="length", unit=" frames", side="low", tolerance=2.0),
        CheckDefinition(name="contrast", label="contrast", side="both", tolerance=0.005),
        CheckDefinition(name="motion", label="change of the picture over time", side="both", tolerance=0.005),
        CheckDefinition(name="flicker", label="flicker from frame to frame", side="both", tolerance=0.02),
        CheckDefinition(name="chroma", label="share of the sector that is coloured", side="high", tolerance=0.005),
        CheckDefinition(name="sector_area", label="share of the picture that is sector", side="both", tolerance=0.005),
        CheckDefinition(
            name="sector_cut",
            label="share of the picture's edge at which the sector is cut off",
            side="high",
            tolerance=0.01,
        ),
        CheckDefinition(
            name="clip_disagreement", label="disagreement of its clips", unit=" EF points", side="high", tolerance=0.1
        ),
        CheckDefinition(
            name="copy_disagreement",
            label="disagreement of its mirrored or zoomed copies",
            unit=" EF points",
            side="high",
            tolerance=0.1,
        ),
        CheckDefinition(name="num_beats", label="heartbeats found", side="low", tolerance=0.5, is_of_outline=True),
        CheckDefinition(
            name="lv_unseen",
            label="share of the frames in which no left ventricle is found",
            side="high",
            tolerance=0.02,
            is_of_outline=True,
        ),
        # Large hearts are what many clips are taken for.
        CheckDefinition(
            name="lv_area",
            label="share of the sector that is left ventricle",
            side="low",
            tolerance=0.005,
            is_of_outline=True,
        ),
        CheckDefinition(
            name="lv_cut",
            label="share of the left ventricle's outline at the sector's edge",
            side="high",
            tolerance=0.01,
            is_of_outline=True,
        ),
        CheckDefinition(
            name="segmentation_disagreement",
            label="disagreement with the EF of the segmented ventricle",
            unit=" EF points",
            side="high",
            tolerance=0.1,
            is_of_outline=True,
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one check found in one recording.

    Attributes:
        name: of the check.
        value: measured; NaN where it could not be.
        p_value: share of the recordings of the split that are as strange; NaN without a value.
        trust: what this check alone says.
        words: for a person.
        error_ratio: of the absolute errors of recordings that this check flags to those of all others; None if unknown.
    """

    name: str
    value: float
    p_value: float
    trust: Trust
    words: str
    error_ratio: float | None

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary; NaN, which JSON does not know, becomes None."""
        return {
            "name": self.name,
            "value": None if math.isnan(self.value) else self.value,
            "p_value": None if math.isnan(self.p_value) else self.p_value,
            "trust": self.trust,
            "words": self.words,
            "error_ratio": self.error_ratio,
        }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What all checks of one recording say together: the worst that any of them says."""

    checks: tuple[Check, ...]

    @property
    def trust(self) -> Trust:
        """`outside` if any check says so, else `doubtful` if any does, else `good`."""
        found = {check.trust for check in self.checks}
        return "outside" if "outside" in found else "doubtful" if "doubtful" in found else "good"

    @property
    def reasons(self) -> tuple[Check, ...]:
        """The checks that are not good: those outside first, then the rarest values first."""
        flagged = [check for check in self.checks if check.trust != "good"]
        return tuple(sorted(flagged, key=lambda check: (check.trust != "outside", np.nan_to_num(check.p_value))))

    @property
    def words(self) -> tuple[str, ...]:
        """The reasons for a person, in order; at the end, in one, what could not be measured."""
        measured = [check.words for check in self.reasons if math.isfinite(check.value)]
        missing = [CHECKS[check.name].label for check in self.reasons if not math.isfinite(check.value)]
        return (*measured, *([f"could not be measured: {', '.join(missing)}"] if missing else []))


@dataclass(frozen=True, kw_only=True)
class GateCheck:
    """A check and the values that it knows.

    Attributes:
        name: a key of `CHECKS`.
        values: (n,) of the recordings of the split, rising.
        error_ratio: how many times as much the recordings that it flags erred; None where it was not measured.
        error_ratio_on: in words, on what the ratio was measured; empty where it was not.
    """

    name: str
    values: tuple[float, ...]
    error_ratio: float | None = None
    error_ratio_on: str = ""

    def __post_init__(self) -> None:
        if self.name not in CHECKS:
            raise CalibrationError(f"There is no check named {self.name!r}; known are {', '.join(CHECKS)}.")
        is_rising = bool((np.diff(self.values) >= 0).all())
        if not self.values or not is_rising or not all(map(math.isfinite, self.values)):
            raise CalibrationError(f"Check {self.name}, values: expected finite, rising numbers, at least one.")
        if (self.error_ratio is None) != (self.error_ratio_on == ""):
            raise CalibrationError(
                f"Check {self.name}: an error ratio needs words on what it was measured, and only it."
            )
        if self.error_ratio is not None and not (math.isfinite(self.error_ratio) and self.error_ratio >= 0):
            raise CalibrationError(
                f"Check {self.name}, error_ratio: expected a finite ratio of 0 or more, got {self.error_ratio}."
            )

    @property
    def definition(self) -> CheckDefinition:
        """What it measures."""
        return CHECKS[self.name]

    @property
    def least_p_value(self) -> float:
        """The smallest that a split of this size can give."""
        return (2 if self.definition.side == "both" else 1) / (len(self.values) + 1)

    def p_value(self, value: float) -> float:
        """How rare a value is in the split."""
        found = conformal_p_values(self.values, [value], side=self.definition.side, tolerance=self.definition.tolerance)
        return float(found[0])

    def is_outside(self, value: float) -> bool:
        """Whether a value lies more than twice as far from the median as any of the split, on a strange side."""
        median = float(np.median(self.values))
        reach_up = max(self.values[-1] - median, self.definition.tolerance)
        reach_down = max(median - self.values[0], self.definition.tolerance)
        is_above = value - median > OUTSIDE_FACTOR * reach_up
        is_below = median - value > OUTSIDE_FACTOR * reach_down
        return (is_above and self.definition.side != "low") or (is_below and self.definition.side != "high")

    def judge(self, value: float | None, alpha: float) -> Check:
        """Compare a value with those of the split; None or NaN could not be measured."""
        if value is None or not math.isfinite(value):
            words = f"{self.definition.label}: could not be measured"
            return self._check(math.nan, math.nan, "doubtful", words)
        p_value = self.p_value(value)
        trust: Trust = "outside" if self.is_outside(value) else "doubtful" if p_value <= alpha else "good"
        return self._check(value, p_value, trust, self._words(value, trust))

    def _check(self, value: float, p_value: float, trust: Trust, words: str) -> Check:
        return Check(
            name=self.name, value=value, p_value=p_value, trust=trust, words=words, error_ratio=self.error_ratio
        )

    def _words(self, value: float, trust: Trust) -> str:
        values, tolerance = np.asarray(self.values), self.definition.tolerance
        above, below = int((values >= value - tolerance).sum()), int((values <= value + tolerance).sum())
        is_high = self.definition.side == "high" or (self.definition.side == "both" and above <= below)
        count, how = (above, "high") if is_high else (below, "low")
        text = (
            f"{self.definition.label} {value:.3g}{self.definition.unit}: as {how} in {count} of {len(values)} "
            f"recordings of the calibration ({values[0]:.3g} to {values[-1]:.3g})"
        )
        if trust != "good" and self.error_ratio is not None:
            text += f"; clips flagged for this erred {self.error_ratio:.2g} times as much ({self.error_ratio_on})"
        return text


@dataclass(frozen=True, kw_only=True)
class Gate:
    """All checks of a model.

    Attributes:
        checks: each with the values of the validation split.
        doubted_share: of recordings like those of the split, at most this share is to be doubted.
    """

    checks: tuple[GateCheck, ...]
    doubted_share: float = DEFAULT_DOUBTED_SHARE

    def __post_init__(self) -> None:
        names = [check.name for check in self.checks]
        if not names or len(set(names)) != len(names):
            raise CalibrationError(f"Gate, checks: expected different checks, at least one, got {names}.")
        if not 0 < self.doubted_share < 1:
            raise CalibrationError(f"Gate, doubted_share: expected a share between 0 and 1, got {self.doubted_share}.")

    @property
    def alpha(self) -> float:
        """The largest p-value that each check doubts."""
        return self.doubted_share / len(self.checks)

    @property
    def without_outline(self) -> "Gate | None":
        """The checks for which nothing has to outline the left ventricle; None where there is no other."""
        kept = tuple(check for check in self.checks if not check.definition.is_of_outline)
        return replace(self, checks=kept) if kept else None

    @property
    def silent_checks(self) -> tuple[str, ...]:
        """Names of the checks whose split is too small to doubt anything that is not outside."""
        return tuple(check.name for check in self.checks if check.least_p_value > self.alpha)

    @property
    def flagged_at_most(self) -> float:
        """Bound on the share of recordings like those of the split that are doubtful or outside.

        A silent check still calls the most extreme values outside: it adds its smallest p-value, not its alpha.
        """
        return min(1.0, sum(max(self.alpha, check.least_p_value) for check in self.checks))

    def judge(self, values: Mapping[str, float | None]) -> Verdict:
        """Judge one recording.

        Args:
            values: by the names of the checks; one that is missing, None or NaN could not be measured.

        Raises:
            ValueError: a name that the gate does not have.
        """
        unknown = sorted(set(values) - {check.name for check in self.checks})
        if unknown:
            raise ValueError(f"values: this gate has no check named {', '.join(unknown)}")
        return Verdict(checks=tuple(check.judge(values.get(check.name), self.alpha) for check in self.checks))

    def with_error_ratios(self, ratios: Mapping[str, float], on: str) -> "Gate":
        """Add how much more flagged recordings erred, for the checks where it is known.

        Args:
            ratios: by the names of the checks; NaN is not known.
            on: in words, on what they were measured.
        """
        return replace(
            self,
            checks=tuple(
                replace(check, error_ratio=float(ratios[check.name]), error_ratio_on=on)
                if math.isfinite(ratios.get(check.name, math.nan))
                else check
                for check in self.checks
            ),
        )


def make_gate(values: Mapping[str, ArrayLike], *, doubted_share: float = DEFAULT_DOUBTED_SHARE) -> Gate:
    """Learn from the validation split what is usual.

    Args:
        values: by names of `CHECKS`, (n,) each, of recordings that the model was not trained on.
        doubted_share: see `Gate`.

    Raises:
        CalibrationError: an unknown check, one without values, or a share that makes no sense.
        ValueError: values that are not finite.
    """
    checks = tuple(
        GateCheck(name=name, values=tuple(np.sort(finite_vector(name, of_split)).tolist()))
        for name, of_split in values.items()
    )
    return Gate(checks=checks, doubted_share=doubted_share)
