"""What the clips of a page have in common, said once before them: their median, and what holds for each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coreecho.inference import Prediction, StudyPrediction, combine_clips
from coreecho.names import counted, distinct_names, readable
from coreecho.report.doubt import NO_INTERVAL
from coreecho.tasks import Task

ONE_PATIENT = "only meaningful if all clips are of one patient, which coreecho cannot tell"


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What is said of all clips, and so of none of them again.

    Attributes:
        warnings: what speaks against every number.
        notes: of the interval of every number; but why there is none stands beside each.
        reason_notes: what the words of the reasons mean.
    """

    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reason_notes: tuple[str, ...] = ()


def shared_by(predictions: Sequence[Prediction]) -> Shared:
    """Find what is said of each of several predictions; what reasons mean is said once of a single one, too."""
    reason_notes = tuple(dict.fromkeys(note for one in predictions for note in one.reason_notes))
    if len(predictions) < 2:
        return Shared(reason_notes=reason_notes)
    first, *others = predictions
    return Shared(
        warnings=tuple(each for each in first.warnings if all(each in one.warnings for one in others)),
        notes=tuple(
            each
            for each in first.interval_notes
            if not each.startswith(NO_INTERVAL) and all(each in one.interval_notes for one in others)
        ),
        reason_notes=reason_notes,
    )


def summaries(
    predictions: Sequence[Prediction],
    examinations: Sequence[StudyPrediction],
    shared: Shared,
    task: Task,
    titles: Mapping[str, str],
) -> list[dict[str, Any]]:
    """What the clips give together, for the template: of each examination, or where none were told apart, of all.

    Args:
        predictions: all of the page.
        examinations: that were asked for.
        shared: what is said already.
        task: what was read.
        titles: of the clips on the page, by their files.
    """
    if examinations:
        names = distinct_names([each.study for each in examinations])
        return [_summary(each, name, shared, task, titles) for each, name in zip(examinations, names, strict=True)]
    if len(predictions) < 2:
        return []
    together = _summary(combine_clips(predictions, task=task), "All clips together", shared, task, titles)
    return [together | {"words": [*together["words"], ONE_PATIENT]}]


def _summary(
    study: StudyPrediction, name: str, shared: Shared, task: Task, titles: Mapping[str, str]
) -> dict[str, Any]:
    of = counted(study.num_measured, "clips that were measured")
    is_one = len(study.files) == 1 < study.num_measured
    used = f"by the only trusted one of {of}" if is_one else f"the median of {len(study.files)} of {of}"
    span = ""
    if study.lowest is not None and study.highest is not None and len(study.files) > 1:
        span = f"{task.say(study.lowest)} and {task.say(study.highest)}"
    return {
        "name": readable(name),
        "said": "no number" if study.value is None else f"{task.say(study.value)}, {used}",
        "span": span,
        "files": set(study.files),
        "used": [readable(titles.get(file, file)) for file in study.files],
        "left_out": [readable(titles.get(file, file)) for file in study.left_out],
        "words": [readable(words) for words in study.words if words not in shared.warnings],
    }
