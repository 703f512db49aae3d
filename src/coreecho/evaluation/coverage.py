"""Which recordings of a split a protocol can say something of, and how many it cannot: its coverage.

Systems that look for beats, or at traced frames, find none in some videos, and the published figures leave these out.
"""

from collections.abc import Sequence

import numpy as np
from torch.utils.data import DataLoader

from coreecho.datasets import Recording
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation.protocol import TRACED, Protocol
from coreecho.inference.engine import VideoPrediction
from coreecho.inference.subject import Subject
from coreecho.training.lesson import Examples, Lesson
from coreecho.video.start_index import read_start_index


def covered(subject: Subject, protocol: Protocol, recordings: Sequence[Recording]) -> list[Recording]:
    """Recordings that the protocol looks at: all, but those without beats, or without what its own clips need.

    Raises:
        RecipeError: the model's run has no clips of its own.
        DatasetError: none is left, or the start index cannot be read.
    """
    found = list(recordings)
    if protocol.clips == TRACED:
        found = _own_lesson(subject).usable(recordings, subject.data)
    elif protocol.start_index is not None and protocol.is_partial:
        known = {name.removesuffix(".avi") for name in read_start_index(protocol.start_index)}
        found = [recording for recording in recordings if recording.id.removesuffix(".avi") in known]
    if recordings and not found:
        raise DatasetError(f"None of the {len(recordings)} recordings has what {protocol.description} needs.")
    return found


def coverage_note(num_covered: int, num_recordings: int) -> tuple[str, ...]:
    """Say how many recordings the figures leave out; nothing where it is none."""
    if num_covered == num_recordings:
        return ()
    share = 100 * num_covered / num_recordings
    return (
        f"coverage {share:.1f} %: {num_recordings - num_covered} of {num_recordings} recordings have not what these "
        "clips are placed by, and are in no figure",
    )


def predict_traced(
    subject: Subject, recordings: Sequence[Recording], *, batch_size: int, device: str
) -> list[VideoPrediction]:
    """What a network says of the clips that its objective places about the traced frames, one of each recording.

    Args:
        subject: a run whose objective has clips of its own.
        recordings: that `covered` gives.
        batch_size: clips at once.
        device: where to compute.
    """
    lesson = _own_lesson(subject)
    examples = Examples(recordings=recordings, store=subject.store(), data=subject.data)
    loader = DataLoader(lesson.validation_examples(examples), batch_size=batch_size, collate_fn=lesson.collate)
    table = lesson.validate(subject.model(device), loader)
    outputs = table[subject.task.output_column].to_numpy(dtype=np.float32)
    no_embedding = np.zeros((1, 0), dtype=np.float32)
    return [VideoPrediction(clip_values=output, embeddings=no_embedding, starts=(0,)) for output in outputs[:, None]]


def _own_lesson(subject: Subject) -> Lesson:
    run = subject.run
    if run is None or not run.lesson.has_own_clips:
        raise RecipeError(
            "`--clips traced` looks at the clips that an objective places about traced frames, as those of UVT and "
            "EchoGraphs do: give the folder of a run of such an objective, or a number of clips."
        )
    return run.lesson
