"""What an EF is worth, drawn: reliability of P(EF < 40 %), and the error of those kept as the doubtful are refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from coreecho.evaluation.worth import RELIABILITY_THRESHOLD, Coverage, Worth
from coreecho.report.pictures import BLUE, GREEN, GREY, SMALL, VERMILION, new_figure, save_figure

SIZE = (5.6, 5.4)
# Below the lowest point, on the axis of shares: one bin, and the next.
_COUNTS_AT = (-0.08, -0.14)
# Of whom refusing is told in a sentence: as many as a clinic might look at once more.
_SET_ASIDE = 0.2


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

    Args:
        worth: what was found.
        path: PNG to write.
        size: width and height, inches.
        model: which predicted.
        cautions: what speaks against trusting the picture.
        is_phantom: the hearts are simulated.
    """
    figure, (axis,) = new_figure(
        f"Probability of an EF below {RELIABILITY_THRESHOLD:g} %, and how often it was",
        size,
        model=model,
        cautions=cautions,
        is_phantom=is_phantom,
    )
    axis.plot([0, 1], [0, 1], color=VERMILION, linewidth=1.5, label="what it should be", zorder=2)
    bins = [part for part in worth.reliability.bins if part.num_recordings > 0]
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
    # How many they are stands below each bin's middle, in two rows by turns: beside the points, and in one row, numbers
    # of neighbours would lie upon each other.
    words: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL, "color": GREY}
    for number, part in enumerate(worth.reliability.bins):
        if part.num_recordings > 0:
            place = ((part.low + part.high) / 2, _COUNTS_AT[number % 2])
            axis.annotate(f"n {part.num_recordings}", place, **words)
    # The legend has the strip above 1, where no point lies.
    axis.set(xlim=(-0.05, 1.06), ylim=(-0.19, 1.18), aspect="equal", yticks=np.linspace(0, 1, 6))
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
        says=refusal_words(worth),
        model=model,
        cautions=cautions,
        is_phantom=is_phantom,
    )
    curves = [
        ("refused by the doubt", worth.by_doubt, BLUE, "-"),
        ("by the rarest value of all checks", worth.by_gate, VERMILION, "-."),
        ("by the spread over clips", worth.by_spread, GREEN, "--"),
    ]
    mean = float(worth.table["absolute_error"].mean())
    for label, found, colour, style in curves:
        if found is not None:
            axis.plot(found.kept, found.risk, color=colour, linestyle=style, label=label)
    axis.axhline(mean, color=GREY, linestyle=":", label="none set aside, or at random")
    axis.set(xlim=(0, 1))
    axis.set_ylim(bottom=0)
    axis.set_xlabel("Share of recordings kept")
    axis.set_ylabel("Mean absolute error of those kept (EF points)")
    axis.legend(loc="best", fontsize=SMALL + 1, framealpha=0.9, edgecolor="none")
    save_figure(figure, path)


def refusal_words(worth: Worth) -> str:
    """What setting aside the most doubted is worth, in a sentence; empty where nothing doubts."""
    if worth.by_doubt is None:
        return ""
    kept, all_of_them = worth.by_doubt.risk_at(1 - _SET_ASIDE), float(worth.table["absolute_error"].mean())
    return (
        f"If the {100 * _SET_ASIDE:.0f} % most doubted clips are set aside, the rest err by {kept:.1f} EF points on "
        f"average; all together err by {all_of_them:.1f}."
    )


def worth_table(worth: Worth, *, is_phantom: bool) -> Table:
    """Coverage and width by group, for the terminal."""
    title = f"Intervals at {100 * worth.calibration.level:g} %"
    table = Table(title=f"{title}, phantom result" if is_phantom else title, box=box.SIMPLE_HEAD)
    for heading in ("Recordings", "n", "Held", "Width", "MAE"):
        table.add_column(heading, justify="left" if heading == "Recordings" else "right")
    last = ""
    for group in worth.groups:
        if last not in ("", group.grouping):
            table.add_section()
        last = group.grouping
        table.add_row(*coverage_cells(group))
    return table


def coverage_cells(group: Coverage) -> tuple[str, ...]:
    """Group, number, share held, mean width and error, as texts."""
    return (
        group.name,
        f"{group.num_recordings}",
        f"{100 * group.coverage:.1f} %",
        f"{group.mean_width:.1f}",
        f"{group.mae:.1f}",
    )
