"""How far a number may be believed, in the few words that a picture has room for: it travels without its page."""

from collections.abc import Sequence
from math import isfinite

from coreecho.inference.prediction import is_one_stretch
from coreecho.names import counted
from coreecho.representation.embedding_map import PlacedClip
from coreecho.tasks import Task
from coreecho.trust import Appraisal

NO_INTERVAL = "no interval"


def interval_words(appraisal: Appraisal | None, task: Task) -> str:
    """The interval, such as `41 to 55 % (90 % interval)`; empty where there is none."""
    if appraisal is None or appraisal.interval_low is None or appraisal.interval_high is None:
        return ""
    share = "interval" if appraisal.level is None else f"{100 * appraisal.level:g} % interval"
    return f"{appraisal.interval_low:.0f} to {appraisal.interval_high:.0f} {task.unit} ({share})"


def ends_words(appraisal: Appraisal) -> str:
    """The interval beside a number that has its unit: `90 % interval 41 to 55`; empty where there is none."""
    if appraisal.interval_low is None or appraisal.interval_high is None:
        return ""
    share = "interval" if appraisal.level is None else f"{100 * appraisal.level:g} % interval"
    return f"{share} {appraisal.interval_low:.0f} to {appraisal.interval_high:.0f}"


def doubt_words(appraisal: Appraisal | None, task: Task) -> str:
    """The interval or that there is none, and the trust where something judges it: `no interval; trust: doubtful`."""
    interval = interval_words(appraisal, task) or NO_INTERVAL
    return interval if appraisal is None or appraisal.trust is None else f"{interval}; trust: {appraisal.trust}"


def why_words(appraisal: Appraisal | None) -> list[str]:
    """Why the trust is what it is, in a line for each reason; nothing of one that is good or that nothing judged."""
    if appraisal is None or not appraisal.reasons:
        return []
    return [f"Why {appraisal.trust}: {reason}." for reason in appraisal.reasons]


def caption_of(clip: PlacedClip, separator: str) -> str:
    """What a new clip is called beside its star: its label, what the model says, and how far that may be believed."""
    if not isfinite(clip.predicted):
        return clip.caption
    return f"{clip.caption}{separator}{doubt_words(clip.appraisal, clip.task)}"


def stretches_words(values: Sequence[float], task: Task, starts: Sequence[int] = (), num_frames: int = 0) -> str:
    """What the clips that were cut from a file gave, in sentences that nobody takes for an interval.

    Args:
        values: of each clip, in the task's unit.
        task: that was read.
        starts: first frame of each clip, in the file's frames.
        num_frames: of the file; 0 of a beat in it.

    Returns:
        Empty of a single clip.
    """
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    told = f"{counted(len(values), 'stretches')} of this clip gave {task.say(low)} to {task.say(high)}. "
    if not is_one_stretch(starts, num_frames):
        return f"{told}Stretches that agree may all be wrong."
    *first, last = dict.fromkeys(map(str, starts))
    places = f"frames {', '.join(first)} and {last}" if first else f"frame {last}"
    return (
        f"{told}They begin at {places} of {num_frames} and show nearly the same frames: that they agree says nothing."
    )
