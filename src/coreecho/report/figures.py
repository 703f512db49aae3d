"""The pictures of a run: how it learned, how its predictions fall, and what its videos look like.

Every picture says of itself when its hearts are simulated, and that it is no medical device: pictures travel without
the text around them. Figures are made by objects, without pyplot, so that nothing global is touched and threads may
draw at once. The same data give the same bytes.
"""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from coreecho.evaluation import EF_THRESHOLDS_PERCENT, EFMetrics, compute_metrics
from coreecho.files import replacing

PHANTOM_LABEL = "simulated hearts (phantoms)"
NOTICE = "CoReEcho · research software, not a medical device"

# Okabe and Ito (2008): told apart with every common form of colour blindness, and in grey by their lightness.
_BLUE, _VERMILION, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#6E6E6E"
_FONT_SIZE, _SMALL, _TITLE = 11, 9, 13
_DPI = 150
# Error and score of the validation by what is learned: column and label.
_VALIDATION = {
    "ef": (("val_mae", "Validation MAE (EF points)"), ("val_r2", "Validation R²")),
    "mi": (("val_bce", "Validation cross-entropy"), ("val_accuracy", "Validation accuracy")),
}


def learning_curves(metrics: pd.DataFrame, path: Path, *, is_phantom: bool = False) -> None:
    """Draw losses, validation error, validation R2 and learning rate over the epochs of all stages.

    Args:
        metrics: one row an epoch, with the columns stage, epoch, learning_rate, losses such as train_loss, train_rnc
            and train_l1, and val_mae and val_r2, or val_bce and val_accuracy; a loss that a stage does not have is NaN,
            one that no stage has may be missing.
        path: PNG to write.
        is_phantom: the run learned from simulated hearts.

    Raises:
        ValueError: no epoch yet.
    """
    if len(metrics) == 0:
        raise ValueError("learning curves need at least one epoch, got none")
    figure, axes = _figure("How the run learned", rows=2, columns=2, size=(11, 7.5), is_phantom=is_phantom)
    epochs = np.arange(1, len(metrics) + 1)
    stage_starts = np.flatnonzero(metrics["stage"].ne(metrics["stage"].shift()).to_numpy())
    _draw_losses(axes[0], epochs, metrics)
    # Weights kept are those of the lowest error of the last stage.
    (error, error_label), (score, score_label) = _VALIDATION["mi" if "val_bce" in metrics else "ef"]
    last_stage = metrics[error].iloc[stage_starts[-1] :]
    best = None if last_stage.isna().all() else int(stage_starts[-1]) + int(np.nanargmin(last_stage))
    _draw_curve(axes[1], epochs, metrics[error], error_label, best)
    _draw_curve(axes[2], epochs, metrics[score], score_label, best)
    _draw_curve(axes[3], epochs, metrics["learning_rate"], "Learning rate", None)
    if len(metrics) > 1 and (metrics["learning_rate"] > 0).all():
        axes[3].set_yscale("log")
    for axis in axes:
        axis.set_xlabel("Epoch, all stages counted on")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.set_xlim(0.5, len(metrics) + 0.5)
        for start in stage_starts[1:]:
            axis.axvline(float(epochs[start]) - 0.5, color=_GREY, linewidth=1, linestyle=":")
    for start, end in zip(stage_starts, [*stage_starts[1:], len(metrics)], strict=True):
        middle = (epochs[start] + epochs[end - 1]) / 2
        name = f"stage {str(metrics['stage'].iloc[start]).removeprefix('stage').strip()}"
        axes[0].annotate(
            name, (middle, 1.01), xycoords=("data", "axes fraction"), fontsize=_SMALL, color=_GREY, ha="center"
        )
    _save(figure, path)


