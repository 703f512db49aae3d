"""Recordings in which a run errs as usual, and most, as playing clips beside what the model looks at.

Only what lies inside the ultrasound sector is shown: around it, a screen may carry a name.
"""

import io
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from coreecho.errors import VideoError
from coreecho.inference.frame_rate import TimedFrames
from coreecho.names import counted
from coreecho.progress import track
from coreecho.report.overlay import colour_frames
from coreecho.report.page_elements import Picture, data_uri
from coreecho.report.page_runs import ShownRun
from coreecho.saliency.video_explanation import VideoExplanation, explain_video
from coreecho.video import even_starts
from coreecho.video.lit_sector import lit_sector

# Two to four heart beats; a valve's motion is still smooth at this rate.
_SECONDS, _FPS = 2.5, 25.0
# Where the file does not say; as the overlays of `coreecho explain`.
_UNKNOWN_FPS = 25.0
# A page of two runs with four cases each then stays below 2 MB of films; tried in turn until one fits.
_MAX_BYTES = 160_000
_QUALITIES = (70, 55, 40, 25)
# A page of clips has one film a clip, with words in it: it may be so many times as large.
_LETTERED = 2.5
# Beside the largest errors.
_TYPICAL = 2
# Clips of the map; the paper's number of clips for an EF.
_CLIPS = 3


@dataclass(frozen=True, kw_only=True)
class Case:
    """A recording, and how far a run errs in it.

    Attributes:
        recording: its id.
        facts: truth, prediction and more, in words.
        film: None where no sector is found in the video.
        reason: why there is no film; empty where there is one.
        remark: why the film's map shows no colour; empty where it does.
        volume: of the left ventricle over time; None where nobody outlined it.
    """

    recording: str
    facts: tuple[str, ...]
    film: Picture | None
    reason: str = ""
    remark: str = ""
    volume: Picture | None = None


@dataclass(frozen=True, kw_only=True)
class CaseGroup:
    """Recordings that are shown for one reason.

    Attributes:
        name: the reason.
        cases: of it.
    """

    name: str
    cases: Sequence[Case]


def shown_cases(run: ShownRun, other: ShownRun | None, *, worst: int, show_progress: bool) -> list[CaseGroup]:
    """Show recordings whose error is typical, and beside them those with the largest errors.

    Args:
        run: whose errors.
        other: another run on the same page, for its prediction of the same recordings.
        worst: how many with the largest errors; two more, or as many where that is less, are typical.
        show_progress: show a bar on stderr.

    Raises:
        DatasetError: the frames of the recordings cannot be read.
    """
    predictions, task = run.evaluation.predictions, run.task
    # A truth counts as 1: of a diagnosis, a probability far from it is an error.
    error = (predictions[task.predicted_column] - predictions[task.true_column].astype(float)).abs()
    # Equal errors by id, so that the same run always shows the same cases.
    order = predictions.assign(error=error).sort_values(["error", "recording"], ascending=[False, True])
    largest, others = list(order.index[:worst]), order.iloc[worst:]
    median = float(error.median())
    near = others.assign(distance=(others["error"] - median).abs()).sort_values(["distance", "recording"])
    typical = list(near.index[: min(worst, _TYPICAL)])
    store = run.subject.seen(show_progress=show_progress)
    bar = track(
        [*typical, *largest],
        f"Clips of {run.title}",
        console=Console(stderr=True),
        disable=not show_progress,
        transient=True,
    )
    cases = [_case(run, other, store, predictions.loc[row]) for row in bar]
    size = f" ({median:.1f} {task.error_unit} off)" if task.is_number and task.error_unit else ""
    return [
        CaseGroup(name=f"Typical: errors in the middle of all{size}", cases=cases[: len(typical)]),
        CaseGroup(name="The largest errors", cases=cases[len(typical) :]),
    ]


def _case(run: ShownRun, other: ShownRun | None, store: TimedFrames, row: "pd.Series[float]") -> Case:
    recording = str(row["recording"])
    facts = _facts(run, row, other)
    frames = store.frames(recording)
    try:
        sector = lit_sector(frames, recording)
    except VideoError as error:
        # Without a sector nothing tells what may be shown.
        return Case(recording=recording, facts=facts, film=None, reason=str(error))
    if not run.has_maps:
        reason = "its network has no grid of the clip that a map could be drawn on"
        return Case(recording=recording, facts=facts, film=None, reason=reason)
    shown, fps = shown_frames(len(frames), store.fps(recording))
    starts = even_starts(len(frames), run.model.model_input, _CLIPS)
    explanation = explain_video(run.model, frames, sorted(set(starts)))
    maps = explanation.at_frames(shown)
    grey = frames[shown] * sector
    coloured = colour_frames(frames[shown], maps, sector)
    # Side by side in one film, the two never drift apart.
    pictures = np.concatenate([np.repeat(grey[..., None], 3, axis=-1), coloured], axis=2)
    description = (
        f"Recording {recording}: the clip, and beside it the same clip with its Grad-CAM in colour, "
        f"brightest on {explanation.meaning} most"
    )
    # Paper shows one frame: that in which the map is strongest says most.
    strength = np.nansum(maps * sector, axis=(1, 2))
    return Case(
        recording=recording,
        facts=facts,
        film=_film(pictures, fps, int(strength.argmax()), description),
        remark=why_colourless(explanation, shown, sector),
    )


