"""One page a patient: what was read of the clips of one examination, and how much each number may be believed.

The page shows what there is. Without a calibration it says that there is no interval; without something that outlines
the left ventricle, that there are no beats; without the recordings that the model learned from, no similar hearts. It
holds the names of files, which are the user's own, and pixels of the ultrasound sector.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coreecho.errors import CoReEchoError
from coreecho.files import write_whole
from coreecho.inference import Prediction, PredictionFailure, StudyPrediction
from coreecho.inference.prediction import SAME_FRAMES
from coreecho.inference.preparing import ClipFile
from coreecho.names import counted, distinct_names, readable
from coreecho.notices import PHANTOM_LABEL
from coreecho.progress import track
from coreecho.report.doubt import NO_INTERVAL, doubt_words, ends_words, interval_words, stretches_words
from coreecho.report.outline_film import curve_pictures, outline_pictures
from coreecho.report.overlay import label_pictures
from coreecho.report.page_elements import Picture, chart
from coreecho.report.page_films import film_of, shown_frames, still_of
from coreecho.report.patient_summary import Shared, shared_by, summaries
from coreecho.report.rendering import render_page
from coreecho.report.thumbnails import thumbnail_uri
from coreecho.report.volume_drawing import draw_volume
from coreecho.representation.neighbour_search import NeighbourSearch
from coreecho.tasks import Task
from coreecho.trust.appraisal import reason_and_hint
from coreecho.trust.reference_ranges import GUIDELINE_SOURCE, READER_VARIABILITY
from coreecho.ventricle.segmentation import Segmentation

_NO_INTERVAL = "No interval: this model has no calibration, so nothing says how far its number may be from the truth."
_NO_OUTLINE = "Nothing here outlines the left ventricle, so no beats are marked and no volumes are given."
# Of the usual distance: the same frames, but for rounding.
_SAME = 1e-3
_KNOWN = (
    "This very clip is among the recordings that were searched. Where the model learned from these, its number shows "
    "nothing."
)
_BESIDE_TRUST = (
    "These are few hearts; trust is by all that the model was calibrated on, among which this clip is no stranger."
)
_NO_VIEW = "Which view it is, is not judged."
# By the gate of the calibration: whether its checks of contrast, motion, flicker, sector and length found it unusual.
_JUDGED = {
    "good": f"Picture and length are as in the clips that the model was calibrated on. {_NO_VIEW}",
    "doubtful": "Something of the clip, or its outline, is rare among those that the model was calibrated on: see the "
    f"reasons. {_NO_VIEW}",
    "outside": f"The model knows no such clips: it may be another view, another machine, or a poor picture. {_NO_VIEW}",
}
# Below a film, in place of all that its page says once.
_RESEARCH, _PHANTOMS_ONLY = "research model", "research model, simulated hearts only"
_NOT_JUDGED = (
    "Picture quality and view are not judged: look at the film. The model takes every clip for an apical four-chamber "
    "view."
)


@dataclass(frozen=True, kw_only=True)
class SimilarHearts:
    """Recordings that a model finds most like a clip.

    Attributes:
        found: which they are, and how near.
        pictures: (S, S) of each, the sector alone; black where there is none.
    """

    found: NeighbourSearch
    pictures: Sequence[NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class PatientClip:
    """A clip on the page; every part but the first may be missing.

    Attributes:
        result: what was predicted of it, or why nothing was.
        clip: its frames, as the model saw them.
        segmented: its left ventricle, where something outlines it.
        similar: hearts that it is like.
        without: what is not there and why, in whole sentences.
    """

    result: Prediction | PredictionFailure
    clip: ClipFile | None = None
    segmented: Segmentation | None = None
    similar: SimilarHearts | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Worth:
    """What a prediction says of how far it may be believed; empty where it says nothing."""

    interval: str = ""
    probabilities: tuple[str, ...] = ()
    trust: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def write_patient_page(
    clips: Sequence[PatientClip],
    path: Path,
    *,
    model_name: str,
    task: Task,
    examinations: Sequence[StudyPrediction] = (),
    show_progress: bool = False,
) -> None:
    """Write the page.

    Args:
        clips: of one patient, in the order in which they are shown.
        path: the HTML file; an older one is replaced in one step.
        model_name: what read them, in one line.
        task: what it reads.
        examinations: what the clips of each give together, shown before them; none where that was not asked for.
        show_progress: show a bar on stderr: a film takes some seconds.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    # Exports repeat a name in every folder, and an EF must not be laid to another patient's clip.
    names = distinct_names([clip.result.file for clip in clips])
    measured = [clip.result for clip in clips if isinstance(clip.result, Prediction)]
    shared = shared_by(measured)
    titles = {
        clip.result.file: f"{number}. {name}" for number, (clip, name) in enumerate(zip(clips, names, strict=True), 1)
    }
    together = summaries(measured, examinations, shared, task, titles)
    used = {file for study in together for file in study["files"]}
    bar = track(clips, "Films of the page", disable=not show_progress, transient=True)
    page = render_page(
        "patient.html",
        styles=("patient.css",),
        # Nothing tells that the files are of one patient: only their number is known.
        title=_title(clips, task),
        task=task,
        model=model_name,
        phantom=_which_are_phantoms(clips),
        hints=_hints(clips),
        outliners=list(dict.fromkeys(readable(clip.segmented.model) for clip in clips if clip.segmented is not None)),
        has_examinations=bool(examinations),
        summaries=together,
        of_all=[_sentences([words]) for words in map(_plain, (*shared.warnings, *shared.notes))],
        meaning=_sentences(list(map(_plain, shared.reason_notes))),
        clips=[
            _shown(_alone(clip, shared), name, number, task) | {"is_used": clip.result.file in used}
            for number, (clip, name) in enumerate(zip(bar, names, strict=True), start=1)
        ],
        readers=[each.words for each in READER_VARIABILITY] if task.has_readers else [],
        guideline=GUIDELINE_SOURCE if any(_grade(clip) for clip in clips) else "",
    )
    try:
        write_whole(path, page)
    except OSError as error:
        raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}. Give another `--page`.") from error