def scatter(
    predictions: pd.DataFrame,
    path: Path,
    *,
    metrics: EFMetrics | None = None,
    size: tuple[float, float] = (6.8, 7.2),
    is_phantom: bool = False,
    caution: str | None = None,
) -> None:
    """Draw predicted against true EF, with the line of equality and the clinical thresholds.

    Args:
        predictions: one row a recording, with the columns ef_true and ef_predicted, in percent.
        path: PNG to write.
        metrics: of these predictions; computed here where not given.
        size: width and height, inches.
        is_phantom: the hearts are simulated.
        caution: stands below the title.

    Raises:
        ValueError: no recording, or a value is not finite.
    """
    true, predicted = _pair(predictions)
    metrics = metrics or compute_metrics(true, predicted)
    figure, (axis,) = _figure("Predicted and true ejection fraction", size=size, is_phantom=is_phantom, caution=caution)
    low = 10 * math.floor(min(true.min(), predicted.min(), 30) / 10)
    high = 10 * math.ceil(max(true.max(), predicted.max(), 70) / 10)
    for threshold in EF_THRESHOLDS_PERCENT:
        for line in (axis.axvline, axis.axhline):
            line(threshold, color=_GREY, linewidth=0.8, linestyle=(0, (1, 3)), zorder=1)
        axis.annotate(
            f"{threshold}", (threshold, high), (0, 3), textcoords="offset points", fontsize=_SMALL, ha="center"
        )
    axis.plot([low, high], [low, high], color=_VERMILION, linewidth=1.5, zorder=2, label="predicted = true")
    _draw_recordings(axis, true, predicted)
    axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axis.set_xlabel("True EF (%)")
    axis.set_ylabel("Predicted EF (%)")
    _legend(axis, loc="lower right")
    lines = [f"n = {metrics.num_recordings}"]
    lines += [f"{name} {metrics[key].format()}" for name, key in (("MAE", "mae"), ("RMSE", "rmse"), ("R²", "r2"))]
    lines.append(f"{100 * metrics.level:g} % intervals")
    _text_box(axis, "\n".join(lines))
    _save(figure, path)


def bland_altman(
    predictions: pd.DataFrame,
    path: Path,
    *,
    metrics: EFMetrics | None = None,
    size: tuple[float, float] = (8.6, 5.8),
    is_phantom: bool = False,
    caution: str | None = None,
) -> None:
    """Draw the difference of predicted and true EF over their mean, with bias and limits of agreement.

    Bland and Altman 1986: over the mean, since plotted over either measurement alone the difference leans even where
    the two agree. Bands are the intervals of the three lines.

    Args:
        predictions: one row a recording, with the columns ef_true and ef_predicted, in percent.
        path: PNG to write.
        metrics: of these predictions; computed here where not given.
        size: width and height, inches.
        is_phantom: the hearts are simulated.
        caution: stands below the title.

    Raises:
        ValueError: no recording, or a value is not finite.
    """
    true, predicted = _pair(predictions)
    metrics = metrics or compute_metrics(true, predicted)
    figure, (axis,) = _figure(
        "Agreement of predicted and true EF (Bland-Altman)", size=size, is_phantom=is_phantom, caution=caution
    )
    axis.axhline(0, color="black", linewidth=0.8, zorder=2)
    _draw_recordings(axis, (true + predicted) / 2, predicted - true)
    lines = (
        ("agreement_high", "bias + 1.96 SD", _VERMILION, "--"),
        ("bias", "bias", _GREEN, "-"),
        ("agreement_low", "bias − 1.96 SD", _VERMILION, "--"),
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
            fontsize=_SMALL,
            va="center",
            annotation_clip=False,
        )
    limits = [abs(metrics[key].estimate) for key, *_ in lines if metrics[key].is_defined]
    reach = 1.15 * max(np.abs(predicted - true).max(), *limits, 1.0)
    axis.set_ylim(-reach, reach)
    axis.set_xlabel("Mean of predicted and true EF (%)")
    axis.set_ylabel("Predicted − true EF (EF points)")
    _text_box(axis, f"n = {metrics.num_recordings}, bands: {100 * metrics.level:g} % intervals")
    _save(figure, path)


