"""From the clips of a whole examination to one number: the median of those that may be trusted, and how they differ.

Trusted are clips of which the model's gate says that it knows such recordings; where it has no gate, all that can be
measured at all, and the result says so.
"""

import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coreecho.inference.files import PredictionFailure
from coreecho.inference.prediction import Prediction
from coreecho.tasks import EF, Task
from coreecho.trust import READER_VARIABILITY

NO_GATE = (
    "this model has no gate, so views were not told apart: every clip that could be measured counts. Give the apical "
    "four-chamber clips alone, or a model with a gate (`coreecho calibrate`)"
)
WIDE = (
    "its clips lie {:.0f} points apart, more than two experts who read the same heart ({:.0f} points, in 95 of 100): "
    "look at each before believing their median"
)
VIEWS = (
    "the gate leaves out other pictures, and does not tell an apical two-chamber view from a four-chamber one: see "
    "which clips were used"
)
NO_CLIP = "none of its clips is trusted: it has no number"
COPIES = "files that repeat another one of it, by their SOPInstanceUID, are not counted again: {}"
STOPPED = "the run was stopped before all files were reached: clips of this examination may be missing"
ONE_CLIP = "a single clip: nothing says how far another one of this heart would lie from it"


@dataclass(frozen=True, kw_only=True)
class StudyPrediction:
    """What a model reads from an examination.

    Attributes:
        study: the folder of its clips; numbered where several examinations share one.
        value_name: of `value` in documents: "ef_percent".
        value: the median of the trusted clips, in `unit`; None where there is none.
        unit: of `value`.
        lowest: of the trusted clips.
        highest: of the trusted clips.
        sd: standard deviation over the trusted clips; None of fewer than two.
        files: the trusted clips, in order.
        num_measured: clips that have a number, trusted or not.
        num_refused: sound files that are no such clips.
        num_failed: files that could not be read.
        num_copies: files that are not counted again, since their SOPInstanceUID is that of another one.
        words: what a person should know before looking at the number.
        left_out: clips that have a number and are not trusted, in order.
        study_instance_uid: where identifiers were asked for, and the clips say it.
    """

    study: str
    value_name: str
    value: float | None
    unit: str
    lowest: float | None
    highest: float | None
    sd: float | None
    files: tuple[str, ...]
    num_measured: int
    num_refused: int
    num_failed: int
    num_copies: int
    words: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    study_instance_uid: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary, with the number under its own name, too."""
        entries = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        del entries["value_name"], entries["words"]
        if self.study_instance_uid is None:
            del entries["study_instance_uid"]
        return entries | {"notes": list(self.words), self.value_name: self.value}


@dataclass(frozen=True, kw_only=True)
class _Examination:
    """What lies together.

    Attributes:
        name: of one examination alone.
        uid: its StudyInstanceUID; empty where its files are told by their folder.
        places: of its files among all.
    """

    name: str
    uid: str
    places: tuple[int, ...]


def combine_studies(
    results: Sequence[Prediction | PredictionFailure],
    *,
    has_ids: bool,
    task: Task | None = None,
    not_reached: Sequence[str] = (),
) -> list[StudyPrediction]:
    """Combine the clips of each examination.

    Clips belong together by their StudyInstanceUID where `Predictor(reads_ids=True)` has found one, and else by their
    folder. Files of an examination with the same SOPInstanceUID are copies of one clip, and count once. A file that
    could not be read, and so says no examination, counts with the only one of its folder.

    Args:
        results: of all files.
        has_ids: say the StudyInstanceUID.
        task: that the model does; an EF, when not given.
        not_reached: names of files that a run which was stopped has left out.

    Returns:
        One entry an examination, in the order of their first files.
    """
    task, folders = task or EF(), {_folder(file) for file in not_reached}
    combined = []
    for examination in _examinations(results):
        clips = [results[place] for place in examination.places]
        # Which examination a file of DICOM belongs to, nobody knows before it is read.
        is_cut = bool(not_reached) if examination.uid else any(_folder(clip.file) in folders for clip in clips)
        study = _combine(examination.name, clips, task)
        words = (*study.words, STOPPED) if is_cut else study.words
        combined.append(replace(study, words=words, study_instance_uid=examination.uid if has_ids else None))
    return combined


def combine_clips(results: Sequence[Prediction | PredictionFailure], *, task: Task | None = None) -> StudyPrediction:
    """Combine all clips as those of one examination, whatever they say of themselves."""
    return _combine("", results, task or EF())


def with_studies(results: Sequence[Prediction | PredictionFailure]) -> list[Prediction | PredictionFailure]:
    """Say of each file which examination it belongs to, by the names that `combine_studies` gives them.

    A damaged file in a folder of several examinations belongs to none.
    """
    names = {place: each.name for each in _examinations(results) for place in each.places}
    return [replace(result, study=names.get(place)) for place, result in enumerate(results)]


def _examinations(results: Sequence[Prediction | PredictionFailure]) -> list[_Examination]:
    together: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, key in enumerate(_keys(results)):
        if key is not None:
            together[key].append(place)
    names = [_common_folder({_folder(results[place].file) for place in places}) for places in together.values()]
    shared = {name for name, number in Counter(names).items() if number > 1}
    count: Counter[str] = Counter()
    found = []
    for ((uid, _), places), name in zip(together.items(), names, strict=True):
        count[name] += 1
        numbered = f"{name} ({count[name]})" if name in shared else name
        found.append(_Examination(name=numbered, uid=uid, places=tuple(places)))
    return found


def _keys(results: Sequence[Prediction | PredictionFailure]) -> list[tuple[str, str] | None]:
    """Of each file its StudyInstanceUID, or else its folder; None of one that may belong to several examinations.

    A file without a number that says no examination, such as a damaged one, is no examination of its own where its
    folder holds one.
    """
    keys = []
    of_folders: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for result in results:
        uid, folder = "" if result.ids is None else result.ids.study_instance_uid, _folder(result.file)
        keys.append((uid, "") if uid else ("", folder))
        if uid or isinstance(result, Prediction):
            of_folders[folder].add(keys[-1])
    return [_host(key, of_folders[key[1]]) if not key[0] else key for key in keys]


def _host(own: tuple[str, str], others: Set[tuple[str, str]]) -> tuple[str, str] | None:
    """The examination of a file that says none: its folder's own where there is one, else the only one in it."""
    if own in others or not others:
        return own
    return next(iter(others)) if len(others) == 1 else None


