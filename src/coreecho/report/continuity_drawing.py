"""Two pictures of continuity: what an embedding is made of, and how it moves along the EF of one heart."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from coreecho.evaluation.intervals import Interval
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.overlay import save_figure
from coreecho.representation.explained_variance import EF, EF_BEYOND
from coreecho.representation.smoothness import EFPath

# Okabe and Ito (2008): told apart with every common form of colour blindness, and in grey by their lightness.
_BLUE, _VERMILION, _GREY = "#0072B2", "#D55E00", "#6E6E6E"
_DPI = 150
_TITLE_LETTERS = 72


def draw_continuity(
    path: Path, shares: Mapping[str, Interval], paths: Sequence[EFPath], *, source: str, is_phantom: bool
) -> None:
    """Draw shares of variance with their intervals and, where there are any, paths along EF.

    Args:
        path: PNG to write.
        shares: of the embedding's variance, by what explains it.
        paths: of some hearts.
        source: what was measured.
        is_phantom: the hearts are simulated.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    # One below the other: side by side, a phone would show neither.
    heights = [max(2.6, 0.32 * len(shares) + 0.6), *([3.6] if paths else [])]
    height = sum(heights) + 1
    foot = 0.3 / height
    figure = Figure(figsize=(6.4, height), dpi=_DPI, layout=ConstrainedLayoutEngine(rect=(0, foot, 1, 1 - foot)))
    lines = [
        *textwrap.wrap(source, _TITLE_LETTERS),
        *([PHANTOM_LABEL] if is_phantom and PHANTOM_LABEL not in source else []),
    ]
    figure.suptitle("\n".join(lines), fontsize=11)
    figure.text(0.995, 0.1 / height, NOTICE, fontsize=9, color=_GREY, ha="right", va="bottom")
    axes: list[Axes] = list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights).ravel())
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    _draw_shares(axes[0], shares)
    if paths:
        _draw_paths(axes[1], paths)
    save_figure(figure, path)


def _draw_shares(axis: Axes, shares: Mapping[str, Interval]) -> None:
    defined = {name: interval for name, interval in shares.items() if interval.is_defined}
    for place, (name, interval) in enumerate(defined.items()):
        colour = _VERMILION if name in (EF, EF_BEYOND) else _BLUE
        axis.barh(place, interval.estimate, color=colour, height=0.65)
        axis.plot([interval.low, interval.high], [place, place], color="black", linewidth=1.2)
    axis.set_yticks(range(len(defined)), labels=list(defined))
    axis.invert_yaxis()
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_xlabel("Share of the embedding's variance, 95 % intervals")


def _draw_paths(axis: Axes, paths: Sequence[EFPath]) -> None:
    """One line a heart: how far the embedding is from where it was at the lowest EF."""
    for path in paths:
        moved = path.to_frame()["distance_from_start"]
        axis.plot(path.ef_percent, moved, color=_BLUE, alpha=0.35, marker="o", markersize=3, linewidth=1)
    count = min(len(path.ef_percent) for path in paths)
    mean_ef = np.mean([path.ef_percent[:count] for path in paths], axis=0)
    mean_moved = np.mean([path.to_frame()["distance_from_start"][:count] for path in paths], axis=0)
    axis.plot(mean_ef, mean_moved, color=_VERMILION, linewidth=2.5, label=f"mean of {len(paths)} hearts")
    axis.set_xlabel("True EF of one and the same heart (%)")
    axis.set_ylabel("Distance of its embedding from the first")
    axis.legend(frameon=False, fontsize=10)
