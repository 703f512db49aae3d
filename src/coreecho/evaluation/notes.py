"""What a reader of an evaluation should know: how finished the model is, whose EF it was compared with, how it was fed.

A table travels without the folder that it came from; what would change how it is read is said beside it.
"""

from collections.abc import Sequence

import numpy as np

from coreecho.datasets import Recording, Split
from coreecho.inference.frame_rate import is_rate_known, is_training_rate
from coreecho.inference.subject import Overlap, Subject
from coreecho.models.card import TrainedOn
from coreecho.video.store import FrameStore
from coreecho.video.temporal import is_same_rate

# As the card's own range: the ends are not those of one odd file.
_PERCENTILES = (5, 95)


def notes_of(subject: Subject, recordings: Sequence[Recording], overlap: Overlap, split: Split) -> tuple[str, ...]:
    """What a reader of the metrics should know.

    Args:
        subject: the model, and the data that it is evaluated on.
        recordings: of these data.
        overlap: which of them the model has met before.
        split: of them.
    """
    notes = []
    if not subject.is_finished:
        notes.append("the run is not finished: these are the best weights so far")
    if overlap.label is not None:
        notes.append(overlap.label)
    if overlap.selected and split != "val":
        notes.append(f"the best epoch was chosen by {len(overlap.selected)} of these recordings")
    if not subject.knows_its_training and split != "train":
        notes.append(
            "a file of weights does not say which recordings it was trained on: some of these may be among them"
        )
    if subject.learned_from_phantoms and not subject.is_phantom:
        notes.append("the model was trained on simulated hearts only")
    notes += [f"EF of the {name}" for name in ef_sources(recordings)]
    return tuple(notes)


def ef_sources(recordings: Sequence[Recording]) -> list[str]:
    """Which releases of a data set the EFs are from, where its releases differ; in alphabetical order."""
    return sorted({recording.ef_source for recording in recordings if recording.ef_source is not None})


def frame_rate_note(
    store: FrameStore, recordings: Sequence[Recording], trained_on: TrainedOn | None
) -> tuple[str, ...]:
    """Warn of data whose frame rates are not those of the training: to the model its hearts beat at another speed.

    An evaluation takes frames as they are, as the paper does; `coreecho predict` resamples a file.

    Args:
        store: decoded frames of the recordings.
        recordings: that were evaluated.
        trained_on: from the model's card; None where it is not known.
    """
    if trained_on is None or not is_rate_known(trained_on):
        return ()
    rates = [fps for recording in recordings if (fps := store.fps(recording.id)) is not None]
    if not rates:
        return ()
    low, high = (float(end) for end in np.percentile(rates, _PERCENTILES))
    if is_training_rate(low, trained_on) and is_training_rate(high, trained_on):
        return ()
    outside = sum(not is_training_rate(fps, trained_on) for fps in rates)
    return (
        f"the frame rates of these data, {_range(low, high)} per second, lie outside of the training's, "
        f"{_range(*trained_on.fps_range)}, in {outside} of {len(rates)} recordings: to the model their hearts beat at "
        f"another speed{_way_on(trained_on)}",
    )


def _way_on(trained_on: TrainedOn) -> str:
    """How data come to the training's rate, where it was one."""
    low, high = trained_on.fps_range
    if not is_same_rate(low, high):
        return ""
    return (
        f"; `--option fps={high:.0f}` brings recordings of many machines to it, as `coreecho predict` does with a file"
    )


def _range(low: float, high: float) -> str:
    return f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
