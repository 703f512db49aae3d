"""What is looked at before hours of work: whether a recipe and the data that it is to learn from fit together."""

from collections.abc import Sequence

from coreecho.datasets import LAYOUTS, Recording
from coreecho.datasets.recording import NUMBERS
from coreecho.errors import DatasetError, RecipeError
from coreecho.tasks import Task
from coreecho.training.data import check_batch
from coreecho.training.run_folder import RunFolder


def check_clips(folder: RunFolder) -> None:
    """See that whole videos are taken as beats only where they are: EchoNet-Dynamic's hold several, and parts of them.

    Raises:
        RecipeError: they are not.
    """
    dataset, sampling = folder.data.dataset, folder.recipe.input
    if sampling.is_whole_beat and LAYOUTS.get(dataset).is_single_cycle is False:
        single = [name for name in LAYOUTS.names() if LAYOUTS.get(name).is_single_cycle]
        raise RecipeError(
            f"The recipe {folder.recipe.name!r} has time: {sampling.time}, which takes a whole video as one beat, and "
            f"the videos of {dataset!r} hold several. Use `time: stride`, or one of {', '.join(single)}."
        )


def check_splits(folder: RunFolder) -> None:
    """See that there is something to learn from, and to choose the best epoch by.

    Raises:
        DatasetError: there is not.
        RecipeError: there is less than a batch.
    """
    recipe = folder.recipe
    if not folder.recordings("train"):
        raise DatasetError(f"{folder.data.root} has no recording in its TRAIN split.")
    if recipe.select == "best" and not folder.recordings(recipe.select_on):
        split = recipe.select_on.upper()
        raise DatasetError(
            f"{folder.data.root} has no recording in its {split} split, by which the best epoch is chosen. Training "
            f"needs TRAIN and {split}; or keep the last epoch: `--select last`."
        )
    # Asked before anything is written: the batches of the first process would refuse the same.
    check_batch(len(folder.recordings("train")), recipe.batch_size, keep_last=recipe.keep_last_batch)


def check_labels(folder: RunFolder) -> None:
    """See that the recordings have labels, and that these can be of the task: fractions would train without a word.

    Raises:
        RecipeError: no recording has one, or they cannot be of the task; it names the remedy.
        DatasetError: some recordings have none.
    """
    validated = folder.recipe.select_on
    task, recordings = folder.task, [*folder.recordings("train"), *folder.recordings(validated)]
    labels = known_labels(recordings, folder.task)
    if not labels:
        raise RecipeError(
            f"The recipe {folder.recipe.name!r} learns {task.noun} ({task.label}), and no recording of "
            f"{folder.data.dataset!r} under {folder.data.root} has it. {_other_labels(recordings)}"
        )
    missing = [recording.id for recording in recordings if task.label_of(recording) is None]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(recordings)} recordings of TRAIN and {validated.upper()} under "
            f"{folder.data.root} have no {task.noun}, e.g. {missing[:5]}; training needs one for each."
        )
    if (fault := task.fault_of_labels(labels)) is not None:
        raise RecipeError(f"The recipe {folder.recipe.name!r} does not fit the data under {folder.data.root}: {fault}.")


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
