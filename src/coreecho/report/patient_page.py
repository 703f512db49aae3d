"""One page a patient: what was read of the clips of one examination, and how much each number may be believed.

The page shows what there is. Without a calibration it says that there is no interval; without something that outlines
the left ventricle, that there are no beats; without the recordings that the model learned from, no similar hearts. It
holds the names of files, which are the user's own, and pixels of the ultrasound sector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coreecho.errors import CoReEchoError
from coreecho.files import write_whole
from coreecho.inference import Prediction, PredictionFailure
from coreecho.inference.preparing import ClipFile
from coreecho.names import counted, readable
from coreecho.report.outlines import Outlines, outline_frames
from coreecho.report.overlay import label_pictures
from coreecho.report.page_elements import Picture
from coreecho.report.page_films import film_of, shown_frames
from coreecho.report.rendering import render_page
from coreecho.report.thumbnails import thumbnail_uri
from coreecho.representation.neighbour_search import NeighbourSearch
from coreecho.tasks import Task
from coreecho.trust.reference_ranges import GUIDELINE_SOURCE, READER_VARIABILITY, ef_words
from coreecho.ventricle import Beats

_NO_INTERVAL = (
    "No interval: this model has no calibration, so nothing says how far its number may be from the truth. "
    "The command coreecho calibrate makes one."
)
_NO_OUTLINE = "Nothing here outlines the left ventricle, so no beats are marked and no volumes are given."
# Of the usual distance: the same frames, but for rounding.
_SAME = 1e-3
_KNOWN = "This very clip is among the recordings that the model learned from: its number shows nothing."
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
        outlines: of its left ventricle, in these frames.
        beats: of it, counted in these frames.
        similar: hearts that it is like.
        without: what is not there and why, in whole sentences.
    """

    result: Prediction | PredictionFailure
    clip: ClipFile | None = None
    outlines: Outlines | None = None
    beats: Beats | None = None
    similar: SimilarHearts | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Worth:
    """What a prediction says of how far it may be believed; empty where it says nothing."""

    interval: str = ""
    probabilities: tuple[str, ...] = ()
    trust: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def write_patient_page(clips: Sequence[PatientClip], path: Path, *, model_name: str, task: Task) -> None:
    """Write the page.

    Args:
        clips: of one patient, in the order in which they are shown.
        path: the HTML file; an older one is replaced in one step.
        model_name: what read them, in one line.
        task: what it reads.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    page = render_page(
        "patient.html",
        styles=("patient.css",),
        title=f"{task.title} of {counted(len(clips), 'clips')}",
        task=task,
        model=model_name,
        is_phantom=any(clip.clip is not None and clip.clip.is_phantom for clip in clips),
        clips=[_shown(clip, number, task) for number, clip in enumerate(clips, start=1)],
        readers=[each.words for each in READER_VARIABILITY] if task.thresholds else [],
        guideline=GUIDELINE_SOURCE if task.thresholds else "",
    )
    try:
        write_whole(path, page)
    except OSError as error:
        raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}. Give another `--page`.") from error


def _shown(clip: PatientClip, number: int, task: Task) -> dict[str, Any]:
    """What the template lays out of a clip."""
    result = clip.result
    shown: dict[str, Any] = {"number": number, "file": readable(Path(result.file).name), "failure": "", "said": None}
    if isinstance(result, PredictionFailure):
        return shown | {"failure": readable(result.error)}
    worth = _worth_of(result, task)
    return shown | {
        "said": task.say(result.value),
        "noun": task.noun,
        "worth": worth,
        "no_interval": "" if worth.interval or not task.thresholds else " ".join(worth.notes) or _NO_INTERVAL,
        "grade": _grade(result),
        "spread": _spread(result, task),
        "warnings": [readable(warning) for warning in result.warnings],
        "picture": _picture_facts(result, clip),
        "film": None if clip.clip is None else _film(clip, result, clip.clip, worth, task),
        "beats": _beats(clip),
        "similar": None if clip.similar is None else _similar(clip.similar),
        "without": list(clip.without),
        "notes": [readable(note) for note in result.notes],
    }


def _worth_of(result: Prediction, task: Task) -> _Worth:
    # Of a model without a calibration these are not there.
    told: Mapping[str, Any] = result.to_dict()
    low, high, level = (told.get(name) for name in ("interval_low", "interval_high", "level"))
    interval = ""
    if low is not None and high is not None:
        share = f"{100 * level:g} % interval" if level is not None else "interval"
        interval = f"{low:.0f} to {high:.0f} {task.unit} ({share})"
    probabilities = tuple(
        f"{100 * told[name]:.0f} % that it is below {name.removeprefix('p_below_')} %"
        for name in ("p_below_40", "p_below_50")
        if told.get(name) is not None
    )
    return _Worth(
        interval=interval,
        probabilities=probabilities,
        trust=told.get("trust") or "",
        reasons=tuple(map(readable, told.get("reasons") or ())),
        notes=tuple(map(readable, told.get("interval_notes") or ())),
    )


def _grade(result: Prediction) -> str:
    """What the guideline calls such an EF; empty of a model that reads something else, and of what is no EF."""
    ef_percent = result.ef_percent
    return "" if ef_percent is None or not 0 <= ef_percent <= 100 else ef_words(ef_percent)


def _spread(result: Prediction, task: Task) -> str:
    if len(result.clip_values) < 2:
        return ""
    low, high = min(result.clip_values), max(result.clip_values)
    return (
        f"{counted(len(result.clip_values), 'stretches')} of this clip gave {task.say(low)} to {task.say(high)}. "
        "That they agree does not show that they are right."
    )


def _picture_facts(result: Prediction, clip: PatientClip) -> list[str]:
    facts = [counted(result.num_frames, "frames")]
    if result.fps:
        facts[0] += f" at {result.fps:.3g} a second: {result.num_frames / result.fps:.1f} seconds"
    facts.append(_NOT_JUDGED)
    if clip.clip is not None and clip.clip.is_phantom:
        facts.insert(0, "A simulated heart (phantom).")
    return facts


def _film(clip: PatientClip, result: Prediction, file: ClipFile, worth: _Worth, task: Task) -> Picture:
    """The clip, its outline on it where there is one, and below it what a picture that travels alone has to say."""
    frames = file.frames * file.sector
    shown, fps = shown_frames(len(frames), file.video.fps)
    pictures = np.repeat(frames[shown][..., None], 3, axis=-1)
    if clip.outlines is not None:
        pictures = outline_frames(pictures, clip.outlines.masks[shown])
    doubt = worth.interval or "no interval"
    lines = [
        f"predicted {task.quantity} {task.say(result.value)}, {doubt}",
        *(f"Caution: {warning}" for warning in result.warnings),
        f"Model: {result.model}",
    ]
    labelled = [Image.fromarray(picture) for picture in label_pictures(pictures, lines, is_phantom=file.is_phantom)]
    outlined = " with the outline of its left ventricle" if clip.outlines is not None else ""
    return film_of(labelled, fps, len(labelled) // 2, f"The clip{outlined}; {lines[0]}")


def _beats(clip: PatientClip) -> dict[str, Any]:
    if clip.beats is None or not clip.beats.beats:
        reason = _NO_OUTLINE if clip.outlines is None else "No whole beat was found in the outlines."
        return {"rows": [], "reason": reason, "rate": "", "source": ""}
    beats, fps = clip.beats, clip.beats.fps
    rate = beats.heart_rate_bpm
    rhythm = {None: "", True: ", irregular", False: ", regular"}[beats.is_irregular]

    def moment(frame: int) -> str:
        return f"frame {frame}" if fps is None else f"{frame / fps:.2f} s"

    return {
        "rows": [
            (str(number), moment(beat.ed_frame), moment(beat.es_frame), f"{beat.ef_percent:.0f} %")
            for number, beat in enumerate(beats.beats, start=1)
        ],
        "reason": "",
        "rate": "" if rate is None else f"{rate:.0f} beats a minute{rhythm}",
        "source": "" if clip.outlines is None else clip.outlines.source,
    }


def _similar(similar: SimilarHearts) -> dict[str, Any]:
    found = similar.found
    return {
        "likeness": f"{found.likeness[0].upper()}{found.likeness[1:]}.",
        "is_unlike": found.is_unlike,
        "known": _KNOWN if found.neighbours[0].distance < _SAME * found.typical_distance else "",
        "source": readable(found.source),
        "hearts": [
            {
                "picture": thumbnail_uri(picture),
                "name": readable(near.recording),
                "ef": f"EF {near.ef_percent:.0f} %" if np.isfinite(near.ef_percent) else "EF not known",
                "predicted": f"predicted {near.ef_predicted:.0f} %",
                "distance": f"at {near.distance:.2g}",
            }
            for near, picture in zip(found.neighbours, similar.pictures, strict=True)
        ],
    }
