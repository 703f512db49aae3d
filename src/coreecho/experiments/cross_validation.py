"""k-fold cross-validation: every fold is a run folder, and the pooled predictions of all of them are the result."""

from pathlib import Path

import pandas as pd

from coreecho.datasets import LAYOUTS, Recording, load_recordings
from coreecho.datasets.options import names_a_fold
from coreecho.errors import DatasetError, RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, finish_run, predictions_of, read_predictions
from coreecho.files import alone_in, write_whole, writing_into
from coreecho.names import readable
from coreecho.progress import tell
from coreecho.tasks import Task
from coreecho.training.recipe import Recipe

PREDICTIONS = "predictions.csv"


def cross_validate(recipe: Recipe, data: Data, out: Path, execution: Execution) -> pd.DataFrame:
    """Train and test, one fold after another, until every fold was tested.

    Folds that are done are not done again. As the data's options say, the fold after the tested one validates or trains
    as well (see `split_by_fold`).

    Args:
        recipe: of each training; every fold has the same seed.
        data: with folds.
        out: folder; holds `fold-01` and so on, and the pooled `predictions.csv`.
        execution: on what.

    Returns:
        One row a recording, in the order of the data set: the columns of `predictions_of`, and fold.

    Raises:
        DatasetError: the data lack folds, as in `find_folds`, or a recording to be tested has no label.
        RecipeError: `out` holds another cross-validation, or the options name one fold.
        BusyError: another process is at it in `out`.
        KeyboardInterrupt: it was stopped; the same call goes on.
    """
    if names_a_fold(data.options):
        raise RecipeError("A cross-validation tests each fold in turn: leave out the option `fold`.")
    recordings = load_recordings(data.dataset, data.root, **data.options)
    if execution.show_progress:
        # Such as that folds hang on the order of a sheet, which somebody has sorted.
        for remark in recordings.remarks:
            tell(f"Remark: {readable(remark)}", "yellow")
    folds = find_folds(recordings, data)
    _check_labels(recordings, recipe.task, data)
    tables = []
    with writing_into(out), alone_in(out, doing="cross-validating"):
        for position, fold in enumerate(folds, start=1):
            if execution.show_progress:
                tell(f"{readable(out.name)}: fold {fold}, {position} of {len(folds)}")
            run = finish_run(recipe, data.with_fold(fold), out / fold_name(fold), execution)
            tables.append(predictions_of(run, execution, clips=recipe.validation_clips).assign(fold=fold))
        write_whole(out / PREDICTIONS, _pool(tables, recordings).to_csv(index=False))
        return read_predictions(out / PREDICTIONS)


def fold_name(fold: int) -> str:
    """The name of a fold's run."""
    return f"fold-{fold:02d}"


def find_folds(recordings: list[Recording], data: Data) -> list[int]:
    """The folds of the recordings, in order.

    Raises:
        DatasetError: there are fewer than three, or than were published, or one is missing among them.
    """
    folds = sorted({recording.fold for recording in recordings if recording.fold is not None})
    if len(folds) < 3:
        raise DatasetError(
            f"{data.root}: cross-validation needs at least three folds to train, validate and test; the data set has "
            f"{len(folds)}. Of a table, the column `fold` says in which fold a recording is tested."
        )
    # A data set that lacks a fold is not whole on disk.
    published = LAYOUTS.get(data.dataset).num_folds
    if len(folds) < published:
        raise DatasetError(
            f"{data.root}: its {len(recordings)} recordings are in folds {', '.join(map(str, folds))}, and "
            f"{data.dataset} has {published} folds. A result on fewer would not be the published "
            "protocol's: complete the data set."
        )
    if missing := sorted(set(range(folds[0], folds[-1] + 1)) - set(folds)):
        raise DatasetError(
            f"{data.root}: its folds are {', '.join(map(str, folds))}, without {', '.join(map(str, missing))}. Are "
            "recordings missing? Number the folds without gaps."
        )
    return folds


def _check_labels(recordings: list[Recording], task: Task, data: Data) -> None:
    """Raises DatasetError: a recording could not be tested, which would show after its fold was trained."""
    unlabelled = [
        recording.id for recording in recordings if recording.fold is not None and task.label_of(recording) is None
    ]
    if unlabelled:
        name = task.noun
        raise DatasetError(
            f"{data.root}: {len(unlabelled)} of {len(recordings)} recordings in folds have no {name}: "
            f"{unlabelled[:5]}. "
            "Give them one, or take them out of the data set."
        )


def _pool(tables: list[pd.DataFrame], recordings: list[Recording]) -> pd.DataFrame:
    """Put the folds together, and see that every recording was tested once."""
    pooled = pd.concat(tables, ignore_index=True)
    tested = pooled["recording"].value_counts()
    expected = [recording.id for recording in recordings if recording.fold is not None]
    missing = [name for name in expected if name not in tested.index]
    repeated = tested.index[tested > 1].tolist()
    if missing or repeated:
        raise DatasetError(
            f"The pooled predictions are not one for each recording: {len(missing)} are missing ({missing[:5]}), "
            f"{len(repeated)} come twice ({repeated[:5]}). Delete the folder of the fold they belong to, and go on."
        )
    return pooled.set_index("recording").loc[expected].reset_index()