def _title(clips: Sequence[PatientClip], task: Task) -> str:
    measured = sum(isinstance(clip.result, Prediction) for clip in clips)
    title = f"{task.title} of {counted(measured, 'clips')}"
    return title if measured == len(clips) else f"{title}; {len(clips) - measured} without a number"


def _which_are_phantoms(clips: Sequence[PatientClip]) -> str:
    """Names the clips of simulated hearts, as the page numbers them; empty where there are none."""
    phantoms = [
        str(number)
        for number, clip in enumerate(clips, start=1)
        if clip.clip is not None and clip.clip.is_phantom and isinstance(clip.result, Prediction)
    ]
    if not phantoms:
        return ""
    if len(phantoms) == 1:
        name = "This clip" if len(clips) == 1 else f"Clip {phantoms[0]}"
        return f"{name} is simulated: its number says nothing about a patient."
    *first, last = phantoms
    names = "All clips" if len(phantoms) == len(clips) else f"Clips {', '.join(first)} and {last}"
    return f"{names} are simulated: their numbers say nothing about a patient."


def _hints(clips: Sequence[PatientClip]) -> list[str]:
    """What would give these numbers an interval: for who set up the model, and not for who reads the page."""
    notes = [note for clip in clips if isinstance(clip.result, Prediction) for note in clip.result.interval_notes]
    hints = dict.fromkeys(reason_and_hint(note)[1] for note in notes)
    return [readable(hint) for hint in hints if hint]


def _alone(clip: PatientClip, shared: Shared) -> PatientClip:
    """A clip without what is said of all of them, or twice of it."""
    result, segmented = clip.result, clip.segmented
    if isinstance(result, PredictionFailure):
        return clip
    if segmented is not None:
        segmented = replace(segmented, warnings=tuple(_without(segmented.warnings, result.warnings)))
    result = replace(
        result,
        warnings=tuple(_without(result.warnings, shared.warnings)),
        interval_notes=tuple(_without(result.interval_notes, shared.notes)),
    )
    return replace(clip, result=result, segmented=segmented)


def _without(texts: Sequence[str], others: Sequence[str]) -> list[str]:
    return [text for text in texts if text not in others]