def why_colourless(explanation: VideoExplanation, shown: Sequence[int], sector: NDArray[np.bool_]) -> str:
    """Say why a film has no colour: a map that is zero wherever the film looks may be mistaken for a fault.

    Args:
        explanation: of the video.
        shown: its frames in the film.
        sector: (S, S), outside of which nothing is shown.

    Returns:
        Empty where some frame has colour.
    """
    if np.nansum(explanation.at_frames(shown) * sector) > 0:
        return ""
    maps = explanation.video_map()
    evidence = explanation.meaning.removeprefix("what ")
    if np.nansum(maps) == 0:
        return f"no evidence that {evidence}: the map is zero in {counted(len(explanation.starts), 'clips')}"
    if np.nansum(maps * sector) == 0:
        return f"all evidence that {evidence} lies outside the ultrasound sector, which is not shown"
    if np.isnan(explanation.at_frames(shown)).all():
        return f"the clips that the model saw lie in other frames than these, and so does what {evidence}"
    return f"the evidence that {evidence} lies in frames of the video that are not in this film"


def _facts(run: ShownRun, row: "pd.Series[float]", other: ShownRun | None) -> tuple[str, ...]:
    task, name = run.task, str(row["recording"])
    true, predicted = float(row[task.true_column]), float(row[task.predicted_column])
    facts = [task.say_label(true), f"predicted {task.say(predicted)}"]
    if task.is_number:
        facts.append(f"error {predicted - true:+.1f} {task.error_unit}".rstrip().replace("-", "−"))
    if (worth := run.evaluation.worth) is not None and (words := worth.interval_of(name, predicted)):
        facts.append(words)
    if np.isfinite(row.get("clip_sd", np.nan)):
        facts.append(f"its {row['num_clips']:.0f} clips differ by {row['clip_sd']:.1f} (SD, no interval)")
    if other is not None:
        theirs = other.evaluation.predictions.set_index("recording")[task.predicted_column].get(name)
        if theirs is not None:
            facts.append(f"{other.title} predicted {task.say(float(theirs))}")
    return tuple(facts)


def shown_frames(num_frames: int, fps: float | None) -> tuple[list[int], float]:
    """Frames of the video in the film, from the first on, and how many of them pass in a second."""
    fps = fps or _UNKNOWN_FPS
    step = max(1, round(fps / _FPS))
    shown = list(range(0, min(num_frames, max(step, round(_SECONDS * fps))), step))
    return shown, fps / step


def _film(pictures: NDArray[np.uint8], fps: float, telling_frame: int, description: str) -> Picture:
    return film_of([Image.fromarray(picture) for picture in pictures], fps, telling_frame, description)


def film_of(
    images: list[Image.Image], fps: float, telling_frame: int, description: str, *, is_lettered: bool = False
) -> Picture:
    """A film inside a page, small enough for several.

    Args:
        images: its frames.
        fps: of them.
        telling_frame: the one that paper shows.
        description: for those who cannot see it.
        is_lettered: words stand in it, which are read at its full size alone.
    """
    telling = images[telling_frame]
    tries, most = _tries(is_lettered), _MAX_BYTES * (_LETTERED if is_lettered else 1)

    @cache
    def tried(number: int) -> bytes:
        every, quality = tries[number]
        return _webp(images[::every], fps / every, quality)

    def fits(number: int) -> bool:
        return len(tried(number)) <= most

    # Most films fit at once. Of the others each try is smaller than the one before it, and takes a second.
    first = 0 if fits(0) else bisect_left(range(len(tries)), True, lo=1, key=fits)
    moving = tried(min(first, len(tries) - 1))
    if first == len(tries) and not is_lettered:
        # Still too large, so large frames: half the side has a quarter of the pixels.
        images, telling = [image.reduce(2) for image in images], telling.reduce(2)
        moving = _webp(images, fps, _QUALITIES[-1])
    still = _webp([telling], fps, _QUALITIES[0])
    return Picture(
        moving=data_uri(moving, "image/webp"),
        uri=data_uri(still, "image/webp"),
        width=images[0].width,
        height=images[0].height,
        description=description,
    )


def _tries(is_lettered: bool) -> list[tuple[int, int]]:
    """Every how many frames are taken, and their quality, the best first; words stay whole in fewer, large frames."""
    tries = [(1, quality) for quality in _QUALITIES]
    return tries + [(every, _QUALITIES[-1]) for every in (2, 3, 4)] if is_lettered else tries


def still_of(image: Image.Image, description: str, caption: str) -> Picture:
    """A frame inside a page.

    Args:
        image: of it.
        description: for those who cannot see it.
        caption: below it.
    """
    uri = data_uri(_webp([image], _FPS, _QUALITIES[0]), "image/webp")
    return Picture(uri=uri, width=image.width, height=image.height, description=description, caption=caption)


def _webp(images: Sequence[Image.Image], fps: float, quality: int) -> bytes:
    buffer = io.BytesIO()
    if len(images) == 1:
        images[0].save(buffer, "WEBP", quality=quality, method=4)
    else:
        images[0].save(
            buffer,
            "WEBP",
            save_all=True,
            append_images=images[1:],
            duration=round(1000 / fps),
            loop=0,
            quality=quality,
            method=4,
        )
    return buffer.getvalue()
