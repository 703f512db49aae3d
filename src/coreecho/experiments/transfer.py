"""Transfer learning: what an encoder learned from one data set, used on another (Maani et al. 2024, section 3).

MLP probing trains a new head on the frozen encoder; fine-tuning trains all weights.

Probing computes the embeddings of every clip anew in each epoch, and does not keep them: each epoch turns, scales and
moves the clips otherwise, so that kept embeddings would train another head than the paper's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd

import coreecho
from coreecho.datasets import LAYOUTS, Layout, load_recordings
from coreecho.datasets.folds import CrossValidation
from coreecho.errors import CheckpointError, RecipeError
from coreecho.evaluation import (
    FoldMeans,
    Interval,
    Metrics,
    family_of,
    metrics_by_group,
    metrics_mean_over_folds,
    paired_differences,
)
from coreecho.evaluation.groups import MIN_PATIENTS_OF_GROUP
from coreecho.experiments.cross_validation import PREDICTIONS, cross_validate
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, patients_of, read_predictions
from coreecho.experiments.starting import check_start
from coreecho.experiments.table_file import Method
from coreecho.files import write_whole
from coreecho.models.weights import describe_weights
from coreecho.shipped import is_default, resolve
from coreecho.tasks import Task
from coreecho.training.checks import meant_start
from coreecho.training.decoding import as_asked, faulty_among, tell_left_out
from coreecho.training.recipe import SCRATCH, Recipe, read_recipe_file
from coreecho.training.recipe_files import find_recipe
from coreecho.training.run_folder import RunFolder

ALL = "all"
# A video of several beats is tested as the paper tests EchoNet-Dynamic's; one beat is seen whole.
_CLIPS_OF_A_LONG_VIDEO = 3


@dataclass(frozen=True, kw_only=True)
class TransferResult:
    """What a transfer found.

    Attributes:
        out: its folder.
        predictions: pooled over the folds, one row a recording.
        task: what was predicted.
        protocol: name of the protocol of cross-validation.
        cross_validation: that protocol.
        metrics: of the pooled predictions of `all` recordings, and of the groups of image quality where these are
            known.
        quality_groups: of the layout.
        mean_over_folds: of all recordings, the metrics' means over the folds.
        is_phantom: the hearts are simulated.
        overlap_label: for every figure, where the encoder was trained on some of the recordings.
        left_out: of each recording that was left out for faults, as was asked for, what is wrong with it.
    """

    out: Path
    predictions: pd.DataFrame
    task: Task
    protocol: str
    cross_validation: CrossValidation
    metrics: Mapping[str, Metrics]
    mean_over_folds: Metrics
    is_phantom: bool
    quality_groups: Mapping[str, str] = field(default_factory=dict)
    overlap_label: str | None = None
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)


def transfer_layout(dataset: str) -> Layout:
    """The layout of a data set to which encoders are transferred.

    Raises:
        RecipeError: there is no such data set, or it has no recipes for that.
    """
    layout = LAYOUTS.get(dataset)
    if _methods_of(layout):
        return layout
    able = [name for name in LAYOUTS.names() if _methods_of(LAYOUTS.get(name))]
    raise RecipeError(
        f"There is no transfer to {dataset!r}; the data sets are {', '.join(sorted(able))}. A layout of your own says "
        "its `recipes` to probe and to fine-tune, and deals recordings out to `num_folds`."
    )


def _methods_of(layout: Layout) -> list[str]:
    return [method for method in get_args(Method) if method in layout.recipes]


def find_protocol(layout: Layout, name: str | None) -> tuple[str, CrossValidation]:
    """A protocol by which a data set is cross-validated, with its name; the usual one when no name is given.

    Raises:
        RecipeError: the data set has no such protocol.
    """
    known = layout.cross_validations
    name = next(iter(known)) if name is None else name
    if name not in known:
        raise RecipeError(f"{layout.title} is not cross-validated by {name!r}, expected {' or '.join(known)}.")
    return name, known[name]


def transfer_settings(dataset: str, method: Method, weights: str, protocol: str | None = None) -> dict[str, Any]:
    """The settings of a transfer that its recipe, its protocol and the pretrained weights give; flags may change them.

    Args:
        dataset: a layout with recipes for a transfer: "camus", "hmc-qu" or "table".
        method: "probe" or "fine-tune".
        weights: a run, a file of weights, or "scratch" for an encoder that has learned nothing.
        protocol: as for `find_protocol`.

    Raises:
        RecipeError: a frozen encoder that has learned nothing, a run that is not finished, or a data set, a method or a
            protocol that there is not.
        CheckpointError: the weights cannot be read.
    """
    layout = transfer_layout(dataset)
    if method not in get_args(Method):
        raise RecipeError(f"There is no method {method!r}; the methods are {', '.join(get_args(Method))}.")
    settings = published_settings(layout, method, protocol)
    if weights == SCRATCH and Recipe.from_mapping(settings, source=f"the recipe to {method}").is_of_head_alone:
        raise RecipeError(
            "`--from scratch` with `--method probe` would freeze an encoder that has learned nothing. "
            "Use `--method fine-tune`, or give the weights of a pretrained encoder."
        )
    settings["init"] = start_of(weights)
    model_input = None
    if weights != SCRATCH:
        if not (start := resolve(weights)).exists() and (hint := meant_start(weights)):
            raise CheckpointError(f"{weights}: there is no such file or folder.{hint}")
        _check_finished(start)
        pretrained = describe_weights(weights)
        settings["encoder"], model_input = pretrained.encoder, pretrained.model_input
    if layout.is_single_cycle is None:
        # Its clips are of any length: cut as the encoder learned to see them, or else as CoReEcho sees long videos.
        seen = model_input or Recipe().input
        settings |= vars(seen)
        if not seen.is_whole_beat:
            settings["validation_clips"] = _CLIPS_OF_A_LONG_VIDEO
    return settings


def start_of(weights: str) -> str:
    """The `init` of a recipe for what `--from` gives: a whole path, so that a stopped fold goes on from any folder."""
    return weights if weights == SCRATCH or is_default(weights) else str(Path(weights).resolve())


def _check_finished(weights: Path) -> None:
    """Raises RecipeError: a run whose best weights may still change, so that folds would begin differently."""
    if (weights / "run.json").is_file() and not RunFolder.open(weights).is_finished:
        raise RecipeError(
            f"{weights} is a run that is not finished. Finish it by `coreecho train --resume {weights}`, or copy its "
            "best.safetensors and give the copy."
        )


def published_settings(layout: Layout, method: Method, protocol: str | None = None) -> dict[str, Any]:
    """The settings of the shipped recipe of a transfer, and of its protocol.

    Raises:
        RecipeError: the data set has no recipe for the method, or no such protocol.
    """
    if method not in layout.recipes:
        raise RecipeError(
            f"{layout.title} has no recipe to {method}; it has {', '.join(_methods_of(layout)) or 'none'}."
        )
    _, cross_validation = find_protocol(layout, protocol)
    settings = read_recipe_file(find_recipe(layout.recipes[method]))
    of_protocol = {**cross_validation.defaults, **cross_validation.settings}
    return settings | of_protocol | {"name": f"{layout.name}-{method}"}


def transfer(
    recipe: Recipe,
    data: Data,
    out: Path,
    execution: Execution,
    *,
    protocol: str | None = None,
    allow_overlap: bool = False,
) -> TransferResult:
    """Cross-validate a transfer recipe, and measure the predictions.

    Args:
        recipe: from `transfer_settings`, with its `init`.
        data: with folds.
        out: folder; an earlier, unfinished transfer in it goes on.
        execution: on what.
        protocol: as for `transfer_settings`.
        allow_overlap: go on where the encoder was trained on some of the recordings; all that is written says so.

    Raises:
        RecipeError: recipe or data contradict the protocol.
        DatasetError: the encoder was trained on some of the recordings.
        As `cross_validate`.
    """
    layout = LAYOUTS.get(data.dataset)
    name, cross_validation = find_protocol(layout, protocol)
    data = data.by(cross_validation)
    _check_protocol(recipe, data, name, cross_validation)
    data, left_out = _without_faulty(recipe, data, execution)
    label = check_start(recipe, data, execution, allow=allow_overlap)
    predictions = cross_validate(recipe, data, out, execution)
    result = TransferResult(
        out=out,
        predictions=predictions,
        task=recipe.task,
        protocol=name,
        cross_validation=cross_validation,
        metrics=measure(predictions, recipe.task, layout.quality_groups),
        quality_groups=layout.quality_groups,
        mean_over_folds=_mean_over_folds(predictions, recipe.task),
        is_phantom=layout.is_phantom(data.root, **data.options),
        overlap_label=label,
        left_out=left_out,
    )
    write_whole(out / "metrics.json", json.dumps(_document(result, recipe, data), indent=2) + "\n")
    return result


def _without_faulty(recipe: Recipe, data: Data, execution: Execution) -> tuple[Data, Mapping[str, tuple[str, ...]]]:
    """Where faulty recordings are to be left out, look for them once for all folds; gives what is wrong with each."""
    if not data.options.get("leave_out_faulty"):
        return data, {}
    recordings = load_recordings(data.dataset, data.root, **data.options)
    found = faulty_among(
        recordings,
        recipe,
        data.dataset,
        data.root,
        options=data.options,
        show_progress=execution.show_progress,
    )
    tell_left_out(found)
    left_out = {**recordings.left_out, **found}
    return replace(data, options={**data.options, "leave_out": sorted(left_out)}), left_out


def _check_protocol(recipe: Recipe, data: Data, name: str, cross_validation: CrossValidation) -> None:
    """See that what will be trained is what is said of it. Raises RecipeError."""
    told = [(cross_validation.settings, recipe.to_mapping()), (cross_validation.options, data.options)]
    faults = [
        f"{key} is {given[key]}, and {wanted} by that protocol"
        for known, given in told
        for key, wanted in known.items()
        if given[key] != wanted
    ]
    if faults:
        others = ", ".join(other for other in LAYOUTS.get(data.dataset).cross_validations if other != name)
        raise RecipeError(
            f"The transfer is to follow the protocol {name}: {'; '.join(faults)}. Leave the settings out, or ask for "
            f"another protocol{f' ({others})' if others else ''} by `--protocol`; `coreecho train` takes any."
        )


def measure(predictions: pd.DataFrame, task: Task, quality_groups: Mapping[str, str]) -> dict[str, Metrics]:
    """Metrics of pooled predictions: of all recordings and, where these are graded, by image quality (Table 4)."""
    family, patients = family_of(task), patients_of(predictions)
    true, predicted = predictions[family.true_column], predictions[family.predicted_column]
    metrics: dict[str, Metrics] = {ALL: family.measure(true, predicted, patients=patients)}
    if "quality" in predictions and predictions["quality"].isin(list(quality_groups)).all():
        metrics |= metrics_by_group(predictions, "quality", family=family, groups=quality_groups, patients=patients)
    return metrics


def _mean_over_folds(predictions: pd.DataFrame, task: Task) -> Metrics:
    family = family_of(task)
    found: Metrics = metrics_mean_over_folds(
        predictions[family.true_column],
        predictions[family.predicted_column],
        predictions["fold"].tolist(),
        family=family,
        patients=patients_of(predictions),
    )
    return found


def compare(result: TransferResult, other: Path) -> dict[str, Mapping[str, Interval]]:
    """Paired differences of every metric, this transfer minus the one in another folder, on the same recordings.

    Returns:
        By the groups of `result.metrics`; without those that have too few patients for metrics. Where the protocol's
        figures are means over folds, of all recordings the differences of those.

    Raises:
        RecipeError: the folder holds no finished transfer, or one of other recordings or labels.
    """
    check_comparable(other)
    path = other / PREDICTIONS
    first, second = read_predictions(path), result.predictions
    family = family_of(result.task)
    same = [family.true_column, *(("fold",) if result.cross_validation.is_mean_over_folds else ())]
    if (
        not {*same, family.predicted_column} <= set(first)
        or first["recording"].tolist() != second["recording"].tolist()
        or any((first[column] != second[column]).any() for column in same)
    ):
        raise RecipeError(
            f"{path} holds other recordings, labels or folds than {result.out}; only equal ones can be paired."
        )
    if result.cross_validation.is_mean_over_folds:
        family = FoldMeans(family, second["fold"].tolist())
    differences: dict[str, Mapping[str, Interval]] = {}
    for group in result.metrics if not result.cross_validation.is_mean_over_folds else (ALL,):
        chosen = [True] * len(second) if group == ALL else (second["quality"].map(result.quality_groups) == group)
        if len(set(patients_of(second[chosen]))) >= MIN_PATIENTS_OF_GROUP:
            differences[group] = paired_differences(
                family,
                second.loc[chosen, family.true_column],
                first.loc[chosen, family.predicted_column],
                second.loc[chosen, family.predicted_column],
                patients=patients_of(second[chosen]),
            )
    return differences


def check_comparable(other: Path) -> None:
    """See that a folder holds a finished transfer, before anything is trained to be compared with it.

    Raises:
        RecipeError: it does not.
    """
    if not (other / PREDICTIONS).is_file():
        raise RecipeError(
            f"{other / PREDICTIONS}: there is no such file; {other} holds no finished transfer to compare with."
        )


def _document(result: TransferResult, recipe: Recipe, data: Data) -> dict[str, Any]:
    """All that one needs to quote the figures."""
    sources = sorted(result.predictions["ef_source"].dropna().unique())
    head = {} if result.overlap_label is None else {"overlap": result.overlap_label}
    return {
        "coreecho_version": coreecho.__version__,
        "is_phantom": result.is_phantom,
        **head,
        "dataset": data.dataset,
        "options": as_asked(data.options),
        **({"left_out": {name: list(reasons) for name, reasons in result.left_out.items()}} if result.left_out else {}),
        "ef_source": sources,
        "folds": sorted(int(fold) for fold in result.predictions["fold"].unique()),
        "protocol": result.protocol,
        "protocol_in_words": result.cross_validation.words,
        "intervals": "bootstrap over patients",
        "recipe": recipe.to_mapping(),
        "metrics": {group: metrics.to_dict() for group, metrics in result.metrics.items()},
        "mean_over_folds": {ALL: result.mean_over_folds.to_dict()},
    }