def _shown(clip: PatientClip, name: str, number: int, task: Task) -> dict[str, Any]:
    """What the template lays out of a clip."""
    result = clip.result
    shown: dict[str, Any] = {"number": number, "file": readable(name), "failure": "", "said": None}
    if isinstance(result, PredictionFailure):
        return shown | {"failure": readable(result.error)}
    worth = _worth_of(result, task)
    # Beside the number stands why it has no interval; all else that was noted, below.
    lacking = [note for note in worth.notes if note.startswith(NO_INTERVAL)]
    return shown | {
        "said": task.say(result.value),
        "noun": task.noun,
        "worth": worth,
        "ends": ends_words(result),
        "ground": _sentences([note for note in worth.notes if note not in lacking]),
        "no_interval": "" if worth.interval or not task.is_appraised else _sentences(lacking) or _NO_INTERVAL,
        "grade": _grade(clip),
        "spread": stretches_words(
            result.clip_values, task, result.clip_starts, 0 if result.beat else result.num_frames
        ),
        "warnings": [_plain(warning) for warning in result.warnings],
        "picture": _picture_facts(result, clip),
        "film": None if clip.clip is None else _film(clip, result, clip.clip, task),
        "film_caption": "" if clip.clip is None else _film_caption(clip, clip.clip),
        "beats": _beats(clip.segmented),
        "volume": None if clip.segmented is None else _volume(clip.segmented),
        "similar": None if clip.similar is None else _similar(clip.similar, is_trusted=result.is_good),
        "without": list(clip.without),
        "notes": [readable(note) for note in result.notes if note != SAME_FRAMES],
    }


def _worth_of(result: Prediction, task: Task) -> _Worth:
    return _Worth(
        interval=interval_words(result, task),
        probabilities=tuple(
            f"{100 * probability:.0f} % that it is below {threshold:g} %"
            for threshold, probability in result.below.items()
            if probability is not None
        ),
        trust=result.trust or "",
        reasons=tuple(map(readable, result.reasons)),
        notes=tuple(map(_plain, result.interval_notes)),
    )


def _plain(note: str) -> str:
    """For who reads the page: without advice for who set up the model, and without marks of what is typed."""
    return readable(reason_and_hint(note)[0]).replace("`", "")


def _grade(clip: PatientClip) -> str:
    """What the guideline calls its EF; empty where that is not said."""
    return "" if isinstance(clip.result, PredictionFailure) else clip.result.ef_words or ""


def _sentences(notes: Sequence[str]) -> str:
    return " ".join(f"{note[0].upper()}{note[1:].removesuffix('.')}." for note in notes if note)


def _picture_facts(result: Prediction, clip: PatientClip) -> list[str]:
    facts = [counted(result.num_frames, "frames")]
    if result.fps:
        facts[0] += f" at {result.fps:.3g} a second: {result.num_frames / result.fps:.1f} seconds"
    facts.append(_JUDGED.get(result.trust or "", _NOT_JUDGED))
    if clip.clip is not None and clip.clip.is_phantom:
        facts.insert(0, "A simulated heart (phantom).")
    return facts


