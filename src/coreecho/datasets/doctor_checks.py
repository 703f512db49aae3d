"""What can be wrong with a data set, one check a function: (survey, facts of its clips) -> faults and remarks.

Other packages add checks of their own, under entry points of the group `coreecho.checks`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.doctor_clips import ClipFacts
from coreecho.datasets.folds import divided_patients
from coreecho.datasets.labels import odd_labels
from coreecho.datasets.layout import Layout
from coreecho.datasets.recording import Recording
from coreecho.datasets.survey import Survey
from coreecho.errors import RecipeError
from coreecho.names import counted
from coreecho.registry import Registry
from coreecho.video.clips import ClipSampling
from coreecho.video.video import MIN_WHITE

# Beyond the first something about the pictures differs; beyond the second they are another kind of picture.
_NOTABLE_SHIFT, _WRONG_SHIFT = 0.03, 0.1
_FPS_TOLERANCE = 1.0
# EchoNet-Dynamic has 18 to 138.
_USUAL_FPS = (15.0, 150.0)
# As four of five clips of EchoNet-Dynamic have it.
_COMMON_FPS = 50.0
NO_SPLIT = "no split"
# Below, not even the phases of a beat are seen; above, no scanner images.
_POSSIBLE_FPS = (2.0, 2000.0)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One case. A remark (`is_fault` false) needs no mending; a fault names the recordings that it is about."""

    kind: str
    case: str
    is_fault: bool = True
    about: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Subject:
    """All that the checks look at. `facts` holds the clips that could be read, by recording id."""

    layout: Layout
    survey: Survey
    facts: Mapping[str, ClipFacts]
    unreadable: Sequence[ClipFacts]
    is_phantom: bool
    is_own_data: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelStatistics:
    """Grey levels over all pixels of all clips, as fractions of full scale; `levels` (256,) counts them."""

    mean: float
    std: float
    levels: NDArray[np.int64]


def pixel_statistics(facts: Mapping[str, ClipFacts]) -> PixelStatistics | None:
    """Mean and standard deviation over all pixels, or None where no clip was read."""
    counted = [clip.levels for clip in facts.values() if clip.levels is not None]
    if not counted:
        return None
    levels = np.sum(counted, axis=0)
    values = np.arange(256) / 255
    mean = float(levels @ values / levels.sum())
    variance = float(levels @ (values - mean) ** 2 / levels.sum())
    return PixelStatistics(mean=mean, std=variance**0.5, levels=levels)


def count_recordings(recordings: Sequence[Recording]) -> dict[str, int]:
    """How many recordings there are in all, by split, fold and view where these are known, and without a split."""
    counts: Counter[str] = Counter()
    for recording in recordings:
        names = ["all", recording.split, None if recording.fold is None else f"fold {recording.fold}", recording.view]
        counts.update(name for name in names if name is not None)
    without = sum(recording.split is None for recording in recordings)
    # Numbers of splits that do not add up would be taken for an error; where none has a split, nothing is to add up.
    if 0 < without < len(recordings):
        counts[NO_SPLIT] = without
    return dict(counts)


def _published_counts(subject: Subject) -> Iterator[Finding]:
    if subject.is_phantom or subject.is_own_data:
        return
    counts = count_recordings(subject.survey.recordings)
    for name, expected in subject.survey.published.items():
        if counts.get(name, 0) != expected:
            yield Finding(
                kind="counts other than the published (for data of your own in this layout: --own-data)",
                case=f"{name}: {counts.get(name, 0)} recordings, {expected} published",
            )


def _unreadable(subject: Subject) -> Iterator[Finding]:
    for clip in subject.unreadable:
        # Of empty files that is said already.
        if clip.recording_id not in subject.survey.empty:
            yield Finding(
                kind="clips that cannot be read, are cut off or damaged",
                case=clip.error or clip.recording_id,
                about=(clip.recording_id,),
            )


