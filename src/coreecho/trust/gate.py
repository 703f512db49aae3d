"""Whether the model knows such recordings. Named checks, each against the validation split, and never one magic score.

A check measures one thing of a recording, and holds the values of recordings that the model is known to read (the
validation split: not trained on, and of the same kind). Two rules for all, and one limit:

- **doubtful**: the value is so rare there that its conformal p-value is at most the check's part of `doubted_share`.
  The parts are equal (Bonferroni), so that of recordings like those of the split no more than that share is doubted.
- **outside**: the value lies more than twice as far from the median as any recording of the split. This needs no large
  split, and has no probability of its own beyond 1 / (n + 1).

The limit is of two numbers that should be one: an EF by the outline that is more than `DISAGREEMENT_POINTS` from the
model's is doubtful however often that happens in the split, since one of the two is wrong.

What could not be measured is doubtful: a check must never pass because it did not run.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from coreecho.errors import CalibrationError
from coreecho.trust.checks import CHECKS, OUTLINE_CHECK, CheckDefinition, ErrorRatio
from coreecho.trust.conformal import conformal_p_values, finite_vector

Trust = Literal["good", "doubtful", "outside"]

DEFAULT_DOUBTED_SHARE = 0.05
# How many times as far from the median as the farthest recording of the split is outside.
OUTSIDE_FACTOR = 2.0
# What so many recordings of the split show is called usual, as the reference ranges of medicine are.
USUAL_SHARE = 0.95
USUAL_WORDS = f"usual: as {100 * USUAL_SHARE:g} % of the recordings are that the model was calibrated on"
# By which clips are refused first, the first of them that a gate asks. In phantoms (docs/trust.md) refusing by one of
# these alone is better than by the rarest value of all checks, most of which say that a picture is unusual, and not
# that its number is wrong.
REFUSING_CHECKS = (OUTLINE_CHECK, "neighbour_distance", "clip_disagreement")


def is_good(trust: Trust | None) -> bool:
    """Whether no check finds anything strange; what no gate has judged is not called good."""
    return trust == "good"


def is_outside(trust: Trust | None) -> bool:
    """Whether a recording is unlike any of the split, so that nothing that was calibrated there holds of it."""
    return trust == "outside"


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one check found in one recording.

    Attributes:
        name: of the check.
        value: measured; NaN where it could not be.
        p_value: share of the recordings of the split that are as strange; NaN without a value.
        trust: what this check alone says.
        words: for a person.
        error_ratio: how much more the recordings err that this check flags; None if unknown.
    """

    name: str
    value: float
    p_value: float
    trust: Trust
    words: str
    error_ratio: ErrorRatio | None

    @property
    def is_good(self) -> bool:
        """Whether it finds nothing strange."""
        return is_good(self.trust)

    @property
    def code(self) -> str:
        """What it found, for programs: its name, or of some what says that they could not be measured."""
        return self.name if math.isfinite(self.value) else CHECKS[self.name].code_if_missing or self.name

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary; NaN, which JSON does not know, becomes None."""
        return {
            "name": self.name,
            "value": None if math.isnan(self.value) else self.value,
            "p_value": None if math.isnan(self.p_value) else self.p_value,
            "trust": self.trust,
            "words": self.words,
            "error_ratio": None if self.error_ratio is None else asdict(self.error_ratio),
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
    def doubt(self) -> float | None:
        """By which clips are refused, the largest first: 0 to 1, the share of the split that is doubted less.

        It is 1 - p of the first of `REFUSING_CHECKS` that was asked, and 1 where that could not be measured; None where
        none was asked.
        """
        asked = {check.name: check for check in self.checks}
        for name in REFUSING_CHECKS:
            if name in asked:
                p_value = asked[name].p_value
                return 1.0 if math.isnan(p_value) else 1.0 - p_value
        return None

    @property
    def reasons(self) -> tuple[Check, ...]:
        """The checks that are not good: outside first, then the rarest values, at the end what was not measured.

        One whose reason another's says as strongly is left out.
        """
        strange = {check.name: check for check in self.checks if not check.is_good}

        def is_said(check: Check) -> bool:
            other = strange.get(CHECKS[check.name].said_by)
            is_measured = other is not None and math.isfinite(other.value) and math.isfinite(check.value)
            return is_measured and other is not None and (is_outside(other.trust) or not is_outside(check.trust))

        def rank(check: Check) -> tuple[bool, bool, float]:
            return not math.isfinite(check.value), not is_outside(check.trust), float(np.nan_to_num(check.p_value))

        return tuple(sorted((check for check in strange.values() if not is_said(check)), key=rank))

    @property
    def footnotes(self) -> tuple[str, ...]:
        """What holds for all reasons, once under them: what is usual, and where their ratios were measured."""
        measured = [check.error_ratio for check in self.reasons if math.isfinite(check.value)]
        origins = dict.fromkeys(ratio.origin for ratio in measured if ratio is not None)
        return (USUAL_WORDS, *origins) if measured else ()

    @property
    def words(self) -> tuple[str, ...]:
        """The reasons for a person, in order; at the end, in one, what could not be measured."""
        measured = [check.words for check in self.reasons if math.isfinite(check.value)]
        missing = [CHECKS[check.name] for check in self.reasons if not math.isfinite(check.value)]
        labels = [check.label for check in missing if not check.if_missing]
        told = [check.if_missing for check in missing if check.if_missing]
        told += [f"could not be measured: {', '.join(labels)}"] if labels else []
        return (*measured, *(["; ".join(told)] if told else []))


@dataclass(frozen=True, kw_only=True)
class GateCheck:
    """A check and the values that it knows.

    Attributes:
        name: a key of `CHECKS`.
        values: (n,) of the recordings of the split, rising.
        error_ratio: how much more the recordings erred that it flags; None where that was not measured.
        no_ratio_because: in words, why it was not; empty where it was.
    """

    name: str
    values: tuple[float, ...]
    error_ratio: ErrorRatio | None = None
    no_ratio_because: str = "it was not measured"

    def __post_init__(self) -> None:
        if self.name not in CHECKS:
            raise CalibrationError(f"There is no check named {self.name!r}; known are {', '.join(CHECKS)}.")
        is_rising = bool((np.diff(self.values) >= 0).all())
        if not self.values or not is_rising or not all(map(math.isfinite, self.values)):
            raise CalibrationError(f"Check {self.name}, values: expected finite, rising numbers, at least one.")
        if (self.error_ratio is None) == (self.no_ratio_because.strip() == ""):
            raise CalibrationError(f"Check {self.name}: expected an error ratio, or words why there is none.")

    @property
    def definition(self) -> CheckDefinition:
        """What it measures."""
        return CHECKS[self.name]

    @property
    def least_p_value(self) -> float:
        """The smallest that a split of this size can give."""
        return self.definition.num_sides / (len(self.values) + 1)

    def flagged_at_most(self, alpha: float) -> float:
        """Bound on the share of recordings like those of the split that it doubts.

        A split too small to doubt still calls the most extreme values outside: its smallest p-value, not alpha.
        """
        beyond = sum(map(self.definition.is_always_doubted, self.values))
        of_limit = (beyond + 1) / (len(self.values) + 1) if beyond else 0.0
        return max(alpha, self.least_p_value, of_limit)

    @property
    def usual(self) -> tuple[float, float]:
        """Between which values `USUAL_SHARE` of the split lie; on one side alone where one is strange."""
        beyond = (1 - USUAL_SHARE) / self.definition.num_sides
        low, high = np.quantile(self.values, [beyond, 1 - beyond], method="closest_observation")
        return float(low), float(high)

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
        return (is_above and self.definition.is_strange_high) or (is_below and self.definition.is_strange_low)

    def judge(self, value: float | None, alpha: float) -> Check:
        """Compare a value with those of the split; None or NaN could not be measured."""
        if value is None or not math.isfinite(value):
            words = f"{self.definition.label}: could not be measured"
            return self._check(math.nan, math.nan, "doubtful", words)
        p_value = self.p_value(value)
        is_doubted = p_value <= alpha or self.definition.is_always_doubted(value)
        trust: Trust = "outside" if self.is_outside(value) else "doubtful" if is_doubted else "good"
        return self._check(value, p_value, trust, self._words(value, trust))

    def _check(self, value: float, p_value: float, trust: Trust, words: str) -> Check:
        return Check(
            name=self.name, value=value, p_value=p_value, trust=trust, words=words, error_ratio=self.error_ratio
        )

    def _words(self, value: float, trust: Trust) -> str:
        """One line: what is strange, what is usual, and what that is worth."""
        definition, (low, high) = self.definition, self.usual
        limit = definition.always_doubted_above
        # Rounded to its limit, a value would contradict it.
        told = definition.told(value, low, high, *([] if limit is None else [limit]))
        usual = f"(usual {self._usual_words(value)})"
        if is_good(trust):
            return f"{definition.label}: {told} {usual}"
        is_above = value > float(np.median(self.values))
        is_high = definition.is_strange_high and (is_above or not definition.is_strange_low)
        text = (definition.if_high if is_high else definition.if_low).format(told)
        if limit is not None and definition.is_always_doubted(value) and value <= high:
            text += f": more than {limit:g} is doubtful, even though {self._usual_words(value)} is usual"
        else:
            text += f" {usual}"
        worth = "how much more such clips err is not known" if self.error_ratio is None else self.error_ratio.words
        return f"{text}; {worth}"

    def _usual_words(self, value: float) -> str:
        """What is usual, beside a value; on the side that is not strange it has no end."""
        low, high = (self.definition.told(edge, value) for edge in self.usual)
        if not self.definition.is_strange_low:
            return "none" if self.usual[1] <= self.definition.tolerance else f"up to {high}"
        if not self.definition.is_strange_high:
            return f"{low} or more"
        if low == high:
            return low
        return f"{low.removesuffix(' %')} to {high}"


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
        """Bound on the share of recordings like those of the split that are doubtful or outside."""
        return min(1.0, sum(check.flagged_at_most(self.alpha) for check in self.checks))

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

    def with_error_ratios(self, ratios: Mapping[str, ErrorRatio | str]) -> "Gate":
        """Add how much more flagged recordings erred.

        Args:
            ratios: by the names of the checks: what was measured, or in words why it was not.
        """
        known = {
            name: {"error_ratio": None, "no_ratio_because": found}
            if isinstance(found, str)
            else {"error_ratio": found, "no_ratio_because": ""}
            for name, found in ratios.items()
        }
        return replace(self, checks=tuple(replace(check, **known.get(check.name, {})) for check in self.checks))


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
