"""Rows of a table whose models were trained elsewhere: weights that are given, such as imported published ones."""

from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.checking import nearest
from coreecho.errors import RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.runs import Execution, predictions_of_weights
from coreecho.experiments.table_file import RowEntry, TableFile
from coreecho.models.weights import describe_weights
from coreecho.names import readable
from coreecho.training.recipe import Recipe


def check_trained(table: TableFile, inputs: PlanInputs) -> None:
    """See that all weights in place of trainings are some row's.

    Raises:
        RecipeError: a name is no row and no training that could be measured so, or nothing is left to measure.
    """
    able = [row for row in table.rows if row.takes_trained]
    known = list(dict.fromkeys([*(str(row.training) for row in able), *(row.label for row in able)]))
    for name in inputs.trained:
        if name not in known:
            close = nearest(name, known)
            hint = f" Did you mean {close!r}?" if close else ""
            raise RecipeError(
                f"`--trained {name}=...`: {table.name} has no such training, and no such row that is measured of a "
                f"file of weights.{hint} There are {', '.join(map(repr, known)) or 'none'}."
            )
    if inputs.only_trained and not inputs.trained:
        raise RecipeError("`--only-trained` trains nothing: say by `--trained NAME=FILE` what is measured.")


def trained_for(entry: RowEntry, inputs: PlanInputs) -> Path | None:
    """Weights that are given in place of a row's training; the row's own label goes before its training's name."""
    if not entry.takes_trained:
        return None
    return inputs.trained.get(entry.label, inputs.trained.get(str(entry.training)))


def notes_of_trained(inputs: PlanInputs) -> tuple[str, ...]:
    """Which figures are of weights that were trained elsewhere. Raises CheckpointError."""
    return tuple(
        f"{name}: by the weights {readable(path.name)} ({readable(describe_weights(path).source)}), not trained here."
        for name, path in inputs.trained.items()
    )


def check_fits(weights: Path, recipe: Recipe, label: str) -> None:
    """See, before anything is trained, that weights are a model as a row's training would make it.

    Args:
        weights: a file, or a run.
        recipe: of the training.
        label: of the row.

    Raises:
        RecipeError: they are of another encoder, or read something else.
        CheckpointError: they cannot be read.
    """
    card = describe_weights(weights)
    if card.encoder != recipe.encoder or card.task != recipe.task:
        reads = "nothing, without a head" if card.task is None else f"the {card.task.quantity}"
        raise RecipeError(
            f"`--trained` gives {weights} to the row {label!r}: it holds the encoder {card.encoder} and reads {reads}; "
            f"expected {recipe.encoder}, and the {recipe.task.quantity}."
        )


def read_weights(weights: Path, data: Data, runs: Path, execution: Execution, **protocol: Any) -> pd.DataFrame:
    """A reading of weights, which lie outside the folder of a table's runs; see `predictions_of_weights`."""
    return predictions_of_weights(weights, data, execution, **protocol)