def _folder(file: str) -> str:
    return str(Path(file).parent)


def _common_folder(folders: Set[str]) -> str:
    if len(folders) == 1:
        return next(iter(folders))
    try:
        return os.path.commonpath(folders) or os.curdir
    except ValueError:
        # Some were named from the root on, and some were not; or they lie on two drives.
        return min(folders)


def _without_copies(results: Sequence[Prediction | PredictionFailure]) -> list[Prediction | PredictionFailure]:
    """Leave each clip once, as the first of its files that could be measured, or else as the first."""
    chosen: dict[str, Prediction | PredictionFailure] = {}
    for result in sorted(results, key=lambda one: isinstance(one, PredictionFailure)):
        if result.ids is not None and result.ids.sop_instance_uid:
            chosen.setdefault(result.ids.sop_instance_uid, result)
    return [
        result
        for result in results
        if result.ids is None or not result.ids.sop_instance_uid or chosen[result.ids.sop_instance_uid] is result
    ]


def _spread_words(task: Task, values: Sequence[float]) -> list[str]:
    """Warn where the clips of one heart differ by more than readers do, if that is known."""
    readers = READER_VARIABILITY[0].limits_of_agreement
    apart = max(values, default=0.0) - min(values, default=0.0)
    return [WIDE.format(apart, readers)] if task.has_readers and apart > readers else []


def _combine(name: str, files: Sequence[Prediction | PredictionFailure], task: Task) -> StudyPrediction:
    results = _without_copies(files)
    measured = [result for result in results if isinstance(result, Prediction)]
    failures = [result for result in results if isinstance(result, PredictionFailure)]
    has_gate = any(clip.trust is not None for clip in measured)
    trusted = [clip for clip in measured if clip.is_good] if has_gate else measured
    values = [clip.value for clip in trusted]
    words = [] if values else [NO_CLIP]
    if values and not has_gate:
        words += [NO_GATE]
    if has_gate and len(values) > 1:
        words += [VIEWS]
    if len(values) == 1:
        words += [ONE_CLIP]
    words += _spread_words(task, values)
    if len(results) < len(files):
        words += [COPIES.format(len(files) - len(results))]
    # What is said of every clip is said of the number that they give.
    judged = trusted or measured
    words += [text for text in (judged[0].warnings if judged else ()) if all(text in one.warnings for one in judged)]
    return StudyPrediction(
        study=name,
        value_name=task.value_name,
        value=statistics.median(values) if values else None,
        unit=task.unit,
        lowest=min(values, default=None),
        highest=max(values, default=None),
        sd=statistics.stdev(values) if len(values) > 1 else None,
        files=tuple(clip.file for clip in trusted),
        num_measured=len(measured),
        num_refused=sum(failure.is_refused for failure in failures),
        num_failed=sum(not failure.is_refused for failure in failures),
        num_copies=len(files) - len(results),
        words=tuple(words),
        left_out=tuple(clip.file for clip in measured if clip not in trusted),
    )
