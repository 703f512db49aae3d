"""A picture of continuity: what an embedding is made of, and how it moves along the EF of one heart."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from coreecho.evaluation.intervals import Interval
from coreecho.report.pictures import BLUE, VERMILION, new_figure, save_figure
from coreecho.representation.explained_variance import beyond_nuisances
from coreecho.representation.run_continuity import Continuity


def draw_continuity(path: Path, measured: Continuity) -> None:
    """Draw shares of variance with their intervals, and paths along EF, where there are any of these.

    Args:
        path: PNG to write.
        measured: what was found; its source is the title.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    of_variance = {figure.label: figure.interval for figure in measured.figures if figure.group == "variance"}
    shares = {name: interval for name, interval in of_variance.items() if interval.is_defined}
    has_paths = len(measured.paths) > 0
    # One below the other: side by side, a phone would show neither. Axes without anything are left out.
    has_shares = bool(shares) or not has_paths
    heights = [*([max(2.6, 0.32 * len(shares) + 0.6)] if has_shares else []), *([3.6] if has_paths else [])]
    figure, axes = new_figure(
        measured.source,
        (6.4, sum(heights) + 1),
        rows=len(heights),
        heights=heights,
        is_phantom=measured.is_phantom,
    )
    noun = measured.number.noun
    if has_shares:
        _draw_shares(axes[0], shares, of_label=(noun, beyond_nuisances(noun)))
    if has_paths:
        _draw_paths(axes[-1], measured.paths)
    save_figure(figure, path)


def _draw_shares(axis: Axes, shares: Mapping[str, Interval], of_label: Collection[str]) -> None:
    for place, (name, interval) in enumerate(shares.items()):
        colour = VERMILION if name in of_label else BLUE
        axis.barh(place, interval.estimate, color=colour, height=0.65)
        axis.plot([interval.low, interval.high], [place, place], color="black", linewidth=1.2)
    if not shares:
        axis.text(0.5, 0.5, "no share could be measured", transform=axis.transAxes, ha="center", va="center")
    axis.set_yticks(range(len(shares)), labels=list(shares))
    axis.invert_yaxis()
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_xlabel("Share of the embedding's variance, 95 % intervals")


def _draw_paths(axis: Axes, paths: pd.DataFrame) -> None:
    """One line a heart: how far the embedding is from where it was at the lowest EF."""
    hearts = [heart for _, heart in paths.groupby("recording", sort=False)]
    for heart in hearts:
        moved = heart["distance_from_start"]
        axis.plot(heart["ef_true"], moved, color=BLUE, alpha=0.35, marker="o", markersize=3, linewidth=1)
    count = min(map(len, hearts))
    mean_ef, mean_moved = (
        np.mean([heart[column].to_numpy()[:count] for heart in hearts], axis=0)
        for column in ("ef_true", "distance_from_start")
    )
    axis.plot(mean_ef, mean_moved, color=VERMILION, linewidth=2.5, label=f"mean of {len(hearts)} hearts")
    axis.set_xlabel("True EF of one and the same heart (%)")
    axis.set_ylabel("Distance of its embedding from the first")
    axis.legend(frameon=False, fontsize=10)
