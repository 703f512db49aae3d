"""Transfer learning: what an encoder learned from one data set, used on another (Maani et al. 2024, section 3).

MLP probing trains a new head on the frozen encoder; fine-tuning trains all weights.

Probing computes the embeddings of every clip anew in each epoch, and does not keep them: each epoch turns, scales and
moves the clips otherwise, so that kept embeddings would train another head than the paper's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd

import coreecho
from coreecho.datasets import is_phantom_root
from coreecho.errors import RecipeError
from coreecho.evaluation import (
    CAMUS_QUALITY_GROUPS,
    EF_METRICS,
    MI_METRICS,
    ClassificationMetrics,
    EFMetrics,
    Interval,
    metrics_by_group,
    paired_differences,
)
from coreecho.evaluation.groups import MIN_PATIENTS_OF_GROUP
from coreecho.evaluation.metric_family import MetricFamily
from coreecho.experiments.cross_validation import PREDICTIONS, cross_validate
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, patients_of, read_predictions
from coreecho.experiments.table_file import Method
from coreecho.files import write_whole
from coreecho.models.weights import describe_weights
from coreecho.target import Target
from coreecho.training.recipe import SCRATCH, Recipe, find_recipe, read_recipe_file
from coreecho.training.run_folder import RunFolder

TransferMetrics = Mapping[str, EFMetrics] | Mapping[str, ClassificationMetrics]
ALL = "all"
DATASETS = ("camus", "hmc-qu", "table")
# A video of several beats is tested as the paper tests EchoNet-Dynamic's; one beat is seen whole.
_CLIPS_OF_A_LONG_VIDEO = 3


@dataclass(frozen=True, kw_only=True)
class TransferResult:
    """What a transfer found.

    Attributes:
        out: its folder.
        predictions: pooled over the folds, one row a recording.
        target: what was predicted.
        metrics: of `all` recordings, and of the groups of image quality where these are known.
        is_phantom: the hearts are simulated.
    """

    out: Path
    predictions: pd.DataFrame
    target: Target
    metrics: TransferMetrics
    is_phantom: bool


def transfer_settings(dataset: str, method: Method, weights: str) -> dict[str, Any]:
    """The settings of a transfer that its recipe and the pretrained weights give; flags may change them.

    Args:
        dataset: "camus", "hmc-qu" or "table".
        method: "probe" or "fine-tune".
        weights: a run, a file of weights, or "scratch" for an encoder that has learned nothing.

    Raises:
        RecipeError: a frozen encoder that has learned nothing, a run that is not finished, or a data set or method
            without a recipe.
        CheckpointError: the weights cannot be read.
    """
    if dataset not in DATASETS:
        raise RecipeError(f"There is no transfer to {dataset!r}; the data sets are {', '.join(DATASETS)}.")
    if method not in get_args(Method):
        raise RecipeError(f"There is no method {method!r}; the methods are {', '.join(get_args(Method))}.")
    if weights == SCRATCH and method == "probe":
        raise RecipeError(
            "`--from scratch` with `--method probe` would freeze an encoder that has learned nothing. "
            "Use `--method fine-tune`, or give the weights of a pretrained encoder."
        )
    settings = published_settings(dataset, method)
    settings["init"] = start_of(weights)
    model_input = None
    if weights != SCRATCH:
        _check_finished(Path(weights))
        pretrained = describe_weights(weights)
        settings["encoder"], model_input = pretrained.encoder, pretrained.model_input
    if dataset == "table":
        # Its clips are of any length: cut as the encoder learned to see them, or else as CoReEcho sees long videos.
        seen = model_input or Recipe.from_yaml(find_recipe("echonet")).input
        settings |= vars(seen)
        if not seen.is_whole_beat:
            settings["validation_clips"] = _CLIPS_OF_A_LONG_VIDEO
    return settings


def start_of(weights: str) -> str:
    """The `init` of a recipe for what `--from` gives: a whole path, so that a stopped fold goes on from any folder."""
    return SCRATCH if weights == SCRATCH else str(Path(weights).resolve())


def _check_finished(weights: Path) -> None:
    """Raises RecipeError: a run whose best weights may still change, so that folds would begin differently."""
    if (weights / "run.json").is_file() and not RunFolder.open(weights).is_finished:
        raise RecipeError(
            f"{weights} is a run that is not finished. Finish it by `coreecho train --resume {weights}`, or copy its "
            "best.safetensors and give the copy."
        )


def published_settings(dataset: str, method: Method) -> dict[str, Any]:
    """The settings of the shipped recipe of a transfer; a table's are those of CAMUS."""
    recipe = "camus" if dataset == "table" else dataset
    return read_recipe_file(find_recipe(f"{recipe}-{method}")) | {"name": f"{dataset}-{method}"}


