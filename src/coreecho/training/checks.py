"""What is looked at before hours of work: whether a recipe and the data that it is to learn from fit together."""

from coreecho.checking import nearest
from coreecho.datasets import LAYOUTS
from coreecho.errors import CheckpointError, DatasetError, RecipeError
from coreecho.shipped import DEFAULT
from coreecho.training.data import check_batch
from coreecho.training.recipe import SCRATCH
from coreecho.training.run_folder import RunFolder


def check_start(folder: RunFolder) -> None:
    """See that the weights are there from which the encoder starts.

    Raises:
        CheckpointError: they are not; names the word that was likely meant, if one was.
    """
    recipe = folder.recipe
    if recipe.is_from_scratch or folder.lesson.start.exists():
        return
    raise CheckpointError(
        f"The recipe {recipe.name!r} starts from the weights {recipe.init!r}, and there is no such file."
        f"{meant_start(recipe.init)} Get the published file, read it by `coreecho import-weights FILE OUT`, and give "
        "`--init OUT`; or start from random weights with `--init scratch`."
    )


def meant_start(weights: str) -> str:
    """A question for whoever gave weights that are not there, where a word for some was likely meant."""
    meant = nearest(weights, (SCRATCH, DEFAULT))
    return f" Did you mean {meant!r}?" if meant else ""


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
    if recipe.chosen_on is not None and not folder.recordings(recipe.chosen_on):
        split = recipe.chosen_on.upper()
        raise DatasetError(
            f"{folder.data.root} has no recording in its {split} split, by which the best epoch is chosen. Training "
            f"needs TRAIN and {split}; or keep the last epoch: `--select last`."
        )
    # Asked before anything is written: the batches of the first process would refuse the same.
    check_batch(len(folder.recordings("train")), recipe.batch_size, keep_last=recipe.keep_last_batch)


def check_targets(folder: RunFolder) -> None:
    """See that the recordings have what is to be learned. Raises RecipeError and DatasetError."""
    recordings = [*folder.recordings("train"), *folder.recordings(folder.recipe.select_on)]
    folder.lesson.check_targets(recordings, folder.data)
