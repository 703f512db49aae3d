"""k-fold cross-validation: every fold is a run folder, and the pooled predictions of all of them are the result."""

from pathlib import Path

import pandas as pd
from rich.console import Console

from coreecho.datasets import Study, load_studies
from coreecho.errors import DatasetError
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, finish_run, predictions_of, read_predictions
from coreecho.files import write_whole
from coreecho.target import Target
from coreecho.training.recipe import Recipe

PREDICTIONS = "predictions.csv"
# A data set that lacks a fold is not whole on disk.
_PUBLISHED_FOLDS = {"camus": 10, "hmc-qu": 5}


def cross_validate(recipe: Recipe, data: Data, out: Path, execution: Execution) -> pd.DataFrame:
    """Train on all folds but two, validate on one and test on another, until every fold was tested.

    Folds that are done are not done again. The fold after the tested one validates (see `split_by_fold`), so nothing
    of a fold is seen before it is tested.

    Args:
        recipe: of each training; every fold has the same seed.
        data: with folds.
        out: folder; holds `fold-01` and so on, and the pooled `predictions.csv`.
        execution: on what.

    Returns:
        One row a study, in the order of the data set: the columns of `predictions_of`, and fold.

    Raises:
        DatasetError: the data lack folds, as in `find_folds`, or a study to be tested has no label.
        RecipeError: `out` holds another cross-validation.
        KeyboardInterrupt: it was stopped; the same call goes on.
    """
    studies = load_studies(data.dataset, data.root, **data.options)
    folds = find_folds(studies, data)
    _check_labels(studies, recipe.target, data)
    tables = []
    for position, fold in enumerate(folds, start=1):
        if execution.show_progress:
            Console(stderr=True).print(f"{out.name}: fold {fold}, {position} of {len(folds)}", highlight=False)
        run = finish_run(recipe, data.with_fold(fold), out / fold_name(fold), execution)
        tables.append(predictions_of(run, execution, clips=recipe.validation_clips).assign(fold=fold))
    write_whole(out / PREDICTIONS, _pool(tables, studies).to_csv(index=False))
    return read_predictions(out / PREDICTIONS)


def fold_name(fold: int) -> str:
    """The name of a fold's run."""
    return f"fold-{fold:02d}"


def find_folds(studies: list[Study], data: Data) -> list[int]:
    """The folds of the studies, in order.

    Raises:
        DatasetError: there are fewer than three, or than were published, or one is missing among them.
    """
    folds = sorted({study.fold for study in studies if study.fold is not None})
    if len(folds) < 3:
        raise DatasetError(
            f"{data.root}: cross-validation needs at least three folds to train, validate and test; the data set has "
            f"{len(folds)}. Of a table, the column `fold` says in which fold a study is tested."
        )
    published = _PUBLISHED_FOLDS.get(data.dataset, 0)
    if len(folds) < published:
        raise DatasetError(
            f"{data.root}: its {len(studies)} studies are in folds {', '.join(map(str, folds))}, and {data.dataset} "
            f"has {published} folds. A result on fewer would not be the published protocol's: complete the data set."
        )
    if missing := sorted(set(range(folds[0], folds[-1] + 1)) - set(folds)):
        raise DatasetError(
            f"{data.root}: its folds are {', '.join(map(str, folds))}, without {', '.join(map(str, missing))}. Are "
            "studies missing? Number the folds without gaps."
        )
    return folds


def _check_labels(studies: list[Study], target: Target, data: Data) -> None:
    """Raises DatasetError: a study could not be tested, which would show after its fold was trained."""
    unlabelled = [study.id for study in studies if study.fold is not None and study.label(target) is None]
    if unlabelled:
        name = "EF" if target == "ef" else "finding of infarction"
        raise DatasetError(
            f"{data.root}: {len(unlabelled)} of {len(studies)} studies in folds have no {name}: {unlabelled[:5]}. "
            "Give them one, or take them out of the data set."
        )


def _pool(tables: list[pd.DataFrame], studies: list[Study]) -> pd.DataFrame:
    """Put the folds together, and see that every study was tested once."""
    pooled = pd.concat(tables, ignore_index=True)
    tested = pooled["study"].value_counts()
    expected = [study.id for study in studies if study.fold is not None]
    missing = [name for name in expected if name not in tested.index]
    repeated = tested.index[tested > 1].tolist()
    if missing or repeated:
        raise DatasetError(
            f"The pooled predictions are not one for each study: {len(missing)} are missing ({missing[:5]}), "
            f"{len(repeated)} come twice ({repeated[:5]}). Delete the folder of the fold they belong to, and go on."
        )
    return pooled.set_index("study").loc[expected].reset_index()