def _film(clip: PatientClip, result: Prediction, file: ClipFile, task: Task) -> Picture:
    """The clip, its outline on it where there is one; below it, in a few lines, what a picture has to say alone."""
    shown, fps = _frames_of_film(clip, file)
    if clip.segmented is None:
        pictures = np.repeat((file.frames * file.sector)[shown][..., None], 3, axis=-1)
    else:
        pictures = np.stack(list(curve_pictures(clip.segmented, shown)))
    lines = [
        f"predicted {task.quantity} {task.say(result.value)}, {doubt_words(result, task)}",
        _PHANTOMS_ONLY if PHANTOM_LABEL in result.model else _RESEARCH,
    ]
    labelled = [Image.fromarray(picture) for picture in label_pictures(pictures, lines, is_phantom=file.is_phantom)]
    outlined = "" if clip.segmented is None else " with the outline of its left ventricle, and its volume over time"
    return film_of(labelled, fps, len(labelled) // 2, f"The clip{outlined}; {lines[0]}", is_lettered=True)


def _frames_of_film(clip: PatientClip, file: ClipFile) -> tuple[list[int], float]:
    """Frames of the clip in its film, and how many of them pass in a second."""
    if clip.segmented is None:
        return shown_frames(len(file.frames), file.video.fps)
    return shown_frames(clip.segmented.num_frames, clip.segmented.fps)


def _film_caption(clip: PatientClip, file: ClipFile) -> str:
    """What the film shows: how much of the clip, and what stands on and below it."""
    shown, fps = _frames_of_film(clip, file)
    num_frames = len(file.frames) if clip.segmented is None else clip.segmented.num_frames
    # The step from one shown frame to the next is left out of the last one, too.
    is_whole = num_frames - shown[-1] <= (shown[1] - shown[0] if len(shown) > 1 else 1)
    what = "The clip" if is_whole else f"The first {len(shown) / fps:.1f} s of the clip"
    if clip.segmented is None:
        return what
    return f"{what}, with the outline and below it the volume over time, the line where the film is"


def _volume(segmented: Segmentation) -> Picture:
    return chart(
        lambda path: draw_volume(segmented, path, is_on_page=True),
        description="The volume of the left ventricle over the clip, with end-diastole and end-systole marked; the "
        "beats stand in the table.",
        caption="Volume of the left ventricle, by its outline.",
    )


def _moments(segmented: Segmentation) -> list[Picture]:
    """End-diastole and end-systole of the first whole beat, with their outlines."""
    rows = segmented.beat_rows()
    if not rows:
        return []
    frames = rows[0]["ed_frame"], rows[0]["es_frame"]
    moments = (_moment(rows[0]["ed_s"], frames[0]), _moment(rows[0]["es_s"], frames[1]))
    names = ("End-diastole (ED)", "End-systole (ES)")
    pictures = (Image.fromarray(picture) for picture in outline_pictures(segmented, frames))
    return [
        still_of(picture, f"{name} of beat 1 with the outline of the left ventricle", f"{name}, {moment}")
        for picture, name, moment in zip(pictures, names, moments, strict=True)
    ]


def _beats(segmented: Segmentation | None) -> dict[str, Any]:
    if segmented is None:
        return {"rows": [], "reason": _NO_OUTLINE, "rate": "", "warnings": [], "left_out": [], "moments": []}
    rate = segmented.beats.heart_rate_bpm
    rhythm = "" if segmented.rhythm == "not known" else f", {segmented.rhythm}"
    rows = [
        (
            str(row["beat"]),
            _moment(row["ed_s"], row["ed_frame"]),
            _moment(row["es_s"], row["es_frame"]),
            f"{row['ef_percent']:.0f} %",
        )
        for row in segmented.beat_rows()
    ]
    return {
        "rows": rows,
        "reason": "" if rows or segmented.warnings else "No complete beat was found in the outlines.",
        "left_out": [_sentences([words]) for words in segmented.left_out_words],
        "rate": "" if rate is None else f"{rate:.0f} beats a minute{rhythm}",
        "moments": _moments(segmented),
        "warnings": [readable(warning) for warning in segmented.warnings],
    }


def _moment(seconds: float | None, frame: int) -> str:
    return f"frame {frame}" if seconds is None else f"{seconds:.2f} s"


def _similar(similar: SimilarHearts, *, is_trusted: bool) -> dict[str, Any]:
    found, task = similar.found, similar.found.task
    return {
        "likeness": f"{found.likeness}.",
        "is_unlike": found.is_unlike,
        "beside": _BESIDE_TRUST if found.is_unlike and is_trusted else "",
        "known": _KNOWN if found.neighbours[0].distance < _SAME * found.typical_distance else "",
        "source": readable(found.source),
        "hearts": [
            {
                "picture": thumbnail_uri(picture),
                "name": readable(near.recording),
                "true": f"{task.noun} {task.say(near.true)}" if np.isfinite(near.true) else f"{task.noun} not known",
                "predicted": f"predicted {task.say(near.predicted)}",
                "distance": f"distance {near.distance:.2f}",
            }
            for near, picture in zip(found.neighbours, similar.pictures, strict=True)
        ],
    }