def transfer(recipe: Recipe, data: Data, out: Path, execution: Execution) -> TransferResult:
    """Cross-validate a transfer recipe, and measure the pooled predictions.

    Args:
        recipe: from `transfer_settings`, with its `init`.
        data: with folds.
        out: folder; an earlier, unfinished transfer in it goes on.
        execution: on what.

    Raises:
        As `cross_validate`.
    """
    predictions = cross_validate(recipe, data, out, execution)
    result = TransferResult(
        out=out,
        predictions=predictions,
        target=recipe.target,
        metrics=measure(predictions, recipe.target),
        is_phantom=is_phantom_root(data.root),
    )
    write_whole(out / "metrics.json", json.dumps(_document(result, recipe, data), indent=2) + "\n")
    return result


def measure(predictions: pd.DataFrame, target: Target) -> TransferMetrics:
    """Metrics of pooled predictions: of all recordings and, of EF where it is graded, by image quality (Table 4)."""
    patients = patients_of(predictions)
    if target == "mi":
        # The network's output, as `coreecho evaluate`: probabilities of many recordings are all rounded to 1.
        found = MI_METRICS.measure(
            predictions[MI_METRICS.true_column], predictions[MI_METRICS.predicted_column], patients=patients
        )
        return {ALL: found}
    metrics = {ALL: EF_METRICS.measure(predictions["ef_true"], predictions["ef_predicted"], patients=patients)}
    if predictions["quality"].isin(list(CAMUS_QUALITY_GROUPS)).all():
        metrics |= metrics_by_group(
            predictions, "quality", family=EF_METRICS, groups=CAMUS_QUALITY_GROUPS, patients=patients
        )
    return metrics


def compare(result: TransferResult, other: Path) -> dict[str, Mapping[str, Interval]]:
    """Paired differences of every metric, this transfer minus the one in another folder, on the same recordings.

    Returns:
        By the groups of `result.metrics`; without those that have too few patients for metrics.

    Raises:
        RecipeError: the folder holds no finished transfer, or one of other recordings or labels.
    """
    check_comparable(other)
    path = other / PREDICTIONS
    first, second = read_predictions(path), result.predictions
    label, _ = _columns(result.target)
    if (
        label not in first
        or first["recording"].tolist() != second["recording"].tolist()
        or any(first[label] != second[label])
    ):
        raise RecipeError(f"{path} holds other recordings or labels than {result.out}; only equal ones can be paired.")
    differences: dict[str, Mapping[str, Interval]] = {}
    for group in result.metrics:
        chosen = [True] * len(second) if group == ALL else (second["quality"].map(CAMUS_QUALITY_GROUPS) == group)
        if len(set(patients_of(second[chosen]))) >= MIN_PATIENTS_OF_GROUP:
            differences[group] = _differences(first[chosen], second[chosen], result.target)
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


def _differences(first: pd.DataFrame, second: pd.DataFrame, target: Target) -> Mapping[str, Interval]:
    label, predicted = _columns(target)
    family: MetricFamily[Any] = MI_METRICS if target == "mi" else EF_METRICS
    return paired_differences(family, second[label], first[predicted], second[predicted], patients=patients_of(second))


def _columns(target: Target) -> tuple[str, str]:
    """Label and prediction."""
    family: MetricFamily[Any] = MI_METRICS if target == "mi" else EF_METRICS
    return family.true_column, family.predicted_column


def _document(result: TransferResult, recipe: Recipe, data: Data) -> dict[str, Any]:
    """All that one needs to quote the figures."""
    sources = sorted(result.predictions["ef_source"].dropna().unique())
    return {
        "coreecho_version": coreecho.__version__,
        "is_phantom": result.is_phantom,
        "dataset": data.dataset,
        "options": dict(data.options),
        "ef_source": sources,
        "folds": sorted(int(fold) for fold in result.predictions["fold"].unique()),
        "protocol": "pooled predictions of all test folds; intervals: bootstrap over patients",
        "recipe": recipe.to_mapping(),
        "metrics": {group: metrics.to_dict() for group, metrics in result.metrics.items()},
    }
