"""From the clips of a whole examination to one number: the median of those that may be trusted, and how they differ.

Trusted are clips of which the model's gate says that it knows such recordings; where it has no gate, all that can be
measured at all, and the result says so.
"""

import os
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coreecho.inference.files import PredictionFailure
from coreecho.inference.prediction import Prediction
from coreecho.tasks import EF
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
NO_CLIP = "no clip of it is trusted: it has no number"
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
        words: what a person should know before looking at the number.
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
    words: tuple[str, ...]
    study_instance_uid: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary, with the number under its own name, too."""
        entries = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        del entries["value_name"]
        if self.study_instance_uid is None:
            del entries["study_instance_uid"]
        return entries | {self.value_name: self.value}


def combine_studies(results: Sequence[Prediction | PredictionFailure], *, has_ids: bool) -> list[StudyPrediction]:
    """Combine the clips of each examination.

    Clips belong together by their StudyInstanceUID where `Predictor(reads_ids=True)` has found one, and else by their
    folder.

    Args:
        results: of all files.
        has_ids: say the StudyInstanceUID.

    Returns:
        One entry an examination, in the order of their first files.
    """
    studies: dict[tuple[str, str], list[Prediction | PredictionFailure]] = defaultdict(list)
    for result in results:
        uid = "" if result.ids is None else result.ids.study_instance_uid
        studies[(uid, "") if uid else ("", _folder(result.file))].append(result)
    combined = [_combine(uid if has_ids else None, clips) for (uid, _), clips in studies.items()]
    shared = {study.study for study in combined if sum(study.study == other.study for other in combined) > 1}
    count: dict[str, int] = defaultdict(int)
    named = []
    for study in combined:
        count[study.study] += 1
        name = f"{study.study} ({count[study.study]})" if study.study in shared else study.study
        named.append(replace(study, study=name))
    return named


def _folder(file: str) -> str:
    return str(Path(file).parent)


def _spread_words(value_name: str, values: Sequence[float]) -> list[str]:
    """Warn where the clips of one heart differ by more than readers do; of an EF alone, of which that is known."""
    readers = READER_VARIABILITY[0].limits_of_agreement
    apart = max(values, default=0.0) - min(values, default=0.0)
    return [WIDE.format(apart, readers)] if value_name == EF().value_name and apart > readers else []


def _combine(uid: str | None, results: Sequence[Prediction | PredictionFailure]) -> StudyPrediction:
    measured = [result for result in results if isinstance(result, Prediction)]
    failures = [result for result in results if isinstance(result, PredictionFailure)]
    has_gate = any(clip.trust is not None for clip in measured)
    trusted = [clip for clip in measured if clip.trust == "good"] if has_gate else measured
    values = [clip.value for clip in trusted]
    words = [] if values else [NO_CLIP]
    if values and not has_gate:
        words += [NO_GATE]
    if has_gate and len(values) > 1:
        words += [VIEWS]
    if len(values) == 1:
        words += [ONE_CLIP]
    words += _spread_words(measured[0].value_name if measured else "", values)
    # What is said of every clip is said of the number that they give.
    judged = trusted or measured
    words += [text for text in (judged[0].warnings if judged else ()) if all(text in one.warnings for one in judged)]
    folders = {_folder(result.file) for result in results}
    return StudyPrediction(
        study=folders.pop() if len(folders) == 1 else os.path.commonpath(folders) or os.curdir,
        value_name=measured[0].value_name if measured else "value",
        value=statistics.median(values) if values else None,
        unit=measured[0].unit if measured else "",
        lowest=min(values, default=None),
        highest=max(values, default=None),
        sd=statistics.stdev(values) if len(values) > 1 else None,
        files=tuple(clip.file for clip in trusted),
        num_measured=len(measured),
        num_refused=sum(failure.is_refused for failure in failures),
        num_failed=sum(not failure.is_refused for failure in failures),
        words=tuple(words),
        study_instance_uid=uid,
    )
