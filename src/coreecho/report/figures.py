"""The pictures of a run: how it learned, and how its predictions fall."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from coreecho.evaluation import Metrics, compute_metrics
from coreecho.evaluation.agreement_slope import agreement_slope
from coreecho.report.pictures import BLUE, GREEN, GREY, SMALL, VERMILION, new_figure, save_figure
from coreecho.tasks import EF, Task
from coreecho.training.objectives import TERM_NAMES

# What columns of metrics.csv hold, for people; others are called what they are called there.
_NAMES = {
    **TERM_NAMES,
    "loss": "total",
    "mae": "MAE",
    "r2": "R²",
    "accuracy": "accuracy",
    "dice": "Dice",
}
_STYLES = ((BLUE, "o", "-"), (VERMILION, "s", "--"), (GREEN, "^", ":"), (GREY, "D", "-."))


def term_name(column: str) -> str:
    """What a column `train_...` or `val_...` of metrics.csv is called by people: `train_rnc` is Rank-N-Contrast."""
    name = column.partition("_")[2]
    return _NAMES.get(name, name.replace("_", " "))


def loss_columns(metrics: pd.DataFrame) -> list[str]:
    """Columns of the training losses that some stage had, the total first; which they are the objective decides."""
    columns = map(str, metrics.columns)
    return [column for column in columns if column.startswith("train_") and not metrics[column].isna().all()]


def validation_columns(metrics: pd.DataFrame, task: Task, chosen_by: str | None = None) -> dict[str, str]:
    """What was validated, by column: the one that chose the best epoch first, with what to call it on an axis.

    Args:
        metrics: of the run.
        task: that it learned.
        chosen_by: the column that chose the best epoch; the task's when not given.
    """
    selection = chosen_by or task.selection
    columns = [column for column in map(str, metrics.columns) if column.startswith("val_")]
    if not columns:
        return {}
    # A task that is not told may be another than the run's.
    first = selection if selection in columns else columns[0]
    unit = f" ({task.error_unit})" if task.error_unit and first == task.selection else ""
    names = {first: f"Validation {term_name(first)}{unit}"}
    return names | {column: f"Validation {term_name(column)}" for column in columns if column != first}


def best_epoch(metrics: pd.DataFrame, column: str) -> int | None:
    """Row of the lowest value in the last stage, whose weights are kept; None where none is known."""
    of_last_stage = metrics[column][metrics["stage"] == metrics["stage"].iloc[-1]]
    return None if of_last_stage.isna().all() else int(of_last_stage.idxmin())


def learning_curves(
    metrics: pd.DataFrame,
    path: Path,
    *,
    task: Task | None = None,
    chosen_by: str | None = None,
    model: str = "",
    is_phantom: bool = False,
) -> None:
    """Draw losses, what was validated, and learning rate over the epochs of all stages.

    Args:
        metrics: one row an epoch, with the columns stage, epoch, learning_rate, losses such as train_loss, train_rnc
            and train_l1, and what was validated, such as val_mae and val_r2; a loss that a stage does not have is NaN.
        path: PNG to write.
        task: what is learned; EF when not given.
        chosen_by: as of `validation_columns`.
        model: which it is.
        is_phantom: the run learned from simulated hearts.

    Raises:
        ValueError: no epoch yet.
    """
    if len(metrics) == 0:
        raise ValueError("learning curves need at least one epoch, got none")
    validated = validation_columns(metrics, task or EF(), chosen_by)
    panels = 2 + len(validated)
    figure, axes = new_figure(
        "How the run learned",
        (11, 3.75 * math.ceil(panels / 2)),
        rows=math.ceil(panels / 2),
        columns=2,
        model=model,
        is_phantom=is_phantom,
    )
    epochs = np.arange(1, len(metrics) + 1)
    stage_starts = np.flatnonzero(metrics["stage"].ne(metrics["stage"].shift()).to_numpy())
    _draw_losses(axes[0], epochs, metrics)
    best = best_epoch(metrics.reset_index(drop=True), next(iter(validated))) if validated else None
    for axis, (column, label) in zip(axes[1:], validated.items(), strict=False):
        _draw_curve(axis, epochs, metrics[column], label, best)
    rate = axes[panels - 1]
    _draw_curve(rate, epochs, metrics["learning_rate"], "Learning rate", None)
    if len(metrics) > 1 and (metrics["learning_rate"] > 0).all():
        rate.set_yscale("log")
    for axis in axes[panels:]:
        axis.set_axis_off()
    for axis in axes[:panels]:
        axis.set_xlabel("Epoch, all stages counted on")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.set_xlim(0.5, len(metrics) + 0.5)
        for start in stage_starts[1:]:
            axis.axvline(float(epochs[start]) - 0.5, color=GREY, linewidth=1, linestyle=":")
    for start, end in zip(stage_starts, [*stage_starts[1:], len(metrics)], strict=True):
        middle = (epochs[start] + epochs[end - 1]) / 2
        name = f"stage {str(metrics['stage'].iloc[start]).removeprefix('stage').strip()}"
        axes[0].annotate(
            name, (middle, 1.01), xycoords=("data", "axes fraction"), fontsize=SMALL, color=GREY, ha="center"
        )
    save_figure(figure, path)


def scatter(
    predictions: pd.DataFrame,
    path: Path,
    *,
    metrics: Metrics | None = None,
    task: Task | None = None,
    size: tuple[float, float] = (6.8, 7.2),
    model: str = "",
    cautions: Sequence[str] = (),
    is_phantom: bool = False,
) -> None:
    """Draw predicted against true numbers, with the line of equality and where there are any the clinical thresholds.

    Args:
        predictions: one row a recording, with the task's columns: of EF, ef_true and ef_predicted, in percent.
        path: PNG to write.
        metrics: of these predictions; those of EF are computed here where not given.
        task: what was predicted; EF when not given.
        size: width and height, inches.
        model: which predicted.
        cautions: what speaks against trusting the picture.
        is_phantom: the hearts are simulated.

    Raises:
        ValueError: no recording, or a value is not finite.
    """
    task = task or EF()
    true, predicted = _pair(predictions, task)
    metrics = metrics or compute_metrics(true, predicted)
    figure, (axis,) = new_figure(
        f"Predicted and true {task.title[0].lower()}{task.title[1:]}",
        size,
        model=model,
        cautions=cautions,
        is_phantom=is_phantom,
    )
    low, high = _ends(task, true, predicted)
    for threshold in task.thresholds:
        for line in (axis.axvline, axis.axhline):
            line(threshold, color=GREY, linewidth=0.8, linestyle=(0, (1, 3)), zorder=1)
        axis.annotate(
            f"{threshold}", (threshold, high), (0, 3), textcoords="offset points", fontsize=SMALL, ha="center"
        )
    axis.plot([low, high], [low, high], color=VERMILION, linewidth=1.5, zorder=2, label="predicted = true")
    _draw_recordings(axis, true, predicted)
    axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axis.set_xlabel(f"True {task.heading}")
    axis.set_ylabel(f"Predicted {task.heading}")
    _legend(axis, loc="lower right")
    lines = [f"n = {metrics.num_recordings}"]
    lines += [f"{name} {metrics[key].format()}" for name, key in (("MAE", "mae"), ("RMSE", "rmse"), ("R²", "r2"))]
    lines.append(f"{100 * metrics.level:g} % intervals")
    _text_box(axis, "\n".join(lines))
    save_figure(figure, path)


def bland_altman(
    predictions: pd.DataFrame,
    path: Path,
    *,
    metrics: Metrics | None = None,
    task: Task | None = None,
    size: tuple[float, float] = (8.6, 5.8),
    model: str = "",
    cautions: Sequence[str] = (),
    is_phantom: bool = False,
) -> None:
    """Draw the difference of predicted and true numbers over their mean, with bias and 95 % limits of agreement.

    Bland and Altman 1986: over the mean, since plotted over either measurement alone the difference leans even where
    the two agree. Bands are the intervals of the three lines. A slope of the differences is said in words where it is
    clear. Arguments and errors as of `scatter`.
    """
    task = task or EF()
    true, predicted = _pair(predictions, task)
    metrics = metrics or compute_metrics(true, predicted)
    slope = agreement_slope(true, predicted)
    figure, (axis,) = new_figure(
        f"Agreement of predicted and true {task.noun} (Bland-Altman)",
        size,
        says="" if slope is None else slope.words(task.noun).replace("-", "−"),
        model=model,
        cautions=cautions,
        is_phantom=is_phantom,
    )
    axis.axhline(0, color="black", linewidth=0.8, zorder=2)
    _draw_recordings(axis, (true + predicted) / 2, predicted - true)
    lines = (
        ("agreement_high", "upper 95 % limit\nof agreement", VERMILION, "--"),
        ("bias", "bias", GREEN, "-"),
        ("agreement_low", "lower 95 % limit\nof agreement", VERMILION, "--"),
    )
    for key, name, colour, style in lines:
        interval = metrics[key]
        if not interval.is_defined:
            continue
        axis.axhspan(interval.low, interval.high, color=colour, alpha=0.15, linewidth=0, zorder=1)
        axis.axhline(interval.estimate, color=colour, linestyle=style, linewidth=1.5, zorder=2)
        axis.annotate(
            f"{name}\n{interval.estimate:+.1f}".replace("-", "−"),
            (1.01, interval.estimate),
            xycoords=("axes fraction", "data"),
            fontsize=SMALL,
            va="center",
            annotation_clip=False,
        )
    limits = [abs(metrics[key].estimate) for key, *_ in lines if metrics[key].is_defined]
    reach = 1.15 * max(np.abs(predicted - true).max(), *limits, task.least_difference, 1e-9)
    axis.set_ylim(-reach, reach)
    axis.set_xlabel(f"Mean of predicted and true {task.heading}")
    axis.set_ylabel(f"Predicted − true {task.noun}" + (f" ({task.error_unit})" if task.error_unit else ""))
    # Above the axes: inside them every corner may hold a recording.
    axis.set_title(
        f"n = {metrics.num_recordings}, bands: {100 * metrics.level:g} % intervals", loc="left", fontsize=SMALL + 1
    )
    save_figure(figure, path)


def _draw_losses(axis: Axes, epochs: NDArray[np.int64], metrics: pd.DataFrame) -> None:
    for number, column in enumerate(loss_columns(metrics)):
        colour, marker, style = _STYLES[number % len(_STYLES)]
        axis.plot(
            epochs, metrics[column], color=colour, marker=marker, markersize=4, linestyle=style, label=term_name(column)
        )
    axis.set_ylabel("Training loss")
    _legend(axis, loc="best")


def _draw_curve(axis: Axes, epochs: NDArray[np.int64], values: pd.Series, name: str, best: int | None) -> None:
    axis.plot(epochs, values, color=BLUE, marker="o", markersize=4)
    axis.set_ylabel(name)
    if best is not None:
        label = f"weights kept: {values.iloc[best]:.2f}"
        axis.scatter([epochs[best]], [values.iloc[best]], s=130, color=VERMILION, marker="*", zorder=4, label=label)
        _legend(axis, loc="best")


def _pair(predictions: pd.DataFrame, task: Task) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names = (task.true_column, task.predicted_column)
    missing = [column for column in names if column not in predictions]
    if missing:
        raise ValueError(f"predictions: expected the columns {' and '.join(names)}, missing {missing}")
    true, predicted = (predictions[name].to_numpy(dtype=np.float64) for name in names)
    if len(true) == 0 or not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise ValueError(f"predictions: expected at least one recording, and finite {task.noun} in all of them")
    return true, predicted


def _ends(task: Task, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> tuple[float, float]:
    """Both axes of a scatter, in tens of a unit of the numbers' size; clinical thresholds lie well inside."""
    shown = [float(each) for each in (true.min(), true.max(), predicted.min(), predicted.max(), *task.thresholds)]
    low, high = min(shown), max(shown)
    step = 10.0 ** math.floor(math.log10(max(high - low, abs(high), 1e-9) / 2))
    if task.thresholds:
        low, high = min(low, task.thresholds[0] - step / 2), max(high, task.thresholds[-1] + 2 * step)
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    return (low, high) if high > low else (low, low + step)


def _draw_recordings(axis: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Draw one dot a recording, of a size and opacity at which many still show where they are dense."""
    size, opacity = (22, 0.75) if len(x) <= 300 else (12, 0.4)
    axis.scatter(x, y, s=size, alpha=opacity, linewidths=0, color=BLUE, zorder=3, label="one recording")


def _legend(axis: Axes, *, loc: Literal["best", "lower right"]) -> None:
    axis.legend(loc=loc, fontsize=SMALL + 1, frameon=True, framealpha=0.9, edgecolor="none")


def _text_box(axis: Axes, text: str) -> None:
    axis.annotate(
        text,
        (0.02, 0.98),
        xycoords="axes fraction",
        fontsize=SMALL + 1,
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 3},
        # Over the lines and under the recordings: the corner is where a failing heart that is read too high lies.
        zorder=2.5,
    )
