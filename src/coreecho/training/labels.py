"""Whether recordings have the numbers that are to be learned, and whether these can be of the task."""

from collections.abc import Sequence

from coreecho.datasets import Recording
from coreecho.datasets.recording import NUMBERS
from coreecho.errors import DatasetError, RecipeError
from coreecho.tasks import Task
from coreecho.training.data_folder import DataFolder


def check_labels(recordings: Sequence[Recording], data: DataFolder, task: Task, *, recipe: str, splits: str) -> None:
    """See that recordings have labels, and that these can be of the task: fractions would train without a word.

    Args:
        recordings: of the splits that learn and validate.
        data: where they lie.
        task: what is learned.
        recipe: its name.
        splits: theirs, for messages: "TRAIN and VAL".

    Raises:
        RecipeError: no recording has one, or they cannot be of the task; it names the remedy.
        DatasetError: some recordings have none.
    """
    labels = known_labels(recordings, task)
    if not labels:
        raise RecipeError(
            f"The recipe {recipe!r} learns {task.noun} ({task.label}), and no recording of "
            f"{data.dataset!r} under {data.root} has it. {_other_labels(recordings)}"
        )
    missing = [recording.id for recording in recordings if task.label_of(recording) is None]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(recordings)} recordings of {splits} under "
            f"{data.root} have no {task.noun}, e.g. {missing[:5]}; training needs one for each."
        )
    if (fault := task.fault_of_labels(labels)) is not None:
        doubtful = [
            recording.id for recording, label in zip(recordings, labels, strict=True) if task.is_doubtful(label)
        ]
        which = f" These are of {doubtful[:5]}{' and more' * (len(doubtful) > 5)}." if doubtful else ""
        raise RecipeError(f"The recipe {recipe!r} does not fit the data under {data.root}: {fault}.{which}")


def check_own_frames(recordings: Sequence[Recording], data: DataFolder) -> None:
    """See that frames are those of the files, which outlines and tracings are of. Raises DatasetError."""
    if any(recording.target_fps is not None for recording in recordings):
        raise DatasetError(
            f"{data.root}: its recordings were brought to another frame rate (the option fps), and outlines are known "
            "of the frames of the files. Train without that option."
        )


def known_labels(recordings: Sequence[Recording], task: Task) -> list[float]:
    """Labels of the recordings that have one."""
    return [label for recording in recordings if (label := task.label_of(recording)) is not None]


def _other_labels(recordings: Sequence[Recording]) -> str:
    """What could be learned instead."""
    columns = {name: None for recording in recordings for name in (*NUMBERS, *recording.labels)}
    known = [name for name in columns if any(recording.number(name) is not None for recording in recordings)]
    if not known:
        return "Nothing is known of them that could be learned."
    return (
        f"Known of them: {', '.join(known)}. Infarctions (has_mi) are learned by `--objective bce --no-stage2`, any "
        "other number by `--task scalar --label NAME`."
    )
