"""Charts that show the runs of a page in one picture, small enough to be read on a phone."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coreecho.evaluation import EFRange
from coreecho.names import counted
from coreecho.report.figures import (
    best_epoch,
    bland_altman,
    loss_columns,
    scatter,
    term_name,
    validation_columns,
)
from coreecho.report.page_elements import Picture, chart
from coreecho.report.page_runs import ShownRun
from coreecho.report.pictures import GREY, SMALL, new_figure, save_figure

# On a phone a chart is about 3.6 inches wide: letters of 11 points at 5.2 inches are then 7.6 points large.
_SIZE, _DPI = (5.2, 3.9), 200
_SCATTER_SIZE, _AGREEMENT_SIZE = (5.4, 5.9), (5.9, 4.6)


def learning_charts(runs: Sequence[ShownRun]) -> list[Picture]:
    """How the runs learned: what was validated, and training losses over the epochs."""
    charts: list[Picture] = []
    if not runs:
        return charts
    chosen_by = runs[0].run.lesson.selection if runs[0].has_recipe else None
    validated = validation_columns(runs[0].learning, runs[0].task, chosen_by)
    for number, (column, label) in enumerate(validated.items()):

        def validation(axis: Axes, column: str = column, label: str = label, is_kept: bool = number == 0) -> None:
            for run in runs:
                if column in run.learning:
                    _draw_epochs(axis, run, run.learning[column], run.title)
                    if is_kept:
                        _draw_best(axis, run, column)
            axis.set_ylabel(label)

        name = term_name(column)
        described = _describe_learning(runs, column) if number == 0 else f"{label} over the epochs of each run."
        charts.append(_epoch_chart(runs, validation, f"{name[0].upper()}{name[1:]} of the validation", described))

    def losses(axis: Axes) -> None:
        for run in runs:
            for column, width in zip(_terms(run), (1.8, 0.9, 1.4, 0.6), strict=False):
                _draw_epochs(axis, run, run.learning[column], f"{run.title} {term_name(column)}".strip(), width=width)
        axis.set_ylim(bottom=0)
        axis.set_ylabel("Training loss")

    named = dict.fromkeys(term_name(column) for run in runs for column in _terms(run))
    described = f"Training losses by epoch: {', '.join(named)}."
    return [*charts, _epoch_chart(runs, losses, "Training losses", described)]


def _terms(run: ShownRun) -> list[str]:
    """Columns of the losses that are shown: the terms, or the total where it has none; at most four."""
    columns = loss_columns(run.learning)
    # Of two terms that which the head learns by is drawn as the thicker.
    return ([column for column in columns if column != "train_loss"] or columns)[:4][::-1]


def agreement_charts(run: ShownRun) -> list[Picture]:
    """Predicted against true numbers, and the difference over the mean; none of a diagnosis."""
    predictions, metrics, task = run.evaluation.predictions, run.metrics, run.task
    if not task.is_number:
        return []
    words: dict[str, Any] = {"metrics": metrics, "task": task, "model": run.name, "is_phantom": run.is_phantom}
    words["cautions"] = [] if run.evaluation.overlap_label is None else [run.evaluation.overlap_label]
    return [
        chart(
            lambda path: scatter(predictions, path, size=_SCATTER_SIZE, **words),
            description=f"Scatter plot of predicted over true {task.noun} of "
            f"{counted(metrics.num_recordings, 'recordings')} for {run.title}: "
            f"MAE {metrics['mae'].format()} {task.error_unit}, R² {metrics['r2'].format()}.",
        ),
        chart(
            lambda path: bland_altman(predictions, path, size=_AGREEMENT_SIZE, **words),
            description=f"Bland-Altman plot for {run.title}: bias {metrics['bias'].format()} {task.error_unit}, 95 % "
            f"limits of agreement {metrics['agreement_low'].format()} and {metrics['agreement_high'].format()}.",
        ),
    ]


def calibration_chart(runs: Sequence[ShownRun], ranges: Sequence[Sequence[EFRange]]) -> Picture:
    """Mean true EF over mean predicted EF, in ranges of predicted EF.

    Args:
        runs: of the page.
        ranges: of each run, grouped by predicted EF.
    """

    def draw(path: Path) -> None:
        figure, axis = _figure(runs, "Calibration by predicted EF", (5.2, 5.0))
        filled = [part for of_run in ranges for part in of_run if part.num_recordings > 0]
        ends = [end for part in filled for end in (part.mean_true.low, part.mean_true.high)]
        ends += [part.mean_predicted.estimate for part in filled]
        low, high = 10 * np.floor(min(ends) / 10), 10 * np.ceil(max(ends) / 10)
        axis.plot([low, high], [low, high], color="black", linewidth=1, zorder=1)
        for threshold in runs[0].task.thresholds:
            axis.axvline(threshold, color=GREY, linewidth=0.8, linestyle=(0, (1, 3)), zorder=1)
        for run, of_run in zip(runs, ranges, strict=True):
            shown = [part for part in of_run if part.num_recordings > 0]
            y = np.array([part.mean_true.estimate for part in shown])
            reach = np.abs(np.array([[part.mean_true.low, part.mean_true.high] for part in shown]).T - y)
            x = [part.mean_predicted.estimate for part in shown]
            style: dict[str, Any] = dict(run.style)
            axis.errorbar(x, y, yerr=reach, capsize=3, label=run.title, **style)
        axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axis.set_xlabel("Mean predicted EF (%)")
        axis.set_ylabel("Mean true EF (%)")
        if len(runs) > 1:
            axis.legend(fontsize=SMALL, frameon=False, loc="upper left")
        save_figure(figure, path)

    level = f"{100 * runs[0].metrics.level:g} %"
    return chart(
        draw,
        description=f"Mean true EF over mean predicted EF in ranges of predicted EF, with {level} intervals; "
        "the diagonal is perfect calibration. The figures stand in the tables.",
    )


def _epoch_chart(runs: Sequence[ShownRun], draw_on: Callable[[Axes], None], title: str, description: str) -> Picture:
    def draw(path: Path) -> None:
        figure, axis = _figure(runs, title, _SIZE)
        draw_on(axis)
        for run in runs:
            stages = run.learning["stage"]
            for start in np.flatnonzero(stages.ne(stages.shift()).to_numpy())[1:]:
                axis.axvline(float(start) + 0.5, color=run.style["color"], linewidth=1, linestyle=":")
        axis.set_xlabel("Epoch, all stages counted on")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.set_xlim(0.5, max(len(run.learning) for run in runs) + 0.5)
        if len(axis.get_legend_handles_labels()[1]) > 1:
            axis.legend(fontsize=SMALL, frameon=True, framealpha=0.85, edgecolor="none")
        save_figure(figure, path)

    return chart(draw, description=description)


def _draw_epochs(axis: Axes, run: ShownRun, values: "pd.Series[float]", name: str, *, width: float = 1.8) -> None:
    epochs = np.arange(1, len(values) + 1)
    style: dict[str, Any] = dict(run.style)
    axis.plot(epochs, values, markersize=3.5, linewidth=width, label=name, **style)


def _draw_best(axis: Axes, run: ShownRun, column: str) -> None:
    best = best_epoch(run.learning, column)
    if best is not None:
        axis.scatter(
            [best + 1], [run.learning[column].iloc[best]], s=140, color=run.style["color"], marker="*", zorder=4
        )


def _describe_learning(runs: Sequence[ShownRun], column: str) -> str:
    unit = f" {runs[0].task.error_unit}" if runs[0].task.error_unit else ""
    parts = []
    for run in runs:
        best = best_epoch(run.learning, column) if column in run.learning else None
        if best is not None:
            parts.append(
                f"{run.title} reaches {run.learning[column].iloc[best]:.2f}{unit} at epoch {best + 1} of "
                f"{len(run.learning)}, whose weights are kept (star)"
            )
    return f"Validation {term_name(column)} over the epochs: " + "; ".join(parts) + "."


def _figure(runs: Sequence[ShownRun], title: str, size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure, (axis,) = new_figure(
        title,
        size,
        model=" and ".join(run.title for run in runs),
        is_phantom=any(run.is_phantom for run in runs),
        dpi=_DPI,
    )
    axis.grid(color="#E6E6E6", linewidth=0.7)
    axis.set_axisbelow(True)
    return figure, axis
