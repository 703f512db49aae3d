"""Charts that show the runs of a page in one picture, small enough to be read on a phone."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from coreecho.evaluation import EF_THRESHOLDS_PERCENT, EFRange
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.figures import bland_altman, scatter
from coreecho.report.page_elements import Picture, chart
from coreecho.report.page_runs import ShownRun

# On a phone a chart is about 3.6 inches wide: letters of 11 points at 5.2 inches are then 7.6 points large.
_SIZE, _DPI = (5.2, 3.9), 200
_SCATTER_SIZE, _AGREEMENT_SIZE = (5.4, 5.9), (5.9, 4.6)
_FONT_SIZE, _SMALL, _GREY = 11, 9.5, "#6E6E6E"


def learning_charts(runs: Sequence[ShownRun]) -> list[Picture]:
    """How the runs learned: validation error, explained variance, and training losses over the epochs."""

    def error(axis: Axes) -> None:
        for run in runs:
            _draw_epochs(axis, run, run.learning["val_mae"], run.title)
            _draw_best(axis, run)
        axis.set_ylabel("Validation MAE (EF points)")

    def variance(axis: Axes) -> None:
        for run in runs:
            _draw_epochs(axis, run, run.learning["val_r2"], run.title)
        axis.set_ylabel("Validation R²")

    def losses(axis: Axes) -> None:
        for run in runs:
            for column, name, width in (("train_l1", "L1", 1.8), ("train_rnc", "Rank-N-Contrast", 0.9)):
                if column in run.learning and not run.learning[column].isna().all():
                    _draw_epochs(axis, run, run.learning[column], f"{run.title} {name}".strip(), width=width)
        axis.set_ylim(bottom=0)
        axis.set_ylabel("Training loss")

    return [
        _epoch_chart(runs, error, "Validation error", _describe_learning(runs)),
        _epoch_chart(runs, variance, "Explained variance", "Validation R² over the epochs of each run."),
        _epoch_chart(runs, losses, "Training losses", "L1 loss (thick) and Rank-N-Contrast loss (thin) by epoch."),
    ]


def agreement_charts(run: ShownRun) -> list[Picture]:
    """Predicted against true EF, and the difference over the mean."""
    predictions, metrics = run.evaluation.predictions, run.metrics
    return [
        chart(
            lambda path: scatter(predictions, path, metrics=metrics, size=_SCATTER_SIZE, is_phantom=run.is_phantom),
            description=f"Scatter plot of predicted over true EF of {metrics.num_recordings} recordings for "
            f"{run.title}: MAE {metrics['mae'].format()} EF points, R² {metrics['r2'].format()}.",
        ),
        chart(
            lambda path: bland_altman(
                predictions, path, metrics=metrics, size=_AGREEMENT_SIZE, is_phantom=run.is_phantom
            ),
            description=f"Bland-Altman plot for {run.title}: bias {metrics['bias'].format()} EF points, limits of "
            f"agreement {metrics['agreement_low'].format()} and {metrics['agreement_high'].format()}.",
        ),
    ]


def calibration_chart(runs: Sequence[ShownRun], ranges: Sequence[Sequence[EFRange]]) -> Picture:
    """Mean true EF over mean predicted EF, in ranges of predicted EF.

    Args:
        runs: of the page.
        ranges: of each run, grouped by predicted EF.
    """

    def draw(path: Path) -> None:
        figure, axis = _figure("Calibration by predicted EF", (5.2, 5.0), is_phantom=_is_phantom(runs))
        filled = [part for of_run in ranges for part in of_run if part.num_recordings > 0]
        ends = [end for part in filled for end in (part.mean_true.low, part.mean_true.high)]
        ends += [part.mean_predicted.estimate for part in filled]
        low, high = 10 * np.floor(min(ends) / 10), 10 * np.ceil(max(ends) / 10)
        axis.plot([low, high], [low, high], color="black", linewidth=1, zorder=1)
        for threshold in EF_THRESHOLDS_PERCENT:
            axis.axvline(threshold, color=_GREY, linewidth=0.8, linestyle=(0, (1, 3)), zorder=1)
        for run, of_run in zip(runs, ranges, strict=True):
            shown = [part for part in of_run if part.num_recordings > 0]
            y = np.array([part.mean_true.estimate for part in shown])
            reach = np.abs(np.array([[part.mean_true.low, part.mean_true.high] for part in shown]).T - y)
            x = [part.mean_predicted.estimate for part in shown]
            axis.errorbar(
                x, y, yerr=reach, color=run.colour, marker=run.marker, linestyle=run.line, capsize=3, label=run.title
            )
        axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axis.set_xlabel("Mean predicted EF (%)")
        axis.set_ylabel("Mean true EF (%)")
        if len(runs) > 1:
            axis.legend(fontsize=_SMALL, frameon=False, loc="upper left")
        _save(figure, path)

    level = f"{100 * runs[0].metrics.level:g} %"
    return chart(
        draw,
        description=f"Mean true EF over mean predicted EF in ranges of predicted EF, with {level} intervals; "
        "the diagonal is perfect calibration. The figures stand in the tables.",
    )


def _epoch_chart(runs: Sequence[ShownRun], draw_on: Callable[[Axes], None], title: str, description: str) -> Picture:
    def draw(path: Path) -> None:
        figure, axis = _figure(title, _SIZE, is_phantom=_is_phantom(runs))
        draw_on(axis)
        for run in runs:
            stages = run.learning["stage"]
            for start in np.flatnonzero(stages.ne(stages.shift()).to_numpy())[1:]:
                axis.axvline(float(start) + 0.5, color=run.colour, linewidth=1, linestyle=":")
        axis.set_xlabel("Epoch, all stages counted on")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.set_xlim(0.5, max(len(run.learning) for run in runs) + 0.5)
        if len(axis.get_legend_handles_labels()[1]) > 1:
            axis.legend(fontsize=_SMALL, frameon=True, framealpha=0.85, edgecolor="none")
        _save(figure, path)

    return chart(draw, description=description)


def _draw_epochs(axis: Axes, run: ShownRun, values: "pd.Series[float]", name: str, *, width: float = 1.8) -> None:
    epochs = np.arange(1, len(values) + 1)
    axis.plot(
        epochs,
        values,
        color=run.colour,
        marker=run.marker,
        markersize=3.5,
        linestyle=run.line,
        linewidth=width,
        label=name,
    )


def _best_epoch(run: ShownRun) -> int | None:
    """Row of the lowest validation MAE of the last stage, whose weights are kept."""
    stages = run.learning["stage"]
    errors = run.learning["val_mae"][stages == stages.iloc[-1]]
    return None if errors.isna().all() else int(errors.idxmin())


def _draw_best(axis: Axes, run: ShownRun) -> None:
    best = _best_epoch(run)
    if best is not None:
        axis.scatter([best + 1], [run.learning["val_mae"].iloc[best]], s=140, color=run.colour, marker="*", zorder=4)


def _describe_learning(runs: Sequence[ShownRun]) -> str:
    parts = []
    for run in runs:
        best = _best_epoch(run)
        if best is not None:
            parts.append(
                f"{run.title} reaches {run.learning['val_mae'].iloc[best]:.2f} EF points at epoch {best + 1} of "
                f"{len(run.learning)}, whose weights are kept (star)"
            )
    return "Validation MAE over the epochs: " + "; ".join(parts) + "."


def _is_phantom(runs: Sequence[ShownRun]) -> bool:
    return any(run.is_phantom for run in runs)


def _figure(title: str, size: tuple[float, float], *, is_phantom: bool) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, dpi=_DPI, layout=ConstrainedLayoutEngine(rect=(0, 0.05, 1, 0.95)))
    figure.suptitle("\n".join([title, *([PHANTOM_LABEL] if is_phantom else [])]), fontsize=_FONT_SIZE + 1)
    figure.text(0.995, 0.01, NOTICE, fontsize=8, color=_GREY, ha="right", va="bottom")
    axis = figure.subplots()
    axis.tick_params(labelsize=_FONT_SIZE - 1)
    axis.xaxis.label.set_fontsize(_FONT_SIZE)
    axis.yaxis.label.set_fontsize(_FONT_SIZE)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#E6E6E6", linewidth=0.7)
    axis.set_axisbelow(True)
    return figure, axis


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="png", metadata={"Software": None})