def contact_sheet(
    frames: NDArray[np.uint8],
    path: Path,
    *,
    title: str = "",
    columns: int = 6,
    max_frames: int = 18,
    fps: float | None = None,
    is_phantom: bool = False,
) -> None:
    """Lay frames of a video side by side, evenly taken from its first to its last.

    Args:
        frames: (T, H, W) uint8.
        path: PNG to write.
        title: over the sheet, such as the file's name and its EF.
        columns: frames in a row.
        max_frames: how many are shown at most.
        fps: frames per second; then each frame carries its time, and else its number.
        is_phantom: the heart is simulated.

    Raises:
        ValueError: not (T, H, W) with at least one frame, or no column or frame to show.
    """
    if frames.ndim != 3 or len(frames) == 0:
        raise ValueError(f"frames: expected (T, H, W) with at least one frame, got {frames.shape}")
    if columns < 1 or max_frames < 1:
        raise ValueError(f"columns and max_frames: expected at least 1, got {columns} and {max_frames}")
    shown = np.unique(np.linspace(0, len(frames) - 1, min(max_frames, len(frames))).round().astype(int))
    columns = min(columns, len(shown))
    rows = math.ceil(len(shown) / columns)
    height = 1.75 * frames.shape[1] / frames.shape[2]
    figure, axes = _figure(
        title, rows=rows, columns=columns, size=(max(1.75 * columns, 5.5), height * rows + 1.1), is_phantom=is_phantom
    )
    for axis in axes:
        axis.set_axis_off()
    for axis, frame in zip(axes, shown, strict=False):
        # Fixed limits: a dark video must look dark, and all frames share one scale.
        axis.imshow(frames[frame], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        caption = f"frame {frame}" if fps is None else f"{frame / fps:.2f} s"
        axis.annotate(caption, (0.03, 0.97), xycoords="axes fraction", fontsize=_SMALL, color="white", va="top")
    _save(figure, path)


def _figure(
    title: str,
    *,
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float],
    is_phantom: bool,
    caution: str | None = None,
) -> tuple[Figure, list[Axes]]:
    """Make a figure whose title tells simulated hearts, with the footer; axes come row by row."""
    footer = 0.25 / size[1]  # a quarter of an inch
    figure = Figure(figsize=size, dpi=_DPI, layout=ConstrainedLayoutEngine(rect=(0, footer, 1, 1 - footer)))
    axes: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).ravel())
    lines = [line for line in (title, PHANTOM_LABEL if is_phantom else "", caution) if line]
    if lines:
        figure.suptitle("\n".join(lines), fontsize=_TITLE)
    figure.text(0.995, 0.008, NOTICE, fontsize=_SMALL, color=_GREY, ha="right", va="bottom")
    for axis in axes:
        axis.tick_params(labelsize=_SMALL + 1)
        axis.xaxis.label.set_fontsize(_FONT_SIZE)
        axis.yaxis.label.set_fontsize(_FONT_SIZE)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    # Without the version of matplotlib in it, a picture changes only when what it shows does.
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_losses(axis: Axes, epochs: NDArray[np.int64], metrics: pd.DataFrame) -> None:
    names = {"train_loss": "total", "train_rnc": "Rank-N-Contrast", "train_l1": "L1"}
    styles = ((_BLUE, "o", "-"), (_VERMILION, "s", "--"), (_GREEN, "^", ":"))
    for (column, name), (colour, marker, style) in zip(names.items(), styles, strict=True):
        if column in metrics and not metrics[column].isna().all():
            axis.plot(epochs, metrics[column], color=colour, marker=marker, markersize=4, linestyle=style, label=name)
    axis.set_ylabel("Training loss")
    _legend(axis, loc="best")


def _draw_curve(axis: Axes, epochs: NDArray[np.int64], values: pd.Series, name: str, best: int | None) -> None:
    axis.plot(epochs, values, color=_BLUE, marker="o", markersize=4)
    axis.set_ylabel(name)
    if best is not None:
        label = f"weights kept: {values.iloc[best]:.2f}"
        axis.scatter([epochs[best]], [values.iloc[best]], s=130, color=_VERMILION, marker="*", zorder=4, label=label)
        _legend(axis, loc="best")


def _pair(predictions: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    missing = [column for column in ("ef_true", "ef_predicted") if column not in predictions]
    if missing:
        raise ValueError(f"predictions: expected the columns ef_true and ef_predicted, missing {missing}")
    true = predictions["ef_true"].to_numpy(dtype=np.float64)
    predicted = predictions["ef_predicted"].to_numpy(dtype=np.float64)
    if len(true) == 0 or not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise ValueError("predictions: expected at least one recording, and finite EF in all of them")
    return true, predicted


def _draw_recordings(axis: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Draw one dot a recording, of a size and opacity at which many still show where they are dense."""
    size, opacity = (22, 0.75) if len(x) <= 300 else (12, 0.4)
    axis.scatter(x, y, s=size, alpha=opacity, linewidths=0, color=_BLUE, zorder=3, label="one recording")


def _legend(axis: Axes, *, loc: Literal["best", "lower right"]) -> None:
    axis.legend(loc=loc, fontsize=_SMALL + 1, frameon=True, framealpha=0.9, edgecolor="none")


def _text_box(axis: Axes, text: str) -> None:
    axis.annotate(
        text,
        (0.02, 0.98),
        xycoords="axes fraction",
        fontsize=_SMALL + 1,
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 3},
        zorder=5,
    )