def _declared_frames(subject: Subject) -> Iterator[Finding]:
    for name, declared in subject.survey.declared.items():
        clip = subject.facts.get(name)
        if clip and declared.num_frames is not None and declared.num_frames != clip.num_frames:
            yield Finding(
                kind="clips with other than the declared number of frames",
                case=f"{name}: {declared.num_frames} declared, {clip.num_frames} decoded",
                about=(name,),
            )


def _sizes(subject: Subject) -> Iterator[Finding]:
    sizes = Counter((clip.height, clip.width) for clip in subject.facts.values())
    side = subject.layout.frame_size
    others = {size: count for size, count in sizes.items() if size != (side, side)}
    if side is not None and others:
        text = ", ".join(f"{count} of {height} x {width}" for (height, width), count in others.items())
        yield Finding(kind="sizes", case=f"Not {side} x {side} pixels, to be resized: {text}.", is_fault=False)
    for name, declared in subject.survey.declared.items():
        clip = subject.facts.get(name)
        if clip and declared.height and (declared.height, declared.width) != (clip.height, clip.width):
            case = (
                f"{name}: {declared.height} x {declared.width} pixels declared, {clip.height} x {clip.width} decoded."
            )
            yield Finding(kind="sizes", case=case, is_fault=False)


def _frame_rates(subject: Subject) -> Iterator[Finding]:
    for name, declared in subject.survey.declared.items():
        clip = subject.facts.get(name)
        if clip and declared.fps and clip.fps and abs(declared.fps - clip.fps) > _FPS_TOLERANCE:
            yield Finding(
                kind="clips with another frame rate than declared",
                case=f"{name}: {declared.fps:g} frames per second declared, {clip.fps:g} in the file",
                about=(name,),
            )
    for recording in subject.survey.recordings:
        if recording.fps is not None and not _POSSIBLE_FPS[0] <= recording.fps <= _POSSIBLE_FPS[1]:
            kind = "recordings with an impossible frame rate (expected frames per second; seconds per frame?)"
            yield Finding(kind=kind, case=f"{recording.id}: {recording.fps:g}", about=(recording.id,))
    known = {clip.recording_id: clip.fps for clip in subject.facts.values() if clip.fps is not None}
    low, high = _USUAL_FPS
    odd = [f"{name} ({fps:g})" for name, fps in known.items() if not low <= fps <= high]
    if odd:
        case = f"Frame rates outside of {low:g} to {high:g} frames per second: {', '.join(odd)}."
        yield Finding(kind="frame rates", case=case, is_fault=False)


def _short_clips(subject: Subject) -> Iterator[Finding]:
    if subject.layout.is_single_cycle:
        return
    needed = ClipSampling().padded_length
    short = sum(clip.num_frames < needed for clip in subject.facts.values())
    if short:
        share = 100 * short / len(subject.facts)
        case = (
            f"{counted(short, 'clips')} ({share:.1f} %) of fewer than {needed} frames ({needed / _COMMON_FPS:.1f} s at "
            f"{_COMMON_FPS:g} frames a second): filled up at the end with empty frames, as the paper does."
        )
        yield Finding(kind="short clips", case=case, is_fault=False)


def _beats(subject: Subject) -> Iterator[Finding]:
    for recording in subject.survey.recordings:
        clip = subject.facts.get(recording.id)
        if clip and recording.beat and max(recording.beat) >= clip.num_frames:
            yield Finding(
                kind="beats beyond the end of their clips",
                case=f"{recording.id}: frames {recording.beat[0] + 1} to {recording.beat[1] + 1}, of {clip.num_frames}",
                about=(recording.id,),
            )


def _labels(subject: Subject) -> Iterator[Finding]:
    for odd in odd_labels(subject.survey.recordings):
        yield Finding(kind=odd.kind, case=odd.case, about=() if odd.about is None else (odd.about,))


def _patients(subject: Subject) -> Iterator[Finding]:
    for case in divided_patients(subject.survey.recordings):
        yield Finding(kind="patients in two splits or folds", case=case)


