"""What a reader of an evaluation should know: how finished the model is, whose EF it was compared with, how it was fed.

A table travels without the folder that it came from; what would change how it is read is said beside it.
"""

from collections.abc import Sequence

import numpy as np

from coreecho.datasets import Recording
from coreecho.inference.frame_rate import TimedFrames, is_rate_known, is_training_rate
from coreecho.inference.overlap import Overlap
from coreecho.inference.subject import Subject
from coreecho.models.card import TrainedOn
from coreecho.names import counted
from coreecho.task import Task
from coreecho.video.store import FrameStore
from coreecho.video.temporal import rate_words

# As the card's own range: the ends are not those of one odd file.
_PERCENTILES = (5, 95)


def notes_of(subject: Subject, recordings: Sequence[Recording], overlap: Overlap) -> tuple[str, ...]:
    """What a reader of the metrics should know.

    Args:
        subject: the model, and the data that it is evaluated on.
        recordings: of these data.
        overlap: which of them the model has met before.
    """
    notes = []
    if not subject.is_finished:
        notes.append("the run is not finished: these are the best weights so far")
    if overlap.label is not None:
        notes.append(overlap.label)
    if overlap.chosen_by:
        notes.append(f"the best epoch was chosen by {len(overlap.chosen_by)} of these recordings")
    if not subject.knows_its_training and not overlap.is_of_training:
        notes.append(
            "a file of weights does not say which recordings it was trained on: some of these may be among them"
        )
    if subject.learned_from_phantoms and not subject.is_phantom:
        notes.append("the model was trained on simulated hearts only")
    notes += [f"{subject.task.noun} of the {name}" for name in label_sources(recordings, subject.task)]
    return tuple(notes)


def label_sources(recordings: Sequence[Recording], task: Task) -> list[str]:
    """Which releases of a data set the labels of a task are from, where these differ; in alphabetical order."""
    found = {recording.source_of(task.label) for recording in recordings}
    return sorted(name for name in found if name is not None)


def frame_rate_note(
    store: FrameStore | TimedFrames, recordings: Sequence[Recording], trained_on: TrainedOn | None
) -> tuple[str, ...]:
    """Say which recordings were brought to the training's frame rate, and warn of data at others.

    To the model the hearts of these beat at another speed.

    Args:
        store: frames of the recordings, as they were evaluated.
        recordings: that were evaluated.
        trained_on: from the model's card; None where it is not known.
    """
    if trained_on is None or not is_rate_known(trained_on):
        return ()
    brought = _brought(store, recordings) if isinstance(store, TimedFrames) else ()
    rates = [fps for recording in recordings if (fps := store.fps(recording.id)) is not None]
    if not rates:
        return brought
    low, high = (float(end) for end in np.percentile(rates, _PERCENTILES))
    if is_training_rate(low, trained_on) and is_training_rate(high, trained_on):
        return brought
    outside = sum(not is_training_rate(fps, trained_on) for fps in rates)
    return (
        *brought,
        f"the frame rates of these data, {_range(low, high)} per second, lie outside of the training's, "
        f"{_range(*trained_on.fps_range)}, in {outside} of {len(rates)} recordings: to the model their hearts beat at "
        "another speed",
    )


def _brought(store: TimedFrames, recordings: Sequence[Recording]) -> tuple[str, ...]:
    """How many recordings are seen at another frame rate than they lie in, and at which."""
    changed = [recording.id for recording in recordings if recording.id in store.targets]
    if not changed:
        return ()
    rates = ([store.rates[name] for name in changed], [store.targets[name] for name in changed])
    before, after = (_range(min(each), max(each)) for each in rates)
    return (
        f"brought to {after} frames per second, the rate of the training, from {before}, as files are that are "
        f"predicted: {len(changed)} of {counted(len(recordings), 'recordings')}",
    )


def _range(low: float, high: float) -> str:
    ends = (rate_words(low), rate_words(high))
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
