"""What an EF is worth, drawn: reliability of P(EF < 40 %), and the error of those kept as the doubtful are refused."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from coreecho.evaluation.worth import RELIABILITY_THRESHOLD, Coverage, Worth
from coreecho.report.pictures import BLUE, GREEN, GREY, SMALL, VERMILION, new_figure, save_figure

SIZE = (5.6, 5.4)
# Below the lowest point, on the axis of shares: one bin, and the next ones where they are near; and how far numbers in
# one row have to lie apart.
_COUNTS_AT, _APART = (-0.08, -0.14, -0.20), 0.2 - 1e-9
# Of fewer, a share is chance: none is told of a group, and curves begin where as many are kept.
_LEAST = 10
# Bins are joined until they have as many: fewer would have bars that cover all there is, and more would join those that
# the model is sure of with those that it is not.
_LEAST_IN_BIN = 5

COVERAGE_HEADER = ("Recordings", "Held", "Share", "Width", "MAE")


def draw_reliability(
    worth: Worth,
    path: Path,
    *,
    size: tuple[float, float] = SIZE,
    model: str = "",
    cautions: Sequence[str] = (),
    is_phantom: bool = False,
) -> None:
    """Draw how often the event came against the probability that was given, with exact intervals.

    Bins of few recordings are joined: one recording was below or was not, and a bar for it covers all there is.

    Args:
        worth: what was found.
        path: PNG to write.
        size: width and height, inches.
        model: which predicted.
        cautions: what speaks against trusting the picture.
        is_phantom: the hearts are simulated.
    """
    figure, (axis,) = new_figure(
        f"Probability of an EF below {RELIABILITY_THRESHOLD:g} %, and how often it was so",
        size,
        model=model,
        cautions=cautions,
        is_phantom=is_phantom,
    )
    axis.plot([0, 1], [0, 1], color=VERMILION, linewidth=1.5, label="what it should be", zorder=2)
    bins = worth.reliability.pooled(_LEAST_IN_BIN)
    x, y = (np.array([getattr(part, name) for part in bins]) for name in ("mean_probability", "observed"))
    below = y - np.array([part.observed_low for part in bins])
    above = np.array([part.observed_high for part in bins]) - y
    axis.errorbar(
        x,
        y,
        yerr=np.clip([below, above], 0, None),
        fmt="o",
        color=BLUE,
        capsize=3,
        label=f"observed, {100 * worth.reliability.level:g} % interval",
        zorder=3,
    )
    # How many they are stands below each point, in the first row with room: the means of bins, each a tenth wide, may
    # lie side by side, and only the third next is at least two tenths away.
    words: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL, "color": GREY}
    ends = dict.fromkeys(_COUNTS_AT, -math.inf)
    for part in bins:
        at = next((row for row, end in ends.items() if part.mean_probability - end >= _APART), _COUNTS_AT[-1])
        ends[at] = part.mean_probability
        axis.annotate(f"n {part.num_recordings}", (part.mean_probability, at), **words)
    # The legend has the strip above 1, where no point lies.
    axis.set(xlim=(-0.08, 1.08), ylim=(-0.25, 1.18), aspect="equal", yticks=np.linspace(0, 1, 6))
    axis.set_xlabel(f"Probability of an EF below {RELIABILITY_THRESHOLD:g} %")
    axis.set_ylabel(f"Share of recordings whose EF was below {RELIABILITY_THRESHOLD:g} %")
    axis.legend(loc="upper center", ncols=2, fontsize=SMALL, frameon=False, handlelength=1.2, columnspacing=1.2)
    save_figure(figure, path)


def draw_refusal(
    worth: Worth,
    path: Path,
    *,
    size: tuple[float, float] = SIZE,
    model: str = "",
    cautions: Sequence[str] = (),
    is_phantom: bool = False,
) -> None:
    """Draw the mean error of those kept over the share kept; arguments as of `draw_reliability`."""
    figure, (axis,) = new_figure(
        "The error of those kept, as the doubtful are refused",
        size,
        says=_sentence(worth.refusal_words),
        model=model,
        cautions=cautions,
        is_phantom=is_phantom,
    )
    curves = [
        ("the most doubted first", worth.by_doubt, BLUE, "-"),
        ("the strangest pictures first", worth.by_gate, VERMILION, "-."),
        ("those whose clips differ most first", worth.by_spread, GREEN, "--"),
    ]
    mean = float(worth.table["absolute_error"].mean())
    for label, found, colour, style in curves:
        if found is not None:
            begin = min(_LEAST, len(found.kept)) - 1
            axis.plot(found.kept[begin:], found.risk[begin:], color=colour, linestyle=style, label=label)
    axis.axhline(mean, color=GREY, linestyle=":", label="none, or any at random")
    axis.set(xlim=(0, 1))
    axis.set_ylim(bottom=0)
    axis.set_xlabel("Share of recordings kept")
    axis.set_ylabel("Mean absolute error of those kept (EF points)")
    axis.legend(title="set aside:", loc="best", fontsize=SMALL + 1, framealpha=0.9, edgecolor="none")
    save_figure(figure, path)


def _sentence(words: str) -> str:
    return f"{words}." if words else ""


def worth_table(worth: Worth, *, is_phantom: bool) -> Table:
    """Coverage and width by group, for the terminal."""
    title = held_caption(worth)
    table = Table(title=f"{title}, phantom result" if is_phantom else title, box=box.SIMPLE_HEAD)
    for heading in COVERAGE_HEADER:
        table.add_column(heading, justify="left" if heading == "Recordings" else "right")
    last = ""
    for group in worth.groups:
        if last not in ("", group.grouping):
            table.add_section()
        last = group.grouping
        table.add_row(*coverage_cells(group))
    return table


def held_caption(worth: Worth) -> str:
    """What the table of coverage shows."""
    return f"How often the {100 * worth.calibration.level:g} % interval held the true EF"


def coverage_cells(group: Coverage) -> tuple[str, ...]:
    """Group, how many held, the share where it says something, mean width and error, as texts."""
    return (
        group.name,
        f"{group.num_held} of {group.num_recordings}",
        f"{100 * group.coverage:.1f} %" if group.num_recordings >= _LEAST else "",
        f"{group.mean_width:.1f}",
        f"{group.mae:.1f}",
    )
