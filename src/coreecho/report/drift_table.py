"""Whether a stream of clips has drifted, for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from coreecho.names import counted
from coreecho.trust.watching import Watched


def drift_table(watched: Sequence[Watched]) -> Table:
    """One row a number that is watched, the most evidence first."""
    needed = (
        f"Evidence of {watched[0].needed_capital:,.0f} or more is drift: by chance a number that is watched reaches so "
        "much in one of so many streams. p is of the log as a whole, and no alarm."
    )
    table = Table(box=box.SIMPLE_HEAD, caption=needed, caption_justify="left")
    for heading in ("Watched", "Calibrated on", "Seen", "Evidence", "p, all clips", "Drift"):
        table.add_column(heading, justify="left" if heading in ("Watched", "Drift") else "right")
    for one in watched:
        state = one.state
        table.add_row(
            one.label,
            f"{one.calibrated_median:.3g}",
            f"{one.seen_median:.3g}",
            f"{state.largest_capital:.3g}",
            f"{one.test.p_value:.2g}",
            "no" if state.drifted_at is None else f"from clip {state.drifted_at} on",
        )
    return table


def drift_sentence(watched: Sequence[Watched]) -> str:
    """What is to be done, in a sentence."""
    count = max(one.state.num_recordings for one in watched)
    drifted = [one for one in watched if one.state.drifted_at is not None]
    if not drifted:
        return f"No drift found in {counted(count, 'clips')}."
    first = min(drifted, key=lambda one: one.state.drifted_at or 0)
    return (
        f"Drifted: found at clip {first.state.drifted_at} of {count}, by the {first.label}. These clips are not like "
        "those that the model was calibrated on: its intervals promise nothing for them. Look at them, and calibrate "
        "on such clips: `coreecho calibrate MODEL --data YOURS --dataset table`."
    )
