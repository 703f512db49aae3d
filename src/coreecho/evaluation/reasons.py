"""What reasons for doubt are worth: how much more clips err that a check flags, as they are or with a planted fault."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets import Recording
from coreecho.evaluation.error_ratio import error_ratio
from coreecho.evaluation.measured_clips import Computing, MeasuredClips, Outliner, measure_clips
from coreecho.evaluation.planted_shifts import HARMLESS_TO_EF, HIDING_EF
from coreecho.inference.shifted_frames import Shift
from coreecho.inference.subject import Subject
from coreecho.trust import SIMULATED_HEARTS, ErrorRatio, Gate, GateCheck, KnownClips

# Recordings on which the reasons for doubt are tried, each as it is and in every planted shift.
_TRIED_RECORDINGS = 60
# Of these, those whose ventricles are outlined in a shift.
_OUTLINED_OF_A_SHIFT = 20
# A ratio of fewer hearts, or of fewer flagged clips, is chance.
_TRIED_AT_LEAST, _FLAGGED_AT_LEAST = 30, 10
# Of the interval of a ratio.
_RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class HowMeasured:
    """How recordings are measured for a gate.

    Attributes:
        subject: the model and the data.
        clips: evenly placed, of each.
        known: the clips that the model was trained on; None where they are not known.
        computing: how.
        outliner: of left ventricles; None does not look at them.
    """

    subject: Subject
    clips: int
    known: KnownClips | None
    computing: Computing
    outliner: Outliner | None

    def measure(
        self, recordings: Sequence[Recording], *, outlined_at_most: int, shift: tuple[str, Shift] | None = None
    ) -> MeasuredClips:
        """Measure recordings; arguments as of `measure_clips`."""
        return measure_clips(
            self.subject,
            recordings,
            clips=self.clips,
            known=self.known,
            computing=self.computing,
            shift=shift,
            outliner=self.outliner,
            outlined_at_most=outlined_at_most,
        )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Clips of which a check was to be measured.

    Attributes:
        errors: (N,) of the model, absolute, EF points.
        is_flagged: (N,) by the check.
        recordings: (N,) names: a recording may be there as it is and with faults.
        is_sound: (N,) as it is.
    """

    errors: NDArray[np.float64]
    is_flagged: NDArray[np.bool_]
    recordings: tuple[str, ...]
    is_sound: NDArray[np.bool_]


def error_ratios(
    gate: Gate, recordings: Sequence[Recording], sound: MeasuredClips, how: HowMeasured, words: str
) -> Mapping[str, ErrorRatio | str]:
    """How many times as much the clips err that each check flags, as sound ones that it does not flag.

    Args:
        gate: whose checks are tried.
        recordings: on which they are.
        sound: these as they are.
        how: the others are measured.
        words: where the recordings come from.
    """
    if len(recordings) < _TRIED_AT_LEAST:
        few = f"it was tried on {words}: {len(recordings)} recordings, and fewer than {_TRIED_AT_LEAST} say nothing"
        return {check.name: few for check in gate.checks}
    some = list(recordings)[:_TRIED_RECORDINGS]
    faults = {**HARMLESS_TO_EF, **HIDING_EF}
    tried = [sound]
    for fault in faults.items():
        tried.append(how.measure(some, outlined_at_most=_OUTLINED_OF_A_SHIFT, shift=fault))
    hearts = SIMULATED_HEARTS if how.subject.is_phantom else "recordings"
    on = f"{len(recordings)} {hearts} of {words}, and {len(some)} of them with each of {len(faults)} planted faults"
    return {check.name: error_ratio_of(_judged(check, gate.alpha, tried), on) for check in gate.checks}


def error_ratio_of(judged: Judged, on: str) -> ErrorRatio | str:
    """One check's ratio, or in words why it has none."""
    num_flagged = int(judged.is_flagged.sum())
    if num_flagged < _FLAGGED_AT_LEAST:
        return (
            f"it was raised in {num_flagged} of {len(judged.errors)} clips ({on}), and fewer than "
            f"{_FLAGGED_AT_LEAST} say nothing"
        )
    kept = judged.is_flagged | judged.is_sound
    found = error_ratio(
        judged.errors[kept],
        judged.is_flagged[kept],
        patients=[name for name, is_kept in zip(judged.recordings, kept, strict=True) if is_kept],
        resamples=_RESAMPLES,
    )
    if not (found.is_defined and math.isfinite(found.low) and math.isfinite(found.high)):
        return f"{found.reason or 'too few recordings were not flagged'} ({on})"
    return ErrorRatio(
        ratio=found.estimate,
        low=min(found.low, found.estimate),
        high=max(found.high, found.estimate),
        level=found.level,
        num_flagged=num_flagged,
        num_others=int((judged.is_sound & ~judged.is_flagged).sum()),
        on=on,
    )


def _judged(check: GateCheck, alpha: float, tried: Sequence[MeasuredClips]) -> Judged:
    """Ask a check of the recordings as they are, which come first, and with each fault."""
    errors, is_flagged, names, is_sound = [], [], [], []
    for number, part in enumerate(tried):
        values = part.values.get(check.name, np.full(len(part.predictions), np.nan))
        is_asked = part.asked(check.name)
        errors.append(part.absolute_errors[is_asked])
        is_flagged += [not check.judge(float(value), alpha).is_good for value in values[is_asked]]
        names += [str(name) for name in part.predictions["recording"][is_asked]]
        is_sound += [number == 0] * int(is_asked.sum())
    return Judged(
        errors=np.concatenate(errors),
        is_flagged=np.array(is_flagged, dtype=np.bool_),
        recordings=tuple(names),
        is_sound=np.array(is_sound, dtype=np.bool_),
    )