def _duplicates(subject: Subject) -> Iterator[Finding]:
    same: defaultdict[str, list[str]] = defaultdict(list)
    for clip in subject.facts.values():
        same[clip.content].append(clip.recording_id)
    recordings = {recording.id: recording for recording in subject.survey.recordings}
    for names in same.values():
        if len(names) > 1:
            places = {(recordings[name].split, recordings[name].fold) for name in names}
            leak = ", across splits or folds" if len(places) > 1 else ""
            # Of the same clip under several names one may stay: that of the first row.
            yield Finding(
                kind="clips with the same content", case=" = ".join(sorted(names)) + leak, about=tuple(names[1:])
            )


def _empty_pictures(subject: Subject) -> Iterator[Finding]:
    for clip in subject.facts.values():
        if clip.levels is not None and np.count_nonzero(clip.levels) == 1:
            kind, what = "clips without a picture", "every pixel has the same grey level"
        elif clip.levels is not None and not np.any(clip.levels[MIN_WHITE:]):
            kind, what = "clips without a picture", "black throughout"
        elif clip.is_still:
            kind, what = "clips in which nothing moves", f"{clip.num_frames} frames of one picture"
        else:
            continue
        yield Finding(kind=kind, case=f"{clip.recording_id}: {what}", about=(clip.recording_id,))


def _tracings(subject: Subject) -> Iterator[Finding]:
    for name, frames in subject.survey.traced_frames.items():
        clip = subject.facts.get(name)
        beyond = [frame for frame in frames if clip and not 0 <= frame < clip.num_frames]
        if clip and beyond:
            kind = "tracings on frames that their videos do not have"
            case = f"{name}: frame {beyond[0]}, of {clip.num_frames} frames"
            yield Finding(kind=kind, case=case, about=(name,))


def _simulated(subject: Subject) -> Iterator[Finding]:
    marked = [clip.recording_id for clip in subject.facts.values() if clip.is_phantom]
    if not subject.is_phantom:
        for name in marked:
            yield Finding(kind="simulated clips in a data set that has no phantom.json", case=name)


def _pixels(subject: Subject) -> Iterator[Finding]:
    pixels, expected = pixel_statistics(subject.facts), subject.layout.pixels
    if pixels is None or expected is None:
        return
    shift = max(abs(pixels.mean - expected[0]), abs(pixels.std - expected[1]))
    case = (
        f"mean {pixels.mean:.3f} and standard deviation {pixels.std:.3f} of full scale; "
        f"the recipe normalises with {expected[0]:.3f} and {expected[1]:.3f}"
    )
    # Of the published data it says that the pixels were changed; of one's own, that the scanner is another.
    if shift > _WRONG_SHIFT and not subject.is_own_data:
        yield Finding(kind="pixel statistics far from the recipe's", case=case)
    elif shift > _NOTABLE_SHIFT:
        yield Finding(kind="pixels", case=f"Pixels: {case}.", is_fault=False)


Check = Callable[[Subject], Iterable[Finding]]
_SHIPPED: tuple[Check, ...] = (
    _published_counts,
    _unreadable,
    _declared_frames,
    _sizes,
    _frame_rates,
    _short_clips,
    _beats,
    _labels,
    _patients,
    _duplicates,
    _empty_pictures,
    _tracings,
    _simulated,
    _pixels,
)
# By what they look at; those of other packages are asked last.
CHECKS: Registry[Check] = Registry(
    "check of the doctor",
    "coreecho.checks",
    {check.__name__.removeprefix("_"): f"{__name__}:{check.__name__}" for check in _SHIPPED},
)


def findings_of(name: str, subject: Subject) -> Iterator[Finding]:
    """What a check finds, by its name or import path.

    Raises:
        RecipeError: there is no such check, or it gives something else than findings.
    """
    check: object = CHECKS.get(name)
    found: object = check(subject) if callable(check) else check
    if not isinstance(found, Iterable):
        raise _no_check(name, found)
    for finding in found:
        if not isinstance(finding, Finding):
            raise _no_check(name, finding)
        yield finding


def _no_check(name: str, found: object) -> RecipeError:
    return RecipeError(f"The check {name!r} gives {found!r:.80}, expected a function from a Subject to Findings.")
