"""What stands beside a predicted EF: an interval, probabilities, and whether the model knows such clips.

Never a false promise: an interval stands there only where the errors that made it were of clips of this kind, and
otherwise the reason why none does.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from coreecho.tasks import EF
from coreecho.trust.calibration import Calibration, is_by_copies
from coreecho.trust.calibration_file import ModelCalibration
from coreecho.trust.checks import COPY_CHECK
from coreecho.trust.gate import Gate, Trust, is_good, is_outside
from coreecho.trust.reference_ranges import GUIDELINE, ef_words

_NEVER, _CALIBRATE = (
    "no interval: this model was never calibrated",
    "`coreecho calibrate MODEL` does it, on recordings whose EF is known",
)
_ON_PHANTOMS, _CALIBRATE_ON_PATIENTS = (
    "no interval: the model was calibrated on simulated hearts, and how much more it errs on patients is not known",
    "`coreecho calibrate MODEL --data YOURS --dataset table` calibrates it on 30 or more of your own clips whose EF is "
    "known",
)
NOT_CALIBRATED = f"{_NEVER}. {_CALIBRATE}"
NOT_OF_PATIENTS = f"{_ON_PHANTOMS}. {_CALIBRATE_ON_PATIENTS}"
_WITH_HINTS = {NOT_CALIBRATED: (_NEVER, _CALIBRATE), NOT_OF_PATIENTS: (_ON_PHANTOMS, _CALIBRATE_ON_PATIENTS)}
OF_NO_PATIENT = f"no range of {GUIDELINE} is named: the heart is simulated, and the guideline speaks of patients"
BY_NO_PATIENT = f"no range of {GUIDELINE} is named, since this model has seen no patient"
GOOD_WORDS = (
    "`good` trust says that the picture is like those that this model was tried on, and not that its number is right"
)
GOOD_PICTURE = (
    "`good` trust says that the picture is like the simulated hearts that this model has seen, and not that its "
    "number is right"
)
OUTSIDE_NOTE = (
    "the interval and the probabilities promise nothing of this clip: it is unlike those that they were calibrated on"
)

# Of these thresholds of EF, in percent, an appraisal gives the probability to be below.
EF_LIMITS = EF.thresholds[1:]

AppraisalT = TypeVar("AppraisalT", bound="Appraisal")


def reason_and_hint(note: str) -> tuple[str, str]:
    """Take apart why there is no interval, for who reads the number, and what to do, for who set the model up.

    Args:
        note: one of an appraisal's `interval_notes`.

    Returns:
        The note and an empty text where it holds no such advice.
    """
    return _WITH_HINTS.get(note, (note, ""))


@dataclass(frozen=True, kw_only=True)
class Appraisal:
    """What one predicted EF is worth. All is None or empty of what is no EF.

    Attributes:
        interval_low: lower end of the interval that holds the true EF of `level` of such recordings, percent; None
            where no interval can be given.
        interval_high: upper end.
        level: share of recordings whose true EF lies in the interval.
        method: by which errors became the interval; see `coreecho.trust.calibration`.
        p_below_40: probability that the true EF is below 40 %, on the same ground as the interval.
        p_below_50: that it is below 50 %.
        trust: `good`, `doubtful` or `outside`, by the gate; None where there is none.
        reasons: why it is not good, in words, the gravest first.
        reason_codes: names of the checks that gave these reasons, for programs, in the same order; those that could
            not be measured share the last reason, and `no_segmentation_ef` is of a clip without an EF by its outline.
        reason_notes: what the words of the reasons mean, once for all of them.
        doubt: by which clips are refused, the largest first, 0 to 1; see `Verdict.doubt`. None where no gate is.
        interval_notes: on what the interval rests and what limits it, or why there is none.
        ef_words: what a guideline calls such an EF; None of a simulated heart, and of a model that has seen no patient.
        measured: values of the gate's checks; what could not be measured is left out.
    """

    interval_low: float | None = None
    interval_high: float | None = None
    level: float | None = None
    method: str | None = None
    p_below_40: float | None = None
    p_below_50: float | None = None
    trust: Trust | None = None
    reasons: tuple[str, ...] = ()
    reason_codes: tuple[str, ...] = ()
    reason_notes: tuple[str, ...] = ()
    doubt: float | None = None
    interval_notes: tuple[str, ...] = ()
    ef_words: str | None = None
    measured: Mapping[str, float] = field(default_factory=dict, repr=False)

    @property
    def is_good(self) -> bool:
        """Whether the gate finds nothing strange; not so where there is none."""
        return is_good(self.trust)

    @property
    def below(self) -> dict[float, float | None]:
        """Probability that the true EF is below each threshold, percent; None where it is not known."""
        return {limit: getattr(self, f"p_below_{limit:g}") for limit in EF_LIMITS}

    def parts(self) -> dict[str, Any]:
        """Its entries by name, for what carries them along."""
        return {each.name: getattr(self, each.name) for each in fields(Appraisal)}

    @property
    def lines(self) -> tuple[str, ...]:
        """In sentences, for where there is no table."""
        lines = []
        if self.interval_low is not None and self.interval_high is not None and self.level is not None:
            lines.append(
                f"{100 * self.level:g} % interval: EF {self.interval_low:.0f} to {self.interval_high:.0f} %; "
                f"probability of an EF below 40 % {self.p_below_40:.2f}, below 50 % {self.p_below_50:.2f}."
            )
        lines += [f"{note[:1].upper()}{note[1:]}." for note in self.interval_notes]
        if self.trust is not None:
            why = f": {'; '.join(self.reasons)}" if self.reasons else ""
            lines.append(f"Trust: {self.trust}{why}.")
        return tuple(lines)

    @classmethod
    def told_parts(cls) -> tuple[str, ...]:
        """Names of the entries that stand in tables and documents."""
        return tuple(each.name for each in fields(Appraisal) if each.name != "measured")


def appraise(
    calibrated: ModelCalibration | None,
    *,
    ef_percent: float,
    num_clips: int,
    spread: float | None,
    is_phantom: bool,
    measured: Mapping[str, float],
    learned_from_phantoms: bool = False,
) -> Appraisal:
    """Say what a predicted EF is worth.

    Args:
        calibrated: of the weights that predicted it; None where there is none.
        ef_percent: predicted.
        num_clips: whose mean it is.
        spread: standard deviation over the clips, EF points; None of a single clip.
        is_phantom: the heart is simulated.
        measured: values of the gate's checks; one that is missing or NaN could not be measured.
        learned_from_phantoms: the model has seen simulated hearts only.
    """
    words = ef_words(ef_percent) if 0 <= ef_percent <= 100 else None
    unnamed: tuple[str, ...] = ()
    if words is not None and (is_phantom or learned_from_phantoms):
        # The guideline speaks of patients: beside such a number its words would be believed.
        words, unnamed = None, (OF_NO_PATIENT if is_phantom else BY_NO_PATIENT,)
    if calibrated is None:
        return Appraisal(interval_notes=(NOT_CALIBRATED, *unnamed), ef_words=words)
    of_gate = {**_judged(calibrated.gate_for(None), measured), "ef_words": words}
    if is_good(of_gate["trust"]) and learned_from_phantoms and not is_phantom:
        unnamed = (*unnamed, GOOD_PICTURE)
    if is_by_copies(calibrated.intervals.method):
        spread = measured.get(COPY_CHECK)
    found = _for_such_clips(calibrated, num_clips=num_clips, spread=spread, is_phantom=is_phantom)
    if isinstance(found, str):
        return Appraisal(interval_notes=(found, *unnamed), **of_gate)
    interval = found.interval(ef_percent, spread)
    if not interval.promised.is_finite:
        return Appraisal(interval_notes=(f"no interval: {interval.promised.words}", *unnamed), **of_gate)
    spreads = None if spread is None else [spread]
    of = f"simulated hearts ({found.calibrated_on})" if found.is_phantom else f"recordings of {found.calibrated_on}"
    ground = (
        f"{100 * found.level:g} % interval, method {found.method}: by the errors of {found.num_recordings} {of}, "
        f"{found.date}"
    )
    below = {limit: float(found.probability_below(limit, [ef_percent], spreads)[0]) for limit in EF_LIMITS}
    told_below: dict[str, Any] = {f"p_below_{limit:g}": each for limit, each in below.items()}
    leaning: tuple[str, ...] = ()
    # A half, to the percent that is shown, leans to no side.
    if any(round(100 * each) != 50 and (each > 0.5) != (ef_percent < limit) for limit, each in below.items()):
        share_below = float(found.probability_below(ef_percent, [ef_percent], spreads)[0])
        leaning = (_leaning_words(share_below, found.is_phantom),)
    of_outside = (OUTSIDE_NOTE,) if is_outside(of_gate["trust"]) else ()
    return Appraisal(
        interval_low=interval.low,
        interval_high=interval.high,
        level=found.level,
        method=found.method,
        **told_below,
        interval_notes=(ground, *interval.notes, *leaning, *unnamed, *of_outside),
        **of_gate,
    )


def _leaning_words(share_below: float, is_phantom: bool) -> str:
    """Why a probability and the number beside it speak for different sides of a threshold."""
    of, high = "simulated hearts" if is_phantom else "recordings", share_below > 0.5
    share = share_below if high else 1 - share_below
    return (
        f"the probabilities count that this model reads such hearts too {'high' if high else 'low'} more often than "
        f"not: {100 * share:.0f} of 100 {of} like this one had an EF {'below' if high else 'above'} the predicted one; "
        "the predicted EF and the interval around it are not corrected for that"
    )


def appraise_outline(
    appraised: AppraisalT, calibrated: ModelCalibration | None, outline: Mapping[str, float], outlined_by: str
) -> AppraisalT:
    """Judge a clip once more, now that its left ventricle is outlined.

    Args:
        appraised: without an outline.
        calibrated: of the weights that predicted it; None where there is none.
        outline: values of the gate's checks of the outline; one that is missing or NaN could not be measured.
        outlined_by: SHA-256 of the weights that outlined it.

    Returns:
        The same, with the trust and the reasons of all checks; unchanged where the calibration knows no outlines, or
        those of other weights.
    """
    if calibrated is None or calibrated.outlined_by != outlined_by:
        return appraised
    judged = _judged(calibrated.gate, {**appraised.measured, **outline})
    notes = tuple(note for note in appraised.interval_notes if is_good(judged["trust"]) or note != GOOD_PICTURE)
    if is_outside(judged["trust"]) and appraised.interval_low is not None and OUTSIDE_NOTE not in notes:
        notes = (*notes, OUTSIDE_NOTE)
    return replace(appraised, interval_notes=notes, **judged)


def _judged(gate: Gate | None, measured: Mapping[str, float]) -> dict[str, Any]:
    """The entries of an appraisal that are the gate's."""
    known = {name: value for name, value in measured.items() if math.isfinite(value)}
    if gate is None:
        nothing: dict[str, Any] = {"reasons": (), "reason_codes": (), "reason_notes": ()}
        return {**nothing, "trust": None, "doubt": None, "measured": known}
    asked = {check.name for check in gate.checks}
    verdict = gate.judge({name: value for name, value in known.items() if name in asked})
    return {
        "trust": verdict.trust,
        "reasons": verdict.words,
        "reason_codes": tuple(check.code for check in verdict.reasons),
        "reason_notes": verdict.footnotes,
        "doubt": verdict.doubt,
        "measured": known,
    }


def _for_such_clips(
    calibrated: ModelCalibration, *, num_clips: int, spread: float | None, is_phantom: bool
) -> Calibration | str:
    """The calibration as far as it holds for a clip of this kind, or why it does not."""
    intervals = calibrated.intervals
    if num_clips < calibrated.num_clips:
        return (
            f"no interval: the model was calibrated on the mean of {calibrated.num_clips} clips a recording, and this "
            f"is of {num_clips}, which errs more; take as many with `--clips {calibrated.num_clips}`"
        )
    if intervals.is_normalised and (spread is None or not math.isfinite(spread)):
        lacking = (
            "mirrored and zoomed copies of the clip, which could not be read"
            if is_by_copies(intervals.method)
            else "the spread over several clips, and there is one"
        )
        return f"no interval: the method {intervals.method} needs {lacking}"
    if not intervals.is_phantom:
        return intervals
    if is_phantom:
        # What it was widened by was measured on patients.
        return intervals.as_calibrated
    return intervals if intervals.widened_because else NOT_OF_PATIENTS
